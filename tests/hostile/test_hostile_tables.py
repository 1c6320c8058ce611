"""Tables to replay that are no tables, or meant to hurt: status 2 or 3, no traceback, little time and memory."""
# ruff: noqa: E501 - one row a case

from __future__ import annotations

import os
import random
import struct
from pathlib import Path

import numpy as np
import pytest
from command import BOARD, ROOT, kvx_process, script_file
from test_hostile_scripts import measured

from kvx_emu.core_id import CoreId
from kvx_emu.script.replay.table import Table

HEADER = b"tick,addr,value\n"
GOOD = HEADER + b"0,0xad0000,0x2\n"


@pytest.fixture
def replayed(kvx, tmp_path):
    """Return what runs, or checks, a script that replays a table of this content; None: as it is."""

    def replay(content=None, name="t.csv", command="run"):
        script = script_file(tmp_path, f"replay: {{file: {name}}}")
        if content is not None:
            (tmp_path / name).write_bytes(content)
        result = kvx(command, BOARD, script, *(["--format", "csv"] if command == "run" else []))
        assert "Traceback" not in result.err
        return result

    return replay


def array_bytes(header: str, data: bytes = b"", version: bytes = b"\1\0") -> bytes:
    text = header.encode() + b"\n"
    return b"\x93NUMPY" + version + struct.pack("<H", len(text)) + text + data


# What can not be read: 2


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: None, "No such file or directory"),
        (lambda path: path.mkdir(), "not a regular file: it is a directory"),
        (os.mkfifo, "not a regular file: it is a pipe ("),
        (lambda path: path.symlink_to("/dev/zero"), "not a regular file: it is a device ("),
        (lambda path: path.symlink_to(path), "Too many levels of symbolic links"),
    ],
)
@pytest.mark.parametrize("command", ["run", "check"])
def test_a_table_that_can_not_be_opened_gives_2(replayed, tmp_path, make, message, command):
    path = tmp_path / "t.csv"
    make(path)
    status, out, err = replayed(command=command)
    assert (status, out) == (2, "")
    assert f"kvx-emu: cannot read {path}: {message}" in err
    assert err.endswith(f" ({tmp_path}/script.yaml:3:20 replays it)\n")


def test_a_table_that_is_a_pipe_that_nobody_writes_does_not_hang(tmp_path):
    os.mkfifo(tmp_path / "t.csv")
    script = script_file(tmp_path, "replay: {file: t.csv}")
    assert kvx_process("run", BOARD, script, timeout=20).status == 2


def test_a_zero_byte_in_the_name_gives_2(replayed, tmp_path):
    script = script_file(tmp_path, 'replay: {file: "t\\0.csv"}')
    result = kvx_process("run", BOARD, script)
    assert result.status == 2
    assert "embedded null byte" in result.err


@pytest.mark.parametrize("name", ["'-'", "t.txt", "/dev/stdin", "''", "[t.csv]", "7"])
def test_a_name_that_is_none_of_a_table_gives_3(kvx, tmp_path, name):
    script = script_file(tmp_path, f"replay: {{file: {name}}}")
    status, _, err = kvx("run", BOARD, script)
    assert status == 3
    assert "expected the name of a .csv or .npy or .parquet file" in err


def test_the_table_of_a_script_from_standard_input_is_looked_for_in_the_current_folder(tmp_path):
    (tmp_path / "t.csv").write_bytes(GOOD)
    script = "version: 1\nsteps:\n  - replay: {file: t.csv}\n"
    result = kvx_process(
        "run", ROOT / BOARD, "-", "--format", "csv", input=script, cwd=tmp_path, env=with_path()
    )
    assert (result.status, result.err) == (0, "")
    assert "\n0,0,0,send,24,,,2\n" in result.out


def with_path():
    return os.environ | {"PYTHONPATH": str(ROOT)}


# What is wrong: 3


def test_a_wrong_cell_is_told_with_its_line_and_a_caret(replayed, tmp_path):
    status, out, err = replayed(GOOD + b"7,0xad0000,0x100000000\n")
    assert (status, out) == (3, "")
    assert err == (
        f"{tmp_path}/t.csv:3:12: error[script-value]: found 4294967296 for value; "
        "expected a value of 4 bytes, 0..0xffffffff\n  7,0xad0000,0x100000000\n             ^\n"
    )


def test_the_errors_of_the_script_come_before_those_of_its_tables(kvx, tmp_path):
    (tmp_path / "a.csv").write_bytes(HEADER + b"x,0,0\n")
    script = script_file(tmp_path, "replay: {file: a.csv}\nsend: {to: pe77}")
    status, _, err = kvx("check", BOARD, script, "--format", "text")[0], "", ""
    assert status == 3
    err = kvx("run", BOARD, script).err
    places = [line.split(": ")[0] for line in err.splitlines() if ": error[" in line]
    assert places == [f"{script}:4:16", f"{tmp_path}/a.csv:2:1"]


