# ruff: noqa: E501 - a case a line
"""Blobs: what is read from them, and what is refused at which byte."""

from __future__ import annotations

import struct
import time
from typing import TYPE_CHECKING

import pytest
from dt_reading import allowed, errors, normal, read
from hypothesis import given, settings
from hypothesis import strategies as st

from kvx_emu.dt.load import read_tree
from kvx_emu.errors import InputError
from kvx_emu.limits import LIMITS

if TYPE_CHECKING:
    from pathlib import Path

BEGIN, END_NODE, PROP, NOP, END = (struct.pack(">I", token) for token in (1, 2, 3, 4, 9))
ROOT = BEGIN + b"\0\0\0\0"
A = 56  # where the structure of `blob` starts


def prop(name: int, value: bytes = b"", size: int | None = None) -> bytes:
    pad = bytes(-len(value) % 4)
    return PROP + struct.pack(">II", len(value) if size is None else size, name) + value + pad


def blob(
    structure: bytes,
    strings: bytes = b"a\0b\0phandle\0",
    version: int = 17,
    compatible: int = 16,
    reservations: bytes = bytes(16),
    **fields: int,
) -> bytes:
    """A blob of a structure, its header right but for the `fields` that are given."""
    at = 40 + len(reservations)
    header = {
        "magic": 0xD00DFEED,
        "total": at + len(structure) + len(strings),
        "structure_at": at,
        "strings_at": at + len(structure),
        "reservations_at": 40,
        "version": version,
        "compatible": compatible,
        "boot_cpu": 0,
        "strings_size": len(strings),
        "structure_size": len(structure),
    }
    header |= fields
    return struct.pack(">10I", *header.values()) + reservations + structure + strings


GOOD = ROOT + prop(0, b"\0\0\0\1") + BEGIN + b"n@1\0" + prop(2) + END_NODE + END_NODE + END


def test_nodes_properties_and_their_offsets_are_read() -> None:
    tree = read_tree(blob(GOOD), "b.dtb")
    node = tree.node("/n@1")
    assert node is not None
    assert tree.root.cells("a") == [1]
    assert node.raw("b") == b""
    assert str(tree.root.property_place("a")) == "b.dtb: offset 0x40"
    assert str(tree.root.cell_place("a", 0)) == "b.dtb: offset 0x4c"
    assert node.place.offset == 0x50
    assert tree.root.place.offset == A


def test_padding_after_the_blocks_is_accepted() -> None:
    data = blob(GOOD)
    assert read_tree(data + bytes(100), "b").root.has("a")
    padded = blob(GOOD, total=len(data) + 100) + bytes(100)
    assert read_tree(padded, "b").root.has("a")


def test_nops_are_accepted_wherever_a_token_may_stand() -> None:
    structure = b"".join(
        (NOP, ROOT, NOP, prop(0, b"x\0"), NOP, NOP, BEGIN, b"n\0\0\0", NOP, END_NODE, NOP, END_NODE, NOP, END)
    )
    assert [node.path for node in read_tree(blob(structure), "b").nodes()] == ["/", "/n"]


def test_memory_reservations_and_the_boot_cpu_are_kept() -> None:
    reservations = struct.pack(">4Q", 1 << 32, 0x10, 0, 0)
    data = blob(GOOD, reservations=reservations, boot_cpu=3)
    tree = read_tree(data, "b")
    assert tree.reservations == ((1 << 32, 0x10),)
    again = read_tree(tree.to_dtb(), "b")
    assert again.reservations == tree.reservations
    assert again.fdt.header.boot_cpuid_phys == 3
    assert read_tree(blob(GOOD), "b").reservations == ()  # nothing leaks from one tree to the next


def test_memory_reservations_end_with_one_of_no_bytes_wherever_it_is() -> None:
    reservations = struct.pack(">6Q", 8, 16, 1 << 32, 0, 32, 64)
    assert read_tree(blob(GOOD, reservations=reservations), "b").reservations == ((8, 16),)


