"""The links of a tree: which interrupt of which node reaches which controller."""

from __future__ import annotations

from tiny import BOTH, GIC, OLD_CPUS, OLD_INTC, OLD_IPI, TWO, board, ipi, survey

MAILBOX = (
    'mailbox@a00000 { compatible = "kalray,coolidge-apic-mailbox"; reg = <0 0xa00000 0 0x10000>; '
    "interrupt-controller; msi-controller; #interrupt-cells = <0>; {} }};"
)


def links(*nodes, wired="/d"):
    """Return (index, target, cells, line of the place) of each link of a node."""
    wiring, _ = survey(board(TWO, ipi(BOTH), *nodes))
    return [
        (link.index, link.target.path, link.cells, link.place.line)
        for link in wiring.links
        if link.node.path == wired
    ]


def test_a_link_is_an_interrupt_of_a_node_by_its_number_there():
    device = "d { interrupts-extended = <&gic 9>,\n<&gic 7>; };"
    assert links(GIC, device) == [(0, "/gic@a20000", (9,), 9), (1, "/gic@a20000", (7,), 10)]


def test_a_link_tells_the_property_that_names_it():
    wiring, _ = survey(board(TWO, GIC, ipi(BOTH), "d { interrupt-parent = <&gic>; interrupts = <9>; };"))
    assert [(link.node.path, link.property) for link in wiring.links] == [
        ("/ipi@ad0000", "interrupts-extended"),
        ("/ipi@ad0000", "interrupts-extended"),
        ("/d", "interrupts"),
    ]


def test_a_link_ends_where_a_nexus_sends_it_and_keeps_its_number():
    nexus = "nexus: nexus { #address-cells = <0>; #interrupt-cells = <1>; interrupt-map = <1 &gic 9>; };"
    device = "d { interrupts-extended = <&nexus 5>, <&nexus 1>, <&gic 3>; };"
    assert links(GIC, nexus, device) == [(1, "/gic@a20000", (9,), 10), (2, "/gic@a20000", (3,), 10)]


def test_an_interrupt_that_reaches_no_controller_is_no_link():
    off = 'off: off { interrupt-controller; #interrupt-cells = <1>; status = "disabled"; };'
    bare = "bare: bare { #interrupt-cells = <1>; };"
    device = "d { interrupts-extended = <&off 1>, <&bare 1>, <&gic 3>, <&nowhere>, <&gic 4>; };"
    assert links(GIC, off, bare, "nowhere: nowhere { };", device) == [(2, "/gic@a20000", (3,), 12)]


def test_a_node_that_is_disabled_has_no_links():
    assert links(GIC, 'd { interrupts-extended = <&gic 3>; status = "disabled"; };') == []


def test_what_leads_to_wrong_interrupt_cells_is_no_link():
    wrong = GIC.replace("#interrupt-cells = <1>", '#interrupt-cells = "a"')
    assert links(wrong, "d { interrupts-extended = <&gic 3>; };") == []


def test_the_controller_of_all_cores_is_one_target():
    wiring, _ = survey(board(OLD_CPUS, OLD_INTC, OLD_IPI))
    assert [(link.node.path, link.target.path, link.cells) for link in wiring.links] == [
        ("/ipi@ad0000", "/interrupt-controller", (24,))
    ]


def test_the_order_of_nodes_changes_no_link():
    mailbox = MAILBOX.replace("{} }}", "interrupts-extended = <&gic 0>, <&gic 1>; }")
    one, other = [GIC, mailbox, ipi(BOTH)], [ipi(BOTH), mailbox, GIC]

    def facts(nodes):
        wiring, _ = survey(board(TWO, *nodes))
        return {(link.node.path, link.index, link.target.path, link.cells) for link in wiring.links}

    assert facts(one) == facts(other)
    assert ("/mailbox@a00000", 1, "/gic@a20000", (1,)) in facts(one)
