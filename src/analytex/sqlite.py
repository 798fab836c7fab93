"""SQLite the way every file of ours is opened, and queries read from `.sql` files."""

import sqlite3
import time
from importlib import resources
from pathlib import Path
from typing import Final, Literal

from analytex.errors import DataDirectoryError

SCHEMA_VERSION: Final = 1  # of every file, kept in its user_version
BUSY_TIMEOUT_S: Final = 10.0  # another process may be committing


def connect(
    path: Path, package: str, *, synchronous: Literal["FULL", "NORMAL"] = "FULL"
) -> sqlite3.Connection:
    """Open or create a file in WAL mode, in autocommit; any one thread may use it at a time.

    A new file gets the tables of the package's `schema.sql`.
    FULL: a commit is on disk when it returns. NORMAL: a power cut may take the newest commits
    back, in order, but never breaks the file (sqlite.org, "PRAGMA synchronous").
    Raises sqlite3.Error, and DataDirectoryError if a newer analytex wrote the file.
    """
    db = sqlite3.connect(
        path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
    )
    try:
        _use_wal(db)
        db.execute(f"PRAGMA synchronous = {synchronous}")
        if (version := _version(db)) == 0:
            _create_tables(db, script(package, "schema.sql"))
        elif version > SCHEMA_VERSION:
            raise DataDirectoryError(
                f"{path} was written by a newer analytex.",
                details=f"Its version is {version}; this one reads up to {SCHEMA_VERSION}.",
            )
    except BaseException:
        db.close()
        raise
    return db


def _use_wal(db: sqlite3.Connection) -> None:
    # Making a new file a WAL file takes a lock that SQLite does not wait for by itself.
    deadline = time.monotonic() + BUSY_TIMEOUT_S
    while True:
        try:
            db.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def _version(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA user_version").fetchone()[0])


def _create_tables(db: sqlite3.Connection, schema: str) -> None:
    db.execute("BEGIN IMMEDIATE")
    if _version(db) == 0:  # nobody else was quicker
        for statement in schema.split(";\n"):
            db.execute(statement)
        db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    db.execute("COMMIT")


def script(package: str, name: str) -> str:
    """Return the text of a `.sql` file that lies in the package."""
    return resources.files(package).joinpath(name).read_text("utf-8")


def queries(package: str, name: str) -> dict[str, str]:
    """Return the queries of a `.sql` file; each begins with a line `-- name: NAME`."""
    found = {}
    for part in script(package, name).split("-- name: ")[1:]:
        title, _, text = part.partition("\n")
        found[title.strip()] = text.strip()
    return found
