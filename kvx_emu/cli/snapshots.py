"""The options --snapshot-at and --restore of `kvx-emu run`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvx_emu.errors import UsageError

if TYPE_CHECKING:
    from kvx_emu.engine.reference import Reference
    from kvx_emu.outputs import AtomicFile


class Snapshots:
    """What a run goes on from and what is kept of it; without the options nothing is done.

    `source` is the file to go on from, `wanted` the tick after which a snapshot is taken, and its file,
    which is there as soon as it is taken. After the run `told` is what is to be known about it.
    """

    def __init__(self, source: str | None, wanted: tuple[int, str] | None) -> None:
        self.inputs = [] if source is None else [source]
        self.outputs = [] if wanted is None else [wanted[1]]
        self.told: list[str] = []
        self._wanted = wanted
        self._file: AtomicFile | None = None
        self._taken = False

    @property
    def any(self) -> bool:
        """Whether anything is to be done."""
        return bool(self.inputs or self.outputs)

    def attach(self, engine: Reference) -> None:
        """Restore the engine, and have it take the snapshot. To be called before it runs."""
        if not self.any:
            return
        from kvx_emu.engine.snapshot import load, restore

        now = 0
        for source in self.inputs:
            parts = engine.parts
            now = restore(engine, load(source, parts.machine, parts.program), source)
        if self._wanted is not None:
            self._attach(engine, *self._wanted, now)

    def _attach(self, engine: Reference, tick: int, path: str, now: int) -> None:
        from kvx_emu.engine.snapshot import snapshot
        from kvx_emu.outputs import AtomicFile

        if tick < now:
            raise UsageError(f"--snapshot-at {tick}: the restored run is at tick {now} already")
        file = self._file = AtomicFile(path)
        self.told = [f"kvx-emu: {path} is not written: the run was stopped in the midst of a tick"]

        def take(ended: bool) -> None:
            file.write(snapshot(engine))
            file.close()
            self._taken = True
            now = engine.parts.run.now
            self.told = [f"kvx-emu: the run ended at tick {now}: {path} holds its end"] if ended else []

        engine.keep(tick, take)

    def left(self) -> str:
        """Return what there is of a run that ends now, before its outputs are kept."""
        return f"only {', '.join(self.outputs)} was written" if self._taken else "no file was written"

    def abandon(self) -> None:
        """Leave no file where none was taken; harmless after one was."""
        if self._file is not None:
            self._file.abandon()
