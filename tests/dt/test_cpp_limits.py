"""No text keeps the preprocessor long, fills the memory or the stack; what is too much is one error."""

from __future__ import annotations

import time

import pytest
from cpp_reading import expanded, words, wrong
from dt_reading import allowed

from kvx_emu.errors import InputError
from kvx_emu.limits import LIMITS

FEW = LIMITS._replace(macro_tokens=200_000, tree_text=1 << 22)  # that the tests may be short


def chain(first: str, body: str, levels: int = 8) -> str:
    """`A0` defined as `first`, and each further macro by the one before, which `body` calls `@`."""
    return f"#define A0 {first}\n" + "".join(
        f"#define A{level} {body.replace('@', f'A{level - 1}')}\n" for level in range(1, levels + 1)
    )


def calls(levels: int) -> str:
    """Macros with an argument, each with ten of the one before."""
    lines = [f"#define F{level}(x) " + f"F{level - 1}(x) " * 10 for level in range(1, levels + 1)]
    return "\n".join(["#define F0(x) x x x x x", *lines, f"F{levels}(1)"])


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (chain("1", "@ " * 10) + "x A8", "10:3 cpp-limit macros expand to more than 200000 tokens"),
        (chain("x y z", "@ " * 10) + "A8", "10:1 cpp-limit macros expand to more than 200000 tokens"),
        (calls(8), "10:1 cpp-limit macros expand to more than 200000 tokens"),
        ("#define F(x) x x\n" + "F(" * 60 + "1" + ")" * 60,
         "2:1 cpp-limit macros expand to more than 200000 tokens"),
        ("#define F(x) x\n" + "F(" * 300 + "1" + ")" * 300,
         "2:1 cpp-limit macro calls are nested more than 64 deep"),
        ("#define D(x) E(x)\n#define E(x) x##x\n" + "D(" * 40 + "q" + ")" * 40,
         "3:1 cpp-limit macros make tokens of more than 4194304 characters"),
        ("#define S(x) T(x)\n#define T(x) #x\n" + "S(" * 40 + "'\"'" + ")" * 40,
         "3:1 cpp-limit macros make tokens of more than 4194304 characters"),
        ("#define F(...) __VA_ARGS__\n a F(" + "," * 100000 + ")",
         "2:4 cpp-limit macros expand to more than 200000 tokens"),
        ("#define F(x) x\nF(" + " F(1" * 20000,
         "2:1 cpp-macro this call of macro F is never closed: expected ')'"),
        ("#define F(x) x\nF(" + "((" * 110000, "2:1 cpp-limit macros expand to more than 200000 tokens"),
        ("#if " + "(" * 100 + "\n#endif", "1:1 cpp-limit the condition is nested more than 64 deep"),
        ("#if " + "1?" * 100 + "\n#endif", "1:1 cpp-limit the condition is nested more than 64 deep"),
        ("#if " + "1?1:" * 100 + "1\n#endif", "1:1 cpp-limit the condition is nested more than 64 deep"),
        ("#if " + "1+" * 2500 + "1\n#endif", "1:1 cpp-limit the condition has more than 5000 tokens"),
        ("#if " + "9" * 100000 + "\n#endif",
         f"1:1 cpp-condition in the condition: '{'9' * 40}...' does not fit 64 bits"),
    ],
)  # fmt: skip
def test_what_asks_for_too_much_is_refused_soon(text: str, error: str) -> None:
    start = time.process_time()
    assert error in wrong(text, FEW)
    assert time.process_time() - start < allowed(2)


@pytest.mark.parametrize(
    "text",
    [
        "".join(f"#define A{level + 1} A{level}\n" for level in range(30000)) + "A30000",
        "".join(f"#define A{level + 1}(x) A{level}(x)\n" for level in range(15000)) + "A15000(3)",
        "#define F 1\n" + "F " * 50000,
        "#define F 1\n" + "-F" * 50000,
        "#define F(x) x\n" + "F(1)" * 50000,
        "#define F(x) x\n" + "F\n\n" * 50000,
        "#define F(x) x\n" + "F " + "\n" * 250000,
        "#define A 1\n" + '" ' * 125000,
        "#define A 1\n" + "'\n" * 125000,
        "#define A 1\n" + "/**/" * 62500,
        "#define A 1\n" + "/**/\n" * 50000,
        "#define A 1\n" + "/*/ " * 62500 + "*/",
        "#define A 1\n" + "/" * 250000,
        "#define A 1\n" + "#a\n" * 75000,
        "#define A 1\n" + " " * 250000,
        "#define A 1\n#undef A\n" * 10000,
        "#define A \\\n" + "x \\\n" * 62500 + "\nA",
        "#\n" * 125000,
        "a\\\n" * 75000,
        "#if 0\n" + "#elif 0\n" * 30000 + "#endif",
        "#if " + "!" * 4990 + "1\n#endif",
        "#if 0\n" + "'\n" * 50000 + "/* */ \"\n" * 25000 + "#endif",
        "# 1 \"f\"\nx\n" * 15000,
        "#line 5\n" * 25000,
    ],
)  # fmt: skip
def test_what_is_only_long_is_read_soon(text: str) -> None:
    start = time.process_time()
    expanded(text)
    assert time.process_time() - start < allowed(2)


def test_the_billion_laughs_are_refused_within_two_seconds() -> None:
    start = time.process_time()
    for first in ("1", "x y z"):
        assert wrong(chain(first, "@ " * 10) + "A8") == [
            "10:1 cpp-limit macros expand to more than 2000000 tokens"
        ]
    assert time.process_time() - start < allowed(2)


def test_mutual_recursion_ends() -> None:
    assert words("#define f(x) f(f(x)) g(x)\n#define g(x) f(x) g(g(x))\nf(1)")
    assert words("#define A B A B\n#define B A B A\nA") == "A B A A A B A"


def test_the_preprocessed_text_is_bounded() -> None:
    limits = LIMITS._replace(tree_text=1000)
    text = "#define A 1234567890\n" + "A" + " A" * 100
    assert wrong(text, limits) == ["2:182 cpp-limit the preprocessed text is larger than 1000 characters"]


def test_findings_are_bounded() -> None:
    with pytest.raises(InputError) as caught:
        expanded("#error x\n" * 100000)
    assert caught.value.findings[-1].code == "too-many"
    result = expanded("#warning x\n" * 3000)
    assert result.warnings[-1].code == "too-many"
    assert len(result.warnings) < 1100


def test_a_limit_ends_the_reading() -> None:
    text = chain("1", "@ " * 10) + "A8\n#error not read\nA8"
    assert wrong(text, FEW) == ["10:1 cpp-limit macros expand to more than 200000 tokens"]
