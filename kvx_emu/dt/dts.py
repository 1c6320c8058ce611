"""The parser of .dts source: a text goes in, a draft of the tree comes out.

Every error of the text is reported, as far as it is sound to read on after one: a statement that can not
be understood is left out up to its `;` or its closing brace.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from kvx_emu.dt.draft import Draft, DraftTree, Label, Value
from kvx_emu.dt.findings import Findings
from kvx_emu.dt.reader import Skip, Stop
from kvx_emu.dt.resolve import resolve
from kvx_emu.dt.values import Values
from kvx_emu.limits import LIMITS

if TYPE_CHECKING:
    from kvx_emu.errors import Source
    from kvx_emu.limits import Limits


def parse_dts(source: Source, limits: Limits = LIMITS) -> DraftTree:
    """Return the tree that a .dts text describes, references resolved and phandles allocated as by dtc.

    Raises InputError with all the errors that were found.
    """
    findings = Findings()
    parser = _Parser(source, limits, findings)
    tree = parser.parse()
    if not parser.lost:  # else a label that seems undefined may stand in what was left out
        resolve(tree.root, source, findings, limits)
    findings.raise_if_any()
    tree.boot_cpu = _boot_cpu(tree.root)
    return tree


def _boot_cpu(root: Draft) -> int:
    """Return the `reg` of the first cpu: what dtc writes into a blob's header when it is not told."""
    cpus = root.by_name.get("cpus")
    reg = cpus.children[0].values.get("reg") if cpus is not None and cpus.children else None
    return int.from_bytes(reg.data, "big") if reg is not None and len(reg.data) == 4 else 0


