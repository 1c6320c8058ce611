"""What the preprocessor makes of good text, in literal words."""

from __future__ import annotations

import pytest
from cpp_reading import expanded, words

from kvx_emu.errors import UsageError


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("#define N 2\na = <N>;", "a = <2>;"),
        ("#define N\n[N]", "[]"),
        ("#define N 1\n#undef N\nN", "N"),
        ("#undef N\nN", "N"),
        ("#define A B\n#define B C\nA", "C"),
        ("#define F(x) <x>\nF(1) F (2) F\n(3) F(\n 4\n) F F;", "<1> <2> <3> <4> F F;"),
        ("#define F(x) x\nF(F(F(1)))", "1"),
        ("#define F(x,y) y x\nF((1,2),(3)) F(,) F( , 4)", "(3) (1,2) 4"),
        ("#define F() f\nF() F( ) F", "f f F"),
        ("#define F(x) f\nF()", "f"),
        ("#define F(a /* , */, b) a-b\nF(1, 2)", "1 -2"),
        # What stands in strings, comments and numbers is no macro; what stands between marks is.
        ("#define A 1\n\"A\" 'A' 0xA 1.A A.B A-A @A,A", "\"A\" 'A' 0xA 1.A 1 .B 1 -1 @1,1"),
        ("#define A 1\nA /* A */ A // A\nA", "1 1 1"),
        ("#define A 1\nA/**/A", "1 1"),
        ("#define A 1\n\"it's\" A \"\\\"A\" A", "\"it's\" 1 \"\\\"A\" 1"),
        ("#define A 1\na-A A-A -A x@A", "a-1 1 -1 -1 x@1"),
        ("#define A 1\nit's A\nA", "it's A 1"),  # as cpp for assembler: the rest of the line is text
        # A macro is not expanded in its own expansion, nor ever what was met there.
        ("#define A A B\n#define B A C\nA B", "A A C A B C"),
        ("#define A (4 + A)\nA", "(4 + A)"),
        ("#define f(a) a*g\n#define g(a) f(a)\nf(2)(9)", "2*9*g"),
        ("#define x 3\n#define f(a) f(x * (a))\n#undef x\n#define x 2\n#define g f\n#define z z[0]\n"
         "#define h g(~\n#define m(a) a(w)\n#define w 0,1\n#define t(a) a\n"
         "f(y+1) + f(f(z)) % t(t(g)(0) + t)(1);\ng(x+(3,4)-w) | h 5) & m(f)^m(m);",
         "f(2 * (y+1)) + f(2 * (f(2 * (z[0])))) % f(2 * (0)) + t(1);"
         " f(2 * (2 +(3,4)-0,1)) | f(2 * (~ 5)) & f(2 * (0,1))^m(0,1);"),
        ("#define E\n#define f(x) [x]\nf E (1) E f(2) E", "f (1) [2]"),
        ("#define F(x) x\n#define BAR F(BAR)\n<BAR>", "<BAR>"),
        ("#define f g\n#define g(x) [x]\nf(1) f (2)", "[1] [2]"),
        ("#define o (\n#define f(x) [x]\n#define g f o\ng 1) f o 1)", "f ( 1) f ( 1)"),
        ("#define g f(\n#define f(x) [x]\ng 1) g 2)", "[1] [2]"),
        # The operators # and ##
        ("#define S(x) #x\nS(hello world) S( a  b ) S(\"x\\n\" '\"') S()",
         '"hello world" "a b" "\\"x\\\\n\\" \'\\"\'" ""'),
        ("#define S(x) #x\n#define X(x) S(x)\n#define N 4\nS(N) X(N) X(a N-1)", '"N" "4" "a 4-1"'),
        ("#define S(x) # x\nS(\\) S(a \\)", '"" "a "'),
        ("#define C(a,b) a##b\nC(x,1) C(,1) C(x,) C(,) C(<,<) C(-,1) C(@,x) C(/,/)", "x1 1 x << -1 @x / /"),
        ("#define A a ## b ## c\nA", "abc"),
        ("#define NODE(n, i) n##_die##i: n@i\n#define X(n, i) NODE(n, i)\n#define D 2\nX(cpu, D) { };",
         "cpu_die2: cpu@2 { };"),
        ("#define t(a,b,c) x a##b##c|a ## b|c##.\nt(,,) t(1,,) t(,2,) t(,,3) t(1,2,3)",
         "x | |. x 1|1|. x 2|2|. x 3| |3. x 123|12|3."),
        ("#define Q(a) a ## #a\nQ(x) Q()", 'x "x" ""'),
        ("#define A B\n#define AB 5\n#define C(a,b) a##b\nC(A,B) C(A,A) C(A,)", "5 AA B"),
        # Any number of arguments
        ("#define v(a,...) {a|__VA_ARGS__}\nv(1) v(1,) v(1,2) v(1,2, 3)", "{1|} {1|} {1|2} {1|2, 3}"),
        ("#define v(a,...) {a, ## __VA_ARGS__}\nv(1) v(1,) v(1,2,3)", "{1} {1,} {1,2,3}"),
        ("#define v(r...) {0, ## r|r}\nv() v(1, 2)", "{0|} {0,1, 2|1, 2}"),
        ("#define v(...) #__VA_ARGS__\nv(a, b , c)", '"a, b , c"'),
        # Lines that only look like directives are text, and so are dtc's own.
        ("#define N 2\n#address-cells = <N>;\n# N-cells\n#N", "#address-cells = <2>; # 2 -cells #2"),
        ("#define P(n) #n-cells = <1>;\n#define T(n) #address-cells = <n>;\nT(3)", "#address-cells = <3>;"),
        ("#define F(x) [x]\nF(\n#size-cells = <1>;\n)", "[#size-cells = <1>;]"),
        ("#define N 2\n/include/ \"N\"\n/bits/ N <N>", '/include/ "N" /bits/ 2 <2>'),
        ("#define N 1\n#\n# // nothing\n#/* nothing */\n#pragma x\n#ident \"x\"\nN", "1"),
        ("#define N 1\n/* a */ #N", "#1"),
        ("/* a */ # /* b */ define /* c */ N /* d\n e */ 1 /* f */\nN", "1"),
        ("x /*\n*/ #define N 1\nN", "x #define N 1 N"),
        # Spliced lines
        ("#define N 1 \\\n + 2\n<N> N\\\nN", "<1 + 2> NN"),
        ("#define N 1 \\  \r\n + 2\r\n<N>\r\n", "<1 + 2>"),
        ("// a \\\n N\n#define N 1\nN", "1"),
        ("__DTS__ __ASSEMBLER__ __linux__ linux __STDC__", "1 1 __linux__ linux __STDC__"),
        ("__LINE__\n__LINE__ __FILE__ __BASE_FILE__ __INCLUDE_LEVEL__", '1 2 "b.dts" "b.dts" 0'),
        ("#define L __LINE__\n#line 7\nL\n#line 9 \"a\\\"b\"\nL __FILE__", '7 9 "a\\"b"'),
        ("#define C __COUNTER__ __COUNTER__\nC C", "0 1 2 3"),
        ("#define N 1\n#define F(x) x x\n#include_me\nF(\n#ifdef N\nN\n#else\n2\n#endif\n)",
         "#include_me 1 1"),
        ("#define F(x) x\nF\n#define N 1\n(N)", "F (1)"),
        ("#define F(x) [x]\nF(1\n#define N 2\nN)", "[1 2]"),
        ("#define N é\nN éNé", "é ééé"),
    ],
)  # fmt: skip
def test_macros_are_replaced_as_cpp_replaces_them(text: str, result: str) -> None:
    assert words(text) == result


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ("1", True),
        ("0", False),
        ("UNKNOWN", False),
        ("N", True),
        ("N == 2 && M", False),
        ("defined N", True),
        ("defined(N) && !defined ( M )", True),
        ("defined M || defined(__DTS__)", True),
        ("HAS_N", True),
        ("defined __FILE__ && defined(__has_include)", True),
        ("1 + 2 * 3 == 7", True),
        ("(1 + 2) * 3 == 9", True),
        ("10 - 2 - 3 == 5", True),
        ("100 / 10 / 2 == 5 && 7 % 4 == 3", True),
        ("-7 / 2 == -3 && -7 % 2 == -1 && 7 / -2 == -3", True),
        ("1 << 2 << 1 == 8 && -8 >> 1 == -4", True),
        ("1 << 64 == 0 && 1 << 1000000000000 == 0 && -1 >> 99 == -1 && 8 << -2 == 2 && 2 >> -2 == 8", True),
        ("(6 & 3) == 2 && (6 | 3) == 7 && (6 ^ 3) == 5 && ~0 == -1", True),
        ("6 & 3 == 2", False),
        ("-1 < 0 && -1 > 0u && -1 == 0xffffffffffffffff", True),
        ("0x7fffffffffffffff + 1 < 0", True),
        ("0xffffffffffffffff > 0 && 0x8000000000000000 / 2 == 0x4000000000000000", True),
        ("-9223372036854775807 - 1 < 0", True),
        ("010 == 8 && 0b101 == 5 && 0x1F == 31 && 1UL == 1ll && 1LLU == 1", True),
        ("1 ? 0 : 1", False),
        ("0 ? 1/0 : 1 ? 2 : 1/0", True),
        ("(1 ? -1 : 0u) > 0", True),
        ("0 && 1/0 || 1", True),
        ("1 || 1/0 + 1 % 0", True),
        ("!!3 == 1 && - -1 == 1 && !+0", True),
        ("(1, 0)", False),
        ("'A' == 65 && '\\n' == 10 && '\\x41' == 65 && '\\101' == 65 && '\\'' == 39 && '\\q' == 'q'", True),
        ("'ab' == 0x6162 && '\\xff' == -1 && 'é' == 50089", True),
        ("F(2)", True),
        ("F(2) - 2", False),
        ("__LINE__ > 3", True),
        ("1 >= 1 && 1 <= 1 && 2 != 1 && 2 > 1 && 1 < 2", True),
    ],
)
def test_a_condition_is_an_expression_of_64_bits(condition: str, holds: bool) -> None:
    head = "#define N 2\n#define F(x) x\n#define HAS_N defined(N)\n"
    assert words(f"{head}#if {condition}\nyes\n#else\nno\n#endif") == ("yes" if holds else "no")