def test_a_row_of_an_array_is_told_in_every_format_of_check(kvx, tmp_path):
    np.save(
        tmp_path / "t.npy", np.array([(0, 0, 0), (0, 0, -1)], [(c, "<i8") for c in ("tick", "addr", "value")])
    )
    script = script_file(tmp_path, "replay: {file: t.npy}")
    message = "found -1 for value; expected a value of 4 bytes, 0..0xffffffff"
    assert f"{tmp_path}/t.npy: row 2: error[script-value]: {message}\n" in kvx("check", BOARD, script).out
    for kind in ("json", "sarif"):
        assert f'"row 2: {message}"' in kvx("check", BOARD, script, "--format", kind).out


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0" * 1000,
        b"\xff\xfe\0t",
        GOOD + b"\0",
        GOOD + b"0,0xad0000,2\0\n",
        GOOD + b"\xff,\xff,\xff\n",
        GOOD.replace(b"\n", b"\r"),
        GOOD + b"," * 100_000,
        GOOD + b"\n".join([b","] * 5000),
        b"," * 300_000 + b"\n",
        b"tick," * 50_000,
        b'"tick","addr","value"\n',
        b"<html>",
        np.random.default_rng(1).bytes(100_000),
    ],
)
def test_what_is_no_csv_is_told(replayed, tmp_path, content):
    status, out, err = replayed(content)
    assert (status, out) == (3, "")
    assert err.startswith(f"{tmp_path}/t.csv:")
    assert len(err) < 3_000_000
    assert max(map(len, err.splitlines())) < 3_000


def header(shape: str, descr: str = "[('tick', '<i8'), ('addr', '<u8'), ('value', '<u4')]") -> str:
    return f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "found no header of a .npy file of version 1.0 or 2.0; expected"),
        (b"PK\3\4" + bytes(100), "found no header of a .npy file of version 1.0 or 2.0; expected"),
        (array_bytes("{}"), "found no header of a .npy file of version 1.0 or 2.0; expected"),
        (array_bytes(header("(5,)")), "found 0 rows; expected 5, as its header says: the file is cut short"),
        (array_bytes(header("(99,)"), bytes(20 * 7 + 3)), "found 7 rows; expected 99"),
        (array_bytes(header("(1000000000000000,)"), bytes(200)), "found 10 rows; expected 1000000000000000"),
        (array_bytes(header("(-1,)")), "found an array of shape `(-1,)`"),
        (array_bytes(header("()"), bytes(20)), "found an array of shape `()`"),
        (array_bytes(header("(1,)", "[('tick', 'O'), ('addr', '<u8'), ('value', '<u4')]"), bytes(20)), "found Python objects for tick; expected integers"),
        (array_bytes(header("(1,)", "'|V2000000000'")), "found an array of shape `(1,)` and type `|V2000000000`"),
        (array_bytes(header("(1,)"), version=b"\x09\0"), "found no header of a .npy file of version 1.0 or 2.0; expected"),
        (array_bytes(header("(1,)"), version=b"\3\0"), "found no header of a .npy file of version 1.0 or 2.0; expected"),
        (array_bytes("__import__('os').system('false')"), "found no header of a .npy file of version 1.0 or 2.0; expected"),
        (array_bytes("(" * 9000), "found no header of a .npy file of version 1.0 or 2.0; expected"),
        (array_bytes(header("(1,)") + " " * 20_000), "found no header of a .npy file of version 1.0 or 2.0; expected"),
    ],
)  # fmt: skip
def test_what_is_no_array_is_told(replayed, tmp_path, content, message):
    status, out, err = replayed(content, "t.npy")
    assert (status, out) == (3, "")
    assert err.startswith(f"{tmp_path}/t.npy: error[script-table]: {message}")
    assert len(err) < 1000


def test_an_array_of_objects_is_never_unpickled(replayed, tmp_path):
    class Evil:
        def __reduce__(self):
            return Path.touch, (tmp_path / "ran",)

    array = np.array([(0, 0, Evil())], [("tick", "<i8"), ("addr", "<u8"), ("value", "O")])
    np.save(tmp_path / "t.npy", array, allow_pickle=True)
    status, _, err = replayed(name="t.npy")
    assert status == 3
    assert "found Python objects for value; expected integers" in err
    assert not (tmp_path / "ran").exists()


class Gathered(list):
    def error_at(self, *told):
        self.append(told)


