"""Numbers about `store.db` for those who watch over a server."""

import sqlite3
from pathlib import Path
from typing import Any, Final

from analytex import sqlite
from analytex.errors import Unavailable
from analytex.observability.metrics import EndedJobs, OpenJobs
from analytex.storage.embedded import FILE

_SQL: Final = sqlite.queries(__package__, "watch.sql")


class EmbeddedWatchStore:
    """Reads, while others write (see `WatchStore`)."""

    def __init__(self, path: Path) -> None:
        """Open the file. Raises sqlite3.Error if it cannot be opened."""
        self._db = sqlite.connect(path, __package__)

    def open_jobs(self) -> list[OpenJobs]:
        """Return the jobs that have not ended (see `WatchStore.open_jobs`)."""
        return [OpenJobs._make(row) for row in self._rows("open_jobs")]

    def ended_jobs(self) -> list[EndedJobs]:
        """Return the jobs that have ended (see `WatchStore.ended_jobs`)."""
        return [EndedJobs._make(row) for row in self._rows("ended_jobs")]

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def _rows(self, query: str) -> list[Any]:
        try:
            return self._db.execute(_SQL[query]).fetchall()
        except sqlite3.Error as error:
            raise Unavailable(f"{FILE} cannot be read.", details=f"{error}.") from error
