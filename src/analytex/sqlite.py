"""SQLite the way every file of ours is opened, and queries read from `.sql` files."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import Final, Literal

from analytex.errors import DataDirectoryError

BUSY_TIMEOUT_S: Final = 10.0  # another process may be committing


def connect(
    path: Path, package: str, *, synchronous: Literal["FULL", "NORMAL"] = "FULL"
) -> sqlite3.Connection:
    """Open or create a file in WAL mode, in autocommit; any one thread may use it at a time.

    A new file gets the tables of the package's `schema.sql`; one of an earlier version gets what
    the package's `migrations/` add, so that it has the same tables. The version is kept in the
    file's user_version: 1, and one more for each migration.
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
        db.execute("PRAGMA secure_delete = ON")  # deletions promise that nothing stays behind
        steps = migrations(package)
        version, newest = _version(db), 1 + len(steps)
        if version > newest:
            raise DataDirectoryError(
                f"{path} was written by a newer analytex.",
                details=f"Its version is {version}; this one reads up to {newest}.",
            )
        if version < newest:
            _bring_up_to_date(db, script(package, "schema.sql"), steps)
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


def _bring_up_to_date(db: sqlite3.Connection, schema: str, steps: list[str]) -> None:
    with transaction(db):
        version = _version(db)  # again: somebody else may have been quicker
        for text in steps[version - 1 :] if version else [schema]:
            for statement in text.split(";\n"):
                db.execute(statement)
        db.execute(f"PRAGMA user_version = {1 + len(steps)}")


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """Hold the write lock; commit at the end of the block, or take everything back if it raises."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield db
        db.execute("COMMIT")
    finally:
        if db.in_transaction:
            db.execute("ROLLBACK")


def migrations(package: str) -> list[str]:
    """Return the texts of the package's migrations, the oldest first."""
    folder = resources.files(package).joinpath("migrations")
    if not folder.is_dir():
        return []
    files = sorted(folder.iterdir(), key=lambda file: file.name)
    return [file.read_text("utf-8") for file in files]


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
