"""Writing what a command leaves behind: files that appear whole or not at all, and standard output."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol, TypeVar

from kvx_emu.errors import OutputError, ReaderGoneError
from kvx_emu.signals import signals_held

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import BinaryIO, TextIO

_T = TypeVar("_T")

_UNNAMED: int = getattr(os, "O_TMPFILE", 0)
"""The flag for a file without a name, 0 where the system has none (it is Linux's)."""


class AtomicFile:
    """A text file that keeps its old content until `close`.

    Written where nobody sees it, flushed to the disk, then put in the target's place; so whatever ends
    the program, even SIGKILL, leaves the old file or the new one. The mode stays, a symlink is followed.
    A target that exists and is no regular file (a pipe, /dev/full), or that is standard output under
    another name, is written directly. Raises OutputError.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._target = os.path.realpath(path)
        self._replaces = False  # whether `close` puts a file in the target's place
        self._aside: str | None = None  # the name of the file that is not in its place yet, if it has one
        self._stream: TextIO | None = None
        try:
            self._stream = os.fdopen(self._open(), "w", encoding="utf-8", newline="")
        except OSError as error:
            raise self._failed(error) from None

    def _open(self) -> int:
        try:
            old = os.stat(self._path)  # not of the target: /dev/stdout can lead to a pipe, which has no name
        except FileNotFoundError:
            old = None
        if old is not None:
            printed = _printed(old)
            if printed is not None:
                return os.dup(printed)  # shares the position, so that neither overwrites the other
            if not stat.S_ISREG(old.st_mode):
                return os.open(self._path, os.O_WRONLY)  # refuses a directory by itself
            os.close(os.open(self._target, os.O_WRONLY))  # fails where it may not be written, and says why
        descriptor = self._open_unseen()
        if old is not None:
            with suppress(OSError):  # another user's file becomes ours, as with any editor
                os.fchown(descriptor, old.st_uid, old.st_gid)
            os.fchmod(descriptor, stat.S_IMODE(old.st_mode))
        self._replaces = True
        return descriptor

    def _open_unseen(self) -> int:
        """Open a file on the target's file system: one without a name where the system can do that."""
        if _UNNAMED:
            with suppress(OSError):  # not every file system can; what else is wrong shows below
                return os.open(os.path.dirname(self._target), os.O_WRONLY | _UNNAMED, 0o666)
        return self._try_names(lambda aside: os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))

    def _try_names(self, make: Callable[[str], _T]) -> _T:
        """Return what `make` returns for a name beside the target that it does not find taken.

        A name can be left over from a process of the same number that was killed; in a container every
        process may have the same.
        """
        number = 0
        while True:
            self._aside = f"{self._target}.{os.getpid()}-{number}.part"
            try:
                return make(self._aside)
            except FileExistsError:
                number += 1
            except OSError:
                self._aside = None
                raise

    def _failed(self, error: OSError) -> OutputError:
        self.abandon()
        return OutputError(f"{self._path}: can not be written: {error.strerror}")

    def write_bytes(self, data: bytes) -> None:
        """Write what is no text; not in the same file as text."""
        assert self._stream is not None, "the file was closed"
        try:
            self._stream.buffer.write(data)
        except OSError as error:
            raise self._failed(error) from None

    def write(self, text: str) -> None:
        """Write to the file that will take the target's place."""
        assert self._stream is not None, "the file was closed"
        try:
            self._stream.write(text)
        except OSError as error:
            raise self._failed(error) from None

    def flush(self) -> None:
        """Have all that was written on the disk, so that what can go wrong in `close` went wrong here."""
        assert self._stream is not None, "the file was closed"
        try:
            self._stream.flush()
            if self._replaces:
                os.fsync(self._stream.fileno())
        except OSError as error:
            raise self._failed(error) from None

    def close(self) -> None:
        """Put the file in the target's place, durably."""
        self.flush()
        assert self._stream is not None
        try:
            if self._replaces:
                self._replace(self._stream.fileno())
            self._stream.close()
        except OSError as error:
            raise self._failed(error) from None
        self._stream = None

    def _replace(self, descriptor: int) -> None:
        if self._aside is None:
            # Only linkat follows the link of /proc, and a folder's descriptor makes Python call it.
            unnamed = f"/proc/self/fd/{descriptor}"
            self._try_names(lambda aside: os.link(unnamed, aside, src_dir_fd=descriptor))
        assert self._aside is not None
        os.replace(self._aside, self._target)
        self._aside = None
        with suppress(OSError):  # the name is durable too, where a folder can be synced
            _sync(os.path.dirname(self._target))

    def abandon(self) -> None:
        """Leave the target as it was; harmless after `close`."""
        stream, self._stream = self._stream, None
        if stream is not None:
            with suppress(OSError):  # what could not be written is given up
                stream.close()
        aside, self._aside = self._aside, None
        if aside is not None:
            with suppress(FileNotFoundError):
                os.unlink(aside)


