# ruff: noqa: E501 - texts a line
"""A token-mutation fuzz of the reader of source against dtc.

    python tests/dt/fuzz_source.py --seconds 60 --seed 1

Every mutant of a good tree is given to both. They have to agree on the verdict, and where both accept it on
the meaning of the blob, or differ for a listed reason. A crash or a time-out of dtc is no verdict.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import shutil
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from dt_reading import differences

from kvx_emu.dt.dts import parse_dts
from kvx_emu.dt.source import decode
from kvx_emu.dt.tree import Tree
from kvx_emu.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

_ROOT = Path(__file__).resolve().parents[2]
SLOWEST = 2.0  # seconds for one mutant

# What dtc accepts and we refuse on purpose, by what our message says.
STRICTER = {
    "nested more than 100 deep": "the limit of depth",
    "expected 255 at most": "the limit of names",
    "an expression has more than 5000": "the limit of expressions",
    "the root node is deleted": "dtc writes a blob without any node, which libfdt refuses",
    "refers to nodes of its base by their labels alone": "dtc 1.8.1 refuses it as well: a fixup needs a label",
    # dtc's lexer ends a number where its digits end, even inside a word that is followed by a colon.
    "expected a number or '>', found ':'": "a number and a label without a space between them",
}
# What dtc 1.6.1 refuses and we accept on purpose, by what its message says.
LATER = {
    "Label-relative": "a reference such as &{label/path}, which is newer",
    '"name" property is incorrect': "dtc checks a name property that was deleted with its node",
}

_TOKENS = re.compile(
    r"""(?xs) /\*.*?\*/ | //[^\n]* | "(?:[^"\\]|\\.)*" | '(?:[^'\\]|\\.)*' | &\{[^}]*\} | &\w+
    | /[a-z][a-z0-9-]*/ | [A-Za-z_]\w*: | [\w,.+*?@#-]+ | \s+ | <<|>>|<=|>=|==|!=|&&|\|\| | ."""
)
# What hostile texts are made of, put in where it does not belong.
_WORDS = [
    *"{};<>[]()=,/+-*%&|^~!?:", "<<", ">>", "&&", "||", "==", "!=", "<=", ">=",
    "/dts-v1/;", "/plugin/;", "/bits/ 8", "/bits/ 16", "/bits/ 64", "/delete-node/", "/delete-property/",
    "/omit-if-no-ref/", "a", "n", "l:", "m:", "&l", "&m", "&{/}", "&{/n}", "0", "1", "0x", "0xffffffff",
    "0x100000000", "0xffffffffffffffff", "09", "010", "1U", "2UL", "3ULL", "1U2", "1x", "'a'", "'\\n'", "''", "'ab'",
    '"s"', '"\\x41\\n\\0"', '"', "'", "[00 ff]", "[0 1]", "[0a0b]", "</* c */ 1>", "// c\n", "/* c */", "\\a",
]  # fmt: skip
# Statements of a node.
_STATEMENTS = [
    "n { };", "l: n { };", "n { a = <1>; };", "m: n { b; a = <&l>; };", "n@1 { n { }; };", "/omit-if-no-ref/ l: n { a; };",
    "/delete-node/ n;", "/delete-property/ a;", "a = <1>;", "a;", "l: a = <2>;", "b = <&l>;", "b = &l, <&{/}>;",
    "a = <&m 1>, [01 m: 02];", "phandle = <1>;", "phandle = <&l>;", "linux,phandle = <2>;", 'name = "n";', 'name = "x";',
    "c = <(1 + 2 * 3) (7 % 4 - 9)>;", "c = <(1 ? 2 : 3 ? 4 : 5)>;", "c = <(1 << 63 >> 62) (1 << 64)>;", "c = <(-1) (!1) (~0)>;",
    "c = <(~0 & 0xff ^ 3 | 1 << 8)>;", "c = <(1 / 0)>;", "c = <(1 == 1 && 2 > 1 || !3) (4 <= 3 != 1)>;", "c = <(0x100000000)>;",
    "c = /bits/ 8 <1 'a' (-1)>;", "c = /bits/ 16 <0x1234 0xffffffffffffffff>, <1>;", "c = /bits/ 64 <(1 << 40) 2>;", "c = /bits/ 8 <256>;",
    'd = "a\\x41\\101\\"", [0a0b0C], &{/};', "d = m: <l: 1>, m2: [l2: 01];", "#size-cells = <1>;", "fragment@0 { };",
    "__fixups__ { };", "__local_fixups__ { };", "cpus { c@0 { reg = <7>; }; };",
]  # fmt: skip
# Statements of a file.
_BLOCKS = [
    "/ { a; };", "/ { n { a; b; }; };", "/ { n { n { }; }; l: n { c; }; };", "/ { /delete-node/ n; n { }; };",
    "/ { /delete-property/ a; a = <1>; };", "&l { a; n { }; };", "m: &l { b = <&l>; };", "&{/n} { a = <3>; };",
    "&m { l: n { phandle = <&l>; }; };", "/delete-node/ &l;", "/delete-node/ &{/n};", "/omit-if-no-ref/ &l;", "&{/} { m: n { }; };",
]  # fmt: skip
_HEADS = [
    "/memreserve/ 1 2;",
    "l: /memreserve/ (1 + 2) 0xffffffffffffffff;",
    "/plugin/;",
    "/dts-v1/;",
    "/dts-v1/; /plugin/;",
]


