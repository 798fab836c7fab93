"""The applier's side of `store.db`."""

from collections.abc import Collection, Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, Final

from analytex import sqlite
from analytex.domain.events import Event
from analytex.domain.profiles import Company, ProfileKind, User
from analytex.errors import Conflict
from analytex.storage.embedded import erase, rows
from analytex.storage.embedded.checkpoints import Checkpointer
from analytex.storage.embedded.runs import EmbeddedRunStore
from analytex.storage.interface import Changes, Membership, ProfileKey
from analytex.storage.jobs import Advance, Seen

SEGMENT_ROWS: Final = 8192  # events that a read may have to scan: about 5 ms
CACHE_KIB: Final = 32 * 1024
KEYS_PER_QUERY: Final = 100

_SQL: Final = sqlite.queries(__package__, "apply.sql")


class EmbeddedApplyStore(EmbeddedRunStore):
    """Writes profiles, events and the log position (see `ApplyStore`).

    Its commits are not flushed one by one: the log still has every record until `sync`, and rows
    and position belong to one transaction, so a power cut only means that some are applied again.
    """

    def __init__(self, path: Path, *, checkpoint_beside: bool = False) -> None:
        """Open or create the file; `checkpoint_beside`: in a thread, not inside the commits.

        Raises sqlite3.Error if it cannot be opened.
        """
        self._db = sqlite.connect(path, __package__, synchronous="NORMAL")
        self._db.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        self._checkpointer: Checkpointer | None = None
        if checkpoint_beside:
            self._checkpointer = Checkpointer(path)
            self._db.execute("PRAGMA wal_autocheckpoint = 0")

    def position(self) -> int:
        """Return the log position up to which everything is stored."""
        return int(self._db.execute(_SQL["position"]).fetchone()[0])

    def users(self, keys: Collection[ProfileKey]) -> dict[ProfileKey, User]:
        """Return those of the users that exist."""
        return {(row[0], row[1]): rows.user(row) for row in self._find("users", keys)}

    def companies(self, keys: Collection[ProfileKey]) -> dict[ProfileKey, Company]:
        """Return those of the companies that exist."""
        return {(row[0], row[1]): rows.company(row) for row in self._find("companies", keys)}

    def memberships(self, keys: Collection[ProfileKey]) -> dict[ProfileKey, Membership]:
        """Return the membership of those of the users that exist."""
        return {(row[0], row[1]): Membership(*row[2:]) for row in self._find("memberships", keys)}

    def write(self, changes: Changes, *, start: int, upto: int) -> None:
        """Store the changes and the position in one transaction (see `ApplyStore.write`)."""
        with sqlite.transaction(self._db) as db:
            moved = db.execute(_SQL["move_position"], {"start": start, "upto": upto})
            if moved.rowcount != 1:
                raise Conflict(f"The store is not at position {start}.")
            self._put(changes)
        self._help_checkpoints()

    def advance(self, changes: Changes, step: Advance) -> None:
        """Store rows of a job's file and how far it has come, in one transaction."""
        with sqlite.transaction(self._db):
            self._advance_job(step)
            self._put(changes)
        self._help_checkpoints()

    def seen(self, environment_id: int, keys: Collection[bytes]) -> dict[bytes, Seen]:
        """Return what is known of those of the imported rows that are stored."""
        newest = self._db.execute(_SQL["newest_seen"], (environment_id,)).fetchone()[0]
        if newest is None:
            return {}
        # Keys begin with the row's time: a file in that order brings only such as lie behind all.
        found = self._find("seen", [(environment_id, key) for key in keys if key <= newest])
        return {row[1]: Seen(*row[2:]) for row in found}

    def buried(
        self, environment_id: int, kind: ProfileKind, ids: Collection[str]
    ) -> dict[str, int]:
        """Return those of the users or companies that were deleted, and up to when."""
        secret = erase.read_secret(self._db)
        hashes = {erase.tombstone(secret, id): id for id in ids}
        found = self._find(
            "buried_users" if kind is ProfileKind.USER else "buried_companies",
            [(environment_id, hash) for hash in hashes],
        )
        return {hashes[hash]: at for _, hash, at in found}

    def newest_burial(self, environment_id: int) -> int | None:
        """Return the latest time up to which anybody was deleted; None: nobody was."""
        found = self._db.execute(_SQL["newest_burial"], (environment_id,)).fetchone()[0]
        return None if found is None else int(found)

    def sync(self) -> None:
        """Make everything written so far survive a power cut."""
        # A commit with synchronous=FULL flushes the write-ahead file, with all that is in it.
        self._db.execute("PRAGMA synchronous = FULL")
        try:
            self._db.execute(_SQL["mark_durable"])
        finally:
            self._db.execute("PRAGMA synchronous = NORMAL")

    def close(self) -> None:
        """Close the file."""
        if self._checkpointer is not None:
            self._checkpointer.close()
        self._db.close()

    def _help_checkpoints(self) -> None:
        if self._checkpointer is not None:
            self._checkpointer.help(self._db)

    def _put(self, changes: Changes) -> None:
        db = self._db
        db.executemany(_SQL["put_user"], map(rows.user_row, changes.users))
        db.executemany(_SQL["put_company"], map(rows.company_row, changes.companies))
        db.executemany(_SQL["add_unreadable"], changes.unreadable)
        self._add_events(changes.events)

    def _add_events(self, events: Sequence[Event]) -> None:
        last = self._db.execute(_SQL["last_sequence"]).fetchone()[0]
        self._db.executemany(
            _SQL["add_event"],
            (rows.event_row(sequence, event) for sequence, event in enumerate(events, last + 1)),
        )
        last += len(events)
        indexed = self._db.execute(_SQL["indexed"]).fetchone()[0]
        while last - indexed >= SEGMENT_ROWS:
            segment = {"first": indexed + 1, "last": indexed + SEGMENT_ROWS}
            self._db.execute(_SQL["add_segment"], segment)
            self._db.execute(_SQL["index_segment"], segment)
            indexed = segment["last"]
            self._db.execute(_SQL["set_indexed"], {"last": indexed})

    def _find(
        self, query: str, keys: Collection[tuple[int, str]] | Collection[tuple[int, bytes]]
    ) -> Iterator[tuple[Any, ...]]:
        for environment_id, group in groupby(sorted(keys), itemgetter(0)):
            ids = [id for _, id in group]
            for i in range(0, len(ids), KEYS_PER_QUERY):
                # Padded to one length, so that SQLite compiles each query once.
                some = ids[i : i + KEYS_PER_QUERY]
                padding = [None] * (KEYS_PER_QUERY - len(some))
                yield from self._db.execute(_FIND[query], (environment_id, *some, *padding))


_FIND: Final = {
    name: _SQL[name].replace("%s", ", ".join("?" * KEYS_PER_QUERY))
    for name in (
        "users",
        "companies",
        "memberships",
        "seen",
        "buried_users",
        "buried_companies",
    )
}
