"""Files that appear whole or not at all, streams that can go away, and the filters before them."""

from __future__ import annotations

import errno
import io
import os
import stat

import pytest

from kvx_emu import outputs as sinks
from kvx_emu.core_id import CoreId
from kvx_emu.errors import OutputError, ReaderGoneError
from kvx_emu.outputs import AtomicFile, flush, write_text
from kvx_emu.trace.sink import FileSink, Filter, StreamSink

HEADER = "tick,cluster,core,event,line,from_cluster,from_core,value\n"
ROW = (5, 0, 1, "enter", 24, None, None, 16777216)
LINE = "5,0,1,enter,24,,,16777216\n"


def can_be_unnamed(folder):
    try:
        os.close(os.open(folder, os.O_WRONLY | os.O_TMPFILE))
    except (AttributeError, OSError):
        return False
    return True


@pytest.fixture(params=["without a name", "with a name"])
def way(request, monkeypatch, tmp_path):
    """Run a test for both ways of writing aside."""
    if request.param == "with a name":
        monkeypatch.setattr(sinks, "_UNNAMED", 0)
    elif not can_be_unnamed(tmp_path):
        pytest.skip("this file system has no files without a name")
    return request.param


def fail(*_args, **_options):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


# AtomicFile


def test_a_file_appears_when_it_is_closed(tmp_path, way):
    path = tmp_path / "t.csv"
    file = AtomicFile(str(path))
    file.write("one\n")
    file.flush()
    assert not path.exists()
    assert (os.listdir(tmp_path) == []) is (way == "without a name")
    file.write("two\n")
    file.close()
    assert path.read_bytes() == b"one\ntwo\n"
    assert os.listdir(tmp_path) == ["t.csv"]


def test_an_old_file_stays_as_it_is_until_the_new_one_is_closed(tmp_path, way):
    path = tmp_path / "t.csv"
    path.write_text("old")
    file = AtomicFile(str(path))
    file.write("new")
    file.flush()
    assert path.read_text() == "old"
    file.close()
    assert path.read_text() == "new"


def test_an_abandoned_file_leaves_the_old_one_and_nothing_beside_it(tmp_path, way):
    path = tmp_path / "t.csv"
    path.write_text("old")
    file = AtomicFile(str(path))
    file.write("new")
    file.abandon()
    file.abandon()
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["t.csv"]


def test_abandon_after_close_leaves_the_new_file(tmp_path, way):
    file = AtomicFile(str(tmp_path / "t.csv"))
    file.write("new")
    file.close()
    file.abandon()
    assert (tmp_path / "t.csv").read_text() == "new"


def test_a_relative_name_is_of_the_folder_at_the_start(tmp_path, way, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file = AtomicFile("t.csv")
    file.write("new")
    monkeypatch.chdir("/")
    file.close()
    assert (tmp_path / "t.csv").read_text() == "new"


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o755])
def test_the_mode_of_an_old_file_is_kept(tmp_path, way, mode):
    path = tmp_path / "t.csv"
    path.write_text("old")
    path.chmod(mode)
    AtomicFile(str(path)).close()
    assert path.read_text() == ""
    assert stat.S_IMODE(path.stat().st_mode) == mode


def test_the_mode_of_a_new_file_is_what_the_umask_leaves(tmp_path, way):
    old = os.umask(0o027)
    try:
        AtomicFile(str(tmp_path / "t.csv")).close()
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "t.csv").stat().st_mode) == 0o640


def test_a_link_is_followed_and_stays(tmp_path, way):
    (tmp_path / "folder").mkdir()
    target, link = tmp_path / "folder" / "t.csv", tmp_path / "link.csv"
    target.write_text("old")
    link.symlink_to("folder/t.csv")
    file = AtomicFile(str(link))
    file.write("new")
    file.close()
    assert os.readlink(link) == "folder/t.csv"
    assert target.read_text() == "new"


def test_a_link_to_nothing_makes_its_target(tmp_path, way):
    (tmp_path / "link.csv").symlink_to("t.csv")
    AtomicFile(str(tmp_path / "link.csv")).close()
    assert (tmp_path / "t.csv").read_text() == ""


def test_another_name_of_the_old_file_keeps_the_old_content(tmp_path, way):
    path = tmp_path / "t.csv"
    path.write_text("old")
    os.link(path, tmp_path / "other")
    AtomicFile(str(path)).close()
    assert (tmp_path / "other").read_text() == "old"


@pytest.mark.parametrize("left", [1, 3])
def test_files_that_a_killed_process_of_the_same_number_left_are_no_hindrance(tmp_path, way, left):
    path = tmp_path / "t.csv"
    names = [f"t.csv.{os.getpid()}-{number}.part" for number in range(left)]
    for name in names:
        (tmp_path / name).write_text("left")
    file = AtomicFile(str(path))
    file.write("new")
    file.close()
    assert path.read_text() == "new"
    assert sorted(os.listdir(tmp_path)) == sorted(["t.csv", *names])