_BY_HAND = re.compile("/?__(?:local_)?fixups__")
# The preprocessor's, or another file's.
_ELSEWHERE = re.compile(r"/include/|/incbin/|^\s*#\s*(?:include|define|line|\d)|\0", re.MULTILINE)


class Verdict(NamedTuple):
    """What one reader says of a text: a blob, or why not."""

    blob: bytes | None
    message: str


def dtc(text: bytes, program: str) -> Verdict | None:
    """The verdict of dtc; None if it has none, because it crashes or does not end."""
    command = [program, "-q", "-I", "dts", "-O", "dtb"]
    try:
        done = subprocess.run(command, input=text, capture_output=True, timeout=10, check=False)
    except subprocess.TimeoutExpired:
        return None
    if done.returncode < 0:
        return None
    message = done.stderr.decode("latin-1")
    return Verdict(done.stdout if done.returncode == 0 else None, message)


def ours(text: bytes) -> Verdict:
    """Our verdict. Anything but a tree or an InputError is a failure of ours."""
    try:
        source = decode(text, "mutant.dts")
        return Verdict(Tree(parse_dts(source, plugin=True), source, "mutant.dts").to_dtb(), "")
    except InputError as error:
        if not all(finding.place.line for finding in error.findings):
            raise RuntimeError(f"an error without a place: {error}") from error
        return Verdict(None, str(error))


def mutants(texts: list[str], seed: int) -> Iterator[str]:
    """Mutants of the texts, without end: tokens dropped, repeated, exchanged, replaced, put in."""
    draw = random.Random(seed)
    split = [_TOKENS.findall(text) for text in texts]
    words = sorted({token for tokens in split for token in tokens if not token.isspace()})
    while True:
        tokens = list(draw.choice(split))
        for _ in range(draw.choice((1, 1, 1, 2, 3, 5))):
            at = draw.randrange(len(tokens))
            kind = draw.randrange(12)
            if kind == 0:
                del tokens[at : at + draw.choice((1, 1, 2, 5))]
            elif kind == 1:
                tokens.insert(at, tokens[at])
            elif kind == 2:
                other = draw.randrange(len(tokens))
                tokens[at], tokens[other] = tokens[other], tokens[at]
            elif kind == 3:
                tokens[at] = draw.choice(words)
            elif kind == 4:
                part = tokens[at : at + draw.choice((5, 20, 60))]
                other = draw.randrange(len(tokens))
                tokens[other:other] = part
            elif kind == 5:
                tokens.insert(at, f" {draw.choice(_WORDS)} ")
            elif kind == 6:
                first = next((i for i, token in enumerate(tokens) if token == ";"), 0)
                tokens.insert(first + 1, f" {draw.choice(_HEADS)} ")
            elif kind < 9:
                tokens.append(f" {draw.choice(_BLOCKS)} ")
            else:
                ends = [i for i, token in enumerate(tokens) if token in ("{", ";")]
                tokens.insert(draw.choice(ends or [0]) + 1, f" {draw.choice(_STATEMENTS)} ")
            if not tokens:
                break
        yield "".join(tokens) + "\n"


