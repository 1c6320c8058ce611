"""The preprocessor leaves the same words as GNU cpp, where that is installed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
import test_cpp_text
from cpp_reading import expanded, from_file, gnu, words
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kvx_emu.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

# What we do otherwise than cpp, each on purpose.
OTHERWISE = (
    "__STDC__",  # nothing is known of a compiler
    "__BASE_FILE__",  # the main file has another name there
    "#line",  # as __FILE__
    "# 40",  # line marks are followed, for cpp leaves them to dtc
    "#size-cells = <1>;\n)",  # a text line within arguments: cpp stumbles
)

PIECES = ["A", "B", "C", "F(", "G(", "H(", "F", "G", ")", "(", ",", "x", "y", "1", "0x2f", "2.e+", "-", "+",
          "<", ">", "/", "@", ".", "&", "##", " ", "  ", "/* c */", ";", "=", "{", ":", "\\", '"', "_", "foo",
          "__VA_ARGS__", '"s t"', "'c'"]  # fmt: skip


@st.composite
def soups(draw: st.DrawFn) -> str:
    """Definitions and uses of macros, and conditions about them."""

    def soup(most: int, more: tuple[str, ...] = ()) -> str:
        return "".join(draw(st.lists(st.sampled_from([*PIECES, *more, *more, *more]), max_size=most)))

    lines = []
    for _ in range(draw(st.integers(1, 6))):
        name = draw(st.sampled_from("ABCFGH"))
        if name in "ABC":
            lines.append(f"#define {name} {soup(8)}")
        else:
            params = draw(st.lists(st.sampled_from("xyz"), max_size=2, unique=True))
            rest = draw(st.sampled_from(["", "...", "v..."]))
            names = (*params, *(["__VA_ARGS__", "v"] if rest else []))
            quoted = tuple("#" + param for param in params)
            lines.append(
                f"#define {name}({', '.join([*params, *filter(None, [rest])])}) {soup(8, (*names, *quoted))}"
            )
        if draw(st.booleans()):
            lines.append(soup(8))
        if draw(st.integers(0, 9)) == 0:
            lines.append("#undef " + draw(st.sampled_from("ABCFGH")))
        if draw(st.integers(0, 4)) == 0:
            word = draw(st.sampled_from(["#ifdef A", "#ifndef B", "#if defined A && !defined(B)"]))
            lines += [word, soup(5), "#else", soup(5), "#endif"]
    lines += [soup(14) for _ in range(draw(st.integers(1, 4)))]
    return "\n".join(lines) + "\n"


# The same soups each time: now and then a drawn one redefines a macro inside a call of it, which is undefined
# in C and which we answer otherwise than GNU cpp.
@settings(max_examples=300, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(soups())
def test_macro_soups_leave_the_same_words(text: str) -> None:
    expected = gnu(text.encode())
    try:
        result = expanded(text)
    except InputError:
        assert expected is None
        return
    assert result.text.split() == expected
    for position in range(len(result.text)):
        place = result.place(position)
        assert place.path == "b.dts"
        assert 1 <= (place.line or 0) <= text.count("\n") + 1


def test_the_words_of_these_tests_are_those_of_gnu_cpp() -> None:
    checked = 0
    for test in (
        test_cpp_text.test_macros_are_replaced_as_cpp_replaces_them,
        test_cpp_text.test_conditions_choose_what_is_read,
    ):
        for text, result in test.pytestmark[0].args[1]:  # type: ignore[attr-defined]
            if not any(part in text for part in OTHERWISE):
                assert gnu(text.encode()) == result.split(), text
                checked += 1
    assert checked > 60


@pytest.mark.parametrize("count", range(3))
def test_conditions_hold_as_in_gnu_cpp(count: int) -> None:
    cases = test_cpp_text.test_a_condition_is_an_expression_of_64_bits.pytestmark[0].args[1]  # type: ignore[attr-defined]
    lines = ["#define N 2", "#define F(x) x", "#define HAS_N defined(N)"]
    lines += [
        f"#if {condition}\n{number}\n#endif"
        for number, (condition, _) in enumerate(cases)
        if number % 3 == count
    ]
    text = "\n".join(lines)
    assert gnu(text.encode()) == words(text).split()


def test_the_linux_trees_leave_the_same_words(shared: Path) -> None:
    folder = shared / "linux"
    for line in (folder / "LIST").read_text().split():
        path = folder / "src" / line
        text = from_file(path, [str(folder / "include")]).text
        if not re.search(r"^[ \t]*#[ \t]*include", path.read_text(), re.MULTILINE):
            text = re.sub(r"/\*(?s:.*?)\*/|//.*", " ", text)  # a text without work keeps its comments
        expected = gnu(path.read_bytes(), "-I", str(folder / "include"), cwd=path.parent)
        assert text.split() == expected, line
