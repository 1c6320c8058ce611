# ruff: noqa: E501 - a case a line
"""The rules about any tree: what each tells, where, and of what it keeps silent."""

from __future__ import annotations

import pytest
from lint import findings_of, told

from kvx_emu.dt.load import read_tree

HEAD = "/dts-v1/;\n/ { #address-cells = <2>; #size-cells = <2>;\n"


def board(*nodes: str) -> str:
    """Return a tree with these nodes, one a line from line 3 on."""
    return HEAD + "\n".join(nodes) + "\n};\n"


def found(*nodes: str, notes: bool = False) -> list[tuple[str, str, int | None]]:
    """Return what is told of a tree with these nodes, but that it is no board."""
    return [item for item in told(board(*nodes), notes=notes) if item[1] not in {"no-ipi", "no-cpus"}]


def messages(*nodes: str) -> list[str]:
    codes = {"no-ipi", "no-cpus"}
    return [finding.message for finding in findings_of(board(*nodes)) if finding.code not in codes]


W, N = "warning", "note"


# Unit addresses


@pytest.mark.parametrize(
    ("node", "code", "message"),
    [
        ("d { reg = <0 1 0 1>; };", "unit-address-vs-reg", "/d has reg, but no unit address: expected a name like d@..."),
        ("d { ranges = <0>; };", "unit-address-vs-reg", "/d has ranges, but no unit address: expected a name like d@..."),
        ("d@1 { };", "unit-address-vs-reg", "/d@1 has a unit address, but neither reg nor ranges"),
        ("d@1 { ranges; #address-cells = <2>; #size-cells = <2>; };", "unit-address-vs-reg", "/d@1 has a unit address, but neither reg nor ranges"),
        ("d@2 { reg = <0 1 0 1>; };", "unit-reg-mismatch", "the unit address is 0x2, but reg starts at 0x1"),
        ("d@x { reg = <0 1 0 1>; };", "unit-reg-mismatch", "the unit address is x, but reg starts at 0x1"),
        ("d@200000001 { reg = <1 1 0 1>; };", "unit-reg-mismatch", "the unit address is 0x200000001, but reg starts at 0x100000001"),
    ],
)  # fmt: skip
def test_a_unit_address_goes_with_an_address(node, code, message):
    findings = [finding for finding in findings_of(board(node)) if finding.code == code]
    assert [(finding.severity, finding.place.line, finding.message) for finding in findings] == [
        (W, 3, message)
    ]


@pytest.mark.parametrize("unit", ["0x1a", "01a", "1A", "0X1a"])
def test_a_unit_address_is_plain_hexadecimal(unit):
    assert found(f"d@{unit} {{ reg = <0 0x1a 0 1>; }};") == [
        (W, "unit-address-format", 3),
        (W, "unit-reg-mismatch", 3),
    ]


@pytest.mark.parametrize(
    "node",
    [
        "d@1 { reg = <0 1 0 1>; };",
        "d@0 { reg = <0 0 0 1>; };",
        "d@100000000 { reg = <1 0 0 1>; };",
        "d@1,0 { reg = <0 1 0 1>; };",
        'b@7 { device_type = "pci"; reg = <0 7 0 1>; #address-cells = <3>; #size-cells = <2>; e@1 { reg = <0x800 0 0 0 0>; }; };',
        "b@8 { #address-cells = <1>; #size-cells = <1>; ranges = <0x20 0 8 0x10>; };",
        "d@1 { reg = <0 1 0 1>, <0 0 0 1>; };",
        "d@9 { #address-cells = [01]; ranges = <9>; };",
    ],
)  # fmt: skip
def test_a_sound_unit_address_is_not_told(node):
    codes = [code for _, code, _ in found(node)]
    assert [code for code in codes if code.startswith("unit-")] == []


def test_on_a_bus_without_addresses_a_number_only_keeps_names_apart():
    assert found("clocks { a@0 { }; b@1 { }; };", notes=True) == [
        (N, "unit-address-vs-reg", 3),
        (N, "unit-address-vs-reg", 3),
    ]


@pytest.mark.parametrize(
    "node",
    [
        "b { #address-cells = <9>; #size-cells = <0>; d@1 { reg = <0 0 0 0 0 0 0 0 2>; }; };",
        "b@1 { #address-cells = <9>; #size-cells = <0>; ranges = <1>; };",
    ],
)
def test_numbers_of_more_than_eight_cells_are_not_compared(node):
    assert "unit-reg-mismatch" not in [code for _, code, _ in found(node)]


def test_a_fragment_that_was_never_applied_has_no_address():
    assert found("fragment@0 { __overlay__ { }; };") == []