def seeds(shared: Path, program: str) -> list[str]:
    """The good trees that mutants are made of: those that need no other tool or file, and dtc takes."""
    paths = sorted((_ROOT / "boards").glob("*.dts"))
    if shared.is_dir():
        paths += [shared / "boards" / "coolidge-qemu.dts", *sorted((shared / "dtc-tests").glob("*.dts"))]
    result = []
    for path in paths:
        # This test has a hand-written __fixups__: dtc 1.6.1 makes nonsense of it, 1.8.1 what we do.
        if path.name != "retain-fixups.dts":
            data = path.read_bytes()
            text = data.decode("utf-8", "surrogateescape")
            verdict = None if _ELSEWHERE.search(text) else dtc(data, program)
            if verdict is not None and verdict.blob is not None:
                result.append(text)
    return result


def reason(mine: Verdict, theirs: Verdict) -> str | None:
    """Why two verdicts may differ; None if there is no reason."""
    table, message = (STRICTER, mine.message) if mine.blob is None else (LATER, theirs.message)
    return next((why for part, why in table.items() if part in message), None)


class Result(NamedTuple):
    """What a run found."""

    count: int
    accepted: int
    undecided: int
    reasons: Counter[str]
    failures: list[str]
    slowest: float


def run(texts: list[str], seed: int, program: str, seconds: float = 1e9, count: int = 1 << 62) -> Result:
    """Compare mutants until the time is up or there were enough of them."""
    end = time.monotonic() + seconds
    done = accepted = undecided = 0
    slowest = 0.0
    reasons: Counter[str] = Counter()
    failures: list[str] = []
    for text in mutants(texts, seed):
        if done >= count or time.monotonic() >= end:
            break
        done += 1
        data = text.encode("utf-8", "surrogateescape")
        start = time.process_time()
        mine = ours(data)
        took = time.process_time() - start
        slowest = max(slowest, took)
        theirs = dtc(data, program)
        if took > SLOWEST:
            failures.append(f"took {took:.1f} s:\n{text}")
        if theirs is None:
            undecided += 1
        elif (mine.blob is None) != (theirs.blob is None):
            why = reason(mine, theirs)
            if why is None:
                who = "only dtc accepts" if mine.blob is None else "only we accept"
                failures.append(f"{who}: {mine.message or theirs.message}\n{text}")
            else:
                reasons[why] += 1
        elif mine.blob is not None and theirs.blob is not None:
            accepted += 1
            found = differences(mine.blob, theirs.blob)
            if found and all(_BY_HAND.match(each) for each in found) and _BY_HAND.search(text):
                reasons["dtc 1.6.1 repeats in __fixups__ what stands there by hand, 1.8.1 does not"] += 1
            elif found:
                failures.append(f"another blob: {found[:3]}\n{text}")
    return Result(done, accepted, undecided, reasons, failures, slowest)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--count", type=int, default=1 << 62)
    parser.add_argument("--seed", type=int, default=1)
    shared = Path(os.environ.get("KVX_EMU_SHARED", _ROOT.parent / "shared")) / "data"
    parser.add_argument("--shared", type=Path, default=shared, help="the folder of third parties' trees")
    parser.add_argument("--keep", type=Path, help="a folder for the mutants that fail")
    options = parser.parse_args()
    program = shutil.which("dtc")
    if program is None:
        sys.stdout.write("skipped: dtc is not installed\n")
        return 0
    texts = seeds(options.shared, program)
    result = run(texts, options.seed, program, options.seconds, options.count)
    for number, failure in enumerate(result.failures):
        sys.stdout.write(f"--- {failure[:3000]}\n")
        if options.keep:
            options.keep.mkdir(parents=True, exist_ok=True)
            (options.keep / f"{number}.txt").write_text(failure, errors="surrogateescape")
    sys.stdout.write(
        f"{result.count} mutants, {result.accepted} accepted by both, {result.undecided} without a verdict of"
        f" dtc, slowest {result.slowest:.2f} s, {len(result.failures)} failures\n"
    )
    for why, count in result.reasons.most_common():
        sys.stdout.write(f"{count:6} {why}\n")
    return 1 if result.failures else 0


if __name__ == "__main__":
    sys.exit(main())
