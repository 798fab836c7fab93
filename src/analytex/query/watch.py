"""What the operator asks: how far log and store are, what fills the disk, what processes do."""

import asyncio
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from analytex.errors import AnalytexError
from analytex.eventlog.interface import LogReader
from analytex.observability.board import APPLIER, Board
from analytex.observability.health import State
from analytex.observability.meters import Snapshot, WorkerMeter
from analytex.observability.metrics import Details
from analytex.storage.interface import ReadStore
from analytex.storage.threads import StoreThreads
from analytex.storage.watching import WatchStore


class Watch:
    """Looks at one server from inside one of its workers. Belongs to the worker's event loop."""

    def __init__(
        self,
        directory: Path,
        meter: WorkerMeter,
        *,
        number: int,
        board: Board,
        log: LogReader,
        store: ReadStore,
        open_store: Callable[[], WatchStore],
    ) -> None:
        """`number` is the worker's; `open_store` is called in a thread, when it is first needed."""
        self.meter = meter
        self._directory = directory
        self._slot = APPLIER + 1 + number
        self._board = board
        self._log = log
        self._store = store
        self._threads = StoreThreads(open_store, threads=1, name="watch")

    def report(self, *, queue: int, connections: int) -> None:
        """Write this worker's numbers for the other workers; these two are as they are now."""
        self.meter.queue = queue
        self.meter.connections = connections
        self._board.write(self._slot, self.meter.snapshot())

    def state(self) -> State:
        """Return what is known at this moment; takes some tens of microseconds."""
        end = applied = 0
        lag_s, problem = 0.0, ""
        try:
            applied = self._store.applied()
            end = self._log.end()
            written_at = self._log.written_at(applied) if applied < end else None
            if written_at is not None:
                lag_s = max(time.time() - written_at / 1_000_000, 0.0)
        except AnalytexError as error:
            problem = f"{error.message} {error.details}".strip()
        disk = shutil.disk_usage(self._directory)
        return State(
            log_end=end,
            applied=applied,
            lag_s=lag_s,
            disk_size=disk.total,
            disk_free=disk.free,
            snapshots=self._snapshots(),
            problem=problem,
        )

    async def details(self) -> Details:
        """Return what takes a look at the disk. Raises Unavailable."""
        files = asyncio.to_thread(sizes, self._directory)
        jobs = self._threads.run(lambda store: (store.open_jobs(), store.ended_jobs()))
        sizes_of, (open_jobs, ended_jobs) = await asyncio.gather(files, jobs)
        return Details(files=sizes_of, jobs=open_jobs, ended=ended_jobs)

    def close(self) -> None:
        """Stop the thread, and let go of the board."""
        self._threads.close()
        self._board.close()

    def _snapshots(self) -> list[Snapshot]:
        """Return the numbers of all processes, those of this one as they are now."""
        own = self.meter.snapshot()
        return [*(each for each in self._board.read() if each.process != own.process), own]


def sizes(directory: Path) -> dict[str, int]:
    """Return how many bytes each file and folder in a directory has; folders with all in them."""
    return {entry.name: _size(entry) for entry in _entries(directory)}


def _size(entry: os.DirEntry[str]) -> int:
    try:
        if entry.is_dir(follow_symlinks=False):
            return sum(map(_size, _entries(entry.path)))
        return entry.stat(follow_symlinks=False).st_size
    except OSError:  # it was removed meanwhile
        return 0


def _entries(directory: str | Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(directory) as entries:
            return list(entries)
    except OSError:
        return []
