"""What is wrong with directives and macros is told at its place, all at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from cpp_reading import from_file, told, words, wrong

from kvx_emu.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("a\n#if 1\nb", "2:1 cpp-condition this #if is never closed: expected #endif"),
        ("#if 0\nb", "1:1 cpp-condition this #if is never closed: expected #endif"),
        ("#ifdef A\n#else\n", "1:1 cpp-condition this #ifdef is never closed: expected #endif"),
        ("\n  #endif", "2:3 cpp-condition #endif without #if"),
        ("#else", "1:1 cpp-condition #else without #if"),
        ("#elif 1", "1:1 cpp-condition #elif without #if"),
        ("#if 1\n#else\n#else\n#endif", "3:1 cpp-condition #else after the #else of line 2"),
        ("#if 0\n#else\n#elif 1\n#endif", "3:1 cpp-condition #elif after the #else of line 2"),
        ("#if 0\n#if 0\n#else\n#else\n#endif\n#endif", "4:1 cpp-condition #else after the #else of line 3"),
        ("#ifdef\n#endif", "1:1 cpp-condition expected the name of a macro, found the end of the line"),
        ("#ifndef 1\n#endif", "1:1 cpp-condition expected the name of a macro, found '1'"),
        ("#if\n#endif", "1:1 cpp-condition expected an expression, found the end of the line"),
        ("#if 0\n#elif\n#endif", "2:1 cpp-condition expected an expression, found the end of the line"),
        ("#if 1/0\n#endif", "1:1 cpp-condition division by zero in the condition"),
        ("#if 5 % (1 - 1)\n#endif", "1:1 cpp-condition division by zero in the condition"),
        ("#if (1\n#endif", "1:1 cpp-condition in the condition: expected ')', found the end of the line"),
        ("#if 1)\n#endif", "1:1 cpp-condition in the condition: expected an operator, found ')'"),
        ("#if 1 2\n#endif", "1:1 cpp-condition in the condition: expected an operator, found '2'"),
        ("#if 1 +\n#endif",
         "1:1 cpp-condition in the condition: expected a value, found the end of the line"),
        ("#if * 1\n#endif", "1:1 cpp-condition in the condition: expected a value, found '*'"),
        ("#if \"a\"\n#endif", "1:1 cpp-condition in the condition: expected a value, found '\"a\"'"),
        ("#if 1 ? 2\n#endif",
         "1:1 cpp-condition in the condition: expected ':' of the '?', found the end of the line"),
        ("#if V(2)\n#endif",
         "1:1 cpp-condition in the condition: expected an operator, found '(': is macro V not defined?"),
        ("#if 09\n#endif", "1:1 cpp-condition in the condition: '09' is no integer"),
        ("#if 1.5\n#endif", "1:1 cpp-condition in the condition: '1.5' is no integer"),
        ("#if 1ulu\n#endif", "1:1 cpp-condition in the condition: '1ulu' is no integer"),
        ("#if 0x10000000000000000\n#endif",
         "1:1 cpp-condition in the condition: '0x10000000000000000' does not fit 64 bits"),
        ("#if ''\n#endif", "1:1 cpp-condition in the condition: empty character literal"),
        ("#if 'a\n#endif", "1:1 cpp-condition in the condition: expected a value, found ''a'"),
        ("#if defined\n#endif",
         "1:1 cpp-condition expected a name after 'defined', found the end of the line"),
        ("#if defined(A\n#endif",
         "1:1 cpp-condition expected ')' after 'defined(A', found the end of the line"),
        ("#if __has_include\n#endif",
         "1:1 cpp-condition expected '(' after '__has_include', found the end of the line"),
        ("#if __has_include(<a>\n#endif",
         "1:1 cpp-condition this '__has_include(' is never closed: expected ')'"),
        ("#if __has_include(a)\n#endif", "1:1 cpp-include expected \"file\" or <file>, found 'a'"),
        ("#error  no  such board \nx", "1:9 cpp-error #error no  such board"),
        ("#error", "1:7 cpp-error #error"),
        ("#include", "1:9 cpp-include expected \"file\" or <file>, found the end of the line"),
        ("#include x", "1:10 cpp-include expected \"file\" or <file>, found 'x'"),
        ("#include <x", "1:10 cpp-include expected \"file\" or <file>, found '< x'"),
        ("#include \"\"", "1:10 cpp-include expected the name of a file, found none"),
        ("#include \"none.h\"", "1:10 cpp-include cannot find 'none.h': looked in '.'"),
        ("#include <none.h>",
         "1:10 cpp-include cannot find 'none.h': <> looks in the -I folders, and there are none"),
        ("#include_next <a>", "1:15 cpp-directive #include_next is not supported: expected #include"),
        ("#line", "1:6 cpp-directive expected a line number after #line, found the end of the line"),
        ("#line -1", "1:7 cpp-directive expected a line number after #line, found '-'"),
        ("#line 99999999999", "1:7 cpp-directive expected a line number after #line, found '99999999999'"),
        ("#line 1 x", "1:7 cpp-directive expected a file name after #line 1, found 'x'"),
        ("# 1 \"a\\0b\"", "1:1 cpp-directive a NUL in the name of a file"),
        ("#define", "1:8 cpp-macro expected the name of a macro after #define, found the end of the line"),
        ("#define 1", "1:9 cpp-macro expected the name of a macro after #define, found '1'"),
        ("#define \x01" + "é" * 50, "1:9 cpp-macro expected the name of a macro after #define, found "
         + ascii("\x01" + "é" * 39 + "...")),
        ("#define defined 1",
         "1:9 cpp-macro 'defined' cannot be defined: the preprocessor gives it a meaning"),
        ("#define __FILE__ 1",
         "1:9 cpp-macro '__FILE__' cannot be defined: the preprocessor gives it a meaning"),
        ("#undef", "1:7 cpp-macro expected the name of a macro after #undef, found the end of the line"),
        ("#undef 1", "1:8 cpp-macro expected the name of a macro after #undef, found '1'"),
        ("#undef __LINE__",
         "1:8 cpp-macro '__LINE__' cannot be undefined: the preprocessor gives it a meaning"),
        ("#define F(", "1:9 cpp-macro in the parameters of macro F: expected a name, '...' or ')', "
         "found the end of the line"),
        ("#define F(a b) a",
         "1:9 cpp-macro in the parameters of macro F: expected a name, '...' or ')', found 'b) a'"),
        ("#define F(a,) a",
         "1:9 cpp-macro in the parameters of macro F: expected a name, '...' or ')', found ') a'"),
        ("#define F(,a) a",
         "1:9 cpp-macro in the parameters of macro F: expected a name, '...' or ')', found ',a) a'"),
        ("#define F(..., a) a", "1:9 cpp-macro in the parameters of macro F: expected ')', found ', a) a'"),
        ("#define F(a, a) a", "1:9 cpp-macro parameter 'a' of macro F stands twice"),
        ("#define A ## b", "1:9 cpp-macro '##' stands at an end of macro A: it joins two tokens"),
        ("#define F(a) a ##", "1:9 cpp-macro '##' stands at an end of macro F: it joins two tokens"),
        ("#define F(a, b) a b\nx F(1)", "2:3 cpp-macro macro F takes 2 arguments, 1 given"),
        ("#define F(a) a\nF(1, 2,3)", "2:1 cpp-macro macro F takes 1 argument, 3 given"),
        ("#define F() a\nF(1)", "2:1 cpp-macro macro F takes 0 arguments, 1 given"),
        ("#define F(a, b, ...) a\nF(1)", "2:1 cpp-macro macro F takes at least 2 arguments, 1 given"),
        ("#define F(a) a\n#define G F(1, 2)\n[G]", "3:2 cpp-macro macro F takes 1 argument, 2 given"),
        ("#define F(a) a\n b F(1\n (2)", "2:4 cpp-macro this call of macro F is never closed: expected ')'"),
        ("#define F(a) a\n#define G F(\nF(G)",
         "3:1 cpp-macro this call of macro F is never closed: expected ')'"),
        ("#define F(a) a\nF(\n#include \"a.h\"\n)",
         "3:1 cpp-directive #include within the arguments of a macro call"),
        ("#define A 1\na /* b", "2:3 comment this comment is never closed: expected '*/'"),
        ("#define A 1 /* b\n", "1:13 comment this comment is never closed: expected '*/'"),
        ("#if 0\n/* b\n#endif\n", "2:1 comment this comment is never closed: expected '*/'"),
        ("#define F(x) x\nF(/* b)\n", "2:3 comment this comment is never closed: expected '*/'"),
    ],
)  # fmt: skip
def test_an_error_has_its_place_and_says_what_was_expected(text: str, error: str) -> None:
    assert wrong(text) == [error]


def test_all_errors_of_a_file_are_told() -> None:
    text = """#include "a.h"