def test_20000_siblings_are_read_within_two_seconds() -> None:
    siblings = b"".join(BEGIN + b"n@%06x\0\0\0\0" % n + prop(0, bytes(4)) + END_NODE for n in range(20_000))
    data = blob(ROOT + siblings + END_NODE + END)
    start = time.process_time()
    tree = read_tree(data, "b")
    assert time.process_time() - start < allowed(2)
    assert len(tree.nodes()) == 20_001


@pytest.mark.parametrize(("version", "compatible"), [(16, 16), (17, 16), (17, 17), (18, 16), (99, 17)])
def test_versions_that_are_compatible_are_accepted(version: int, compatible: int) -> None:
    assert read_tree(blob(GOOD, version=version, compatible=compatible), "b").root.has("a")


def test_version_16_has_no_size_of_the_structure() -> None:
    assert read_tree(blob(GOOD, version=16, structure_size=0xFFFFFFFF), "b").root.has("a")


NAMED = BEGIN + b"n\0\0\0"
STRUCTURE = 0x38  # offset of the structure block


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"\xd0\x0d\xfe\xed", "0x0 dtb-size the blob has 4 bytes; its header alone needs 40"),
        (b"\xed\xfe\x0d\xd0", "0x0 dtb-swapped the bytes of this blob are swapped: it starts with edfe0dd0, expected d00dfeed"),
        (blob(GOOD)[:-1], "0x4 dtb-size the blob says that it has 124 bytes, but there are 123"),
        (blob(GOOD, total=39), "0x4 dtb-size the blob says that it has 39 bytes; its header alone needs 40"),
        (blob(GOOD, version=1, compatible=1), "0x14 dtb-version version 1, compatible with 1, is not supported: expected 16 or 17"),
        (blob(GOOD, version=18, compatible=18), "0x14 dtb-version version 18, compatible with 18, is not supported: expected 16 or 17"),
        (blob(GOOD, version=16, compatible=17), "0x14 dtb-version version 16, compatible with 17, is not supported: expected 16 or 17"),
        (blob(GOOD, structure_at=57), "0x8 dtb-header the structure start at 0x39, which is no multiple of 4"),
        (blob(GOOD, structure_at=0), "0x8 dtb-header the structure, 0x0 to 0x38, are not inside the blob: 0x28 to 0x7c"),
        (blob(GOOD, structure_size=0xFFFFFFFF), "0x8 dtb-header the structure, 0x38 to 0x100000037, are not inside the blob: 0x28 to 0x7c"),
        (blob(GOOD, structure_size=0), "0x38 dtb-structure the structure is cut short: expected the end token (9)"),
        (blob(GOOD, strings_at=0xFFFFFFF0), "0xc dtb-header the strings, 0xfffffff0 to 0xfffffffc, are not inside the blob: 0x28 to 0x7c"),
        (blob(GOOD, reservations_at=44), "0x10 dtb-header the memory reservations start at 0x2c, which is no multiple of 8"),
        (blob(GOOD, reservations_at=0x80), "0x10 dtb-header the memory reservations, 0x80 to 0x90, are not inside the blob: 0x28 to 0x7c"),
        (blob(GOOD, reservations=b"x" * 16), "0x78 dtb-reservations the memory reservations never end: expected an entry of zeros"),
        (blob(b""), "0x38 dtb-structure the structure is cut short: expected the end token (9)"),
        (blob(END), "0x38 dtb-structure found the end of the tree outside of any node"),
        (blob(END_NODE), "0x38 dtb-structure found the end of a node outside of any node"),
        (blob(prop(0)), "0x38 dtb-structure found a property outside of any node"),
        (blob(struct.pack(">I", 5)), "0x38 dtb-structure found the unknown token 0x5"),
        (blob(NAMED + END_NODE + END), "0x38 dtb-structure the root node has the name 'n'; expected none"),
        (blob(ROOT + NAMED + END), "0x48 dtb-structure (/n) found the end of the tree inside a node"),
        (blob(ROOT + NAMED + END_NODE), "0x4c dtb-structure (/) the structure is cut short: expected the end token (9)"),
        (blob(ROOT + END_NODE + END_NODE + END), "0x44 dtb-structure found the end of a node outside of any node"),
        (blob(ROOT + END_NODE + ROOT + END_NODE + END), "0x44 dtb-structure a second root node: expected the end of the structure"),
        (blob(ROOT + BEGIN + b"nnnn"), "0x44 dtb-structure (/) the name of a node never ends: expected a NUL byte"),
        (blob(ROOT + BEGIN + b"n" * 256 + bytes(4) + END_NODE + END_NODE + END), "0x44 limit (/) a node's name is longer than 255 bytes"),
        (blob(ROOT + PROP + bytes(4)), "0x40 dtb-structure (/) a property is cut short"),
        (blob(ROOT + prop(0, b"", 0xFFFFFFFF) + END_NODE + END), "0x44 dtb-structure (/) property 'a' has 4294967295 bytes, but the structure ends after 8"),
        (blob(ROOT + prop(12) + END_NODE + END), "0x48 dtb-structure (/) a property's name at 0xc of the strings does not end inside them (0xc bytes)"),
        (blob(ROOT + prop(0) + END_NODE + END, b"a"), "0x48 dtb-structure (/) a property's name at 0x0 of the strings does not end inside them (0x1 bytes)"),
        (blob(ROOT + prop(0) + END_NODE + END, b"a" * 256 + b"\0"), "0x48 limit (/) a property's name is longer than 255 bytes"),
        (blob(ROOT + prop(1) + END_NODE + END), "0x40 property-name '' is no name for a property of /: expected letters, digits, ,._+*#?-"),
        (blob(ROOT + BEGIN + bytes(4) + END_NODE + END_NODE + END), "0x40 node-name '' is no name for a node: expected letters, digits and ,._+-@"),
        (blob(ROOT + BEGIN + b"\xe9\0\0\0" + END_NODE + END_NODE + END), "0x40 node-name '\\xe9' is no name for a node: expected letters, digits and ,._+-@"),
        (blob(ROOT + NAMED + END_NODE + prop(0) + END_NODE + END), "0x4c property-order (/) property 'a' stands after a node: expected properties first"),
        (blob(ROOT + prop(0) + prop(0) + END_NODE + END), "0x40 property-duplicate (/) property 'a' stands twice: the other is at offset 0x4c"),
        (blob(ROOT + NAMED + END_NODE + NAMED + END_NODE + END_NODE + END), "0x40 node-duplicate (/n) node 'n' stands twice: the other is at offset 0x4c"),
        (blob(ROOT + prop(4, bytes(4)) + END_NODE + END), "0x40 phandle-value 'phandle' of / is 0x0, which is no valid phandle"),
        (blob(ROOT + prop(4, b"x") + END_NODE + END), "0x40 phandle-value 'phandle' of / has 1 bytes; expected one cell"),
    ],
)  # fmt: skip
def test_a_corrupt_blob_is_refused_at_the_guilty_byte(data: bytes, error: str) -> None:
    assert errors(data)[0] == error


