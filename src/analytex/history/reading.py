"""Reading sealed events: pages newest first, and everything once."""

import shutil
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from analytex.domain.events import Event, EventFilter
from analytex.domain.history import FOLDER, HistoryFile
from analytex.history.columns import EVENT, event
from analytex.history.engine import keep_heads, open_engine, read_parquet, reading, within

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection as Connection

FILES_AT_ONCE: Final = 64  # at most
#: A question about more files keeps none of their heads: each takes about a megabyte, of which the
#: engine counts a sixth as memory. To read one again takes a millisecond.
HEADS_OF: Final = 200
TIME_DIGITS: Final = 13  # of an id: the time of its event in microseconds, hexadecimal

Moment = tuple[int, int]  #: inserted_at and sequence
Found = tuple[int, Event]  #: sequence and event


class Engine:
    """One DuckDB for all threads of a process, made when it is first needed."""

    def __init__(
        self, directory: Path, *, spill: Path, memory_mib: int, threads: int, timeout_s: float
    ) -> None:
        """`timeout_s` is the longest that one question may take; `spill` as `open_engine` says."""
        self.directory = directory
        self.timeout_s = timeout_s
        self._spill = spill
        self._memory_mib = memory_mib
        self._threads = threads
        shutil.rmtree(spill, ignore_errors=True)  # though it may take long until it is needed
        self._lock = threading.Lock()
        self._db: Connection | None = None

    def connect(self, files: int = 0) -> "Connection":
        """Return a connection of its own for one question, about so many files. Raises OSError."""
        db = self._connect()
        if 0 < files <= HEADS_OF:
            keep_heads(db)
        return db

    def _connect(self) -> "Connection":
        with self._lock:
            if self._db is None:
                self._db = open_engine(
                    self.directory,
                    spill=self._spill,
                    memory_mib=self._memory_mib,
                    threads=self._threads,
                )
            return self._db.cursor()

    def close(self) -> None:
        """Give the memory back; no question may be under way."""
        with self._lock:
            if self._db is not None:
                self._db.close()
                self._db = None


def page(
    engine: Engine,
    files: Sequence[HistoryFile],
    environment_id: int,
    wanted: EventFilter,
    *,
    since: int,
    before: Moment,
    limit: int,
) -> list[Found]:
    """Return the newest events in these files that match, not before `since`, behind `before`.

    The files, the newest first, are those of one environment. Reads no further than the page needs.
    Raises TooSlow, TooLarge and HistoryUnreadable.
    """
    if wanted.id is not None:
        files = [file for file in files if _may_hold(file, wanted.id)]
    condition, values = _condition(wanted, since, before)
    found: list[Found] = []
    # The newest file fills most pages; not those of one user, of whom few events are in each.
    start, some = 0, 4 if wanted.user_id is not None else 1
    with engine.connect(len(files)) as db, reading(), within(db, engine.timeout_s):
        while start < len(files):
            if len(found) == limit and found[-1][1].inserted_at > files[start].newest:
                break
            source = _source(engine.directory, files[start : start + some])
            rows = db.execute(
                f"SELECT {EVENT} FROM {source} WHERE {condition} "
                f"ORDER BY inserted_at DESC, sequence DESC LIMIT {limit}",
                values,
            ).fetchall()
            found += [event(row, environment_id) for row in rows]
            found = sorted(found, key=_newest_first)[:limit]
            start, some = start + some, min(some * 4, FILES_AT_ONCE)
    return found


def scan(engine: Engine, files: Sequence[HistoryFile], *, batch: int) -> Iterator[list[Event]]:
    """Yield all events in these files, in no particular order, at most `batch` at a time.

    Raises HistoryUnreadable.
    """
    with engine.connect() as db, reading():
        for file in files:
            found = db.execute(f"SELECT {EVENT} FROM {_source(engine.directory, [file])}")
            while rows := found.fetchmany(batch):
                yield [event(row, file.environment_id)[1] for row in rows]


def _source(directory: Path, files: Sequence[HistoryFile]) -> str:
    return read_parquet([directory / FOLDER / file.path for file in files])


def _newest_first(found: Found) -> Moment:
    sequence, event = found
    return -event.inserted_at, -sequence


def _may_hold(file: HistoryFile, id: str) -> bool:
    """Tell whether the file's time range has the time that the id begins with."""
    try:
        at = int(id[:TIME_DIGITS], 16)
    except ValueError:
        return False  # nobody gave such an id
    return file.oldest <= at <= file.newest


def _condition(wanted: EventFilter, since: int, before: Moment) -> tuple[str, list[Any]]:
    conditions = [
        "inserted_at >= make_timestamptz(CAST(? AS BIGINT))",
        "inserted_at <= make_timestamptz(CAST(? AS BIGINT))",
        "(inserted_at < make_timestamptz(CAST(? AS BIGINT)) OR sequence < ?)",
    ]
    values: list[Any] = [_time(since), _time(before[0]), _time(before[0]), before[1]]
    for name in ("id", "user_id", "company_id", "event_type", "event_name"):
        value = getattr(wanted, name)
        if value is not None:
            conditions.append(f"{name} = ?")
            values.append(str(value))
    return " AND ".join(conditions), values


_FARTHEST: Final = 253_402_300_799_999_999  # the end of the year 9999: no event is outside


def _time(at: int) -> int:
    """A time that DuckDB has, on the same side of all events."""
    return max(-_FARTHEST, min(at, _FARTHEST))