def test_a_macro_within_a_macro_may_be_asked_for() -> None:
    assert words("#define I(x) x\n#if I(defined I) && !I(defined(N))\nyes\n#endif") == "yes"


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("#ifdef N\na\n#endif\nb", "b"),
        ("#ifndef N\na\n#endif\nb", "a b"),
        ("#ifdef __DTS__ extra\na\n#else extra\nb\n#endif extra", "a"),
        ("#ifdef __LINE__\n#ifdef __has_include\na\n#endif\n#endif", "a"),
        ("#if 0\na\n#elif 1\nb\n#elif 1/0\nc\n#else\nd\n#endif", "b"),
        ("#if 0\na\n#elif 0\nb\n#else\nc\n#endif\nd", "c d"),
        ("#if 1\na\n#elif\nb\n#endif", "a"),
        ("#if 0\n#elifdef __DTS__\na\n#endif\n#if 0\n#elifndef __DTS__\nb\n#else\nc\n#endif", "a c"),
        # What does not count is only looked at for its conditions.
        ("#if 0\n#iffy\n#if 1/0\n#elif (\n#error x\n#include <a>\n#else\n#endif x\nit's\n#define N 1\n"
         "#foo\n#endif\nN",
         "N"),
        ("#if 0\n/*\n#endif\n*/\n\"/*\"\n'\n# /* */ endif\na", "a"),
        ("#if 0 // x\n#elif 1 /* y\n z */\na\n#endif", "a"),
        ("#if 1\n#if 0\n#else\na\n#endif\n#else\nb\n#endif", "a"),
    ],
)  # fmt: skip
def test_conditions_choose_what_is_read(text: str, result: str) -> None:
    assert words(text) == result


