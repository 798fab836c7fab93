"""The property catalogue in `store.db`.

It is kept up to the last complete segment at most: the numbers of events behind it may be given to
other events when they are deleted.
"""

import sqlite3
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from analytex import sqlite
from analytex.domain.catalogue import (
    MOST_ENTRIES,
    Entry,
    Findings,
    Place,
    Sample,
    Section,
    Shelf,
    ValueType,
)
from analytex.errors import Conflict, Unavailable
from analytex.storage.catalogue import Kept, Run
from analytex.storage.embedded import FILE

ROWS_AT_ONCE: Final = 4096  # given to a reader

_SQL: Final = sqlite.queries(__package__, "catalogue.sql")
_TYPES: Final = tuple(ValueType)  # in the order of the columns


class EmbeddedCatalogueStore:
    """Keeps the catalogue (see `CatalogueStore`), on a connection of its own.

    It may be open beside the applier's, in the same process: each then sees what the other
    committed, so long as neither is inside a transaction.
    """

    def __init__(self, path: Path) -> None:
        """Open the file. Raises sqlite3.Error if it cannot be opened."""
        # A power cut may take back what was catalogued, together with how far it had come.
        self._db = sqlite.connect(path, __package__, synchronous="NORMAL")

    def waiting(self) -> int:
        """Return how many sequences are complete and not catalogued."""
        return max(int(self._db.execute(_SQL["waiting"]).fetchone()[0]), 0)

    def next(self, *, limit: int, limit_bytes: int) -> Run:
        """Return the next events to catalogue (see `CatalogueStore.next`)."""
        start = int(self._db.execute(_SQL["catalogued"]).fetchone()[0])
        end = max(int(self._db.execute(_SQL["indexed"]).fetchone()[0]), start)
        found = self._db.execute(_SQL["run"], {"after": start, "upto": end})
        samples = next(_chunks(found, limit, limit_bytes), ())
        if found.fetchone() is not None:  # there are more
            end = samples[-1][0]
        found.close()
        return Run(samples, start, end)

    def add(self, found: Findings, *, start: int, upto: int) -> None:
        """Add what a run of events says (see `CatalogueStore.add`)."""
        with sqlite.transaction(self._db) as db:
            if db.execute(_SQL["move"], {"start": start, "upto": upto}).rowcount != 1:
                raise Conflict(f"The catalogue does not end at {start}.")
            left_out = defaultdict(int, found.left_out)
            for shelf, entries in _by_shelf(found):
                wanted = self._with_room(shelf, entries)
                db.executemany(
                    _SQL["put"],
                    (_row(shelf[0], place, entry) for place, entry in sorted(wanted.items())),
                )
                if len(wanted) < len(entries):
                    left_out[shelf] += sum(
                        entry.count for place, entry in entries.items() if place not in wanted
                    )
            db.executemany(
                _SQL["leave_out"], ((*shelf, count) for shelf, count in left_out.items())
            )

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def _with_room(self, shelf: Shelf, entries: dict[Place, Entry]) -> dict[Place, Entry]:
        """Return those of the entries that are known, and of the others as many as may be."""
        room = MOST_ENTRIES[shelf[1]] - int(self._db.execute(_SQL["count"], shelf).fetchone()[0])
        if len(entries) <= room:
            return entries
        known = {Place(shelf[1], *row) for row in self._db.execute(_SQL["known"], shelf)}
        wanted = {}
        for place, entry in entries.items():
            if place in known:
                wanted[place] = entry
            elif room > 0:
                wanted[place] = entry
                room -= 1
        return wanted


class EmbeddedCatalogueReader:
    """Reads the catalogue and the events behind it (see `CatalogueReader`)."""

    def __init__(self, path: Path) -> None:
        """Open the file. Raises sqlite3.Error if it cannot be opened."""
        self._db = sqlite.connect(path, __package__)
        self._db.execute("PRAGMA query_only = ON")

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Let everything that is read inside see the store as it is now."""
        with _reading():
            self._db.execute("BEGIN")
            self._number("catalogued")  # SQLite takes its snapshot at the first read
        try:
            yield
        finally:
            self._db.execute("ROLLBACK")

    def kept(self, environment_id: int, sections: Collection[Section]) -> Kept:
        """Return what is catalogued of these sections."""
        entries = {}
        left_out = 0
        with _reading():
            for section in sections:
                shelf = (environment_id, section)
                for event, key, *rest in self._db.execute(_SQL["entries"], shelf):
                    entries[Place(section, event, key)] = _entry(*rest)
                for (count,) in self._db.execute(_SQL["left_out"], shelf):
                    left_out += count
        return Kept(entries, left_out)

    def upto(self) -> int:
        """Return the last sequence that is catalogued."""
        with _reading():
            return self._number("catalogued")

    def end(self) -> int:
        """Return the last sequence that there is."""
        with _reading():
            return self._number("end")

    def events(
        self, environment_id: int, sections: Collection[Section], *, after: int, limit_bytes: int
    ) -> Iterator[Sequence[Sample]]:
        """Yield the events behind a sequence that say anything of these sections."""
        values: dict[str, Any] = {section.value: section in sections for section in Section}
        values |= {"environment_id": environment_id, "after": after}
        with _reading():
            yield from _chunks(self._db.execute(_SQL["behind"], values), ROWS_AT_ONCE, limit_bytes)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def _number(self, query: str) -> int:
        return int(self._db.execute(_SQL[query]).fetchone()[0])


def _chunks(rows: Iterator[Sample], most_rows: int, most_bytes: int) -> Iterator[Sequence[Sample]]:
    """Cut rows into parts that fit in memory; a part ends with the row that fills it."""
    part: list[Sample] = []
    size = 0
    for row in rows:
        part.append(row)
        size += len(row[5]) + len(row[6] or "")
        if len(part) == most_rows or size > most_bytes:
            yield part
            part, size = [], 0
    if part:
        yield part


def _by_shelf(found: Findings) -> Iterator[tuple[Shelf, dict[Place, Entry]]]:
    for environment_id, entries in found.entries.items():
        shelves: dict[Shelf, dict[Place, Entry]] = {}
        for place, entry in entries.items():
            shelves.setdefault((environment_id, place.section), {})[place] = entry
        yield from shelves.items()


def _row(environment_id: int, place: Place, entry: Entry) -> tuple[Any, ...]:
    times = (entry.count, entry.first_seen, entry.last_seen)
    return (environment_id, *place, *times, *(entry.types.get(kind, 0) for kind in _TYPES))


def _entry(count: int, first_seen: int, last_seen: int, *types: int) -> Entry:
    seen = {kind: many for kind, many in zip(_TYPES, types, strict=True) if many}
    return Entry(count=count, first_seen=first_seen, last_seen=last_seen, types=seen)


@contextmanager
def _reading() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise Unavailable(f"{FILE} cannot be read.", details=f"{error}.") from error
