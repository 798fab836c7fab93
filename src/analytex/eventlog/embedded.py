"""The log engine for one machine: the SQLite file `log.db` (format: `schema.sql`).

Group commit: records that arrive together, or while a flush runs, are one row and one flush. A
flush runs on the event loop as long as the disk is fast, because handing it to a thread and back
costs more than waiting; once one was slow, the next runs in a thread, so that a slow disk holds up
neither reads nor the taking of calls (docs/decisions/0006).
"""

import asyncio
import logging
import sqlite3
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from analytex import sqlite
from analytex.errors import AnalytexError, Unavailable
from analytex.eventlog.interface import Batch, Done
from analytex.observability.meters import FlushMeter

QUEUE_BYTES: Final = 64 * 1024 * 1024  # of records that wait, however few they are
ENOUGH: Final = 256  # records; a flush costs each of them little then
SLOW_FLUSH_S: Final = 0.002  # a flush takes about 0.3 ms on a local solid-state disk
# Removed in one transaction, so that no flush waits long behind it: a removed megabyte is
# overwritten with zeros, which takes about 4 ms.
TRIM_ROWS: Final = 20
TRIM_BYTES: Final = 512 * 1024
TRIM_EVERY_S: Final = 0.01

_SQL: Final = sqlite.queries(__package__, "queries.sql")

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[bytes]).decode

log = logging.getLogger(__name__)


