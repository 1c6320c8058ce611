"""Every character of preprocessed text knows where it was written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from cpp_reading import expanded, from_file

from kvx_emu.dt.load import load_tree, read_tree
from kvx_emu.errors import InputError, Place

if TYPE_CHECKING:
    from pathlib import Path


def spot(text: str, word: str) -> str:
    """`line:column` of a word of the preprocessed text."""
    result = expanded(text)
    place = result.place(result.text.index(word))
    assert place.path == "b.dts"
    assert place.text == text.split("\n")[(place.line or 0) - 1].rstrip("\r")
    return f"{place.line}:{place.column}"


def test_text_around_macros_keeps_its_column() -> None:
    text = "#define N 12345\n/* a */ b /* c\n d */ e N f\n\tg  N-N h // i\nj\n"
    assert [spot(text, word) for word in "befghj"] == ["2:9", "3:7", "3:11", "4:2", "4:9", "5:1"]
    assert spot(text, "12345 f") == "3:9"
    assert spot(text, "12345 -") == "4:5"
    assert spot(text, "45 -") == "4:5"
    assert spot(text, "-12345") == "4:6"


def test_what_a_call_expands_to_has_its_place() -> None:
    text = "#define F(x, y) one x two y\na F(1,\n  2) b F\n(3, 4) q"
    assert spot(text, "one 1") == "2:3"
    assert spot(text, "two 2") == "2:3"
    assert spot(text, "b") == "3:6"
    assert spot(text, "one 3") == "3:8"
    assert spot(text, "q") == "4:8"


def test_the_definition_of_a_macro_is_known() -> None:
    result = expanded("x\n#define  N M\n#define F(x) \\\n x\n#define M 3\nN F(4) y")
    assert result.definition(result.text.index("3")) == Place("b.dts", 2, 10, "#define  N M")
    assert result.definition(result.text.index("4")) == Place("b.dts", 3, 9, "#define F(x) \\")
    assert result.definition(result.text.index("y")) is None


def test_spliced_lines_keep_their_places() -> None:
    text = "#define N 1 \\\n\\\n 2\na\\\nb c \\\r\n d\ne"
    result = expanded(text)
    places = [result.place(result.text.index(word))[1:3] for word in ("a", "b", "c", "d", "e")]
    assert places == [(4, 1), (5, 1), (5, 3), (6, 2), (7, 1)]


def test_line_marks_rename_what_follows() -> None:
    result = expanded('a\n# 40 "x.dts" 1 3\nb\n c\n#line 7\nd\n#line 8 "y\\".dts"\ne\n# 3\nf\n')
    places = [result.place(result.text.index(word))[:3] for word in "abcdef"]
    assert places == [("b.dts", 1, 1), ("x.dts", 40, 1), ("x.dts", 41, 2), ("x.dts", 7, 1), ('y".dts', 8, 1),
                      ('y".dts', 3, 1)]  # fmt: skip
    assert expanded('# 40 "x.dts" y\nb').text.split() == ["#", "40", '"x.dts"', "y", "b"]  # no mark
    assert expanded("#define A 1\n# 12345678901 A").text.split() == ["#", "12345678901", "1"]


def test_the_end_of_the_text_has_a_place() -> None:
    result = expanded("#define N 1\nab\n  N")
    assert result.place(len(result.text))[:3] == ("b.dts", 3, 4)
    result = expanded("#define N 1\n")
    assert result.text == ""
    assert result.place(0)[:3] == ("b.dts", 2, 1)


def test_places_lead_into_included_files(tmp_path: Path) -> None:
    (tmp_path / "a.dts").write_text('x\n#include "sub/b.h"\n% N')
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "b.h").write_text('#include "c.h"\nz')
    (tmp_path / "sub" / "c.h").write_text("\n#define N 1\n N w __INCLUDE_LEVEL__ __FILE__")
    result = from_file(tmp_path / "a.dts")
    assert result.text.split() == ["x", "1", "w", "2", f'"{tmp_path}/sub/c.h"', "z", "%", "1"]
    at = {word: result.place(result.text.index(word)) for word in ("x", "w", "z", "%")}
    assert {word: (place.path.removeprefix(f"{tmp_path}/"), *place[1:3]) for word, place in at.items()} == {
        "x": ("a.dts", 1, 1),
        "w": ("sub/c.h", 3, 4),
        "z": ("sub/b.h", 2, 1),
        "%": ("a.dts", 3, 1),
    }
    definition = result.definition(len(result.text) - 2)
    assert definition is not None
    assert (definition.path, definition.line) == (f"{tmp_path}/sub/c.h", 2)
    folder = str(tmp_path)
    assert result.included(result.text.index("w")) == (
        f" (included from {folder}/sub/b.h:1, from {folder}/a.dts:2)"
    )
    assert result.included(0) == ""


def test_nodes_properties_and_cells_of_a_tree_know_their_files(tmp_path: Path) -> None:
    (tmp_path / "a.dtsi").write_text("/ { soc: soc { #address-cells = <ONE>; }; };")
    board = tmp_path / "a.dts"
    board.write_text('/dts-v1/;\n#define ONE 1\n#include "a.dtsi"\n/ {\n b = <2 ONE\n 3>;\n};\n')
    tree = load_tree(str(board))
    node = tree.by_label["soc"]
    assert node.place[:3] == (f"{tmp_path}/a.dtsi", 1, 10)
    assert node.property_place("#address-cells")[1:3] == (1, 16)
    assert [tree.root.cell_place("b", index)[:3] for index in range(3)] == [
        (str(board), 5, 7), (str(board), 5, 9), (str(board), 6, 2)
    ]  # fmt: skip


def test_warnings_of_the_preprocessor_are_those_of_the_tree() -> None:
    tree = read_tree(b"/dts-v1/;\n#warning old\n/ { };", "b.dts")
    assert [finding.code for finding in tree.warnings] == ["cpp-warning"]


def test_an_undefined_macro_is_told_where_it_stands() -> None:
    with pytest.raises(InputError) as caught:
        read_tree(b"/dts-v1/;\n#define A 1\n/ { a = <A IRQ_TYPE_NONE>; };", "b.dts")
    assert caught.value.findings[0].place[1:3] == (3, 12)
