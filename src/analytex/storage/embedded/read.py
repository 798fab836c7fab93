"""The readers' side of `store.db`: profiles, and what scans need."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from analytex import sqlite
from analytex.domain.events import Event, EventFilter
from analytex.domain.profiles import Company, User
from analytex.errors import Unavailable
from analytex.storage.embedded import FILE, rows
from analytex.storage.embedded.events import find_events
from analytex.storage.interface import Place

_SQL: Final = sqlite.queries(__package__, "read.sql")


class EmbeddedReadStore:
    """Reads profiles and events (see `ReadStore`)."""

    def __init__(self, path: Path) -> None:
        """Open or create the file. Raises sqlite3.Error if it cannot be opened."""
        self._db = sqlite.connect(path, __package__)
        self._db.execute("PRAGMA query_only = ON")

    def applied(self) -> int:
        """Return the log position up to which everything can be read."""
        return int(self._db.execute(_SQL["applied"]).fetchone()[0])

    def durable(self) -> int:
        """Return the log position up to which a power cut takes nothing back."""
        return int(self._db.execute(_SQL["durable"]).fetchone()[0])

    def user(self, environment_id: int, user_id: str) -> User | None:
        """Return a user, or None."""
        row = self._db.execute(_SQL["user"], (environment_id, user_id)).fetchone()
        return rows.user(row) if row else None

    def list_users(self, environment_id: int, *, after: str | None, limit: int) -> list[User]:
        """Return users in the order of their ids, behind the id `after`."""
        found = self._db.execute(_SQL["list_users"], (environment_id, after or "", limit))
        return [rows.user(row) for row in found]

    def count_users(self, environment_id: int, *, at_most: int) -> int:
        """Return how many users there are; stops counting at `at_most`."""
        return int(self._db.execute(_SQL["count_users"], (environment_id, at_most)).fetchone()[0])

    def company(self, environment_id: int, company_id: str) -> Company | None:
        """Return a company, or None."""
        row = self._db.execute(_SQL["company"], (environment_id, company_id)).fetchone()
        return rows.company(row) if row else None

    def list_companies(
        self, environment_id: int, *, after: str | None, limit: int
    ) -> list[Company]:
        """Return companies in the order of their ids, behind the id `after`."""
        found = self._db.execute(_SQL["list_companies"], (environment_id, after or "", limit))
        return [rows.company(row) for row in found]

    def count_companies(self, environment_id: int, *, at_most: int) -> int:
        """Return how many companies there are; stops counting at `at_most`."""
        counted = self._db.execute(_SQL["count_companies"], (environment_id, at_most))
        return int(counted.fetchone()[0])

    def list_events(
        self, environment_id: int, wanted: EventFilter, *, after: Place | None, limit: int
    ) -> list[tuple[Place, Event]]:
        """Return matching events, newest first, behind the place `after`."""
        self._db.execute("BEGIN")  # segments and tail of one moment
        try:
            places = find_events(self._db, environment_id, wanted, after, limit)
            return [
                (place, rows.event(self._db.execute(_SQL["event"], (place.sequence,)).fetchone()))
                for place in places
            ]
        finally:
            self._db.execute("COMMIT")

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Let everything that is read inside see the store as it is now.

        The write-ahead file grows until the end.
        """
        with _reading():
            self._db.execute("BEGIN")
            self.applied()  # SQLite takes its snapshot at the first read
        try:
            yield
        finally:
            self._db.execute("ROLLBACK")

    def scan_events(self, *, batch: int) -> Iterator[list[Event]]:
        """Yield all events in the order in which they were applied (see `ReadStore`)."""
        last = 0
        while True:
            with _reading():
                found = self._db.execute(_SQL["scan_events"], (last, batch)).fetchall()
            if not found:
                return
            yield [rows.event(row[1:]) for row in found]
            last = found[-1][0]

    def scan_users(self) -> Iterator[User]:
        """Yield every user, ordered by environment and id (compared byte for byte)."""
        with _reading():
            yield from map(rows.user, self._db.execute(_SQL["scan_users"]))

    def scan_companies(self) -> Iterator[Company]:
        """Yield every company, ordered by environment and id (compared byte for byte)."""
        with _reading():
            yield from map(rows.company, self._db.execute(_SQL["scan_companies"]))

    def close(self) -> None:
        """Close the file."""
        self._db.close()


@contextmanager
def _reading() -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, msgspec.MsgspecError) as error:
        raise Unavailable(f"{FILE} cannot be read.", details=f"{error}.") from error