def test_text_without_work_stays_as_it_is() -> None:
    text = '/dts-v1/; // a\n/ { #address-cells = <1>; /* it\'s */ a = "/* \\" */";\n b = "x\n// y"; };\n'
    result = expanded(text, {"OTHER": "1"})
    assert result.text == text
    assert result.place(10) == ("b.dts", 1, 11, "/dts-v1/; // a", None, None)
    assert result.definition(10) is None
    assert expanded("").text == ""
    assert expanded("#address-cells\n").text == "#address-cells\n"


def test_macros_come_from_the_command_line() -> None:
    defines = {"N": "5", "F(x)": "<x>", "EMPTY": "", "__DTS__": "2"}
    assert words("N F(1) [EMPTY] __DTS__", defines) == "5 <1> [] 2"
    assert expanded("N", {"N": "5"}).definition(0) is None  # no place in a file


@pytest.mark.parametrize(
    "name", ["", "1", "a b", "a-b", "F(", "F(x", "F(x) y", "a(", "defined", "N\nM", "__LINE__"]
)
def test_a_bad_name_on_the_command_line_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="cannot define"):
        expanded("", {name: "1"})
    with pytest.raises(UsageError, match="cannot define"):
        expanded("", {"A": "1\n2"})
    with pytest.raises(UsageError, match="stands at an end of macro A"):
        expanded("", {"A": "## 1"})


def test_another_definition_is_warned_of_and_counts() -> None:
    result = expanded("#define A 1\n#define A  1 // same\n  #define A 2\nA\n#define F(x) x+x\n"
                      "#define F(x) x  + x\n#define F(y) x\n#define F(x, ...) x\n"
                      "#define __DTS__ 3")  # fmt: skip
    assert result.text.split() == ["2"]
    assert [(f.severity, f.code, f.message, f.place.line, f.place.column) for f in result.warnings] == [
        ("warning", "cpp-macro", "macro A is defined again, not as at b.dts:2:9", 3, 11),
        ("warning", "cpp-macro", "macro F is defined again, not as at b.dts:5:9", 6, 9),
        ("warning", "cpp-macro", "macro F is defined again, not as at b.dts:6:9", 7, 9),
        ("warning", "cpp-macro", "macro F is defined again, not as at b.dts:7:9", 8, 9),
        ("warning", "cpp-macro", "macro __DTS__ is defined again, not as on the command line", 9, 9),
    ]


def test_a_warning_of_the_text_is_told() -> None:
    result = expanded("#warning  old tree \nx")
    assert [(f.severity, f.code, f.message, f.place.line) for f in result.warnings] == [
        ("warning", "cpp-warning", "#warning old tree", 1)
    ]
    assert result.text == "x\n"


def test_a_text_of_any_encoding_passes() -> None:
    text = "#define A 1\n\udce9 A \ufffd\0 \U0001f600"
    assert words(text) == "\udce9 1 \ufffd\0 \U0001f600"
