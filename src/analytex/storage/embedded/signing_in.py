"""Ended sessions and failed attempts to sign in, in `store.db`."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from analytex import sqlite
from analytex.errors import Unavailable
from analytex.storage.embedded import FILE
from analytex.storage.signing_in import ALL, MOST_ENDED

_SQL: Final = sqlite.queries(__package__, "signing_in.sql")


class EmbeddedSignInStore:
    """Keeps what is known about signing in (see `SignInStore`), for any number of processes.

    Changes wait up to `sqlite.BUSY_TIMEOUT_S` for another writer. All methods raise Unavailable if
    the file cannot be read or written.
    """

    def __init__(self, path: Path, *, most_ended: int = MOST_ENDED) -> None:
        """Open the file. Raises Unavailable."""
        self._most_ended = most_ended
        with _using("opened"):
            self._db = sqlite.connect(path, __package__)

    def end_session(self, id: str, *, now: int, until: int) -> None:
        """Remember until then that a session was ended, and forget what is over."""
        with _using("written"), sqlite.transaction(self._db) as db:
            db.execute(_SQL["forget_sessions"], {"now": now})
            db.execute(_SQL["end_session"], {"id": id, "until": until})
            db.execute(_SQL["make_room"], {"most": self._most_ended})

    def has_ended(self, id: str) -> bool:
        """Tell whether a session was ended."""
        return bool(self._row("has_ended", (id,))[0])

    def sign_in_failed(self, sender: bytes, *, now: int, window: int) -> None:
        """Count a failed attempt of the sender, and of all; forget what is over."""
        times = {"now": now, "window": window}
        with _using("written"), sqlite.transaction(self._db) as db:
            db.execute(_SQL["forget_failures"], times)
            for each in (sender, ALL):
                db.execute(_SQL["count_failure"], {**times, "sender": each})

    def failed_sign_ins(self, sender: bytes, *, now: int, window: int) -> tuple[int, int]:
        """Return how many attempts of a sender count, and until when."""
        values = {"sender": sender, "now": now, "window": window}
        count, until = self._row("failures", values) or (0, now)
        return count, until

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def _row(self, query: str, values: Any) -> Any:
        with _using("read"):
            return self._db.execute(_SQL[query], values).fetchone()


@contextmanager
def _using(what: str) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise Unavailable(f"{FILE} cannot be {what}.", details=f"{error}.") from error
