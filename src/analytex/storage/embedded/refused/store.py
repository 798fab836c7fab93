"""Refused requests in `refused.db`."""

import sqlite3
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec

from analytex import sqlite
from analytex.domain.quarantine import Refused, RefusedFilter
from analytex.errors import Unavailable
from analytex.scrub.work import Scrub, settle
from analytex.storage.embedded.refused import FILE
from analytex.storage.quarantine import Bounds

AT_ONCE: Final = 64  # rows that are written, or make room

_RAW: Final = sqlite.queries(__package__, "queries.sql")
_COLUMNS: Final = _RAW["columns"].replace("\n", " ").split(", ")
_SQL: Final = {name: query.replace("%s", _RAW["columns"]) for name, query in _RAW.items()}


class EmbeddedQuarantineStore:
    """Keeps refused requests (see `QuarantineStore`).

    Its commits are not flushed one by one: a power cut may take the newest back, and what is left
    is sound.
    """

    def __init__(self, path: Path) -> None:
        """Open or create the file. Raises sqlite3.Error if it cannot be opened."""
        self._path = path
        self._db = sqlite.connect(path, __package__, synchronous="NORMAL")

    def add(
        self,
        refused: Sequence[Refused],
        dropped: Mapping[int, int],
        *,
        bounds: Bounds,
        max_age_us: int,
    ) -> int:
        """Write refused requests (see `QuarantineStore.add`)."""
        counts = dict(dropped)
        with _using(), sqlite.transaction(self._db) as db:
            # Looked at with the write lock held, so that a deletion that waits for the lock may
            # rely on it: what was refused long before it is either written already, or never.
            oldest = time.time_ns() // 1000 - max_age_us
            fresh = [each for each in refused if each.at >= oldest]
            for each in refused:
                if each.at < oldest:
                    counts[each.environment_id] = counts.get(each.environment_id, 0) + 1
            for start in range(0, len(fresh), AT_ONCE):  # so that the file does not grow meanwhile
                db.executemany(_SQL["add"], map(_values, fresh[start : start + AT_ONCE]))
                self._make_room(bounds, counts)
            db.executemany(_SQL["add_dropped"], counts.items())
        return len(fresh)

    def expire(self, before: int, *, limit: int) -> int:
        """Remove some that were refused before a time, and return how many."""
        with _using():
            return self._db.execute(_SQL["expire"], (before, limit)).rowcount

    def find(
        self, environment_id: int, wanted: RefusedFilter, *, before: int | None, limit: int
    ) -> list[Refused]:
        """Return refused requests with a number below `before`, newest first."""
        values = _wanted(environment_id, wanted) | {"before": before, "limit": limit}
        return self._rows("find", values)

    def count(self, environment_id: int, wanted: RefusedFilter) -> int:
        """Return how many there are."""
        with _using():
            found = self._db.execute(_SQL["count"], _wanted(environment_id, wanted))
            return int(found.fetchone()[0])

    def dropped(self, environment_id: int) -> int:
        """Return how many did not stay for want of room."""
        with _using():
            found = self._db.execute(_SQL["dropped"], (environment_id,)).fetchone()
            return 0 if found is None else int(found[0])

    def get(self, environment_id: int, id: str) -> Refused | None:
        """Return one, or None."""
        found = self._rows("get", (id, environment_id))
        return found[0] if found else None

    def mark_replayed(self, number: int, *, at: int, request_id: str) -> None:
        """Note that another request was accepted in its place."""
        with _using():
            values = {"number": number, "at": at, "request_id": request_id}
            self._db.execute(_SQL["mark_replayed"], values)

    def remove(self, environment_id: int, numbers: Collection[int]) -> int:
        """Remove some in one transaction, and return how many there were."""
        with _using(), sqlite.transaction(self._db) as db:
            values = [(number, environment_id) for number in numbers]
            return db.executemany(_SQL["remove"], values).rowcount if values else 0

    def last(self) -> int:
        """Return the newest number that was ever given."""
        with _using():
            return int(self._db.execute(_SQL["last"]).fetchone()[0])

    def behind(
        self, after: int, upto: int, *, environments: Collection[int], limit: int
    ) -> list[Refused]:
        """Return those behind a number, up to another one, in their order."""
        values = {
            "after": after,
            "upto": upto,
            "environments": msgspec.json.encode(list(environments)).decode(),
            "limit": limit,
        }
        return self._rows("behind", values)

    def barrier(self) -> None:
        """Return once no `add` that began before is under way."""
        with _using(), sqlite.transaction(self._db):
            pass

    def oldest(self, environment_id: int, *, after: int, until: int, limit: int) -> list[Refused]:
        """Return those behind a number that were refused up to a time, in their order."""
        values = {
            "environment_id": environment_id,
            "after": after,
            "until": until,
            "limit": limit,
        }
        return self._rows("oldest", values)

    def settle(self) -> bool:
        """Empty the write-ahead file (see `QuarantineStore.settle`)."""
        with _using():
            return settle(self._db)

    def scrub(self) -> Scrub:
        """Return the work that zeroes unused places of the file."""
        return Scrub(self._path)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def _make_room(self, bounds: Bounds, counts: dict[int, int]) -> None:
        """Remove the oldest beyond the bounds; for bytes, of the environment that has most."""
        crowded = self._db.execute(_SQL["crowded"], {"rows": bounds.rows}).fetchall()
        for environment_id, rows in crowded:
            self._evict(environment_id, rows, counts)
        while self._db.execute(_SQL["bytes"]).fetchone()[0] > bounds.bytes:
            (environment_id,) = self._db.execute(_SQL["largest"]).fetchone()
            self._evict(environment_id, AT_ONCE, counts)

    def _evict(self, environment_id: int, rows: int, counts: dict[int, int]) -> None:
        gone = self._db.execute(_SQL["remove_oldest"], (environment_id, rows)).rowcount
        counts[environment_id] = counts.get(environment_id, 0) + gone

    def _rows(self, query: str, values: Any) -> list[Refused]:
        with _using():
            return [_refused(row) for row in self._db.execute(_SQL[query], values)]


def _values(refused: Refused) -> tuple[Any, ...]:
    return (
        refused.id,
        refused.environment_id,
        refused.key_id,
        refused.at,
        refused.method,
        refused.path,
        refused.query,
        refused.status,
        refused.code,
        refused.message,
        refused.details,
        refused.content_type,
        refused.body,
        refused.size,
        refused.whole,
        refused.cost,
    )


def _refused(row: tuple[Any, ...]) -> Refused:
    values = dict(zip(_COLUMNS, row, strict=True))
    return Refused(**values | {"whole": bool(values["whole"])})


def _wanted(environment_id: int, wanted: RefusedFilter) -> dict[str, Any]:
    return {"environment_id": environment_id, **msgspec.structs.asdict(wanted)}


@contextmanager
def _using() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise Unavailable(f"{FILE} cannot be used.", details=f"{error}.") from error
