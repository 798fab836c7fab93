"""How events leave `store.db`: the applier's side, and that of the process that seals them.

Readers stop seeing sealed events the moment these are noted: rows of `segments` lead to them, and
those go in the same transaction. The events themselves, and `events_index`, are removed later in
small slices; SQLite uses their room again.
"""

import json
import sqlite3
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from analytex import sqlite
from analytex.domain.history import HistoryFile, Report, Sealed
from analytex.errors import Unavailable
from analytex.storage.embedded import FILE, rows
from analytex.storage.embedded.erase import EmbeddedEraseStore
from analytex.storage.erasing import Stored
from analytex.storage.sealing import LARGE_ROWS, Crowd, Hot, Row

EVENTS_AT_ONCE: Final = 4096  # removed in one transaction: about 5 ms
TIMES_AT_ONCE: Final = 20_000  # looked at in one step: about 5 ms
CROWDS_AT_ONCE: Final = 500

_SQL: Final = sqlite.queries(__package__, "seal.sql")
_APPLY: Final = sqlite.queries(__package__, "apply.sql")
_ERASE: Final = sqlite.queries(__package__, "erase.sql")


class EmbeddedSealStore:
    """Notes what was sealed and removes it (see `SealStore`), on a connection of its own.

    It may be open beside the applier's, in the same process: each then sees what the other
    committed, so long as neither is inside a transaction.
    """

    def __init__(self, path: Path) -> None:
        """Open the file. Raises sqlite3.Error if it cannot be opened."""
        self._path = path
        self._db = sqlite.connect(path, __package__, synchronous="NORMAL")

    def hot(self) -> Hot:
        """Return how much there is to seal."""
        return Hot(*self._db.execute(_SQL["hot"]).fetchone())

    def close_segment(self) -> None:
        """Make a segment of the events behind the last one."""
        with sqlite.transaction(self._db) as db:
            last = db.execute(_SQL["last_sequence"]).fetchone()[0]
            indexed = db.execute(_SQL["indexed"]).fetchone()[0]
            if last > indexed:
                segment = {"first": indexed + 1, "last": last}
                db.execute(_APPLY["add_segment"], segment)
                db.execute(_APPLY["index_segment"], segment)
                db.execute(_APPLY["set_indexed"], {"last": last})

    def sealable(self, *, at_most: int) -> int:
        """Return up to which sequence to seal next (see `SealStore.sealable`)."""
        sealed = self.hot().sealed
        values = {"sealed": sealed, "at_most": at_most}
        return int(self._db.execute(_SQL["sealable"], values).fetchone()[0])

    def note(self, report: Report, *, now: int) -> None:
        """Let readers see what history is now (see `SealStore.note`)."""
        with sqlite.transaction(self._db) as db:
            known = Sealed(*db.execute(_SQL["sealed"]).fetchone())
            sealed = max(report.sealed, known.upto)
            db.executemany(_SQL["remove_file"], ((path,) for path in report.removed))
            db.executemany(_SQL["add_leftover"], report.removed.items())
            db.executemany(_SQL["add_file"], (_file_row(file, now) for file in report.added))
            db.executemany(_SQL["remove_leftover"], ((path,) for path in report.swept))
            db.execute(_SQL["note"], {"sealed": sealed, "version": report.version})
            if sealed > known.upto:
                db.execute(_SQL["remove_segments"], {"sealed": sealed})

    def remove_slice(self) -> bool:
        """Remove a part of what was sealed; False if nothing is left."""
        hot = self.hot()
        if hot.removed >= hot.sealed:
            return False
        with sqlite.transaction(self._db) as db:
            segment = db.execute(_SQL["first_indexed"]).fetchone()[0]
            if segment is not None and segment <= hot.sealed:
                db.execute(_SQL["remove_index"], (segment,))
                return True
            first = db.execute(_SQL["first_event"]).fetchone()[0]
            if first is not None and first <= hot.sealed:
                db.execute(_SQL["remove_events"], (min(first + EVENTS_AT_ONCE, hot.sealed),))
                return True
            db.execute(_SQL["set_removed"], {"removed": hot.sealed})
        return True

    def changed(self) -> None:
        """Let readers that keep hot events in memory read them again."""
        self._db.execute(_SQL["changed"])

    def crowded(self, *, files: int, quiet_before: int) -> bool:
        """Tell whether a day has too many files (see `SealStore.crowded`)."""
        return bool(_crowds(self._db, files, quiet_before, limit=1))

    def oldest_day(self, environment_id: int | None, *, others: Collection[int]) -> int | None:
        """Return the first day in history (see `SealStore.oldest_day`)."""
        values = {"environment_id": environment_id, "others": json.dumps(sorted(others))}
        found = self._db.execute(_SQL["oldest_day"], values).fetchone()[0]
        return None if found is None else int(found)

    def sweepable(self, *, now: int) -> bool:
        """Tell whether there are files that nobody needs any more at that time."""
        return self._db.execute(_SQL["sweepable"], (now,)).fetchone() is not None

    def retire(
        self, after: int, *, keep: Mapping[int, int | None], default: int | None
    ) -> int | None:
        """Remove some hot events that are too old (see `SealStore.retire`)."""
        after = max(after, self.hot().sealed)
        looked = self._db.execute(_SQL["times"], (after, TIMES_AT_ONCE)).fetchall()
        old = []
        for sequence, environment_id, at in looked:
            since = keep.get(environment_id, default)
            if since is not None and at < since:
                old.append(sequence)
            if len(old) == EVENTS_AT_ONCE // 4:
                break
        if old:
            self._remove(old)
            return int(old[-1])
        return int(looked[-1][0]) if len(looked) == TIMES_AT_ONCE else None

    def forget_imported(self, environment_id: int, keys: Collection[bytes]) -> None:
        """Let rows be unknown as imported ones."""
        with sqlite.transaction(self._db) as db:
            db.executemany(
                _ERASE["remove_imported"], ((environment_id, key) for key in sorted(keys))
            )

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def _remove(self, sequences: list[int]) -> None:
        """Remove events with all that the store has of them, as a deletion does."""
        store = EmbeddedEraseStore(self._path)
        try:
            found = [
                Stored(sequence, rows.event(row))
                for sequence in sequences
                for row in self._db.execute(_ERASE["event"], {"sequence": sequence, "only": None})
            ]
            store.replace([(stored, None) for stored in found])
        finally:
            store.close()


