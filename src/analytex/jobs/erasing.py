"""Deleting users or companies from history, inside the process that works on it.

First everything is said that the applier needs before the files change, because it is found by what
then goes: what events that stay give of profiles, and which imported rows are to be forgotten. Then
each file that holds anything of them is written again. Afterwards nothing finds them any more, so
after a crash at any point all of it may run again.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from analytex.apply.erase import (
    refers_to,
    refold_company,
    refold_user,
    without_company,
    without_user,
)
from analytex.apply.profiles import names_company
from analytex.domain.events import Event, EventType
from analytex.domain.history import HistoryFile
from analytex.domain.profiles import Company, ProfileKind, User
from analytex.history.columns import DEFINITION, EVENT, FROM_STORED, NAMES, event, stored
from analytex.history.engine import put_rows, read_parquet, text
from analytex.history.files import path_of
from analytex.jobs.sealer_pipe import Affected, Erase, Folded, Forget
from analytex.storage.open import open_read_store

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection as Connection

IMPORTED_ID_CHARS: Final = 32  # hexadecimal digits, before a point
ROWS: Final = 20_000  # in memory at a time
PROFILES: Final = 200  # in a message
KEYS: Final = 1000  # likewise


class Erasure:
    """One deletion from the files of its environment."""

    def __init__(
        self,
        task: Erase,
        directory: Path,
        db: "Connection",
        files: Sequence[HistoryFile],
    ) -> None:
        self._task = task
        self._names = frozenset(task.ids)
        self._field = "user_id" if task.kind is ProfileKind.USER else "company_id"
        self._directory = directory
        self._db = db
        self._files = {str(path_of(directory, file)): file for file in files}
        self._store = open_read_store(directory)
        self._companies: dict[str, str | None] = {}
        self.changed = 0  #: events that were changed or removed

    def collect(self) -> Iterator[Folded | Forget | Affected]:
        """Yield what must be known before the files change."""
        if not self._files:
            return
        self._table("ids", self._names)
        self._db.execute(
            f"CREATE TEMP TABLE found AS SELECT filename, {NAMES} FROM {self._all(filename=True)} "
            f"WHERE {self._field} IN (FROM ids)"
        )
        yield from self._forget()
        if self._task.kind is ProfileKind.USER:
            yield from self._fold_users("FROM found WHERE epoch_us(inserted_at) > ?")
        else:
            yield from self._fold_companies()
            yield from self._members()

    def rewrite(self) -> Iterator[tuple[HistoryFile, str]]:
        """Yield each file to replace, with the relation that shall be in its place.

        It is to be written before the next one is asked for.
        """
        if not self._files:
            return
        named = self._db.execute("SELECT DISTINCT filename FROM found ORDER BY ALL").fetchall()
        for (name,) in named:
            self._db.execute("CREATE OR REPLACE TEMP TABLE changed (sequence BIGINT)")
            self._db.execute(f"CREATE OR REPLACE TEMP TABLE replaced ({DEFINITION})")
            if count := self._replace(name):
                self.changed += count
                yield self._files[name], self._rest(name)

    def _replace(self, name: str) -> int:
        """Put what becomes of a file's events into tables; return how many change."""
        count, after = 0, -1
        while True:
            rows = self._db.execute(
                f"SELECT {EVENT} FROM found WHERE filename = ? AND sequence > ? "
                f"ORDER BY sequence LIMIT {ROWS}",
                (name, after),
            ).fetchall()
            if not rows:
                return count
            after = rows[-1][0]
            gone: list[int] = []
            left: list[tuple[Any, ...]] = []
            for row in rows:
                sequence, before = event(row, self._task.environment_id)
                becomes = self._becomes(before)
                if becomes is not before:
                    gone.append(sequence)
                    if becomes is not None:
                        left.append(stored(sequence, becomes))
            self._db.execute("INSERT INTO changed SELECT unnest(?::BIGINT[])", (gone,))
            if left:
                put_rows(self._db, left, f"INSERT INTO replaced {FROM_STORED}")
            count += len(gone)

    def _rest(self, name: str) -> str:
        file = read_parquet([Path(name)])
        token = f"(SELECT any_value(app_token) FROM found WHERE filename = {text(name)})"
        return (
            f"(SELECT {NAMES} FROM {file} WHERE sequence NOT IN (FROM changed) UNION ALL "
            f"SELECT * REPLACE ({token} AS app_token) FROM (SELECT {NAMES} FROM replaced))"
        )

    def _becomes(self, event: Event) -> Event | None:
        """Return what stays of an event; itself, if it is not concerned."""
        if self._task.kind is ProfileKind.USER:
            return without_user(event) if event.inserted_at <= self._task.at else event
        if event.inserted_at <= self._task.at:
            return without_company(event, self._names)
        if not names_company(event) and not self._belongs(event):
            # It only has the company from its user, who had it from an older call.
            return msgspec.structs.replace(event, company_id=None)
        return event

    def _belongs(self, event: Event) -> bool:
        id = event.user_id
        if id is None:
            return False
        if id not in self._companies:
            user = self._store.user(self._task.environment_id, id)
            self._companies[id] = None if user is None else user.company_id
        return self._companies[id] == event.company_id

    def _forget(self) -> Iterator[Forget]:
        """Of a user's events all imported ones; of a company's those that go altogether."""
        goes = "true" if self._task.kind is ProfileKind.USER else "event_type = 'identify_company'"
        found = self._db.execute(
            f"SELECT id FROM found WHERE epoch_us(inserted_at) <= ? AND {goes}", (self._task.at,)
        )
        while rows := found.fetchmany(KEYS):
            keys = [key for (id,) in rows if (key := _imported_key(id)) is not None]
            if keys:
                yield Forget(keys=keys)

    def _fold_companies(self) -> Iterator[Folded]:
        company: Company | None = None
        done: list[Company] = []
        for each in self._events(
            "FROM found WHERE epoch_us(inserted_at) > ? ORDER BY company_id", (self._task.at,)
        ):
            if company is not None and company.id != each.company_id:
                done.append(company)
                company = None
            company = refold_company(company, each)
        if company is not None:
            done.append(company)
        for start in range(0, len(done), PROFILES):
            yield Folded(companies=done[start : start + PROFILES])

    def _members(self) -> Iterator[Folded | Affected]:
        """Say who belongs to the companies, and what their identifies will give at the end."""
        found = self._db.execute(
            "SELECT DISTINCT user_id FROM found WHERE user_id IS NOT NULL"
        ).fetchall()
        ids = {id for (id,) in found} | set(self._task.users)
        members = sorted(filter(self._refers, ids))
        for start in range(0, len(members), PROFILES):
            yield Affected(users=members[start : start + PROFILES])
        self._table("members", members)
        yield from self._fold_users(
            f"FROM {self._all()} WHERE event_type = '{EventType.IDENTIFY_USER}' "
            "AND user_id IN (FROM members) AND ? IS NOT NULL"
        )

    def _refers(self, user_id: str) -> bool:
        user = self._store.user(self._task.environment_id, user_id)
        return user is not None and refers_to(user, self._names, at=self._task.at)

    def _fold_users(self, source: str) -> Iterator[Folded]:
        done: list[User] = []
        user: User | None = None
        for each in self._events(f"{source} ORDER BY user_id", (self._task.at,)):
            if user is not None and user.id != each.user_id:
                done.append(user)
                user = None
                if len(done) == PROFILES:
                    yield Folded(users=done)
                    done = []
            user = refold_user(user, self._left(each))
        if user is not None:
            done.append(user)
        if done:
            yield Folded(users=done)

    def _left(self, event: Event) -> Event:
        """What an identify will be at the end, where companies are deleted."""
        if event.inserted_at <= self._task.at and event.company_id in self._names:
            return without_company(event, self._names) or event
        return event

    def _events(self, source: str, values: tuple[Any, ...]) -> Iterator[Event]:
        """Yield events; nothing else may be asked for before the last one."""
        found = self._db.execute(f"SELECT {EVENT} {source}", values)
        while rows := found.fetchmany(ROWS):
            for row in rows:
                yield event(row, self._task.environment_id)[1]

    def _table(self, name: str, ids: Sequence[str] | frozenset[str]) -> None:
        self._db.execute(
            f"CREATE TEMP TABLE {name} AS SELECT unnest(?::VARCHAR[]) AS id", (sorted(ids),)
        )

    def _all(self, *, filename: bool = False) -> str:
        return read_parquet([Path(name) for name in self._files], filename=filename)


def _imported_key(id: str) -> bytes | None:
    """By what an imported row is known, which its event's id begins with; None: it is no such."""
    digits = id.partition(".")[0]
    return bytes.fromhex(digits) if len(digits) == IMPORTED_ID_CHARS else None
