# ruff: noqa: E501 - a case a line
"""/include/ and /incbin/: what they put where, the places in it, and what they may not open."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from dt_reading import allowed

from kvx_emu.dt.dts import parse_dts
from kvx_emu.dt.load import load_tree
from kvx_emu.errors import InputError, Source

if TYPE_CHECKING:
    from pathlib import Path

    from kvx_emu.dt.tree import Tree

V = "/dts-v1/;\n"


class Folder:
    """Files in a folder, the tree in a.dts."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, **files: str | bytes) -> None:
        for name, text in files.items():
            data = text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")
            (self.path / name.replace("_", ".")).write_bytes(data)

    def load(self, main: str, **files: str | bytes) -> Tree:
        self.write(a_dts=main, **files)
        return load_tree(str(self.path / "a.dts"))

    def errors(self, main: str, **files: str | bytes) -> list[str]:
        with pytest.raises(InputError) as caught:
            self.load(main, **files)
        return [
            f"{f.place.path.removeprefix(f'{self.path}/')}:{f.place.line}:{f.place.column} {f.code} {f.message}"
            for f in caught.value.findings
        ]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def test_an_included_file_stands_where_its_name_does(folder: Folder) -> None:
    tree = folder.load(
        '/include/ "h.dtsi"\n/ {\n\tc;\n/include/\n"n.dtsi"\n d = <1 /include/ "v.dtsi" 4>; };\n/include/ "e.dtsi"',
        h_dtsi=V + "/ { a; };",
        n_dtsi="\n  b = <1 2>;",
        v_dtsi="2\n3 // the end",
        e_dtsi="&l { };\n".replace("&l", "&{/}"),
    )
    root = tree.root
    assert root.properties == ("a", "c", "b", "d")
    assert root.cells("d") == [1, 2, 3, 4]
    name = str(folder.path)
    assert str(root.place) == f"{name}/h.dtsi:2:1"
    assert str(root.property_place("b")) == f"{name}/n.dtsi:2:3"
    assert root.property_place("b").text == "  b = <1 2>;"
    assert [str(root.cell_place("d", index)) for index in range(4)] == [
        f"{name}/a.dts:6:7",
        f"{name}/v.dtsi:1:1",
        f"{name}/v.dtsi:2:1",
        f"{name}/a.dts:6:28",
    ]


def test_files_include_one_another_from_their_own_folder(folder: Folder) -> None:
    (folder.path / "sub").mkdir()
    (folder.path / "sub" / "b.dtsi").write_text('/ { b; };\n/include/ "c.dtsi"\n')
    (folder.path / "sub" / "c.dtsi").write_text("/ { c; };")
    tree = folder.load(V + "/ { };\n" + '/include/ "sub/b.dtsi"\n' * 2)
    assert tree.root.properties == ("b", "c")
    assert str(tree.root.property_place("c")) == f"{folder.path}/sub/c.dtsi:1:5"


def test_what_only_looks_like_an_include_is_none(folder: Folder) -> None:
    body = "a = \"/include/ 'x'\"; /* /include/ \"x\" */ b = <'/' '\\''>; c = &{/n/*}; // /include/ \"y\"\n"
    tree = folder.load(
        V + "/ {\n" + body.replace("c = &{/n/*};", "") + '/include/ "e.dtsi"\n};',
        e_dtsi=body.replace("c = &{/n/*};", "").replace("a =", "c =").replace("b =", "d ="),
    )
    assert tree.root.properties == ("a", "b", "c", "d")


def test_an_included_file_is_not_preprocessed_but_its_line_marks_are_skipped(folder: Folder) -> None:
    assert folder.errors(V + '/ {\n/include/ "b.dtsi"\n};', b_dtsi="#define A 1\na = <1>;") == [
        "b.dtsi:1:9 syntax expected '=', ';' or '{' after '#define', found 'A'",
    ]
    assert folder.errors(V + '/include/ "b.dtsi"\n/ { };', b_dtsi='#include "c.h"\n') == [
        "b.dtsi:1:1 syntax expected a node or the end of the file, found '#include'; a file of /include/ is not preprocessed, one of #include is",
    ]
    tree = folder.load(V + '/ {\n/include/ "b.dtsi"\n};', b_dtsi='# 1 "x.dts" 2\n#line 7 "y.dts"\na = <1>;')
    assert str(tree.root.property_place("a")).endswith("b.dtsi:3:1")


