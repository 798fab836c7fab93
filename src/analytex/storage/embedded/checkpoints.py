"""Moving what was committed from the write-ahead file into `store.db`, beside who commits.

SQLite would do it inside every commit that finds 1,000 pages: copy them, and flush both files. The
writer, which a long import keeps busy, loses a quarter of its time with that. Here another
connection does it in a thread, which needs no interpreter meanwhile.

The write-ahead file starts again from its beginning only when all of it was moved at some moment
(sqlite.org/wal.html, "Checkpointing"). A writer that never pauses would not leave such a moment, so
from `LONG_PAGES` on the thread asks it to move by itself the little that came during the last pass.
"""

import logging
import sqlite3
import threading
from pathlib import Path
from typing import Final

from analytex import sqlite

PASS_PAGES: Final = 4_000  # moved at a time, about: 16 MB
LONG_PAGES: Final = 16_000  # 64 MB
SHORTEST_S: Final = 0.1  # between two passes
LONGEST_S: Final = 2.0

log = logging.getLogger(__name__)


class Checkpointer:
    """Checkpoints one file in a thread, as often as what is written asks for it."""

    def __init__(self, path: Path) -> None:
        """Begin. Raises sqlite3.Error if the file cannot be opened."""
        self._db = sqlite.connect(path, __package__, synchronous="NORMAL")
        self._over = threading.Event()
        self._moved = 0  # pages of the write-ahead file, since it last started again
        self._asks = False
        self._thread = threading.Thread(target=self._run, name="checkpoints", daemon=True)
        self._thread.start()

    def help(self, db: sqlite3.Connection) -> None:
        """Move the rest through the writer's connection, if it is time; not in a transaction."""
        if self._asks:
            self._asks = False
            move(db)

    def close(self) -> None:
        """End, after the pass that is under way."""
        self._over.set()
        self._thread.join()
        self._db.close()

    def _run(self) -> None:
        pause = LONGEST_S
        while not self._over.wait(pause):
            try:
                new = self._pass()
            except sqlite3.Error as error:  # the writer meets it as well, and says what it does
                log.warning('action="checkpoint_failed" cause="%s"', error)
                new = 0
            pause = LONGEST_S if not new else pause * PASS_PAGES / new
            pause = min(max(pause, SHORTEST_S), LONGEST_S)

    def _pass(self) -> int:
        """Move what there is; return how many pages were new since the last pass."""
        length = move(self._db)
        new = length - self._moved if length >= self._moved else length
        self._moved = length
        self._asks = length > LONG_PAGES
        return new


def move(db: sqlite3.Connection) -> int:
    """Move what nobody needs in the write-ahead file any more; return its length in pages."""
    _, length, _ = db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    return max(int(length), 0)  # -1: somebody else is at it
