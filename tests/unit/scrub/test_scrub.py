"""Zeroing the unused bytes of an SQLite file: all of them, no others, and while it is in use."""

import random
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest

from analytex.scrub import pages
from analytex.scrub.work import Scrub

VICTIMS: Final = [f"VICTIM{n:02}x" for n in range(20)]
USABLE: Final = 512


class Filled:
    """A file like `store.db`, in which people come, change and go."""

    def __init__(self, path: Path, seed: int, *, page_size: int = 4096, secure: str = "ON") -> None:
        self.path = path
        self.random = random.Random(seed)
        self.db = sqlite3.connect(path, isolation_level=None)
        for pragma in (
            f"page_size = {page_size}",
            "journal_mode = WAL",
            "synchronous = OFF",
            f"secure_delete = {secure}",
        ):
            self.db.execute(f"PRAGMA {pragma}")
        self.db.execute("CREATE TABLE users (e INT, u TEXT, props TEXT, PRIMARY KEY (e, u))")
        self.db.execute(
            "CREATE TABLE ix (seg INT, v TEXT, at INT, PRIMARY KEY (seg, v, at)) WITHOUT ROWID"
        )
        self._rows = 0

    def write(self, count: int, names: list[str]) -> None:
        """Write rows of these and of others: short ones, and those that fill several pages."""
        self.db.execute("BEGIN")
        for _ in range(count):
            self._rows += 1
            some = names if names and self.random.random() < 0.1 else OTHERS
            name = self.random.choice(some)
            size = self.random.choice([1, 20, 300, 900, 5000, 20_000])
            if self.random.random() < 0.8:
                size = self.random.randrange(50, 300)
            self.db.execute(
                """INSERT INTO users VALUES (1, ?, ?)
                ON CONFLICT (e, u) DO UPDATE SET props = excluded.props""",
                (name, (name + "-") * (1 + size // len(name))),
            )
            key = (self._rows // 500, name * self.random.choice([1, 1, 1, 50, 300]), self._rows)
            self.db.execute("INSERT INTO ix VALUES (?, ?, ?)", key)
        self.db.execute("COMMIT")

    def delete_victims(self) -> None:
        """Delete all rows of the victims."""
        self.db.execute("DELETE FROM users WHERE u LIKE 'VICTIM%'")
        self.db.execute("DELETE FROM ix WHERE v LIKE 'VICTIM%'")

    def content(self) -> list[object]:
        """Return all rows, read anew from the file."""
        with closing(sqlite3.connect(self.path)) as db:
            assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            queries = ("SELECT * FROM users ORDER BY u", "SELECT * FROM ix")
            return [db.execute(query).fetchall() for query in queries]

    def remnants(self) -> int:
        """Return how many traces there are in the file and the write-ahead file."""
        wal = self.path.with_name(self.path.name + "-wal")
        found = self.path.read_bytes() + (wal.read_bytes() if wal.exists() else b"")
        return found.count(b"VICTIM")


OTHERS: Final = [f"user{n:04}" for n in range(500)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the file is."""
    return tmp_path / "test.db"


def finish(scrub: Scrub) -> None:
    """Do all that there is to do."""
    with closing(scrub):
        for _ in range(1000):
            if not scrub.step():
                return
    pytest.fail("it does not end")


@pytest.mark.parametrize("secure", ["OFF", "FAST", "ON"])
@pytest.mark.parametrize("page_size", [512, 4096, 65536])
@pytest.mark.parametrize("seed", range(2))
def test_no_deleted_row_is_left_and_no_other_is_touched(
    path: Path, seed: int, page_size: int, secure: str
) -> None:
    """In gaps, freeblocks, free pages and behind the ends of long rows, however SQLite deletes."""
    filled = Filled(path, seed, page_size=page_size, secure=secure)
    filled.write(3000, VICTIMS)
    filled.delete_victims()
    filled.write(200, [])
    content = filled.content()
    assert secure == "ON" or filled.remnants()
    finish(Scrub(path))
    assert filled.remnants() == 0
    assert filled.content() == content
    filled.db.close()


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_others_may_write_meanwhile(path: Path, seed: int) -> None:
    """Trees grow, split and shrink between the slices; what others cached does not come back.

    Takes up to 3 s.
    """
    filled = Filled(path, seed)
    filled.write(2500, VICTIMS)
    filled.delete_victims()
    filled.db.execute("SELECT sum(length(props)) FROM users").fetchall()  # into its cache
    with closing(Scrub(path, slice_s=0.0)) as scrub:
        while scrub.step():
            filled.write(2, [])
    assert filled.remnants() == 0
    filled.content()
    filled.db.close()


def test_a_page_that_another_connection_had_read_is_not_written_back(path: Path) -> None:
    """It would bring with it what was in the page's gap before."""
    filled = Filled(path, 1, secure="OFF")
    filled.write(800, VICTIMS)
    filled.delete_victims()
    filled.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    filled.db.execute("SELECT sum(length(props)) FROM users").fetchall()
    filled.db.execute("SELECT sum(length(v)) FROM ix").fetchall()
    assert filled.remnants()
    finish(Scrub(path))
    filled.db.execute("UPDATE users SET e = 2")
    filled.db.execute("UPDATE ix SET at = -at")
    assert filled.remnants() == 0
    filled.db.close()


def test_it_waits_for_a_reader_of_what_was_before(path: Path) -> None:
    """Such a reader needs the write-ahead file."""
    filled = Filled(path, 1)
    filled.write(100, VICTIMS)
    with closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM users").fetchone()
        filled.delete_victims()
        scrub = Scrub(path)
        assert scrub.step()
        assert scrub.waiting
        reader.execute("ROLLBACK")
    finish(scrub)
    assert filled.remnants() == 0
    filled.db.close()


def test_it_waits_for_a_writer(path: Path) -> None:
    """Whoever is in the middle of a transaction goes first."""
    filled = Filled(path, 1)
    filled.write(10, [])
    filled.db.execute("BEGIN IMMEDIATE")
    scrub = Scrub(path)
    assert scrub.step()
    assert scrub.waiting
    filled.db.execute("COMMIT")
    finish(scrub)
    filled.db.close()


def test_it_can_be_stopped_anywhere(path: Path) -> None:
    """Then somebody begins again, and nobody waits for a lock that is still held."""
    filled = Filled(path, 2)
    filled.write(1000, VICTIMS)
    filled.delete_victims()
    for steps in range(0, 40, 3):
        with closing(Scrub(path, slice_s=0.0)) as scrub:
            for _ in range(steps):
                scrub.step()
        filled.write(1, [])
    finish(Scrub(path))
    assert filled.remnants() == 0
    filled.content()
    filled.db.close()


def test_the_locks_of_other_connections_stay(path: Path) -> None:
    """Closing a descriptor of a file gives up all locks of the process on it (fcntl(2)).

    Then the last connection of another process would take itself for the last of all, and remove
    the write-ahead file that is still in use here.
    """
    filled = Filled(path, 1)
    filled.write(10, [])
    finish(Scrub(path))
    program = "import sqlite3, sys; sqlite3.connect(sys.argv[1]).execute('PRAGMA user_version')"
    subprocess.run([sys.executable, "-c", program, str(path)], check=True)
    assert path.with_name("test.db-wal").exists()
    filled.db.close()


def test_a_file_that_is_no_database_is_refused(path: Path) -> None:
    """Nothing is known of its bytes."""
    path.write_bytes(b"VICTIM" * 100)
    with pytest.raises(OSError, match="not an SQLite file"):
        Scrub(path)


def leaf(
    *, kind: int = 13, free: int = 0, begin: int = 500, cells: tuple[int, ...] = (500,)
) -> bytes:
    """A page of a table, with one row unless told otherwise."""
    page = bytearray(b"\xff" * USABLE)
    page[0] = kind
    page[1:8] = b"".join(each.to_bytes(2, "big") for each in (free, len(cells), begin)) + b"\0"
    for number, cell in enumerate(cells):
        page[8 + 2 * number : 10 + 2 * number] = cell.to_bytes(2, "big")
    return bytes(page)


def test_a_page_says_which_of_its_bytes_are_unused() -> None:
    """The gap between the places of the rows and the rows."""
    page = pages.parse(leaf(), USABLE)
    assert page is not None
    assert page.unused == [(10, 500)]


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(leaf(kind=7), id="an unknown type"),
        pytest.param(leaf(begin=9), id="rows where their places are"),
        pytest.param(leaf(begin=513), id="rows behind the end"),
        pytest.param(leaf(cells=(400, 500)), id="a row before all rows"),
        pytest.param(leaf(cells=(509,)), id="a row over the end"),
        pytest.param(leaf(cells=(500,) * 300), id="more rows than there is room for"),
        pytest.param(leaf(free=400), id="free bytes before all rows"),
        pytest.param(leaf(free=500), id="free bytes where a row is"),
        pytest.param(leaf(free=504), id="free bytes over the end"),
        pytest.param(leaf(free=511), id="free bytes without a head"),
    ],
)
def test_a_page_that_is_not_as_it_should_be_is_left_alone(page: bytes) -> None:
    """Whatever it is, nothing in it is known to be unused."""
    assert pages.parse(page, USABLE) is None