def test_a_folder_can_not_be_written(tmp_path):
    with pytest.raises(OutputError, match=r": can not be written: Is a directory$"):
        AtomicFile(str(tmp_path))


def test_a_file_in_no_folder_can_not_be_written(tmp_path, way):
    with pytest.raises(OutputError, match=r"none/t.csv: can not be written: No such file or directory$"):
        AtomicFile(str(tmp_path / "none" / "t.csv"))


def test_a_file_below_a_file_can_not_be_written(tmp_path, way):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"file/t.csv: can not be written: Not a directory$"):
        AtomicFile(str(tmp_path / "file" / "t.csv"))


@pytest.mark.parametrize(
    ("number", "words"),
    [(errno.EACCES, "Permission denied"), (errno.EROFS, "Read-only file system")],
    ids=["mode", "file system"],
)
def test_an_old_file_that_may_not_be_written_is_not_replaced(tmp_path, monkeypatch, number, words):
    path = tmp_path / "t.csv"
    path.write_text("old")
    opened = os.open

    def refuse(name, *rest, **options):  # root may write everything
        if name == str(path):
            raise OSError(number, os.strerror(number))
        return opened(name, *rest, **options)

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(OutputError, match=rf"t.csv: can not be written: {words}$"):
        AtomicFile(str(path))
    monkeypatch.undo()
    assert path.read_text() == "old"


def test_a_device_is_written_directly():
    file = AtomicFile("/dev/null")
    file.write("gone")
    file.close()


def test_bytes_that_a_full_disk_does_not_take_are_an_output_error():
    file = AtomicFile("/dev/full")
    with pytest.raises(OutputError, match=r"^/dev/full: can not be written: No space left on device$"):
        file.write_bytes(b"x" * 1_000_000)


@pytest.mark.parametrize("last", ["flush", "close"])
def test_a_full_disk_is_told_at_the_first_chance(last):
    file = AtomicFile("/dev/full")
    file.write("x")
    with pytest.raises(OutputError, match=r"^/dev/full: can not be written: No space left on device$"):
        getattr(file, last)()
    file.abandon()


def test_a_full_disk_is_told_in_the_middle_of_many_rows():
    file = AtomicFile("/dev/full")
    with pytest.raises(OutputError, match=r"^/dev/full: can not be written: No space left on device$"):
        file.write("x" * 100_000)
    file.abandon()


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_disk_that_fails_late_leaves_the_old_file_and_nothing_beside_it(tmp_path, way, monkeypatch, call):
    path = tmp_path / "t.csv"
    path.write_text("old")
    file = AtomicFile(str(path))
    file.write("new")
    monkeypatch.setattr(os, call, fail)
    with pytest.raises(OutputError, match=r"t.csv: can not be written: No space left on device$"):
        file.close()
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["t.csv"]


def test_a_folder_that_can_not_be_synced_is_no_error(tmp_path, way, monkeypatch):
    fsync = os.fsync

    def sync(descriptor):
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            fail()
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", sync)
    AtomicFile(str(tmp_path / "t.csv")).close()
    assert (tmp_path / "t.csv").exists()


def test_the_content_is_on_the_disk_before_it_gets_its_name(tmp_path, way, monkeypatch):
    calls = []
    fsync, replace = os.fsync, os.replace

    def sync(descriptor):
        calls.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr(os, "replace", lambda *args: (calls.append("name"), replace(*args)))
    AtomicFile(str(tmp_path / "t.csv")).close()
    assert calls == ["file", "name", "folder"]


def test_an_owner_that_can_not_be_kept_is_no_error(tmp_path, way, monkeypatch):
    path = tmp_path / "t.csv"
    path.write_text("old")
    monkeypatch.setattr(os, "fchown", fail)
    AtomicFile(str(path)).close()
    assert path.read_text() == ""


def test_a_file_that_is_standard_output_is_written_behind_what_stands_there(tmp_path, capfd):
    with (tmp_path / "out").open("wb") as out:
        saved = os.dup(1)
        try:
            os.dup2(out.fileno(), 1)
            os.write(1, b"before\n")
            file = AtomicFile(str(tmp_path / "out"))
            file.write("rows\n")
            file.close()
            os.write(1, b"after\n")
        finally:
            os.dup2(saved, 1)
            os.close(saved)
    assert (tmp_path / "out").read_bytes() == b"before\nrows\nafter\n"


# FileSink


def test_a_file_sink_writes_the_header_and_the_rows(tmp_path):
    sink = FileSink(str(tmp_path / "t"), "csv")
    sink.add([ROW])
    sink.add([])
    sink.add([ROW])
    sink.flush()
    assert not (tmp_path / "t").exists()
    sink.close()
    assert (tmp_path / "t").read_bytes() == (HEADER + LINE + LINE).encode()


