"""The parser of .dts source: a text goes in, a draft of the tree comes out.

Every error of the text is reported, as far as it is sound to read on after one: a statement that can not
be understood is left out up to its `;` or its closing brace.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from kvx_emu.dt.draft import Draft, DraftTree, Label, Value
from kvx_emu.dt.findings import Findings
from kvx_emu.dt.include import include
from kvx_emu.dt.merge import Blocks
from kvx_emu.dt.reader import Skip, Stop
from kvx_emu.dt.resolve import check_names, resolve, undefined
from kvx_emu.dt.values import Values
from kvx_emu.limits import LIMITS

if TYPE_CHECKING:
    from kvx_emu.dt.include import Text
    from kvx_emu.dt.reach import Reach
    from kvx_emu.limits import Limits


def parse_dts(
    source: Text,
    limits: Limits = LIMITS,
    *,
    reach: Reach | None = None,
    plugin: bool = False,
    symbols: bool = False,
) -> DraftTree:
    """Return the tree that a .dts text describes, references resolved and phandles allocated as by dtc.

    `reach` finds the files of /include/ and /incbin/; without it there are none. `plugin` says whether an
    overlay (/plugin/) will do; `symbols` asks for `/__symbols__`, as `dtc -@`. Raises InputError with all
    the errors that were found.
    """
    findings = Findings()
    text, complete = include(source, reach, findings)
    parser = _Parser(text, limits, findings, reach)
    parser.lost = not complete
    parser.overlays = plugin
    tree = parser.parse()
    if not parser.cut:
        parser.blocks.tidy()
        nodes = parser.check_depth(tree.root)
        for node in nodes:
            check_names(node, text, findings)
        if not parser.lost:  # else a label that seems undefined may stand in what was left out
            resolve(tree, nodes, text, findings, limits, symbols=symbols, skipped=parser.skipped)
    findings.raise_if_any()
    tree.warnings = findings.sorted_warnings()
    return tree


def _boot_cpu(root: Draft) -> int:
    """Return the `reg` of the first cpu: what dtc writes into a blob's header when it is not told."""
    cpus = root.by_name.get("cpus")
    reg = cpus.children[0].values.get("reg") if cpus is not None and cpus.children else None
    return int.from_bytes(reg.data, "big") if reg is not None and len(reg.data) == 4 else 0


