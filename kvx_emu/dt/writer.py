"""Trees as .dts source, in one form only: what is read from it again is the same blob.

Labels stay where the tree has them, and references where they name a label; each `phandle` is written as
a property with its number, so that numbers which nothing refers to by name stay right.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from kvx_emu.dt.typed import parts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kvx_emu.dt.draft import Value
    from kvx_emu.dt.tree import Node, Tree
    from kvx_emu.dt.typed import Part

_ESCAPES = {'"': r"\"", "\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"}
_WIDTH = 100  # columns after which a value goes on in the next line
# A property of such a name would be a line for the preprocessor; what follows a backslash is a name.
_DIRECTIVE = re.compile(
    r"#([^A-Za-z_].*)?|#(include|include_next|import|define|undef|if|ifdef|ifndef|elif|elifdef|elifndef|else|endif"
    r"|error|warning|pragma|line|ident|sccs|assert|unassert)(?!\w).*"
)


def to_dts(tree: Tree) -> str:
    """Return a tree as .dts source. Of a blob, only the number of its boot cpu is no part of it."""
    lines = ["/dts-v1/;", ""]
    lines += [f"/memreserve/ {entry.address:#x} {entry.size:#x};" for entry in tree.reservations]
    lines += [""] if tree.reservations else []
    lines += node_lines(tree.root)
    for label in tree.root.labels:
        lines += ["", f"{label}: &{{/}} {{", "};"]  # dtc knows no other place for them
    return "\n".join(lines) + "\n"


def node_lines(top: Node) -> Iterator[str]:
    """Yield the lines of a node and all below it."""
    stack: list[tuple[Node, int, bool]] = [(top, 0, False)]  # whether all below was written
    while stack:
        node, depth, done = stack.pop()
        indent = "\t" * depth
        if done:
            yield indent + "};"
            continue
        above = node.parent
        if depth and above is not None and (above.properties or node is not above.children[0]):
            yield ""
        labels = "" if above is None else "".join(f"{label}: " for label in node.labels)
        yield f"{indent}{labels}{node.name or '/'} {{"
        for name in node.properties:
            yield from _property(node, name, indent + "\t")
        stack.append((node, depth, True))
        stack += [(below, depth + 1, False) for below in reversed(node.children)]


def _property(node: Node, name: str, indent: str) -> Iterator[str]:
    """Yield the lines of a property."""
    words = _words(node, name)
    line = indent + ("\\" if _DIRECTIVE.fullmatch(name) else "") + name
    if not words:
        yield line + ";"
        return
    line += " ="
    for word in words:
        if len(line) + len(word) >= _WIDTH and not line.endswith("="):
            yield line
            line = indent + "\t" + word
        else:
            line += " " + word
    yield line + ";"


def value_text(node: Node, name: str, references: dict[int, str] | None = None) -> str:
    """Return the value of a property as it stands in source, on one line; nothing for no bytes.

    `references` are what cells are shown as, by their offset; by default as the source has them.
    """
    return " ".join(_words(node, name, references))


def _words(node: Node, name: str, references: dict[int, str] | None = None) -> list[str]:
    """Return a value in words that a blank or a line end may divide."""
    value = node.value(name)
    if references is None:
        references = {} if value is None else _references(node.tree, value)
    words: list[str] = []
    offset = 0
    for part in parts(name, node.raw(name) or b"", None if value is None else value.offsets):
        if words:
            words[-1] += ","
        more, size = _part(part, references, offset)
        words += more
        offset += size
    return words


def _part(part: Part, references: dict[int, str], offset: int) -> tuple[list[str], int]:
    """Return the words of a part that starts at an offset of its value, and its bytes."""
    if isinstance(part, bytes):
        words = [f"{byte:02x}" for byte in part]
        words[0] = "[" + words[0]
        words[-1] += "]"
        return words, len(part)
    words = []
    size = 0
    for item in part:
        if isinstance(item, str):
            words.append(quoted(item) + ",")
            size += len(item.encode("utf-8")) + 1
        else:
            words.append(references.get(offset + size) or f"{item:#x}")
            size += 4
    if isinstance(part[0], str):
        words[-1] = words[-1][:-1]
    else:
        words[0] = "<" + words[0]
        words[-1] += ">"
    return words, size


def quoted(text: str) -> str:
    """Return a string literal of source."""
    return '"' + "".join(_ESCAPES.get(c, c) for c in text) + '"'


def _references(tree: Tree, value: Value) -> dict[int, str]:
    """Return the references to labels in a value by their offset, those that say what the bytes say."""
    found: dict[int, str] = {}
    for reference in value.references:
        target = tree.by_label.get(reference.target)
        if target is None or reference.is_path or value.offsets is None:
            continue
        offset = value.offsets[reference.element]
        if target.raw("phandle") == value.data[offset : offset + 4]:
            found[offset] = "&" + reference.target
    return found