def test_all_that_stands_twice_is_told() -> None:
    structure = (
        ROOT + prop(0) + prop(0) + NAMED + END_NODE + NAMED + prop(2) + prop(2) + END_NODE + END_NODE + END
    )
    assert [error.split()[1] for error in errors(blob(structure))] == [
        "property-duplicate",
        "property-duplicate",
        "node-duplicate",
        "node-duplicate",
        "property-duplicate",
        "property-duplicate",
    ]


def test_a_blob_too_deep_or_with_too_many_nodes_is_refused() -> None:
    deep = ROOT + NAMED * LIMITS.depth + END_NODE * (LIMITS.depth + 1) + END
    assert "limit" in errors(blob(deep))[0]
    with pytest.raises(InputError, match="more than 1 nodes"):
        read_tree(blob(GOOD), "b", LIMITS._replace(nodes=1))


def test_a_blob_cut_at_any_byte_is_refused() -> None:
    data = blob(GOOD)
    for size in range(len(data)):
        with pytest.raises(InputError):
            read_tree(data[:size], "b")


SAMPLE = read(
    '/memreserve/ 1 2; / { #address-cells = <1>; l: a@1 { r = <&l 2>; s = "x", "y"; e; }; b { c { t = [01 02 03]; }; }; };'
).to_dtb()


