"""The readers' side of `store.db` beside history: what is hot, and which files hold the rest."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from analytex import sqlite
from analytex.domain.events import Event
from analytex.domain.history import HistoryFile, Sealed
from analytex.errors import Unavailable
from analytex.storage.embedded import FILE, rows
from analytex.storage.embedded.read import EmbeddedReadStore
from analytex.storage.embedded.seal import history_file
from analytex.storage.sealing import Row

ROWS_AT_ONCE: Final = 8192

_SQL: Final = sqlite.queries(__package__, "seal.sql")


class EmbeddedHistoryReadStore(EmbeddedReadStore):
    """Reads what is hot, and says where the rest is (see `HistoryReadStore`)."""

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Let everything inside see the store as it is now, or as the snapshot around it does."""
        if self._db.in_transaction:
            yield
        else:
            with super().snapshot():
                yield

    def sealed(self) -> Sealed:
        """Return where hot events end and history begins."""
        return Sealed(*self._find("sealed")[0])

    def has_history(self, environment_id: int, *, since: int, before: int) -> bool:
        """Tell whether a file may have events between these times."""
        return bool(self._find("any_between", _between(environment_id, since, before)))

    def history_files(self, environment_id: int, *, since: int, before: int) -> list[HistoryFile]:
        """Return the files that may have events between these times, the newest first."""
        values = _between(environment_id, since, before)
        return [*map(history_file, self._find("files_between", values))]

    def all_history_files(self) -> list[HistoryFile]:
        """Return the files of all environments."""
        return [*map(history_file, self._find("files"))]

    def last_sequence(self) -> int:
        """Return the sequence of the newest event."""
        return int(self._find("last_sequence")[0][0])

    def hot_rows(self, environment_id: int, *, after: int, upto: int) -> Iterator[Sequence[Row]]:
        """Yield the hot events of an environment behind a sequence, up to another one."""
        for start in range(after, upto, ROWS_AT_ONCE):
            end = min(start + ROWS_AT_ONCE, upto)
            if found := self._find("rows_of", (start, end, environment_id)):
                yield found

    def scan_events(self, *, batch: int) -> Iterator[list[Event]]:
        """Yield the hot events in the order in which they were applied."""
        last, end = self.sealed().upto, self.last_sequence()
        while last < end:
            if found := self._find("rows", (last, last + batch)):
                yield [rows.event(row[1:]) for row in found]
            last += batch
            end = self.last_sequence()

    def _find(self, query: str, values: dict[str, Any] | tuple[Any, ...] = ()) -> list[Any]:
        try:
            return self._db.execute(_SQL[query], values).fetchall()
        except sqlite3.Error as error:
            raise Unavailable(f"{FILE} cannot be read.", details=f"{error}.") from error


def _between(environment_id: int, since: int, before: int) -> dict[str, int]:
    return {"environment_id": environment_id, "since": since, "before": before}
