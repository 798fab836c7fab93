"""DuckDB, kept within bounds: memory, threads, time, and what it may touch.

It is imported when it is first needed: that takes a quarter of a second and 30 MB, and a worker
that is asked for hot events only never needs it.
"""

import logging
import shutil
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from analytex.domain.history import FOLDER
from analytex.errors import Unavailable
from analytex.history.columns import STORED

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection as Connection

TEMPORARY: Final = "tmp"  #: name in the data directory: for folders of what exceeds memory
SPILL_LIMIT: Final = "20GiB"
HEADS: Final = "parquet_metadata_cache"  #: the only setting that may be changed later

log = logging.getLogger(__name__)


class HistoryUnreadable(Unavailable):
    """History cannot be read at the moment."""


class TooSlow(Unavailable):
    """The question took too long."""


class TooLarge(Unavailable):
    """The question needs more memory than it may have."""


def open_engine(directory: Path, *, spill: Path, memory_mib: int, threads: int) -> "Connection":
    """Return a new DuckDB in memory that reads and writes `history/` only, and loads nothing.

    What does not fit in memory goes into the folder `spill`, which nobody else may use: whatever a
    crash left there is removed. Raises OSError.
    """
    import duckdb

    shutil.rmtree(spill, ignore_errors=True)
    spill.mkdir(mode=0o700, parents=True)
    db = duckdb.connect(
        ":memory:",
        config={
            "memory_limit": f"{memory_mib}MiB",
            "threads": threads,
            "temp_directory": str(spill),
            "max_temp_directory_size": SPILL_LIMIT,
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "python_enable_replacements": False,
            "enable_external_file_cache": False,  # the operating system has these pages already
            "preserve_insertion_order": False,  # else more has to be kept in memory
        },
    )
    # Global, or a cursor, which is a connection of its own, would begin with what is usual.
    db.execute("SET GLOBAL TimeZone = 'UTC'")
    db.execute("SET enable_progress_bar = false")
    db.execute(f"SET allowed_directories = [{text(str(directory / FOLDER))}]")
    db.execute("SET enable_external_access = false")
    db.execute(f"SET allowed_configs = ['{HEADS}']")
    db.execute("SET lock_configuration = true")
    return db


def keep_heads(db: "Connection") -> None:
    """Let what a connection reads of the files' heads stay in memory, for the next question."""
    db.execute(f"SET {HEADS} = true")


@contextmanager
def within(db: "Connection", seconds: float) -> Iterator[None]:
    """Interrupt what runs inside after so long.

    Raises TooSlow and TooLarge.
    """
    import duckdb

    late = TooSlow(details=f"It may take {seconds:g} seconds (setting `query_timeout`).")
    deadline = time.monotonic() + seconds
    timer = threading.Timer(seconds, db.interrupt)
    timer.daemon = True
    timer.start()
    try:
        yield
        if time.monotonic() > deadline:  # between two statements nothing can be interrupted
            raise late
    except duckdb.InterruptException as error:
        raise late from error
    except duckdb.OutOfMemoryException as error:
        raise TooLarge(details="Ask for less at once, or raise `query_memory`.") from error
    finally:
        timer.cancel()


@contextmanager
def reading() -> Iterator[None]:
    """Raise HistoryUnreadable for what goes wrong inside, unless a statement itself is wrong.

    The statements are our own, so it lies in a file that is missing or damaged.
    """
    import duckdb

    try:
        yield
    except (duckdb.BinderException, duckdb.CatalogException, duckdb.ParserException):
        raise
    except duckdb.Error as error:
        log.error('action="history_unreadable" cause="%s"', error)
        raise HistoryUnreadable(details="The server's log says why.") from error


def text(value: str) -> str:
    """Return a text as SQL."""
    if "\0" in value:  # a statement would end there
        return f"({' || chr(0) || '.join(map(text, value.split(chr(0))))})"
    return "'" + value.replace("'", "''") + "'"


def read_parquet(paths: Sequence[Path], *, filename: bool = False) -> str:
    """Return SQL for what the files hold together."""
    listed = ", ".join(text(str(path)) for path in paths)
    return f"read_parquet([{listed}], hive_partitioning = false, filename = {filename})"


def put_rows(db: "Connection", rows: Sequence[tuple[Any, ...]], statement: str) -> None:
    """Execute a statement that reads rows of the store, at least one, as the relation `stored`."""
    from arro3.core import Array, DataType, Table

    kinds = {"BIGINT": DataType.int64(), "VARCHAR": DataType.string()}
    columns = zip(*rows, strict=True)
    arrays: dict[str, Any] = {
        name: Array(list(values), kinds[kind])
        for (name, kind), values in zip(STORED, columns, strict=True)
    }
    db.register("stored", Table.from_pydict(arrays))
    try:
        db.execute(statement)
    finally:
        db.unregister("stored")
