"""A copy of hot events in DuckDB's memory, for questions that go over all events.

It is brought up to date when a question needs it: about 4 microseconds for each new event. What was
sealed meanwhile is dropped, and everything is read again after a deletion.
"""

from typing import TYPE_CHECKING, Final, NamedTuple

from analytex.domain.history import Sealed
from analytex.history.columns import COLUMNS, FROM_STORED
from analytex.history.engine import put_rows
from analytex.history.reading import Engine
from analytex.storage.sealing import HistoryReadStore

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection as Connection

_COLUMNS: Final = tuple(column for column in COLUMNS if column.name != "app_token")
NAMES: Final = ", ".join(column.name for column in _COLUMNS)
_DEFINITION: Final = ", ".join(f"{column.name} {column.kind}" for column in _COLUMNS)


class Copy(NamedTuple):
    """Hot events of an environment, in a table of DuckDB."""

    table: str
    changes: int
    after: int  #: they are those behind this sequence
    upto: int  #: up to this one


class HotCopy:
    """Copies of hot events, by environment. For one thread at a time.

    A table is never changed but for more rows at its end, so a question that began before goes on
    with what it has.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._copies: dict[int, Copy] = {}
        self._made = 0

    def update(
        self, store: HistoryReadStore, environment_id: int, sealed: Sealed, upto: int
    ) -> str:
        """Return the table with the hot events of a moment; it may hold others as well.

        Those that are meant have sequences behind `sealed.upto` and up to `upto`.
        """
        with self._engine.connect() as db:
            copy = self._copies.get(environment_id)
            if copy is None or copy.changes != sealed.changes:
                self._forget(db, environment_id)
                copy = self._make(db, sealed, copied=None)
            elif copy.after < sealed.upto:
                old, copy = copy, self._make(db, sealed, copied=copy)
                db.execute(f"DROP TABLE {old.table}")
            self._copies[environment_id] = copy
            for rows in store.hot_rows(environment_id, after=copy.upto, upto=upto):
                put_rows(db, rows, f"INSERT INTO {copy.table} SELECT {NAMES} FROM ({FROM_STORED})")
                # At once: an error in the next part must not let these be copied twice.
                copy = copy._replace(upto=rows[-1][0])
                self._copies[environment_id] = copy
            self._copies[environment_id] = copy._replace(upto=max(copy.upto, upto))
        return copy.table

    def _forget(self, db: "Connection", environment_id: int) -> None:
        copy = self._copies.pop(environment_id, None)
        if copy is not None:
            db.execute(f"DROP TABLE {copy.table}")

    def _make(self, db: "Connection", sealed: Sealed, *, copied: Copy | None) -> Copy:
        self._made += 1
        table = f"hot_{self._made}"
        db.execute(f"CREATE TABLE {table} ({_DEFINITION})")
        if copied is None:
            return Copy(table, sealed.changes, sealed.upto, sealed.upto)
        db.execute(
            f"INSERT INTO {table} SELECT * FROM {copied.table} WHERE sequence > ?", (sealed.upto,)
        )
        return Copy(table, sealed.changes, sealed.upto, max(copied.upto, sealed.upto))
