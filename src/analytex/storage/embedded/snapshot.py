"""SQLite files as they are at one moment, to be copied while others go on writing."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, Final, NamedTuple, Self

from analytex import sqlite
from analytex.domain.history import NO_TABLE

PIECE_BYTES: Final = 4 * 1024 * 1024  # copied between two calls of `advance`

_SQL: Final = sqlite.queries(__package__, "snapshot.sql")


class JobState(NamedTuple):
    """A job, for those who copy its files."""

    id: str
    kind: str  #: a `JobKind`
    open: bool  #: whether it has not ended


class Snapshot:
    """One file at one moment, in WAL mode. Nothing of it is changed, its version neither.

    As long as it is open, the file's `-wal` grows with what is written. Raises sqlite3.Error.
    """

    def __init__(self, path: Path) -> None:
        """Hold the file as it is now."""
        self.name = path.name
        self._db = sqlite3.connect(path, timeout=sqlite.BUSY_TIMEOUT_S, isolation_level=None)
        try:
            self._db.execute("BEGIN")
            self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()  # takes the moment
            self._page_bytes = int(self._one("PRAGMA page_size"))
            self.bytes = int(self._one("PRAGMA page_count")) * self._page_bytes  #: of a copy
        except BaseException:
            self._db.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def copy(self, target: Path, advance: Callable[[int], None]) -> None:
        """Write a new file, which is not flushed; `advance` learns how many bytes are done."""

        def note(_: int, remaining: int, total: int) -> None:
            advance((total - remaining) * self._page_bytes)

        with closing(sqlite3.connect(target, isolation_level=None)) as copy:
            # If this ends early, nobody uses the file.
            copy.execute("PRAGMA journal_mode = OFF")
            copy.execute("PRAGMA synchronous = OFF")
            # With the transaction of `__init__` open, SQLite copies that moment, however many steps
            # it takes; without one it would begin again whenever somebody writes.
            self._db.backup(copy, pages=PIECE_BYTES // self._page_bytes, progress=note)

    def close(self) -> None:
        """Let go of it; again does nothing."""
        self._db.close()

    def _one(self, statement: str, values: tuple[Any, ...] = ()) -> Any:
        return self._db.execute(statement, values).fetchone()[0]

    def _all(self, query: str, table: str) -> list[Any]:
        """Return what a query finds; nothing in a file of a version that lacks the table."""
        known = self._one(_SQL["has_table"], (table,))
        return self._db.execute(_SQL[query]).fetchall() if known else []


class StoreSnapshot(Snapshot):
    """`store.db`, and what it says of files beside it."""

    def history_version(self) -> int:
        """Return the version of the table of sealed events; `NO_TABLE` if there is none."""
        found = self._all("history_version", "history")
        return int(found[0][0]) if found else NO_TABLE

    def history_files(self) -> list[str]:
        """Return the paths of the files of that version, inside the table's folder."""
        return [path for (path,) in self._all("history_files", "history_files")]

    def jobs(self) -> list[JobState]:
        """Return all jobs."""
        found = self._all("jobs", "jobs")
        return [JobState(id, kind, bool(is_open)) for id, kind, is_open in found]


def check(path: Path) -> None:
    """Read a whole file that nobody uses, and see whether it is sound.

    Raises sqlite3.Error. Nothing is written, and no other file is made beside it.
    """
    address = f"{path.absolute().as_uri()}?mode=ro&immutable=1"
    with closing(sqlite3.connect(address, uri=True)) as db:
        found = db.execute("PRAGMA quick_check(1)").fetchone()[0]
    if found != "ok":
        raise sqlite3.DatabaseError(str(found))
