"""What deletions do in `store.db`."""

import json
import sqlite3
from collections import defaultdict
from collections.abc import Collection, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Final

from analytex import sqlite
from analytex.domain.events import Event, EventType
from analytex.domain.profiles import Company, ProfileKind, User
from analytex.scrub.work import Scrub, settle
from analytex.storage.embedded import rows
from analytex.storage.erasing import Found, Stored
from analytex.storage.interface import Unreadable

FIELDS: Final = {ProfileKind.USER: "u", ProfileKind.COMPANY: "c"}  #: in tombstones and indexes
SEGMENTS_AT_ONCE: Final = 500  # looked up; about 5 ms
HASH_BYTES: Final = 16
IMPORTED_ID_CHARS: Final = 32  # hexadecimal digits, before a point

_SQL: Final = sqlite.queries(__package__, "erase.sql")
_APPLY: Final = sqlite.queries(__package__, "apply.sql")
_READ: Final = sqlite.queries(__package__, "read.sql")

Change = tuple[Stored, Event | None]


def tombstone(secret: bytes, id: str) -> bytes:
    """Return all that stays of a deleted id: without the store's secret, nobody can guess it."""
    return blake2b(id.encode(), key=secret, digest_size=HASH_BYTES).digest()


def read_secret(db: sqlite3.Connection) -> bytes:
    """Return the store's secret."""
    return bytes(db.execute(_SQL["secret"]).fetchone()[0])


class EmbeddedEraseStore:
    """Removes rows (see `EraseStore`), on a connection of its own.

    It may be open beside the applier's, in the same process: each then sees what the other
    committed, so long as neither is inside a transaction.
    """

    def __init__(self, path: Path) -> None:
        """Open the file. Raises sqlite3.Error if it cannot be opened."""
        self._path = path
        self._db = sqlite.connect(path, __package__, synchronous="NORMAL")
        self._secret = read_secret(self._db)
        self._tail = _Tail(self._db)

    def position(self) -> int:
        """Return the log position up to which everything is stored."""
        return int(self._db.execute(_APPLY["position"]).fetchone()[0])

    def bury(
        self, environment_id: int, kind: ProfileKind, ids: Collection[str], *, at: int
    ) -> None:
        """Note that these were deleted up to a time (see `EraseStore.bury`)."""
        hashes = sorted(tombstone(self._secret, id) for id in ids)
        with sqlite.transaction(self._db) as db:
            db.executemany(
                _SQL["bury"], ((environment_id, FIELDS[kind], hash, at) for hash in hashes)
            )

    def find(
        self,
        environment_id: int,
        kind: ProfileKind,
        id: str,
        *,
        after: int,
        limit: int,
        only: EventType | None = None,
    ) -> Found:
        """Return events of a user or company (see `EraseStore.find`)."""
        sequences, upto = self._sequences(environment_id, FIELDS[kind], id, after, limit)
        found = []
        for sequence in sequences:
            row = self._db.execute(_SQL["event"], {"sequence": sequence, "only": only}).fetchone()
            event = None if row is None else rows.event(row)
            if event is not None and _is_of(event, environment_id, kind, id):
                found.append(Stored(sequence, event))
        return Found(found, upto)

    def replace(self, changes: Sequence[Change]) -> None:
        """Let stored events become others, or nothing (see `EraseStore.replace`)."""
        with sqlite.transaction(self._db):
            indexed = self._indexed()
            self._db.execute(_SQL["note_given"])
            for stored, becomes in changes:
                self._replace(stored, becomes)
                if stored.sequence <= indexed:
                    self._index(stored, becomes)

    def profile(self, environment_id: int, kind: ProfileKind, id: str) -> User | Company | None:
        """Return a profile, or None."""
        row = self._db.execute(_SQL[kind], (environment_id, id)).fetchone()
        if row is None:
            return None
        return rows.user(row) if kind is ProfileKind.USER else rows.company(row)

    def members(
        self, environment_id: int, company_ids: Collection[str], *, after: str, limit: int
    ) -> tuple[list[str], str | None]:
        """Return which users may belong to one of the companies (see `EraseStore.members`)."""
        values = {"environment_id": environment_id, "after": after, "limit": limit}
        (last,) = self._db.execute(_SQL["last_user"], values).fetchone()
        if last is None:
            return [], None
        values |= {"last": last, "company_ids": json.dumps([*company_ids])}
        return [id for (id,) in self._db.execute(_SQL["members"], values)], last

    def put_profile(self, profile: User | Company) -> None:
        """Store a profile in the place of the one that was there."""
        if isinstance(profile, User):
            self._db.execute(_APPLY["put_user"], rows.user_row(profile))
        else:
            self._db.execute(_APPLY["put_company"], rows.company_row(profile))

    def remove_profile(self, environment_id: int, kind: ProfileKind, id: str) -> None:
        """Remove a profile."""
        self._db.execute(_SQL[f"remove_{kind}"], (environment_id, id))

    def unreadable(self, *, after: int, limit: int) -> list[Unreadable]:
        """Return records that were put aside, by position, behind a position."""
        return [*map(Unreadable._make, self._db.execute(_READ["unreadable"], (after, limit)))]

    def remove_unreadable(self, positions: Collection[int]) -> None:
        """Remove records that were put aside, in one transaction."""
        with sqlite.transaction(self._db) as db:
            db.executemany(_SQL["remove_unreadable"], ((position,) for position in positions))

    def sync(self) -> None:
        """Make everything written so far survive a power cut."""
        # A commit with synchronous=FULL flushes the write-ahead file, with all that is in it.
        self._db.execute("PRAGMA synchronous = FULL")
        try:
            self._db.execute(_APPLY["mark_durable"])
        finally:
            self._db.execute("PRAGMA synchronous = NORMAL")

    def settle(self) -> bool:
        """Empty the write-ahead file (see `EraseStore.settle`)."""
        return settle(self._db)

    def scrub(self) -> Scrub:
        """Return the work that zeroes unused places of the file."""
        return Scrub(self._path)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def _sequences(
        self, environment_id: int, field: str, value: str, after: int, limit: int
    ) -> tuple[list[int], int | None]:
        """The sequences of some events, and up to where was looked; None: to the end."""
        wanted = {"environment_id": environment_id, "after": after}
        segments = self._db.execute(_SQL["segments"], wanted | {"limit": SEGMENTS_AT_ONCE})
        looked, found = 0, list[int]()
        for segment, last in segments.fetchall():
            looked, upto = looked + 1, last
            values = wanted | {"segment": segment, "field": field, "value": value}
            found += (sequence for (sequence,) in self._db.execute(_SQL["in_segment"], values))
            if len(found) > limit:
                return found[:limit], found[limit - 1]
        if looked == SEGMENTS_AT_ONCE:
            return found, upto
        found += self._tail.find(environment_id, field, value, max(after, self._indexed()))
        if len(found) > limit:
            return found[:limit], found[limit - 1]
        return found, None

    def _indexed(self) -> int:
        return int(self._db.execute(_APPLY["indexed"]).fetchone()[0])

    def _replace(self, stored: Stored, becomes: Event | None) -> None:
        sequence, event = stored
        if becomes is None:
            self._db.execute(_SQL["remove_event"], (sequence,))
        else:
            values = {
                "sequence": sequence,
                "id": becomes.id,
                "event_type": becomes.event_type,
                "user_id": becomes.user_id,
                "company_id": becomes.company_id,
                "metadata": becomes.metadata,
                "company": becomes.company,
                "web": becomes.web,
            }
            self._db.execute(_SQL["change_event"], values)
        if becomes is None or becomes.user_id != event.user_id:
            digits = event.id.partition(".")[0]
            if len(digits) == IMPORTED_ID_CHARS:
                key = bytes.fromhex(digits)
                self._db.execute(_SQL["remove_imported"], (event.environment_id, key))

    def _index(self, stored: Stored, becomes: Event | None) -> None:
        sequence, event = stored
        place = (event.environment_id, sequence)
        values = {
            "segment": self._db.execute(_SQL["segment_of"], place).fetchone()[0],
            "environment_id": event.environment_id,
            "inserted_at": event.inserted_at,
            "sequence": sequence,
            "was": event.event_type,
        }
        for field, value in _entries(event) - (set() if becomes is None else _entries(becomes)):
            self._db.execute(_SQL["remove_entry"], values | {"field": field, "value": value})
        if becomes is not None and becomes.event_type is event.event_type:
            return
        if becomes is not None:
            self._db.execute(_SQL["count_as_other"], values | {"becomes": becomes.event_type})
        self._db.execute(_SQL["count_no_more"], values)
        self._db.execute(_SQL["remove_empty"], values)