class EmbeddedLogWriter:
    """Appends to `log.db`; several processes may, one flush at a time."""

    def __init__(
        self,
        path: Path,
        loop: asyncio.AbstractEventLoop,
        *,
        queue_limit: int,
        flushed: Callable[[], None],
        meter: FlushMeter | None = None,
    ) -> None:
        """Open or create the file.

        `queue_limit` is in records; `flushed` is called on the loop after every flush, and `meter`
        counts them.
        Raises sqlite3.Error if the file cannot be opened.
        """
        self._path = path
        self._loop = loop
        self._queue_limit = queue_limit
        self._after_flush = flushed
        self._meter = meter or FlushMeter()
        self._db: sqlite3.Connection | None = sqlite.connect(path, __package__)
        self._file = path.stat().st_ino
        self._records: list[bytes] = []
        self._dones: list[Done] = []
        self._bytes = 0  # in self._records
        self._flushing = False  # a flush is planned or runs
        self._away = False  # the connection is in use by the thread
        self._slow = False
        self._idle = asyncio.Event()
        self._idle.set()
        self._thread = ThreadPoolExecutor(1, "log-flush")
        self._trimming: tuple[int, int] | None = None

    def append(self, record: bytes, done: Done) -> None:
        """Add the record to the next flush (see `LogWriter.append`)."""
        if len(self._records) >= self._queue_limit or self._bytes > QUEUE_BYTES:
            raise Unavailable(details="The queue in front of the event log is full.")
        self._records.append(record)
        self._bytes += len(record)
        self._dones.append(done)
        if not self._flushing:
            self._flushing = True
            self._idle.clear()
            self._loop.call_soon(self._gather, 0)

    @property
    def waiting(self) -> int:
        """How many records wait for a flush that has not begun."""
        return len(self._records)

    def trim(self, before: int, older_than: int) -> None:
        """Remove applied records (see `LogWriter.trim`)."""
        if self._trimming is None:
            self._loop.call_soon(self._trim)
        self._trimming = (before, older_than)

    async def close(self) -> None:
        """Flush what waits, answer it, and close the file."""
        await self._idle.wait()
        self._trimming = None
        self._thread.shutdown()
        self._let_go()

    def _gather(self, before: int) -> None:
        """Flush once a round of the loop has brought no more records, or there are enough."""
        if before < len(self._records) < ENOUGH:
            self._loop.call_soon(self._gather, len(self._records))
        else:
            self._flush()

    def _flush(self) -> None:
        records, dones = self._records, self._dones
        self._records, self._dones, self._bytes = [], [], 0
        if not self._slow:
            self._flushed(dones, self._write(records))
            return
        self._away = True
        flush = self._loop.run_in_executor(self._thread, self._write, records)
        flush.add_done_callback(lambda flush: self._flushed(dones, flush.result()))

    def _write(self, records: list[bytes]) -> AnalytexError | None:
        """Store the records as one row; return what went wrong."""
        started = time.perf_counter()
        failed = True
        try:
            if self._path.stat().st_ino != self._file:  # a new file would use positions again
                raise OSError(f"{self._path} is not the file that was opened; start again")
            if self._db is None:
                self._db = sqlite.connect(self._path, __package__)
            row = (len(records), time.time_ns() // 1000, _encode(records))
            self._db.execute(_SQL["append"], row)
            failed = False
        except Exception as cause:  # whatever it was: those who wait are told
            log.error('action="flush_failed" records=%d cause="%s"', len(records), cause)
            self._let_go()  # and open it anew for the next flush: the cause may be gone
            return Unavailable(
                details="The event log cannot be written; the server's log says why."
            )
        finally:
            took = time.perf_counter() - started
            self._slow = took > SLOW_FLUSH_S
            self._meter.count(len(records), took, failed=failed)
        return None

    def _flushed(self, dones: list[Done], error: AnalytexError | None) -> None:
        self._away = False
        if self._records:
            self._loop.call_soon(self._flush)
        else:
            self._flushing = False
            self._idle.set()
        for done in dones:
            try:
                done(error)
            except Exception:  # one sender's connection is no reason to leave the others waiting
                log.exception('action="answer_failed"')
        if error is None:
            self._after_flush()

    def _trim(self) -> None:
        """Remove a few rows; come back until none is left to remove."""
        if self._trimming is None:
            return
        removed = 1  # to be found out next time
        if not self._away and self._db is not None:
            before, older_than = self._trimming
            values = {
                "before": before,
                "older_than": older_than,
                "rows": TRIM_ROWS,
                "bytes": TRIM_BYTES,
            }
            try:
                removed = self._db.execute(_SQL["trim"], values).rowcount
            except sqlite3.Error as cause:
                log.warning('action="trim_failed" cause="%s"', cause)
                removed = 0
        if removed == 0:
            self._trimming = None
        else:
            self._loop.call_later(TRIM_EVERY_S, self._trim)

    def _let_go(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None


class EmbeddedLogReader:
    """Reads `log.db` while others append to it."""

    def __init__(self, path: Path) -> None:
        """Open or create the file. Raises sqlite3.Error if it cannot be opened."""
        self._db = sqlite.connect(path, __package__)

    def read(self, start: int, *, max_records: int, max_bytes: int) -> list[Batch]:
        """Return the batches from `start` on (see `LogReader.read`)."""
        with reading():
            return self._read(start, max_records, max_bytes)

    def end(self) -> int:
        """Return the position behind the last record on disk."""
        with reading():
            return int(self._db.execute(_SQL["end"]).fetchone()[0])

    def written_at(self, position: int) -> int | None:
        """Return when the record at a position was written (see `LogReader.written_at`)."""
        with reading():
            row = self._db.execute(_SQL["written_at"], (position,)).fetchone()
        return None if row is None else int(row[0])

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def _read(self, start: int, max_records: int, max_bytes: int) -> list[Batch]:
        row = self._db.execute(_SQL["row_of"], (start,)).fetchone()
        batches: list[Batch] = []
        found = size = 0
        for first, count, records in self._db.execute(_SQL["read"], (row[0] if row else start,)):
            if first + count <= start:
                continue
            cut = max(start - first, 0)
            batches.append(Batch(first + cut, _decode(records)[cut:]))
            found += count - cut
            size += len(records)
            if found >= max_records or size >= max_bytes:
                break
        return batches


@contextmanager
def reading() -> Iterator[None]:
    """Raise Unavailable where the engine raises an error of its own."""
    try:
        yield
    except sqlite3.Error as error:
        raise Unavailable(details=f"The event log cannot be read: {error}.") from error


def continue_at(path: Path, position: int) -> bool:
    """Make sure that the log ends at this position or behind it; tell whether it did not.

    Needed where the file was lost, or an old copy put in its place, while the store that was made
    from it is still there. What the log holds then was applied long ago, and is dropped.
    """
    db = sqlite.connect(path, __package__)
    try:
        db.execute("BEGIN IMMEDIATE")
        behind = int(db.execute(_SQL["end"]).fetchone()[0]) < position
        if behind:
            db.execute(_SQL["clear"])
            db.execute(_SQL["set_origin"], (position,))
        db.execute("COMMIT")
    finally:
        db.close()
    return behind
