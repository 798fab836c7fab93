"""The readers' side of `store.db`: profiles, and what scans need."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec

from analytex import sqlite
from analytex.domain.events import Event, EventFilter
from analytex.domain.profiles import Company, ProfileFilter, User
from analytex.errors import Unavailable
from analytex.storage.embedded import FILE, find, rows
from analytex.storage.embedded.events import find_events
from analytex.storage.interface import Place, Unreadable

_SQL: Final = sqlite.queries(__package__, "read.sql")


class EmbeddedReadStore:
    """Reads profiles and events (see `ReadStore`)."""

    def __init__(self, path: Path) -> None:
        """Open or create the file. Raises sqlite3.Error if it cannot be opened."""
        self._db = sqlite.connect(path, __package__)
        self._db.execute("PRAGMA query_only = ON")

    def applied(self) -> int:
        """Return the log position up to which everything can be read."""
        return int(self._rows("applied")[0][0])

    def durable(self) -> int:
        """Return the log position up to which a power cut takes nothing back."""
        return int(self._rows("durable")[0][0])

    def user(self, environment_id: int, user_id: str) -> User | None:
        """Return a user, or None."""
        found = self._rows("user", environment_id, user_id)
        return rows.user(found[0]) if found else None

    def list_users(self, environment_id: int, *, after: str | None, limit: int) -> list[User]:
        """Return users in the order of their ids, behind the id `after`."""
        return [
            rows.user(row) for row in self._rows("list_users", environment_id, after or "", limit)
        ]

    def count_users(self, environment_id: int, *, at_most: int) -> int:
        """Return how many users there are; stops counting at `at_most`."""
        return int(self._rows("count_users", environment_id, at_most)[0][0])

    def company(self, environment_id: int, company_id: str) -> Company | None:
        """Return a company, or None."""
        found = self._rows("company", environment_id, company_id)
        return rows.company(found[0]) if found else None

    def list_companies(
        self, environment_id: int, *, after: str | None, limit: int
    ) -> list[Company]:
        """Return companies in the order of their ids, behind the id `after`."""
        found = self._rows("list_companies", environment_id, after or "", limit)
        return [rows.company(row) for row in found]

    def count_companies(self, environment_id: int, *, at_most: int) -> int:
        """Return how many companies there are; stops counting at `at_most`."""
        return int(self._rows("count_companies", environment_id, at_most)[0][0])

    def find_users(
        self, environment_id: int, wanted: ProfileFilter, *, after: str, look_at: int, limit: int
    ) -> tuple[list[User], str | None]:
        """Look through the next users (see `ReadStore.find_users`)."""
        with _reading():
            return find.users(
                self._db, environment_id, wanted, after=after, look_at=look_at, limit=limit
            )

    def find_companies(
        self, environment_id: int, wanted: ProfileFilter, *, after: str, look_at: int, limit: int
    ) -> tuple[list[Company], str | None]:
        """Look through the next companies (see `ReadStore.find_users`)."""
        with _reading():
            return find.companies(
                self._db, environment_id, wanted, after=after, look_at=look_at, limit=limit
            )

    def list_events(
        self, environment_id: int, wanted: EventFilter, *, after: Place | None, limit: int
    ) -> list[tuple[Place, Event]]:
        """Return matching events, newest first, behind the place `after`."""
        with self.snapshot(), _reading():  # segments and tail of one moment
            places = find_events(self._db, environment_id, wanted, after, limit)
            return [(place, rows.event(self._rows("event", place.sequence)[0])) for place in places]

    def unreadable(self, *, after: int, limit: int) -> list[Unreadable]:
        """Return records that were put aside, by position, behind a position."""
        return [*map(Unreadable._make, self._rows("unreadable", after, limit))]

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
        while found := self._rows("scan_events", last, batch):
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

    def _rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        with _reading():
            return self._db.execute(_SQL[query], values).fetchall()


@contextmanager
def _reading() -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, msgspec.MsgspecError) as error:
        raise Unavailable(f"{FILE} cannot be read.", details=f"{error}.") from error