@settings(max_examples=400, deadline=None)
@given(st.lists(st.tuples(st.integers(4, len(SAMPLE) - 1), st.integers(0, 255)), min_size=1, max_size=4))
def test_a_changed_blob_is_read_or_refused_and_nothing_else(changes: list[tuple[int, int]]) -> None:
    data = bytearray(SAMPLE)
    for at, byte in changes:
        data[at] = byte
    try:
        tree = read_tree(bytes(data), "b")
    except InputError as refusal:
        message = str(refusal)
        assert message.startswith("b: offset 0x"), message
    else:
        again = read_tree(tree.to_dtb(), "b")
        assert [node.path for node in again.nodes()] == [node.path for node in tree.nodes()]


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_after_the_magic_are_refused(data: bytes) -> None:
    with pytest.raises(InputError):
        read_tree(b"\xd0\x0d\xfe\xed" + data, "b")


NAMES = st.text("abcXYZ019,._+-", min_size=1, max_size=8).filter(lambda name: name != "name")
VALUES = st.one_of(
    st.binary(max_size=12),
    st.text(max_size=8).map(lambda text: text.encode() + b"\0"),
    st.lists(st.integers(0, 0xFFFFFFFF), max_size=4).map(
        lambda cells: struct.pack(f">{len(cells)}I", *cells)
    ),
)


@st.composite
def sources(draw: st.DrawFn) -> str:
    """Source text of a random tree, its values as bytes."""

    def body(depth: int) -> str:
        values = draw(st.dictionaries(NAMES, VALUES, max_size=4))
        names = draw(st.lists(NAMES, unique=True, max_size=3)) if depth < 3 else []
        text = "".join(f"{name} = [{value.hex()}];" for name, value in values.items())
        return text + "".join(f"{name} {{ {body(depth + 1)} }};" for name in names)

    return f"/ {{ {body(0)} }};"


@settings(max_examples=150, deadline=None)
@given(sources())
def test_a_tree_survives_the_way_through_a_blob(text: str) -> None:
    tree = read(text)
    again = read_tree(tree.to_dtb(), "b")
    assert [(n.path, [(p, n.raw(p)) for p in n.properties]) for n in again.nodes()] == [
        (n.path, [(p, n.raw(p)) for p in n.properties]) for n in tree.nodes()
    ]


def test_a_property_that_fdt_would_drop_survives() -> None:
    tree = read("/ { clocks_with_references = <1>; };")
    assert read_tree(tree.to_dtb(), "b").root.cells("clocks_with_references") == [1]


def test_the_blobs_of_kalray_are_read_and_written_without_loss(shared: Path) -> None:
    for name, nodes in (("coolidge-qemu.dtb", 56), ("mppa-coolidge.dtb", 43)):
        data = (shared / "boards" / name).read_bytes()
        tree = read_tree(data, name)
        assert len(tree.nodes()) == nodes
        assert normal(tree.to_dtb()) == normal(data)


def test_a_blob_of_kalray_cut_anywhere_is_refused(shared: Path) -> None:
    data = (shared / "boards" / "coolidge-qemu.dtb").read_bytes()
    for size in range(0, len(data), 7):
        with pytest.raises(InputError):
            read_tree(data[:size], "b")
