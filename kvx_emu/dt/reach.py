"""Which files a tree may open: the reach of `#include`, `/include/` and `/incbin/`.

A tree is often somebody else's. What it names is read only from

- the folder of the main file and all below it;
- the -I folders and all below them;
- the source tree that such a folder is part of, when its layout is one that device trees are kept in: the
  nearest enclosing `dts` folder (Linux: `arch/arm/boot/dts`), and the `arch`, `include`, `scripts` and
  `src` folders beside one another under a folder that has `include/dt-bindings` (Linux, U-Boot, barebox,
  devicetree-rebasing), for real trees go there with `..` and through symbolic links;

all after symbolic links and `..` are resolved, and anything else only when asked (`anywhere`).
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from kvx_emu.files import STDIN, wrong_kind
from kvx_emu.limits import LIMITS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kvx_emu.limits import Limits

_PARTS = ("arch", "include", "scripts", "src")  # of a source tree with include/dt-bindings


class ReachError(Exception):
    """A file was not read; the text says which and why, `code` is that of the finding to be made of it.

    The codes: `file-outside` (beyond the reach), `file-kind` (no regular file), `file-read` (the system
    refuses), `limit` (too large).
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Reach:
    """The files that the tree `main` ("-" or `<stdin>`: the current folder) may open.

    `folders` are the -I folders in order. `room` is how many bytes may still be read.
    """

    def __init__(
        self, main: str, folders: Sequence[str] = (), anywhere: bool = False, limits: Limits = LIMITS
    ) -> None:
        self.folders = tuple(folders)
        self.anywhere = anywhere
        self.limits = limits
        self.room = limits.tree_text
        self._cache: dict[str, bytes] = {}
        self._roots: list[str] = []
        for folder in (_folder(main), *self.folders):
            self._roots += _roots(folder)

    def find(self, name: str, from_path: str, *, angled: bool = False) -> str | None:
        """Return the path of the file that `from_path` calls `name`, or None if there is none.

        It is looked for in the folder of the asking file, unless `angled`, and then in the -I folders. A
        path may be returned that `read` refuses.
        """
        if not name:
            return None
        paths = [os.path.join(folder, name) for folder in self.searched(from_path, angled=angled)]
        there = [path for path in paths if os.path.lexists(path)]
        # A folder of that name does not hide a file further on (as in cpp), but is told about if all.
        return next((path for path in there if not os.path.isdir(path)), there[0] if there else None)

    def searched(self, from_path: str, *, angled: bool = False) -> list[str]:
        """Return the folders in which `find` looks."""
        return [*self.folders] if angled else [_folder(from_path), *self.folders]

    def allows(self, path: str) -> bool:
        """Whether `path`, all links resolved, lies where this tree may read."""
        return self.anywhere or self._inside(os.path.realpath(path))

    def _inside(self, real: str) -> bool:
        return any(real.startswith(root) for root in self._roots)

    def read(self, path: str) -> bytes:
        """Return the content of `path`, a result of `find`; raises ReachError."""
        try:
            real = os.path.realpath(path)
            if not self.anywhere and not self._inside(real):
                raise ReachError("file-outside", self._outside(path, real))
            data = self._cache.get(real)
            if data is None:
                data = self._cache[real] = self._load(path, real)
        except OSError as error:
            raise ReachError("file-read", f"cannot read '{path}': {error.strerror or error}") from None
        except ValueError as error:  # a NUL in the name
            raise ReachError("file-read", f"cannot read {path!r}: {error}") from None
        self.charge(len(data), path)
        return data

    def charge(self, size: int, path: str) -> None:
        """Count `size` bytes read from `path`; raises ReachError when all files together are too large."""
        self.room -= size
        if self.room < 0:
            raise ReachError("limit", self._too_large(path))

    def _load(self, path: str, real: str) -> bytes:
        # Opened without waiting, and looked at once it is open: the name may meanwhile be another file's.
        flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0)
        self._regular(path, os.stat(real).st_mode)  # opening a device may already do something
        with open(os.open(real, flags), "rb") as stream:
            status = os.fstat(stream.fileno())
            self._regular(path, status.st_mode)
            if status.st_size > self.room:
                raise ReachError("limit", self._too_large(path))
            return stream.read(self.room + 1)

    def _regular(self, path: str, mode: int) -> None:
        kind = wrong_kind(mode)
        if kind is not None:
            raise ReachError("file-kind", f"cannot read '{path}': not a regular file: it is {kind}")

    def _too_large(self, path: str) -> str:
        return f"with '{path}', the files of this tree have more than {self.limits.tree_text} bytes together"

    def _outside(self, path: str, real: str) -> str:
        where = "" if real == os.path.abspath(path) else f" (that is '{real}')"
        return (
            f"'{path}'{where} lies outside the tree's folder and the -I folders: it is not opened;"
            f" add -I {os.path.dirname(real)} if it belongs to the tree"
        )


def _folder(path: str) -> str:
    return "" if path in {"-", STDIN} else os.path.dirname(path)


def _roots(folder: str) -> list[str]:
    """Return the folders, each with a `/` at its end, that `folder` opens to a tree."""
    here = os.path.realpath(folder or ".")
    found = [here]
    above = here
    while (parent := os.path.dirname(above)) != above:
        if os.path.basename(above) == "dts":
            found.append(above)
            break
        above = parent
    above = here
    while (parent := os.path.dirname(above)) != above:
        if os.path.isdir(os.path.join(above, "include", "dt-bindings")):
            found += [os.path.join(above, part) for part in _PARTS]
            break
        above = parent
    return [os.path.join(root, "") for root in found]