class _Parser(Values):
    def __init__(self, source: Source, limits: Limits, findings: Findings) -> None:
        super().__init__(source, limits, findings)
        self.root: Draft | None = None
        self.reservations: list[tuple[int, int]] = []
        self.depth = self.count = 0

    # -- the file -------------------------------------------------------------------------------------

    def parse(self) -> DraftTree:
        """Read the whole text; the tree is of use only if nothing was reported."""
        try:
            self.header()
            while self.lexer.kind != "end":
                try:
                    self.top_level()
                except Skip:
                    self.recover()
            if self.root is None and not self.lost:
                self.error("no-root", "no root node: expected '/ { ... };'", self.lexer.previous)
        except Stop:
            self.lost = True
        return DraftTree(self.root or Draft("", 0, None), self.reservations)

    def header(self) -> None:
        lexer = self.lexer
        lexer.in_braces()
        while self.preprocessor_line() or self.included():
            pass
        if lexer.text != "/dts-v1/":
            position = 0 if lexer.kind == "end" else lexer.start
            self.check_closed()
            self.error("no-version", f"expected '/dts-v1/;', found {self.found()}", position)
            if lexer.text not in ("/", "/memreserve/", "/plugin/"):
                raise Stop  # no device tree at all

    def included(self) -> bool:
        """Refuse `/include/` where the header may come from another file; False if there is none."""
        lexer = self.lexer
        if lexer.text != "/include/":
            return False
        self.error("unsupported", "/include/ is not supported yet", lexer.start)
        self.lost = True
        lexer.in_value()  # the file's name
        lexer.in_braces()
        return True

    def top_level(self) -> None:
        lexer = self.lexer
        self.check_closed()
        if self.preprocessor_line():
            return
        if lexer.text == "/dts-v1/" and self.root is None:
            lexer.in_value()
            if lexer.text != ";":
                self.fail("';' after '/dts-v1/'")
            lexer.in_braces()
        elif lexer.text == "/plugin/":
            message = "this is an overlay ('/plugin/'): expected a whole tree; use --overlay"
            self.error("overlay", message, lexer.start)
            raise Stop
        elif lexer.text == "/memreserve/" or (lexer.kind == "label" and self.root is None):
            self.reservation()
        elif lexer.text == "/":
            if self.root is not None:
                self.unsupported("a second root node")
            lexer.in_value()
            if lexer.text != "{":
                self.fail("'{' after '/'")
            self.root = self.node = Draft("", lexer.previous - 1, None)
            self.depth = self.count = 1
            lexer.in_braces()
            self.body()
        elif lexer.kind == "directive":
            self.unsupported(lexer.text)
        elif lexer.kind == "reference":
            self.unsupported(f"a node by reference ({lexer.text})")
        elif lexer.kind == "label":
            self.unsupported("a label on a second node")
        else:
            self.lost = True
            try:
                self.fail("a node or the end of the file", "; is there a '}' too many?" if self.root else "")
            except Skip:
                raise Stop from None  # whatever follows stands outside of any node as well

    def reservation(self) -> None:
        """Read `/memreserve/ ADDRESS SIZE;`."""
        lexer = self.lexer
        self.labels()
        if lexer.text != "/memreserve/":
            self.fail("'/memreserve/' after a label")
        if self.root is not None:
            self.fail("/memreserve/ before the root node")
        numbers = []
        for what in ("an address", "a size"):
            lexer.in_value()
            if lexer.text == "(":
                self.unsupported("an expression")
            if lexer.kind not in ("number", "word") or not lexer.text[0].isdigit():
                self.fail(what)
            numbers.append(self.number(64))
        lexer.in_value()
        if lexer.text != ";":
            self.fail("';' after /memreserve/")
        lexer.in_braces()
        self.reservations.append((numbers[0], numbers[1]))

    # -- nodes ----------------------------------------------------------------------------------------

    def body(self) -> None:
        """Read what stands in the braces of the root node."""
        while self.node is not None:
            try:
                self.statement(self.node)
            except Skip:
                self.recover()

    def statement(self, node: Draft) -> None:
        lexer = self.lexer
        if lexer.text[:1] == "#" and self.preprocessor_line():
            return
        labels = self.labels()
        if lexer.kind == "name":
            name, position = lexer.text.removeprefix("\\"), lexer.start
            lexer.in_value()
            if lexer.text == "{":
                self.open(node, name, position, labels)
            elif lexer.text in ("=", ";"):
                self.set(node, name, position, labels)
            else:
                self.fail(f"'=', ';' or '{{' after '{name}'")
        elif lexer.text == "}" and not labels:
            self.close(node)
        elif lexer.kind == "end":
            self.never_closed(node)
        elif lexer.kind == "directive":
            self.unsupported(lexer.text)
        else:
            self.fail("a node after a label" if labels else "a property, a node or '}'")

    def labels(self) -> list[Label]:
        lexer = self.lexer
        labels = []
        while lexer.kind == "label":
            labels.append(Label(lexer.text[:-1], lexer.start))
            lexer.in_braces()
        return labels

    def open(self, parent: Draft, name: str, position: int, labels: list[Label]) -> None:
        node = Draft(name, position, parent)
        node.labels = labels
        parent.children.append(node)
        other = parent.by_name.setdefault(name, node)
        if other is not node:
            self.twice(f"node '{name}'", "node-duplicate", other.position, position)
        self.node = node
        self.depth += 1
        self.count += 1
        if self.depth > self.limits.depth:
            self.error("limit", f"nodes are nested more than {self.limits.depth} deep", position)
            raise Stop
        if self.count > self.limits.nodes:
            self.error("limit", f"the tree has more than {self.limits.nodes} nodes", position)
            raise Stop
        self.lexer.in_braces()

    def close(self, node: Draft) -> None:
        lexer = self.lexer
        node.closed = lexer.start
        lexer.in_value()
        if lexer.text == ";":
            lexer.in_braces()
        else:
            try:
                self.fail(f"';' after the '}}' of node '{node.name or '/'}'")
            except Skip:
                lexer.again_in_braces()
        self.node = node.parent
        self.depth -= 1

    def never_closed(self, node: Draft) -> NoReturn:
        """Report a missing `}` at the node that lacks it, as far as the indentation tells."""
        assert self.root is not None
        # Nodes seem to hold what stands after them: what that led to is no error of its own.
        follow = ("property-order", "node-duplicate", "property-duplicate")
        self.findings.all = [finding for finding in self.findings.all if finding.code not in follow]
        suspects = [n for n in self.root.walk() if n.closed >= 0 and self.crooked(n)]
        if suspects:
            node = min(suspects, key=lambda suspect: suspect.closed)
        message = f"node '{node.name or '/'}' is never closed: expected '}};' before the end of the file"
        if suspects:
            line = self.source.place(node.closed).line
            message += f" (by its indentation, the '}}' of line {line} belongs to another node)"
        self.node = node.parent
        self.error("node-open", message, node.position)
        raise Stop

    def crooked(self, node: Draft) -> bool:
        """Whether the closing brace stands first on its line, but not under the line of the opening one."""
        opened = self.source.place(node.position)
        closed = self.source.place(node.closed)
        before = closed.text[: (closed.column or 1) - 1]
        indent = opened.text[: len(opened.text) - len(opened.text.lstrip())]
        return opened.line != closed.line and not before.strip() and before != indent

    # -- properties -----------------------------------------------------------------------------------

    def set(self, node: Draft, name: str, position: int, labels: list[Label]) -> None:
        lexer = self.lexer
        self.property = name
        value = Value(position)
        if labels:
            value.labels = labels
        if lexer.text == "=":
            self.value(value, name)
        if lexer.text != ";":
            self.fail(f"';' or ',' after the value of '{name}'")
        if node.children:
            first = node.children[0]
            where = self.source.place(first.position).line
            message = f"property '{name}' must stand before the nodes: node '{first.name}' is at line {where}"
            self.error("property-order", message, position)
        other = node.values.setdefault(name, value)
        if other is not value:
            self.twice(f"property '{name}'", "property-duplicate", other.position, position)
        self.property = None
        lexer.in_braces()
