"""Traces that are none, or meant to hurt: status 2 or 3, no traceback, bounded memory."""

from __future__ import annotations

import os
import random

import pytest
from command import kvx_process
from test_hostile_scripts import measured

from kvx_emu.errors import InputError
from kvx_emu.trace.formats import open_sink
from kvx_emu.trace.reading import read_trace
from kvx_emu.trace.row import EVENTS
from kvx_emu.trace.setting import Setting

HEADER = b"tick,cluster,core,event,line,from_cluster,from_core,value\n"
GOOD = HEADER + b"5,0,1,enter,24,,,16777216\n"
COMMANDS = [["stats"], ["convert", "-"], ["diff", "self"]]


@pytest.fixture
def called(kvx, tmp_path):
    """Return what calls a subcommand for a file of this content; None: as it is."""

    def call(command, content=None, name="t.csv"):
        path = tmp_path / name
        if content is not None:
            path.write_bytes(content)
        arguments = [path if argument == "self" else argument for argument in command[1:]]
        result = kvx("trace", command[0], path, *arguments)
        assert "Traceback" not in result.err
        return result

    return call


# What can not be read: 2


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: None, "No such file or directory"),
        (lambda path: path.mkdir(), "not a regular file: it is a directory"),
        (os.mkfifo, "not a regular file: it is a pipe"),
        (lambda path: path.symlink_to("/dev/zero"), "not a regular file: it is a device"),
        (lambda path: path.symlink_to(path), "Too many levels of symbolic links"),
    ],
)
@pytest.mark.parametrize("name", ["t.csv", "t.jsonl", "t.parquet", "t"])
def test_a_trace_that_can_not_be_opened_gives_2(called, tmp_path, make, message, name):
    make(tmp_path / name)
    assert called(["stats"], name=name) == (2, "", f"kvx-emu: cannot read {tmp_path}/{name}: {message}\n")


def test_a_closed_standard_input_gives_2_or_3():
    result = kvx_process("trace", "stats", "-", closed=0)
    assert result.status in {2, 3}
    assert "Traceback" not in result.err


# What is wrong: 3


@pytest.mark.parametrize(
    "content",
    [
        b"\0" * 1000,
        b"\xff\xfe\0t",
        GOOD + b"\0",
        GOOD + b"5,0,1,enter,24,,,0\0\n",
        GOOD + b"\xff,\xff,\xff,\xff,\xff,\xff,\xff,\xff\n",
        GOOD.replace(b"\n", b"\r"),
        GOOD + b"," * 100_000,
        GOOD + b"\n".join([b","] * 5000),
        GOOD + b"\n" * 300_000,
        GOOD + b"9" * 100_000 + b",0,1,enter,24,,,0\n",
        GOOD + "٣,0,1,enter,24,,,0\n".encode(),
        GOOD + b"1_0,0,1,enter,24,,,0\n",
        GOOD + b"+9,0,1,enter,24,,,0\n",
        b"," * 300_000 + b"\n",
        b"tick," * 50_000,
        b"<html>",
        b'"tick","cluster"\n',
        random.Random(1).randbytes(100_000),
    ],
)
@pytest.mark.parametrize("name", ["t.csv", "t.jsonl", "t"])
def test_what_is_no_trace_is_told(called, tmp_path, content, name):
    status, out, err = called(["stats"], content, name)
    assert (status, out) == (3, "")
    assert err.startswith(f"{tmp_path}/{name}:")
    assert len(err) < 300_000
    assert max(map(len, err.splitlines())) < 2_000


def test_no_line_at_all_is_no_csv_but_json_lines_without_rows(called, tmp_path):
    for name in ("t.csv", "t"):
        status, out, err = called(["stats"], b"", name)
        assert (status, out) == (3, "")
        assert err.startswith(f"{tmp_path}/{name}:")
    status, out, err = called(["stats"], b"", "t.jsonl")
    assert (status, err) == (0, "")
    assert out == "no rows\n"


@pytest.mark.parametrize(
    "line",
    [
        b"[" * 100_000,
        b'{"tick":' * 10_000,
        b'{"tick":NaN}',
        b'{"tick":1e999}',
        b'{"\\ud800":1}',
        b"\xff" * 100,
        b"null",
        b'"\\u0000"',
        b'{"tick":5,"tick":6}',
        b'{"tick":%b}' % (b"9" * 10_000),
    ],
)
@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_what_is_no_object_is_told(called, tmp_path, line, command):
    status, _, err = called(command, line + b"\n", "t.jsonl")
    assert status == 3
    assert err.startswith(f"{tmp_path}/t.jsonl:1:")
    assert max(map(len, err.splitlines())) < 1_000


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_a_trace_with_changed_bytes_is_read_or_told(tmp_path, suffix):
    if suffix == "parquet":
        pytest.importorskip("pyarrow")
    path = tmp_path / f"t.{suffix}"
    sink = open_sink(str(path), Setting())
    sink.add([(k, k % 3, k % 17, EVENTS[k % 22], k % 32, None, None, 1 << k % 64) for k in range(200)])
    sink.flush()
    sink.close()
    good, draw = path.read_bytes(), random.Random(5)
    told: list[str] = []
    for _ in range(300):
        changed = bytearray(good)
        for _ in range(draw.choice([1, 1, 3, 20])):
            # Headers and footers are where the harm is, so half of the changes go there.
            low, high = draw.choice([(0, len(good)), (0, 200), (len(good) - 300, len(good))])
            changed[draw.randrange(max(low, 0), min(high, len(good)))] = draw.randrange(256)
        path.write_bytes(changed[: draw.choice([len(changed)] * 3 + [draw.randrange(len(changed))])])
        try:
            with read_trace(str(path)) as trace:
                rows = [row for chunk in trace.chunks for row in chunk]
        except InputError as error:
            told.append(str(error))
            continue
        assert len(rows) <= 200
        assert {row[3] for row in rows} <= set(EVENTS)
    assert 30 < len(told) < 300
    assert [message for message in told if not message.startswith(str(path))] == []


# What is long: bounded memory


@pytest.mark.parametrize(
    "line",
    [
        b"5,0,1,enter,24,,,0\n",
        b"5,0,1,request,24,0,0,0\n",
        b"5,0,1,exit,24,,,0\n",
        b"x\n",
        b"\n",
    ],
)
@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_a_long_trace_takes_little_memory(tmp_path, line, command):
    path = tmp_path / "t.csv"
    path.write_bytes(HEADER + line * (8_000_000 // len(line)))
    arguments = {"stats": [path], "convert": [path, tmp_path / "o.csv"], "diff": [path, path]}[command[0]]
    status, err, _, megabytes = measured(tmp_path, "trace", command[0], *arguments)
    assert status == (0 if b"5" in line else 3)
    assert "Traceback" not in err
    assert megabytes < 100