def _entries(event: Event) -> set[tuple[str, str]]:
    """Under what an event stands in the index of its segment."""
    entries = {("u", event.user_id), ("c", event.company_id), ("n", event.event_name or None)}
    return {(field, value) for field, value in entries if value is not None}


def _is_of(event: Event, environment_id: int, kind: ProfileKind, id: str) -> bool:
    found = event.user_id if kind is ProfileKind.USER else event.company_id
    return event.environment_id == environment_id and found == id


class _Tail:
    """Of whom the events behind the last segment are: read once, and then what has come since.

    A deletion of thousands asks for each of them.
    """

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._start = self._upto = -1
        self._known: dict[tuple[int, str, str], list[int]] = {}

    def find(self, environment_id: int, field: str, value: str, after: int) -> list[int]:
        """Return sequences behind `after`, which is not before the last segment's end.

        There may be some among them of events that were removed or are of others now.
        """
        start = int(self._db.execute(_APPLY["indexed"]).fetchone()[0])
        if start != self._start:
            self._start = self._upto = start
            self._known = defaultdict(list)
        for sequence, environment, user, company in self._db.execute(_SQL["behind"], (self._upto,)):
            self._upto = sequence
            if user is not None:
                self._known[environment, "u", user].append(sequence)
            if company is not None:
                self._known[environment, "c", company].append(sequence)
        found = self._known.get((environment_id, field, value), ())
        return sorted({sequence for sequence in found if sequence > after})