def test_two_nodes_with_one_unit_address_are_told_at_both():
    assert found("a@1 { reg = <0 1 0 1>; };", "b@1 { reg = <0 1 0 1>; };", "c@2 { reg = <0 2 0 1>; };") == [
        (W, "unique-unit-address", 3),
        (W, "unique-unit-address", 4),
    ]


def test_of_two_nodes_with_one_unit_address_a_disabled_one_is_an_alternative():
    off = 'status = "disabled";'
    nodes = ["a@1 { reg = <0 1 0 1>; };", f"b@1 {{ reg = <0 1 0 1>; {off} }};"]
    assert found(*nodes, notes=True) == [
        (N, "status", 4),
        (N, "unique-unit-address", 3),
        (N, "unique-unit-address", 4),
    ]
    third = "c@1 { reg = <0 1 0 1>; };"
    assert [item for item in found(*nodes, third, notes=True) if item[1] == "unique-unit-address"] == [
        (W, "unique-unit-address", 3),
        (N, "unique-unit-address", 4),
        (W, "unique-unit-address", 5),
    ]


def test_names_on_a_bus_without_cells_may_have_one_number():
    assert found("clocks { a@0 { }; b@0 { }; };") == []


BUS = 'bus { compatible = "simple-bus"; #address-cells = <2>; #size-cells = <2>; ranges;'


def test_what_is_on_a_simple_bus_has_an_address():
    assert found(BUS, "keys { };", 'inner { compatible = "simple-bus"; };', "};") == [
        (W, "simple-bus-reg", 4)
    ]


def test_a_root_that_is_a_simple_bus_may_hold_anything():
    assert found('compatible = "simple-bus";', "keys { };") == []


# Cells


@pytest.mark.parametrize("name", ["#address-cells", "#size-cells"])
@pytest.mark.parametrize("value", ["= [01]", "= <1 2>", "", '= "1"'])
def test_cells_are_one_cell(name, value):
    (finding, *_) = [
        f for f in findings_of(board(f"b {{ {name} {value}; }};")) if f.code == "addr-size-cells"
    ]
    assert (finding.severity, finding.node, finding.property) == (W, "/b", name)


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        ("d@1 { reg = <0 1 1>; };", [(W, "reg-format", 3)]),
        ("d@1 { reg; };", [(W, "reg-format", 3)]),
        ("d@1 { reg = [01]; };", [(W, "reg-format", 3)]),
        ('d@1 { reg = <0 1 1>; status = "disabled"; };', [(W, "reg-format", 3)]),
        ("d@2 { reg = <0 2 0xffffffff 0xffffffff>; };", [(W, "reg-size", 3)]),
        ("b { #address-cells = <1>; #size-cells = <1>; d@1 { reg = <1 1>; }; };", []),
    ],
)
def test_a_reg_of_an_unmodelled_node_is_a_whole_number_of_entries(node, expected):
    assert found(node) == expected


def test_a_reg_of_the_root_is_told():
    assert (W, "reg-format", 3) in found("reg = <1>;")


def test_a_node_of_a_simple_bus_without_ranges_is_not_addressable():
    bus = BUS.replace(" ranges;", "")
    assert found(bus, "d@1 { reg = <0 1 0 1>; };", "};") == [(W, "ranges", 4)]
    other = bus.replace("simple-bus", "vendor,bus")
    assert found(other, "d@1 { reg = <0 1 0 1>; };", "};") == []


@pytest.mark.parametrize(
    ("node", "message"),
    [
        ("b@0 { #address-cells = <1>; #size-cells = <1>; ranges = <0 0 0>; };", "'ranges' of /b@0 has 12 bytes; expected entries of 16: 1 cells of address, 2 of address above, 1 of size"),
        ("b { #address-cells = <1>; #size-cells = <2>; ranges; };", "empty ranges, but #address-cells is 1 in /b and 2 in /"),
        ("b { #address-cells = <2>; #size-cells = <1>; ranges; };", "empty ranges, but #size-cells is 1 in /b and 2 in /"),
    ],
)  # fmt: skip
def test_ranges_are_entries_or_between_like_buses(node, message):
    assert found(node) == [(W, "ranges-format", 3)]
    assert messages(node) == [message]


def test_ranges_of_the_root_lead_nowhere():
    assert found("ranges;") == [(W, "ranges-format", 3)]


def test_ranges_of_a_bus_with_wrong_cells_are_not_measured():
    assert found("b { #address-cells = [01]; #size-cells = <1>; ranges; };") == [(W, "addr-size-cells", 3)]


def test_a_bus_says_its_cells_if_a_device_needs_them():
    node = "b { d@1 { reg = <0 1 1>; }; e@2 { reg = <0 2 1>; }; };"
    assert found(node) == [(W, "avoid-default-addr-size", 3)]
    assert messages(node) == [
        "/b has no #address-cells and no #size-cells, so the default is used for d@1 and 1 more"
    ]
    assert messages("b { #address-cells = <2>; d@1 { reg = <0 1 1>; }; };") == [
        "/b has no #size-cells, so the default is used for d@1"
    ]
    assert found("b { d { }; };") == []


