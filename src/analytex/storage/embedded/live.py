"""The newest events of `store.db`, for those who follow them."""

import sqlite3
from collections.abc import Collection, Generator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

import msgspec

from analytex import sqlite
from analytex.errors import Unavailable
from analytex.storage.embedded import FILE, rows
from analytex.storage.erasing import Stored
from analytex.storage.live import CALL_ID_CHARS, Wanted

_SQL: Final = sqlite.queries(__package__, "live.sql")


class EmbeddedLiveStore:
    """Reads the newest events (see `LiveStore`)."""

    def __init__(self, path: Path) -> None:
        """Open the file. Raises sqlite3.Error if it cannot be opened."""
        self._db = sqlite.connect(path, __package__)
        self._db.execute("PRAGMA query_only = ON")

    def last(self) -> int:
        """Return the newest sequence that was ever given."""
        with _reading():
            return int(self._db.execute(_SQL["last"]).fetchone()[0])

    def first(self) -> int:
        """Return the oldest sequence from which on nothing was moved away."""
        with _reading():
            return int(self._db.execute(_SQL["first"]).fetchone()[0])

    def behind(self, after: int, upto: int, wanted: Wanted) -> Generator[Stored, None, None]:
        """Yield events behind a sequence, up to another one (see `LiveStore.behind`)."""
        values = {
            "after": after,
            "upto": upto,
            "environments": _json(wanted.environments),
            "files": wanted.files,
            "call_id_chars": CALL_ID_CHARS,
            "user_ids": _json(wanted.user_ids),
            "company_ids": _json(wanted.company_ids),
            "event_names": _json(wanted.event_names),
            "event_types": _json(wanted.event_types),
        }
        with _reading(), closing(self._db.execute(_SQL["behind"], values)) as cursor:
            for row in cursor:
                yield Stored(row[0], rows.event(row[1:]))

    def close(self) -> None:
        """Close the file."""
        self._db.close()


def _json(values: Collection[object] | None) -> str | None:
    return None if values is None else msgspec.json.encode(list(values)).decode()


@contextmanager
def _reading() -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, msgspec.MsgspecError) as error:
        raise Unavailable(f"{FILE} cannot be read.", details=f"{error}.") from error