@pytest.mark.parametrize("suffix", ["csv", "npy", "parquet"])
def test_a_table_with_changed_bytes_is_read_or_told(tmp_path, suffix):
    path = tmp_path / f"t.{suffix}"
    rows = [(3 * k, 0xAD0000, k, b"pe%d" % (k % 4)) for k in range(200)]
    fields = [("tick", "<i8"), ("addr", "<u8"), ("value", "<u4"), ("from", "S3")]
    if suffix == "npy":
        np.save(path, np.array(rows, fields))
    elif suffix == "csv":
        path.write_bytes(b"tick,addr,value,from\n" + b"".join(b"%d,%#x,%d,%s\n" % row for row in rows))
    else:
        pa = pytest.importorskip("pyarrow")
        from pyarrow import parquet

        names = ["tick", "addr", "value", "from"]
        columns = [*list(zip(*rows, strict=True))[:3], [row[3].decode() for row in rows]]
        parquet.write_table(pa.table(dict(zip(names, columns, strict=True))), path)
    good, draw = path.read_bytes(), random.Random(5)
    cores = [CoreId(0, pid) for pid in range(4)]
    told = 0
    for _ in range(300):
        changed = bytearray(good)
        for _ in range(draw.choice([1, 1, 3, 20])):
            # Headers and footers are where the harm is, so half of the changes go there.
            low, high = draw.choice([(0, len(good)), (0, 200), (len(good) - 300, len(good))])
            changed[draw.randrange(max(low, 0), min(high, len(good)))] = draw.randrange(256)
        path.write_bytes(changed[: draw.choice([len(changed)] * 3 + [draw.randrange(len(changed))])])
        gathered = Gathered()
        table = Table(str(path), cores, gathered)
        told += bool(gathered)
        if not gathered:
            assert sum(len(chunk.tick) for chunk in table.chunks()) == table.rows
    assert told > 30


# What is long: seconds and little memory


def test_a_line_without_end_is_refused_at_once(tmp_path):
    with (tmp_path / "t.csv").open("wb") as out:
        out.write(GOOD)
        out.truncate(1 << 33)  # a hole: eight gigabytes that take no room
    script = script_file(tmp_path, "replay: {file: t.csv}")
    status, err, seconds, megabytes = measured(tmp_path, "run", ROOT / BOARD, script)
    assert status == 3
    assert err.startswith(
        f"{tmp_path}/t.csv:3:1: error[script-table]: found a line of more than 262144 bytes"
    )
    assert seconds < 4
    assert megabytes < 128


@pytest.mark.parametrize(
    "row", [b"5,0xad0000,2\n", b"x,0,0\n", b"1,2\n", b"\n", b"5,  0xad0000,  2 ,\n", b"9,1,1,pe99\n"]
)
def test_a_long_table_is_checked_in_bounded_time_and_memory(tmp_path, row):
    head = HEADER.replace(b"\n", b",from\n") if row.count(b",") == 3 else HEADER
    (tmp_path / "t.csv").write_bytes(head + row * (20_000_000 // len(row) // 10))
    script = script_file(tmp_path, "replay: {file: t.csv}")
    status, err, seconds, megabytes = measured(tmp_path, "check", ROOT / BOARD, script)
    assert status in {0, 3}
    assert "Traceback" not in err
    assert seconds < 6
    assert megabytes < 128


# Outputs


def test_a_trace_does_not_overwrite_the_table_that_is_replayed(kvx, tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes(GOOD)
    script = script_file(tmp_path, "repeat: {count: 2, steps: [{replay: {file: t.csv}}]}")
    status, _, err = kvx("run", BOARD, script, "--csv", path)
    assert status == 2
    assert err == f"kvx-emu: {path} would overwrite {path}\n"
    assert path.read_bytes() == GOOD


def test_a_table_that_changes_during_the_run_gives_3_and_no_trace(kvx, tmp_path, monkeypatch):
    from kvx_emu.engine.reference import Reference

    path, trace = tmp_path / "t.csv", tmp_path / "trace.csv"
    path.write_bytes(GOOD + b"7,0xad0000,2\n" * 5000)
    script = script_file(tmp_path, "replay: {file: t.csv}")
    assert kvx("run", BOARD, script, "--format", "none", "--csv", trace).status == 0
    trace.unlink()
    run = Reference.run
    monkeypatch.setattr(Reference, "run", lambda engine: (path.unlink(), run(engine))[1])
    status, out, err = kvx("run", BOARD, script, "--csv", trace)
    assert (status, out) == (3, "")
    assert err == (
        f"{path}: error[script-table]: the file has changed since it was checked; "
        "expected it to stay as it is during the run\n"
    )
    assert not trace.exists()
