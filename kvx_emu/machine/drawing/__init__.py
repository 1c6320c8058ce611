"""The interrupt tree of a board as a graph, and the graph as text for Graphviz or as a drawing."""

from kvx_emu.machine.drawing.dot import dot
from kvx_emu.machine.drawing.graph import Box, Edge, Graph, graph_of
from kvx_emu.machine.drawing.svg import svg

__all__ = ["Box", "Edge", "Graph", "dot", "graph_of", "svg"]