class EmbeddedSealedReader:
    """Reads what is to be sealed, in another process than the applier (see `SealedReader`)."""

    def __init__(self, path: Path) -> None:
        """Open the file. Raises sqlite3.Error if it cannot be opened."""
        self._db = sqlite.connect(path, __package__)
        self._db.execute("PRAGMA query_only = ON")

    def store_id(self) -> str:
        """Return the name of this store in the table's transactions."""
        return str(self._db.execute(_SQL["store_id"]).fetchone()[0])

    def sealed(self) -> Sealed:
        """Return where hot events end and history begins."""
        return Sealed(*self._db.execute(_SQL["sealed"]).fetchone())

    def files(self) -> list[HistoryFile]:
        """Return all files of history."""
        return [*map(history_file, self._db.execute(_SQL["files"]))]

    def crowds(self, *, files: int, quiet_before: int) -> list[Crowd]:
        """Return the days that have too many files, the most crowded first."""
        return _crowds(self._db, files, quiet_before, limit=CROWDS_AT_ONCE)

    def leftovers(self, *, now: int) -> tuple[set[str], set[str]]:
        """Return the files that are part of history no more: still kept for others, and not."""
        found = self._db.execute(_SQL["leftovers"]).fetchall()
        kept = {path for path, keep_until in found if keep_until > now}
        return kept, {path for path, _ in found} - kept

    def app_tokens(self) -> dict[int, str]:
        """Return the app tokens of the environments."""
        return dict(self._db.execute(_SQL["app_tokens"]).fetchall())

    def rows(self, after: int, upto: int, *, batch: int) -> Iterator[list[Row]]:
        """Yield hot events in the order of their sequences."""
        for start in range(after, upto, batch):
            end = min(start + batch, upto)
            if found := self._db.execute(_SQL["rows"], (start, end)).fetchall():
                yield found

    def close(self) -> None:
        """Close the file."""
        self._db.close()


def ask_to_seal(path: Path) -> int:
    """Ask the applier to seal all that there is now; return the sequence that it ends with."""
    db = sqlite.connect(path, __package__)
    try:
        with _writing():
            last = int(db.execute(_SQL["last_sequence"]).fetchone()[0])
            db.execute(_SQL["ask"], {"upto": last})
        return last
    finally:
        db.close()


def history_file(row: tuple[str, int, int, int, int, int, int]) -> HistoryFile:
    """Return the file that a row of `history_files` describes."""
    path, environment_id, day, count, size, oldest, newest = row
    return HistoryFile(
        path=path,
        environment_id=environment_id,
        day=day,
        rows=count,
        bytes=size,
        oldest=oldest,
        newest=newest,
    )


def _file_row(file: HistoryFile, now: int) -> tuple[str, int, int, int, int, int, int, int]:
    return (
        *(file.path, file.environment_id, file.day, file.rows, file.bytes),
        *(file.oldest, file.newest, now),
    )


def _crowds(db: sqlite3.Connection, files: int, quiet_before: int, *, limit: int) -> list[Crowd]:
    values = {"files": files, "quiet_before": quiet_before, "large": LARGE_ROWS, "limit": limit}
    return [*map(Crowd._make, db.execute(_SQL["crowds"], values))]


@contextmanager
def _writing() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise Unavailable(f"{FILE} cannot be written.", details=f"{error}.") from error
