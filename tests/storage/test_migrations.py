"""A store of an earlier version becomes one like a new one, with everything that was in it."""

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from analytex import sqlite
from analytex.errors import DataDirectoryError
from analytex.storage import embedded

PACKAGE = embedded.__name__
VERSION_1 = Path(__file__).with_name("store-version-1.sql")


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A store as version 1 made it, with an event in it."""
    path = tmp_path / embedded.FILE
    with closing(sqlite3.connect(path)) as db:
        db.executescript(VERSION_1.read_text("utf-8"))
        db.execute(
            "INSERT INTO events VALUES (1, 'id', 1, 'track', 'opened', 'ada', NULL, 'backend-http',"
            " 5, '{}', NULL)"
        )
        db.execute("PRAGMA user_version = 1")
        db.commit()
    return path


def test_an_old_store_gets_the_tables_of_a_new_one(old: Path, tmp_path: Path) -> None:
    """Otherwise a query would fail on the stores of those who were there first."""
    with (
        closing(sqlite.connect(old, PACKAGE)) as migrated,
        closing(sqlite.connect(tmp_path / "new.db", PACKAGE)) as new,
    ):
        assert _tables(migrated) == _tables(new)
        assert _version(migrated) == _version(new) == 1 + len(sqlite.migrations(PACKAGE))


def test_what_was_in_it_stays(old: Path) -> None:
    """An upgrade loses nothing."""
    with closing(sqlite.connect(old, PACKAGE)) as db:
        assert db.execute("SELECT user_id, inserted_at, web FROM events").fetchall() == [
            ("ada", 5, None)
        ]


def test_a_store_is_migrated_once(old: Path) -> None:
    """Every process opens it, and only the first one finds an old one."""
    sqlite.connect(old, PACKAGE).close()

    with closing(sqlite.connect(old, PACKAGE)) as db:
        assert db.execute("SELECT count(*) FROM secret").fetchone() == (1,)


def test_a_newer_store_is_refused(old: Path) -> None:
    """An older version would not know what it must not break."""
    with closing(sqlite3.connect(old)) as db:
        db.execute("PRAGMA user_version = 99")

    with pytest.raises(DataDirectoryError, match="newer"):
        sqlite.connect(old, PACKAGE)


def _version(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA user_version").fetchone()[0])


def _tables(db: sqlite3.Connection) -> dict[str, object]:
    tables: dict[str, object] = {}
    for kind, name, sql in db.execute("SELECT type, name, sql FROM sqlite_master"):
        if kind == "table":
            columns = [tuple(row) for row in db.execute(f"PRAGMA table_xinfo({name})")]
            options = re.search(r"\)\s*([A-Z, ]*)$", sql)
            tables[name] = (columns, options and options[1].strip())
        elif sql is not None:
            tables[name] = sql
    return tables