# Interrupt controllers


@pytest.mark.parametrize(
    ("node", "code", "message"),
    [
        ("g { interrupt-controller; };", "interrupt-provider", "/g has interrupt-controller, but no #interrupt-cells"),
        ("g { interrupt-map = <1>; };", "interrupt-provider", "/g has interrupt-map, but no #interrupt-cells"),
        ("g { #interrupt-cells = <1>; };", "interrupt-provider", "/g has #interrupt-cells, but does not say that it is an interrupt-controller"),
        ("g { interrupt-controller; #interrupt-cells = <1>; h { }; };", "interrupt-provider", "the interrupt controller /g has nodes below it, but no #address-cells"),
        ("g { interrupt-controller; #interrupt-cells = [01]; };", "interrupts-extended-is-cell", "the #interrupt-cells of /g has 1 bytes; expected one cell"),
    ],
)  # fmt: skip
def test_an_interrupt_controller_is_one_altogether(node, code, message):
    assert found(node) == [(W, code, 3)]
    assert messages(node) == [message]


@pytest.mark.parametrize(
    "node",
    [
        "g { interrupt-controller; #interrupt-cells = <1>; };",
        "g { interrupt-controller; #interrupt-cells = <1>; #address-cells = <0>; h { }; };",
        "g { };",
    ],
)
def test_a_sound_interrupt_controller_is_not_told(node):
    assert found(node) == []


# Paths


@pytest.mark.parametrize(
    ("aliases", "code"),
    [
        ('a = "/nowhere";', "alias-path"),
        ('a = "uart";', "alias-path"),
        ("a;", "alias-path"),
        ("a = <1>;", "alias-path"),
        ('a = "/uart", "/uart";', "alias-path"),
        ('Upper = "/uart";', "alias-paths"),
        ('under_score = "/uart";', "alias-paths"),
        ('a = "/uart"; phandle = <9>;', None),
        ("a = &uart;", None),
    ],
)
def test_an_alias_is_the_path_of_a_node(aliases, code):
    expected = [] if code is None else [(W, code, 4)]
    assert found("uart: uart { };", f"aliases {{ {aliases} }};") == expected


def test_an_alias_is_told_where_its_path_stands():
    text = board('aliases { serial0 = "/nowhere"; };')
    (finding,) = [finding for finding in findings_of(text) if finding.code == "alias-path"]
    assert finding.message == "alias serial0 is '/nowhere', which is the path of no node"
    assert finding.place.column == text.splitlines()[2].index('"/nowhere"') + 1


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        ('stdout-path = "/uart";', []),
        ('stdout-path = "/uart:115200n8";', []),
        ('stdout-path = "serial0:115200n8";', []),
        ('stdout-path = "serial0/port";', []),
        ("stdout-path = &uart;", []),
        ('stdin-path = "/nowhere";', ["chosen-path"]),
        ('stdout-path = "/nowhere:115200";', ["chosen-path"]),
        ('stdout-path = "serial1";', ["chosen-path"]),
        ('stdout-path = "serial0/nowhere";', ["chosen-path"]),
        ("stdout-path = <1>;", ["chosen-node-stdout-path"]),
        ("stdout-path;", ["chosen-node-stdout-path"]),
        ('linux,stdout-path = "/uart";', ["chosen-node-stdout-path"]),
        ('linux,stdout-path = "/nowhere";', ["chosen-node-stdout-path", "chosen-path"]),
        ('linux,stdout-path = "/uart"; stdout-path = "/uart";', []),
        ('bootargs = "console=ttyS0";', []),
    ],
)
def test_the_console_is_a_node(chosen, expected):
    nodes = ["uart: uart { port { }; };", "aliases { serial0 = &uart; };", f"chosen {{ {chosen} }};"]
    assert found(*nodes) == [(W, code, 5) for code in expected]


def test_an_alias_for_the_console_needs_aliases():
    assert found('chosen { stdout-path = "serial0"; };') == [(W, "chosen-path", 3)]


# Properties


def test_a_property_that_no_binding_knows_is_told_with_the_nearest():
    node = 'ipi@ad0000 { compatible = "kalray,coolidge-ipi-ctrl"; reg = <0 0xad0000 0 0x1000>; interrups = <24>; };'
    assert "no binding of the IPI controller knows interrups; did you mean interrupts?" in messages(node)