def test_a_file_sink_without_rows_has_a_header_alone(tmp_path):
    FileSink(str(tmp_path / "t"), "csv").close()
    FileSink(str(tmp_path / "u"), "jsonl").close()
    assert (tmp_path / "t").read_text() == HEADER
    assert (tmp_path / "u").read_text() == ""


def test_an_abandoned_file_sink_leaves_nothing(tmp_path):
    sink = FileSink(str(tmp_path / "t"), "csv")
    sink.add([ROW])
    sink.abandon()
    assert os.listdir(tmp_path) == []


# StreamSink


class Broken(io.StringIO):
    """A stream that fails with an error number, at its first write or at its flush."""

    def __init__(self, number, call):
        super().__init__()
        self.number = number
        self.call = call

    def _fail(self, call):
        if call == self.call:
            raise OSError(self.number, os.strerror(self.number))

    def write(self, text):
        self._fail("write")
        return super().write(text)

    def flush(self):
        self._fail("flush")


def test_a_stream_sink_writes_the_header_first_and_leaves_the_stream_open():
    out = io.StringIO()
    sink = StreamSink(out, "csv")
    sink.add([ROW])
    sink.flush()
    sink.close()
    sink.abandon()
    assert out.getvalue() == HEADER + LINE


def test_a_stream_sink_of_json_lines_has_no_header():
    out = io.StringIO()
    StreamSink(out, "jsonl").add([ROW])
    assert out.getvalue().startswith('{"tick":5,')


@pytest.mark.parametrize(
    ("number", "error", "message"),
    [
        (errno.EPIPE, ReaderGoneError, "the reader of standard output went away"),
        (errno.ENOSPC, OutputError, "standard output: can not be written: No space left on device"),
        (errno.EIO, OutputError, "standard output: can not be written: Input/output error"),
    ],
)
def test_a_stream_that_fails_raises_an_error_that_says_how(number, error, message):
    with pytest.raises(error, match=f"^{message}$"):
        write_text(Broken(number, "write"), "x")
    with pytest.raises(error, match=f"^{message}$"):
        flush(Broken(number, "flush"))
    with pytest.raises(error, match=f"^{message}$"):
        StreamSink(Broken(number, "write"), "csv")
    sink = StreamSink(Broken(number, "flush"), "csv")
    for end in (sink.flush, sink.close):
        with pytest.raises(error, match=f"^{message}$"):
            end()


# Filter


class Kept:
    """A sink that keeps its rows and what was called."""

    def __init__(self):
        self.rows = []
        self.calls = []

    def add(self, rows):
        self.rows += rows

    def flush(self):
        self.calls.append("flush")

    def close(self):
        self.calls.append("close")

    def abandon(self):
        self.calls.append("abandon")


ROWS = [
    (0, 0, 0, "send", 24, None, None, 2),
    (0, 0, 1, "request", 24, 0, 0, 0),
    (5, 0, 1, "enter", 25, None, None, 0),
    (9, 1, 1, "exit", 25, None, None, 0),
    (9, 0, 2, "fault", None, None, None, 64),
]


@pytest.mark.parametrize(
    ("conditions", "indices"),
    [
        ({}, [0, 1, 2, 3, 4]),
        ({"cores": {CoreId(0, 1)}}, [1, 2]),
        ({"cores": {CoreId(1, 1), CoreId(0, 0)}}, [0, 3]),
        ({"cores": set()}, []),
        ({"lines": {24}}, [0, 1]),
        ({"lines": {24, 25}}, [0, 1, 2, 3]),
        ({"events": {"enter", "fault"}}, [2, 4]),
        ({"first": 5}, [2, 3, 4]),
        ({"first": 6}, [3, 4]),
        ({"last": 5}, [0, 1, 2]),
        ({"last": 4}, [0, 1]),
        ({"last": 0}, [0, 1]),
        ({"first": 5, "last": 5}, [2]),
        ({"cores": {CoreId(0, 1)}, "lines": {25}, "events": {"enter"}, "first": 5, "last": 5}, [2]),
        ({"cores": {CoreId(0, 1)}, "events": {"exit"}}, []),
    ],
)
def test_a_filter_lets_through_what_all_its_conditions_admit(conditions, indices):
    kept = Kept()
    Filter(kept, **conditions).add(ROWS)
    assert kept.rows == [ROWS[index] for index in indices]


def test_a_filter_leaves_the_rows_that_it_is_given_alone():
    rows = list(ROWS)
    Filter(Kept(), lines={24}).add(rows)
    assert rows == ROWS


def test_a_filter_passes_on_the_end():
    kept = Kept()
    chosen = Filter(kept)
    chosen.flush()
    chosen.close()
    chosen.abandon()
    assert kept.calls == ["flush", "close", "abandon"]