def _printed(status: os.stat_result) -> int | None:
    """Return the descriptor of standard output or error if that is the file of `status`, else None.

    Devices are not meant: /dev/null and a terminal can be written twice.
    """
    if not stat.S_ISCHR(status.st_mode):
        for descriptor in (1, 2):
            with suppress(OSError):  # it may be closed
                if os.path.samestat(status, os.fstat(descriptor)):
                    return descriptor
    return None


class Output(Protocol):
    """What is written and then kept or given up: an `AtomicFile`, the sink of a trace."""

    def flush(self) -> None:
        """Write what is held back: what can go wrong in `close` goes wrong here."""

    def close(self) -> None:
        """Keep what was written; nothing follows."""

    def abandon(self) -> None:
        """Leave no trace of what was written; harmless after `close`."""


_Out = TypeVar("_Out", bound=Output)


class Outputs:
    """Outputs that are kept all together; leaving the context gives up those that were not kept.

    with Outputs() as outputs:
        file = outputs.add(AtomicFile(path))
        ...
        outputs.keep()
    """

    def __init__(self) -> None:
        self._all: list[Output] = []

    def add(self, output: _Out) -> _Out:
        """Take in one more and return it: it is given up with the others if anything goes wrong."""
        self._all.append(output)
        return output

    def keep(self) -> None:
        """Flush all, then close all: so a full disk changes none."""
        for output in self._all:
            output.flush()
        with signals_held():  # or an interrupt could leave some of the files new and some old
            for output in self._all:
                output.close()

    def abandon(self) -> None:
        """Give all of them up; harmless after `keep`."""
        for output in self._all:
            output.abandon()

    def __enter__(self) -> Outputs:
        return self

    def __exit__(self, *_: object) -> None:
        self.abandon()


def write_text(stream: TextIO, text: str) -> None:
    """Write to standard output; raise ReaderGoneError or OutputError rather than an OSError."""
    try:
        stream.write(text)
    except OSError as error:
        raise _stream_error(error) from None


def flush(stream: TextIO) -> None:
    """Flush standard output; raise ReaderGoneError or OutputError rather than an OSError."""
    try:
        stream.flush()
    except OSError as error:
        raise _stream_error(error) from None


def _stream_error(error: OSError) -> OutputError | ReaderGoneError:
    if error.errno == errno.EPIPE:
        return ReaderGoneError("the reader of standard output went away")
    return OutputError(f"standard output: can not be written: {error.strerror}")