#error first
#if 1/0
#endif
#define F(x) x
F(1, 2) F(3)
#else
#ifdef A
#error not read
#endif
#if 1
"""
    assert [line.split(" ")[:2] for line in wrong(text)] == [
        ["1:10", "cpp-include"],
        ["2:8", "cpp-error"],
        ["3:1", "cpp-condition"],
        ["6:1", "cpp-macro"],
        ["7:1", "cpp-condition"],
        ["11:1", "cpp-condition"],
    ]


def test_a_call_goes_on_after_a_wrong_one() -> None:
    text = "#define F(x) x\n#define G(x) F(x, F(x, 1))\nG(2) G(3)\nF(4)"
    assert [line.split(" ")[0] for line in wrong(text)] == ["3:1", "3:6"]
    assert words("#define F(x) x\n#define G F\nG(4) F(5)") == "4 5"


def test_errors_of_included_files_tell_the_way_to_them(tmp_path: Path) -> None:
    (tmp_path / "a.dts").write_text('\n#include "b.h"\n#include <d.h>\n')
    (tmp_path / "b.h").write_text('#include "c.h"\n#if 1\n')
    (tmp_path / "c.h").write_text("#define F(x) x\n#error x\n#warning w\nF(1")
    folder = str(tmp_path)
    with pytest.raises(InputError) as caught:
        from_file(tmp_path / "a.dts", [f"{folder}/i", folder])
    chain = f"(included from {folder}/b.h:1, from {folder}/a.dts:2)"
    assert [(f.place.path.removeprefix(f"{folder}/"), f.message) for f in caught.value.findings] == [
        ("c.h", f"#error x {chain}"),
        ("c.h", f"this call of macro F is never closed: expected ')' {chain}"),
    ]
    (tmp_path / "c.h").write_text("")
    with pytest.raises(InputError) as caught:
        from_file(tmp_path / "a.dts", [f"{folder}/i", folder])
    assert told(caught.value) == [
        f"3:10 cpp-include cannot find 'd.h': looked in '{folder}/i', '{folder}'",
        f"2:1 cpp-condition this #if is never closed: expected #endif (included from {folder}/a.dts:2)",
    ]


def test_an_included_file_of_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.dts").write_text('#include "b.h"\n#include "c"\n')
    (tmp_path / "b.h").write_bytes("é".encode("utf-16"))
    (tmp_path / "c").mkdir()
    with pytest.raises(InputError) as caught:
        from_file(tmp_path / "a.dts")
    assert told(caught.value) == [
        f"2:10 file-kind cannot read '{tmp_path}/c': not a regular file: it is a directory",
        "1:1 encoding the text is UTF-16; expected UTF-8",
    ]