@pytest.mark.parametrize(
    ("files", "error"),
    [
        ({}, "a.dts:2:1 include there is no file 'b.dtsi' (searched: {folder})"),
        ({"b_dtsi": '\n/include/ "b.dtsi"'}, "b.dtsi:2:1 limit files include one another more than 100 deep: does 'b.dtsi' include itself?"),
        ({"b_dtsi": "/ { };\n /* open"}, "b.dtsi:2:2 comment this comment is not closed in the file in which it starts"),
        ({"b_dtsi": '/ { a = "b; };\n/'}, "b.dtsi:1:9 string this string or character is not closed in the file in which it starts"),
        ({"b_dtsi": "/dts-v1/;".encode("utf-16")}, "b.dtsi:1:1 encoding the text is UTF-16; expected UTF-8"),
        ({"b_dtsi": "/ {\n a = <09>;\n};"}, "b.dtsi:2:7 number bad number '09'"),
    ],
)  # fmt: skip
def test_what_can_not_be_included_is_told_at_its_place(
    folder: Folder, files: dict[str, str | bytes], error: str
) -> None:
    main = V + '/include/ "b.dtsi"\n/ { };'
    assert folder.errors(main, **files)[0] == error.replace("{folder}", f"'{folder.path}'")


def test_a_folder_and_a_file_outside_are_not_included(folder: Folder) -> None:
    (folder.path / "b.dtsi").mkdir()
    assert folder.errors(V + '/include/ "b.dtsi"')[0].startswith("a.dts:2:1 file-kind cannot read")
    assert folder.errors(V + '/include/ "/etc/passwd"')[0].startswith(
        "a.dts:2:1 file-outside '/etc/passwd' lies outside"
    )


def test_the_word_alone_is_no_include(folder: Folder) -> None:
    assert folder.errors(V + "/ {\n/include/ b; };") == [
        "a.dts:3:1 syntax expected a property, a node or '}', found '/include/'"
    ]


def test_an_open_string_of_the_main_file_is_told_as_ever(folder: Folder) -> None:
    assert folder.errors(V + '/include/ "b.dtsi"\n/ { a = /* x', b_dtsi="")[0].startswith("a.dts:3:9 ")


def test_files_that_include_one_another_twice_come_to_an_end(folder: Folder) -> None:
    for number in range(40):
        (folder.path / f"f{number}").write_text(f'/include/ "f{number + 1}"\n' * 2)
    (folder.path / "f40").write_text("")
    start = time.process_time()
    assert (
        folder.errors(V + '/include/ "f0"\n/ { };')[0].split(" ", 1)[1]
        == "limit more than 10000 files are included"
    )
    assert time.process_time() - start < allowed(2)


def test_a_file_is_put_in_whole_or_in_part(folder: Folder) -> None:
    folder.write(b_bin=b"0123456789")
    tree = folder.load(
        V + '/ {\na = /incbin/("b.bin");\nb = <1>, /incbin/ ("b.bin", 3, (2 + 2)), [ff];\n'
        'c = /incbin/("b.bin", 8, 10);\nd = /incbin/("b.bin", 20, 1);\n};'
    )
    root = tree.root
    assert {name: root.raw(name) for name in root.properties} == {
        "a": b"0123456789", "b": b"\0\0\0\x013456\xff", "c": b"89", "d": b"",
    }  # fmt: skip
    assert str(root.cell_place("b", 1)) == f"{folder.path}/a.dts:4:10"


def test_a_file_that_can_not_be_put_in_is_told(folder: Folder) -> None:
    assert folder.errors(V + '/ {\na = /incbin/("b.bin");\nb = /incbin/("/etc/passwd");\nc = <09>;\n};') == [
        f"a.dts:3:14 include there is no file 'b.bin' (searched: '{folder.path}')",
        "a.dts:4:14 file-outside '/etc/passwd' lies outside the tree's folder and the -I folders: it is not opened; add -I /etc if it belongs to the tree",
        "a.dts:5:6 number bad number '09'",
    ]


def test_without_a_reach_there_are_no_files() -> None:
    with pytest.raises(InputError) as caught:
        parse_dts(Source("x", V + '/include/ "b" / { a = /incbin/("c"); };'))
    assert [finding.message for finding in caught.value.findings] == [
        "cannot include 'b': no other file can be read from here",
        "cannot read 'c': no other file can be read from here",
    ]