class _Parser(Values):
    def __init__(self, source: Text, limits: Limits, findings: Findings, reach: Reach | None) -> None:
        super().__init__(source, limits, findings, reach)
        self.blocks = Blocks(source, findings)
        self.reservations: list[tuple[int, int]] = []
        self.depth = self.count = self.fragments = 0
        self.overlays = self.plugin = False
        self.cut = False  # the text was not read to its end
        self.skipped: set[str] = set()  # labels of blocks that have no place in the tree

    # -- the file -------------------------------------------------------------------------------------

    def parse(self) -> DraftTree:
        """Read the whole text; the tree is of use only if nothing was reported."""
        try:
            self.headers()
            while self.lexer.kind != "end":
                try:
                    self.top_level()
                except Skip:
                    self.recover()
            if self.blocks.root is None and not self.lost:
                self.error("no-root", "no root node: expected '/ { ... };'", self.lexer.previous)
        except Stop:
            self.lost = self.cut = True
        root = self.blocks.root
        if root is not None and root.deleted:
            self.error("no-root", "the root node is deleted, and does not come back", root.position)
        tree = DraftTree(root or Draft("", 0, None), self.reservations)
        tree.origin = self.source
        tree.plugin = self.plugin
        tree.boot_cpu = _boot_cpu(tree.root)
        return tree

    def headers(self) -> None:
        """Read `/dts-v1/;`, and `/plugin/;` after it; both may stand again."""
        lexer = self.lexer
        lexer.in_braces()
        if lexer.text != "/dts-v1/":
            position = 0 if lexer.kind == "end" else lexer.start
            self.check_closed()
            self.error("no-version", f"expected '/dts-v1/;', found {self.found()}", position)
            if lexer.text not in ("/", "/memreserve/", "/plugin/"):
                raise Stop  # no device tree at all
        first = True
        while lexer.text == "/dts-v1/":
            try:
                plugin = self.header()
            except Skip:
                self.recover()
                continue
            if not first and plugin != self.plugin:
                message = "'/plugin/;' stands after one '/dts-v1/;' only: expected it after all or none"
                self.error("syntax", message, lexer.previous - 1)
            self.plugin = self.plugin or plugin
            first = False

    def header(self) -> bool:
        """Read one `/dts-v1/;` with the `/plugin/;` that may follow; whether it does."""
        lexer = self.lexer
        self.semicolon("'/dts-v1/'")
        if lexer.text != "/plugin/":
            return False
        if not self.overlays:
            message = "this is an overlay ('/plugin/'): expected a whole tree; use --overlay"
            self.error("overlay", message, lexer.start)
            raise Stop
        self.semicolon("'/plugin/'")
        return True

    def semicolon(self, after: str) -> None:
        """Read the `;` after the present token, and the token that starts the next statement."""
        self.lexer.in_value()
        if self.lexer.text != ";":
            self.fail(f"';' after {after}")
        self.lexer.in_braces()

    def top_level(self) -> None:
        lexer = self.lexer
        self.check_closed()
        start = lexer.start
        labels = self.labels()
        blocks = self.blocks
        if lexer.text == "/memreserve/":
            self.reservation()
        elif blocks.root is None and labels:
            self.fail("'/memreserve/' after a label")
        elif lexer.text == "/" and not labels:
            lexer.in_value()
            if lexer.text != "{":
                self.fail("'{' after '/'")
            block = self.block(start, blocks.root)
            if blocks.root is None:
                blocks.root = block
                blocks.put(block, None)
            else:
                blocks.put(block, blocks.root)
        elif lexer.kind == "reference":
            self.override(labels)
        elif lexer.text in ("/delete-node/", "/omit-if-no-ref/") and not labels:
            self.directive()
        elif labels:
            self.fail("a reference after a label")
        elif lexer.text in ("/plugin/", "/dts-v1/"):
            self.fail(f"'{lexer.text}' at the beginning of the file alone")
        else:
            self.lost = True
            try:
                hint = "; is there a '}' too many?" if blocks.root else ""
                self.fail("a node or the end of the file", hint)
            except Skip:
                raise Stop from None  # whatever follows stands outside of any node as well

    def override(self, labels: list[Label]) -> None:
        """Read `&label { ... };`: more of a node that is there, or in an overlay, a fragment."""
        lexer, blocks = self.lexer, self.blocks
        written, reference, position = lexer.text, self.target(), lexer.start
        fragment = self.plugin and not labels and (reference[0] == "/" or blocks.find(reference) is None)
        if self.plugin and "/" in reference[1:] and reference[0] != "/":
            message = f"'{written}' stands before a node of an overlay: expected a label, or a whole path"
            self.error("reference", message, position)
        target = None if fragment else blocks.find(reference)
        if target is None and not fragment:
            self.undefined(reference, position)
        if len(labels) > 1:
            self.error("syntax", "expected one label before a reference, found two", labels[1].position)
        lexer.in_value()
        if lexer.text != "{":
            self.fail(f"'{{' after '{written}'")
        block = self.block(position, target)
        block.labels = labels
        if fragment:
            self.fragment(reference, position, block)
        elif target is not None:
            blocks.put(block, target)
        else:
            self.skipped.update([label.name for node in block.walk() for label in node.labels])

    def undefined(self, reference: str, position: int) -> None:
        """Report that what a block is for does not exist (yet)."""
        if not self.lost and reference not in self.skipped:
            code, message = undefined(reference, self.blocks.labelled, self.findings, " up to here")
            self.error(code, message, position)

    def fragment(self, reference: str, position: int, block: Draft) -> None:
        """Put a block for a node of the base into the tree, as dtc does: `fragment@N`, with its target."""
        blocks = self.blocks
        if blocks.root is None:
            blocks.root = Draft("", position, None)
        fragment = Draft(f"fragment@{self.fragments}", position, blocks.root)
        self.fragments += 1
        value = Value(position)
        assert isinstance(value.positions, list)
        assert value.offsets is not None
        value.offsets.append(0)
        value.positions.append(position)
        if reference[0] == "/":
            value.data = reference.encode("ascii") + b"\0"
            fragment.values["target-path"] = value
        else:
            self.refer(value, reference, position)
            fragment.values["target"] = value
        block.name = "__overlay__"
        block.parent = fragment
        fragment.children.append(block)
        fragment.by_name[block.name] = block
        blocks.add_child(blocks.root, fragment)
        blocks.put(block, None)

    def directive(self) -> None:
        """Read `/delete-node/ &label;` or `/omit-if-no-ref/ &label;`."""
        lexer = self.lexer
        what = lexer.text
        lexer.in_braces()
        if lexer.kind != "reference":
            self.fail(f"a reference after '{what}' outside of all nodes")
        reference, position = self.target(), lexer.start
        node = self.blocks.find(reference)
        if node is None:
            self.undefined(reference, position)
        elif what == "/delete-node/":
            self.blocks.delete(node)
        else:
            node.omit = True
        self.semicolon(f"'{lexer.text}'")

    def reservation(self) -> None:
        """Read `/memreserve/ ADDRESS SIZE;`."""
        lexer = self.lexer
        if self.blocks.root is not None:
            self.fail("/memreserve/ before the root node")
        numbers = []
        for what in ("an address", "a size"):
            lexer.in_value()
            numbers.append(self.integer(what))
        self.semicolon("/memreserve/")
        self.reservations.append((numbers[0], numbers[1]))

    # -- nodes ----------------------------------------------------------------------------------------

    def block(self, position: int, target: Draft | None) -> Draft:
        """Read the braces of a root node or a reference; the present token is the `{`."""
        block = Draft(target.name if target else "", position, target.parent if target else None)
        self.blocks.merging = target is not None
        self.node = block
        self.depth = 1
        self.limit_count(position)
        self.lexer.in_braces()
        while self.depth:
            assert self.node is not None
            try:
                self.statement(self.node)
            except Skip:
                self.recover()
        self.node = None
        return block

    def statement(self, node: Draft) -> None:
        lexer = self.lexer
        labels = self.labels()
        omit = False
        while lexer.text == "/omit-if-no-ref/":
            omit = True
            lexer.in_braces()
            labels += self.labels()
        if lexer.kind == "name":
            name, position = lexer.text.removeprefix("\\"), lexer.start
            lexer.in_value()
            if lexer.text == "{":
                self.open(node, name, position, labels).omit = omit
            elif lexer.text in ("=", ";") and not omit:
                self.set(node, name, position, labels)
            else:
                self.fail(f"'{{' after '{name}'" if omit else f"'=', ';' or '{{' after '{name}'")
        elif lexer.text == "}" and not labels and not omit:
            self.close(node)
        elif lexer.kind == "end":
            self.never_closed(node)
        elif lexer.text == "/delete-node/" or (lexer.text == "/delete-property/" and not omit):
            self.delete(node, lexer.text)
        else:
            self.fail("a node after a label" if labels else "a property, a node or '}'")

    def labels(self) -> list[Label]:
        lexer = self.lexer
        labels = []
        while lexer.kind == "label":
            labels.append(Label(lexer.text[:-1], lexer.start))
            lexer.in_braces()
        return labels

    def open(self, parent: Draft, name: str, position: int, labels: list[Label]) -> Draft:
        node = Draft(name, position, parent)
        node.labels = labels
        self.blocks.add_child(parent, node)
        self.node = node
        self.depth += 1
        if self.depth > self.limits.depth:
            self.error("limit", f"nodes are nested more than {self.limits.depth} deep", position)
            raise Stop
        self.limit_count(position)
        self.lexer.in_braces()
        return node

    def limit_count(self, position: int) -> None:
        self.count += 1
        if self.count > self.limits.nodes:
            self.error("limit", f"the tree has more than {self.limits.nodes} nodes", position)
            raise Stop

    def delete(self, node: Draft, what: str) -> None:
        """Read `/delete-node/ name;` or `/delete-property/ name;`."""
        lexer = self.lexer
        lexer.in_braces()
        if lexer.kind != "name":
            hint = "; a label is deleted outside of all nodes" if lexer.kind == "reference" else ""
            self.fail(f"a name after '{what}'", hint)
        name, position = lexer.text.removeprefix("\\"), lexer.start
        self.semicolon(f"'{what} {name}'")
        if what == "/delete-node/":
            child = Draft(name, position, node)
            child.deleted = True
            self.blocks.add_child(node, child)
        else:
            value = Value(position)
            value.deleted = True
            self.check_order(node, f"{what} {name}", position)
            self.blocks.add_value(node, name, value)

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
        top = node
        for _ in range(self.depth - 1):
            assert top.parent is not None
            top = top.parent
        # Nodes seem to hold what stands after them: what that led to is no error of its own.
        self.findings.all = [finding for finding in self.findings.all if finding.code != "property-order"]
        suspects = [n for n in top.walk() if n.closed >= 0 and self.crooked(n)]
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
        same = opened.line == closed.line or opened.path != closed.path
        return not same and not before.strip() and before != indent

    def check_depth(self, root: Draft) -> list[Draft]:
        """Return all nodes in document order; none may be too deep now that all blocks are merged."""
        nodes = []
        stack = [(root, 1)]
        while stack:
            node, depth = stack.pop()
            nodes.append(node)
            if depth > self.limits.depth:
                place = self.source.place(node.position)
                message = f"nodes are nested more than {self.limits.depth} deep"
                self.findings.error("limit", message, place)
                self.lost = True
                break
            if node.children:
                depth += 1
                stack.extend([(child, depth) for child in reversed(node.children)])
        return nodes

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
            self.check_order(node, f"property '{name}'", position)
        self.blocks.add_value(node, name, value)
        self.property = None
        lexer.in_braces()

    def check_order(self, node: Draft, what: str, position: int) -> None:
        if node.children:
            first = node.children[0]
            where = self.source.place(first.position).line
            message = f"{what} must stand before the nodes: node '{first.name}' is at line {where}"
            self.error("property-order", message, position)
