"""Numbers about `store.db` for those who watch over a server."""

import sqlite3
from pathlib import Path
from typing import Final

from analytex import sqlite
from analytex.errors import Unavailable
from analytex.observability.metrics import OpenJobs
from analytex.storage.embedded import FILE

_SQL: Final = sqlite.queries(__package__, "watch.sql")


class EmbeddedWatchStore:
    """Reads, while others write (see `WatchStore`)."""

    def __init__(self, path: Path) -> None:
        """Open the file. Raises sqlite3.Error if it cannot be opened."""
        self._db = sqlite.connect(path, __package__)

    def open_jobs(self) -> list[OpenJobs]:
        """Return the jobs that have not ended (see `WatchStore.open_jobs`)."""
        try:
            return [OpenJobs._make(row) for row in self._db.execute(_SQL["open_jobs"])]
        except sqlite3.Error as error:
            raise Unavailable(f"{FILE} cannot be read.", details=f"{error}.") from error

    def close(self) -> None:
        """Close the file."""
        self._db.close()