class AtomicFolder:
    """A folder of files that keeps its old content until `close`.

    The files are written in a folder beside it, `<name>.<pid>-<n>.part`, flushed to the disk, and the folder
    is put in the target's place. A target that exists must be a folder, and one that `replaceable` returns
    true for, given its path: all that it holds goes. Where the system can not exchange two folders, there is
    a moment in which the target has no name. Raises OutputError.
    """

    def __init__(self, path: str, replaceable: Callable[[str], bool]) -> None:
        self._path = path
        self._target = os.path.realpath(path)
        self._replaceable = replaceable
        self._aside: str | None = None
        self._files: dict[str, BinaryIO] = {}
        try:
            self._old()
            self._aside = _fresh_name(self._target, os.mkdir)
        except OSError as error:
            raise self._failed(error) from None

    def _old(self) -> os.stat_result | None:
        """Return what the target is, None if there is none; raise OutputError if it is to stay."""
        try:
            old = os.stat(self._target)
        except FileNotFoundError:
            return None
        if not stat.S_ISDIR(old.st_mode):
            raise NotADirectoryError(errno.ENOTDIR, "it is there, and is no folder")
        if not self._replaceable(self._target):
            raise FileExistsError(errno.EEXIST, "the folder holds other things, which would be lost")
        return old

    def write(self, name: str, content: bytes) -> None:
        """Write to the end of the file `name` of the new folder."""
        assert self._aside is not None, "the folder was closed"
        try:
            if name not in self._files:
                self._files[name] = open(os.path.join(self._aside, name), "xb")  # noqa: SIM115 - see `close`
            self._files[name].write(content)
        except OSError as error:
            raise self._failed(error) from None

    def _failed(self, error: OSError) -> OutputError:
        self.abandon()
        return OutputError(f"{self._path}: can not be written: {error.strerror}")

    def flush(self) -> None:
        """Have all that was written on the disk, so that what can go wrong in `close` went wrong here."""
        assert self._aside is not None, "the folder was closed"
        try:
            for file in self._files.values():
                file.flush()
                os.fsync(file.fileno())
            with suppress(OSError):  # not every file system syncs a folder
                _sync(self._aside)
        except OSError as error:
            raise self._failed(error) from None

    def close(self) -> None:
        """Put the folder in the target's place, durably, and remove what was there."""
        self.flush()
        assert self._aside is not None
        try:
            for file in self._files.values():
                file.close()
            old = self._old()
            if old is None:
                os.rename(self._aside, self._target)
                self._aside = None
            else:
                os.chmod(self._aside, stat.S_IMODE(old.st_mode))
                _exchange(self._aside, self._target)
            with suppress(OSError):  # the name is durable too, where a folder can be synced
                _sync(os.path.dirname(self._target))
        except OSError as error:
            raise self._failed(error) from None
        self.abandon()  # of what was there before, which now stands aside

    def abandon(self) -> None:
        """Leave the target as it was; harmless after `close`."""
        files, self._files = self._files, {}
        for file in files.values():
            with suppress(OSError):  # what could not be written is given up
                file.close()
        aside, self._aside = self._aside, None
        if aside is not None:
            import shutil

            shutil.rmtree(aside, ignore_errors=True)


def _sync(folder: str) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _fresh_name(target: str, make: Callable[[str], object]) -> str:
    """Return a name beside `target` that `make` does not find taken."""
    number = 0
    while True:
        name = f"{target}.{os.getpid()}-{number}.part"
        try:
            make(name)
        except FileExistsError:
            number += 1
        else:
            return name


def _exchange(aside: str, target: str) -> None:
    """Give each of two folders the other's name: at once where the system can do that, which is Linux."""
    import ctypes

    here, both = -100, 2  # AT_FDCWD and RENAME_EXCHANGE; source: fcntl.h and linux/fs.h, see rename(2)
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    names = os.fsencode(aside), os.fsencode(target)
    if rename is not None and rename(here, names[0], here, names[1], both) == 0:
        return
    between = _fresh_name(target, os.mkdir)
    try:
        os.rename(target, between)  # which replaces an empty folder
        os.rename(aside, target)
    except OSError:
        with suppress(OSError):  # the old one may be at either name
            os.rmdir(between)
        with suppress(OSError):
            os.rename(between, target)
        raise
    os.rename(between, aside)