@pytest.mark.parametrize(
    ("node", "unknown"),
    [
        ('timer { compatible = "kalray,kv3-1-timer"; reg = <1>; };', "reg"),
        ('intc { compatible = "kalray,kvx-core-intc"; kalray,intc-nr-irqs = <32>; };', None),
        ('l2 { compatible = "kalray,kvx-l2-cache"; kalray,is-qemu; };', None),
        ('pm { compatible = "kalray,kvx-core-pm"; kalray,pm-num = <1>; kalray,pm-nums = <1>; };', "kalray,pm-nums"),
        ('dma { compatible = "kalray,coolidge-dma-noc"; kalray,anything; };', None),
        ('uart { compatible = "vendor,uart"; vendor,anything; };', None),
        ('off { compatible = "kalray,kv3-1-timer"; frob; status = "disabled"; };', None),
        ('timer { compatible = "kalray,kv3-1-timer"; linux,frob; pinctrl-0 = <1>; clock-names = "a"; };', None),
        ('memory@0 { device_type = "memory"; reg = <0 0 0 1>; frob; };', "frob"),
        ('memory@0 { device_type = "memory"; reg = <0 0 0 1>; numa-node-id = <1>; };', None),
    ],
)  # fmt: skip
def test_the_properties_of_known_nodes_are_known(node, unknown):
    names = [f.property for f in findings_of(board(node)) if f.code == "unknown-property"]
    assert names == ([] if unknown is None else [unknown])


# Generations


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        (['i { compatible = "kalray,k1c-ipi-ctrl"; };'], "the k1c dialect (kalray,k1c-ipi-ctrl): no core has an interrupt controller"),
        (['p { compatible = "kalray,kvx-pe"; };', 'i { compatible = "kalray,kv3-1-core-intc"; };'], "the kv3-1 dialect (kalray,kv3-1-core-intc): one interrupt controller stands for all cores"),
        (['i { compatible = "kalray,kv3-1-ipi-ctrl"; };', 'p { compatible = "kalray,kvx-pe"; };'], "the kv3-1 dialect (kalray,kv3-1-ipi-ctrl): no core has an interrupt controller"),
    ],
)  # fmt: skip
def test_the_generation_is_told_by_the_first_name_that_says_it(nodes, message):
    assert [f.message for f in findings_of(board(*nodes)) if f.code == "dialect"] == [message]


def test_a_tree_of_somebody_else_has_no_dialect():
    assert [f for f in findings_of(board("a { };")) if f.code == "dialect"] == []
    off = board('i { compatible = "kalray,k1c-ipi-ctrl"; status = "disabled"; };')
    assert [f for f in findings_of(off) if f.code == "dialect"] == []


# All of it


def test_a_blob_gives_what_its_source_gives():
    text = board("d@2 { reg = <0 1 0 1>; };", "g { interrupt-controller; };", 'aliases { A = "/x"; };')
    of_source = [(f.severity, f.code, f.node, f.property) for f in findings_of(text)]
    blob = read_tree(text.encode(), "b").to_dtb()
    found = findings_of(blob)
    assert [(f.severity, f.code, f.node, f.property) for f in found] == of_source
    assert all(f.place.offset is not None for f in found)


# Maps of interrupts

CONTROLLER = "i: i { interrupt-controller; #interrupt-cells = <2>; };"


@pytest.mark.parametrize(
    ("node", "code"),
    [
        ("n { #address-cells = <0>; #interrupt-cells = <1>; interrupt-map = <1 &i 7 4>; };", None),
        ("n { #address-cells = <0>; #interrupt-cells = <1>; interrupt-map = <1 &i 7>; };", "interrupt-map"),
        ("n { #address-cells = <0>; #interrupt-cells = <1>; interrupt-map = <1 0x99 7 4>; };", "phandle-dangling"),
        ("n { #interrupt-cells = <1>; interrupt-map = <1 &i 7 4>; };", "interrupt-map"),
        ("n { #interrupt-cells = <1>; interrupt-map = <1 &i 7 4>; e { }; };", "interrupt-map"),
        ("n { #address-cells = <0>; interrupt-map = <1 &i 7 4>; };", "interrupt-provider"),
        ('n { status = "disabled"; #address-cells = <0>; #interrupt-cells = <1>; interrupt-map = <1>; };', None),
    ],
)  # fmt: skip
def test_a_map_that_nobody_uses_is_checked_as_well(node, code):
    assert found(CONTROLLER, node) == ([] if code is None else [(W, code, 4)])


def test_a_wrong_map_is_told_once_however_many_use_it():
    wrong = "n: n { #address-cells = <0>; #interrupt-cells = <1>; interrupt-map = <1 &i 7>; };"
    users = "a { interrupts-extended = <&n 1>; }; b { interrupts-extended = <&n 2>; };"
    assert found(CONTROLLER, wrong, users) == [(W, "interrupt-map", 4)]
