"""The log engine for one machine: the SQLite file `log.db` (format: `schema.sql`).

Group commit: records that arrive while a flush runs wait for the next one, and each flush is one
row. A thread of its own does the flushing, so a slow disk never stops the event loop.
"""

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue
from typing import Final

import msgspec

from analytex import sqlite
from analytex.errors import Unavailable
from analytex.eventlog.interface import Batch, Done

TRIM_ROWS: Final = 100  # removed in one transaction, so that no flush waits long behind it

_SQL: Final = sqlite.queries(__package__, "queries.sql")

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[bytes]).decode


class EmbeddedLogWriter:
    """Appends to `log.db`; several processes may, one flush at a time."""

    def __init__(
        self,
        path: Path,
        loop: asyncio.AbstractEventLoop,
        *,
        queue_limit: int,
        flushed: Callable[[], None],
    ) -> None:
        """Open or create the file.

        `queue_limit` is in records; `flushed` is called in the flushing thread after every flush.
        Raises sqlite3.Error if the file cannot be opened.
        """
        self._path = path
        self._loop = loop
        self._queue_limit = queue_limit
        self._after_flush = flushed
        self._db: sqlite3.Connection | None = sqlite.connect(path, __package__)
        self._records: list[bytes] = []
        self._dones: list[Done] = []
        self._busy = False
        self._idle = asyncio.Event()
        self._idle.set()
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="log-flush", daemon=True)
        self._thread.start()

    def append(self, record: bytes, done: Done) -> None:
        """Add the record to the next flush (see `LogWriter.append`)."""
        if len(self._records) >= self._queue_limit:
            raise Unavailable(details="The queue in front of the event log is full.")
        self._records.append(record)
        self._dones.append(done)
        if not self._busy:
            self._busy = True
            self._idle.clear()
            # Not at once: the loop may hold more requests that have arrived together.
            self._loop.call_soon(self._flush)

    def trim(self, before: int, older_than: int) -> None:
        """Remove applied records (see `LogWriter.trim`)."""
        self._jobs.put(lambda: self._trim(before, older_than))

    async def close(self) -> None:
        """Flush what waits, answer it, and close the file."""
        await self._idle.wait()
        self._jobs.put(None)
        await asyncio.to_thread(self._thread.join)
        if self._db is not None:
            self._db.close()

    def _flush(self) -> None:
        records, dones = self._records, self._dones
        self._records, self._dones = [], []
        self._jobs.put(lambda: self._write(records, dones))

    def _flushed(self, dones: list[Done], error: Exception | None) -> None:
        if self._records:
            self._flush()
        else:
            self._busy = False
            self._idle.set()
        for done in dones:
            done(error)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()

    def _write(self, records: list[bytes], dones: list[Done]) -> None:
        error: Exception | None = None
        try:
            if self._db is None:
                self._db = sqlite.connect(self._path, __package__)
            row = (len(records), time.time_ns() // 1000, _encode(records))
            self._db.execute(_SQL["append"], row)
        except sqlite3.Error as cause:
            error = Unavailable(details=f"The event log cannot be written: {cause}.")
            self._reopen_later()
        self._loop.call_soon_threadsafe(self._flushed, dones, error)
        if error is None:
            self._after_flush()

    def _trim(self, before: int, older_than: int) -> None:
        if self._db is None:
            return
        values = {"before": before, "older_than": older_than, "rows": TRIM_ROWS}
        try:
            if self._db.execute(_SQL["trim"], values).rowcount == TRIM_ROWS:
                self.trim(before, older_than)  # the rest, behind the flushes that wait
        except sqlite3.Error:
            self._reopen_later()

    def _reopen_later(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None


class EmbeddedLogReader:
    """Reads `log.db` while others append to it."""

    def __init__(self, path: Path) -> None:
        """Open or create the file. Raises sqlite3.Error if it cannot be opened."""
        self._db = sqlite.connect(path, __package__)

    def read(self, start: int, *, max_records: int) -> list[Batch]:
        """Return the batches from `start` on (see `LogReader.read`)."""
        row = self._db.execute(_SQL["row_of"], (start,)).fetchone()
        batches: list[Batch] = []
        found = 0
        for first, count, records in self._db.execute(_SQL["read"], (row[0] if row else start,)):
            if first + count <= start:
                continue
            cut = max(start - first, 0)
            batches.append(Batch(first + cut, _decode(records)[cut:]))
            found += count - cut
            if found >= max_records:
                break
        return batches

    def end(self) -> int:
        """Return the position behind the last record on disk."""
        row = self._db.execute(_SQL["end"]).fetchone()
        return row[0] if row else 0

    def close(self) -> None:
        """Close the file."""
        self._db.close()
