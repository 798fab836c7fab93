"""The process that exports: `python -m analytex.jobs.exporting`.

It writes a file for each day that has events, and then ends, and so gives its memory back. A file
gets its name when it is complete and on disk; the applier notes it then, and a process that goes on
with the export leaves it alone.
"""

import os
import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from analytex.domain.exports import ExportFile, ExportRequest
from analytex.domain.history import DAY, FOLDER
from analytex.errors import AnalytexError
from analytex.history.engine import SPILL_LIMIT, text
from analytex.history.reading import Engine
from analytex.jobs import export_rows
from analytex.jobs.export_pipe import (
    Chunks,
    Done,
    Made,
    Message,
    Orders,
    Problem,
    Written,
    receive_orders,
    say,
)
from analytex.query.relation import EventsRelation
from analytex.storage.export_files import SPILL, put_in_place
from analytex.storage.open import open_read_store
from analytex.storage.sealing import HistoryReadStore

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection as Connection

NICENESS: Final = 5  # on top of the applier's own: what is live goes first (nice(2))
MEMORY_MIB: Final = 96  # of DuckDB; above it, it writes temporary files
THREADS: Final = 2
LONGEST_S: Final = 86_400.0  # for one day of events
TELL_EVERY_S: Final = 0.5

_EPOCH: Final = date(1970, 1, 1)


class ExportEngine(Engine):
    """A DuckDB that reads history, and writes into one folder."""

    def __init__(self, directory: Path, folder: Path) -> None:
        """`folder`: of the export."""
        super().__init__(
            directory,
            spill=folder / SPILL,
            memory_mib=MEMORY_MIB,
            threads=THREADS,
            timeout_s=LONGEST_S,
        )
        self._folder = folder
        self._own: Connection | None = None

    def connect(self, files: int = 0) -> "Connection":
        """Return a connection of its own. Raises OSError."""
        if self._own is None:
            self._own = self._open()
        return self._own.cursor()

    def close(self) -> None:
        """Let go of everything."""
        if self._own is not None:
            self._own.close()
            self._own = None

    def _open(self) -> "Connection":
        import duckdb

        spill = self._folder / SPILL
        spill.mkdir(mode=0o700, exist_ok=True)
        db = duckdb.connect(
            ":memory:",
            config={
                "memory_limit": f"{MEMORY_MIB}MiB",
                "threads": THREADS,
                "temp_directory": str(spill),
                "max_temp_directory_size": SPILL_LIMIT,
                "autoinstall_known_extensions": False,
                "autoload_known_extensions": False,
                "python_enable_replacements": False,
                "enable_external_file_cache": False,
                "preserve_insertion_order": False,  # else more has to be kept in memory
            },
        )
        db.execute("SET TimeZone = 'UTC'")
        db.execute("SET enable_progress_bar = false")
        allowed = ", ".join(text(str(each)) for each in (self.directory / FOLDER, self._folder))
        db.execute(f"SET allowed_directories = [{allowed}]")
        db.execute("SET enable_external_access = false")
        db.execute("SET lock_configuration = true")
        return db


class Exporter:
    """One run."""

    def __init__(self, orders: Orders, tell: Callable[[Message], None]) -> None:
        """`tell` takes what the applier shall know."""
        self._orders = orders
        self._tell = tell
        self._folder = Path(orders.folder)
        directory = Path(orders.directory)
        self._engine = ExportEngine(directory, self._folder)
        open_store = partial(open_read_store, directory)
        self._relation = EventsRelation(open_store, self._engine)
        self._store: HistoryReadStore = open_store()
        self._told_at = 0.0

    def run(self) -> None:
        """Write what is ordered. Raises AnalytexError, OSError, sqlite3.Error, duckdb.Error."""
        chunks = self._orders.chunks
        if chunks is None:
            chunks, rows = self._look()
            self._tell(Chunks(chunks=chunks, rows=rows))
        for chunk in chunks:
            self._tell(Made(file=self._write(chunk)))
        self._tell(Done())

    def close(self) -> None:
        """Let go of everything."""
        self._relation.close()
        self._store.close()
        self._engine.close()

    def _look(self) -> tuple[list[str], int]:
        """Return the days that have such events, and how many these are."""
        request = self._orders.request
        with self._relation.view(
            self._store,
            self._orders.environment_id,
            since=request.since,
            until=request.until,
            timeout_s=LONGEST_S,
        ) as db:
            where = export_rows.condition(db, request)
            found = db.execute(
                "SELECT CAST(day AS VARCHAR), count(*) FROM events "
                f"WHERE {where} GROUP BY ALL ORDER BY ALL"
            ).fetchall()
        return [day for day, _ in found], sum(rows for _, rows in found)

    def _write(self, chunk: str) -> ExportFile:
        request = self._orders.request
        name = f"events-{chunk}{request.format.suffix}"
        part = self._folder / f"{name}.{os.getpid()}.part"
        since, until = bounds(chunk, request)
        with self._relation.view(
            self._store,
            self._orders.environment_id,
            since=since,
            until=until,
            timeout_s=LONGEST_S,
        ) as db:
            rows = export_rows.write(
                db, request, part, app_token=self._orders.app_token, tell=self._progress
            )
        size = put_in_place(part, self._folder / name)
        return ExportFile(chunk, name, rows, size)

    def _progress(self, rows: int) -> None:
        if time.monotonic() - self._told_at >= TELL_EVERY_S:
            self._told_at = time.monotonic()
            self._tell(Written(rows=rows))


def bounds(chunk: str, request: ExportRequest) -> tuple[int, int]:
    """Return from when to when the events of a chunk are: its day, and not outside the request."""
    since = (date.fromisoformat(chunk) - _EPOCH) // timedelta(days=1) * DAY
    until = since + DAY
    if request.since is not None:
        since = max(since, request.since)
    if request.until is not None:
        until = min(until, request.until)
    return since, until


def _problems() -> Sequence[type[Exception]]:
    import duckdb

    return (AnalytexError, OSError, sqlite3.Error, duckdb.Error)


def main() -> None:
    """Export as ordered."""
    orders = receive_orders()
    os.nice(NICENESS)
    try:
        with closing(Exporter(orders, say)) as exporter:
            exporter.run()
    except BrokenPipeError:
        os._exit(0)  # the applier is gone, and so is whom to tell
    except tuple(_problems()) as error:
        details = getattr(error, "details", "")
        say(Problem(reason=f"{str(error).rstrip('.')}. {details}".strip()))


if __name__ == "__main__":
    main()
