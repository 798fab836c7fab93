"""Zeroing the unused bytes of an SQLite file while others read and write it.

`PRAGMA secure_delete` overwrites a row where it lies when it is deleted. But whenever SQLite had
moved the row before, from page to page or inside one, it left the old copy in what is now the
unused part of a page, and there it stays.

Unused are: in a page of a b-tree the gap between places and cells, and the freeblocks; behind the
end of a long row the rest of its last page; and the free pages. These bytes, and no others, are
overwritten in the file itself, beside SQLite:

- while the write lock is held and the write-ahead file is empty, so that the file is the whole
  truth and nobody changes it. What readers read at that moment is in use, and stays as it is.
- A connection that had read a page before still has the unused bytes in its cache, and would write
  them back with its next change to the page. So a slice ends with a commit: in WAL mode a
  connection that finds that others committed drops its cache.
- A crash in the middle leaves some unused bytes as they were.
"""

import logging
import os
import sqlite3
import time
from collections.abc import Container, Generator, Iterator, Set
from pathlib import Path
from struct import unpack_from
from typing import Final

from analytex.scrub import pages
from analytex.scrub.pages import Overflow, Page
from analytex.scrub.trees import Families, Trees

SLICE_S: Final = 0.012  # the write lock is held that long, and for the flush before it
PATIENCE_MS: Final = 20  # to wait for readers, while no one can write
ROUNDS: Final = 5  # each leaves the pages that found other parents while it ran

_MAGIC: Final = b"SQLite format 3\0"

Steps = Generator[bool, None, None]  #: gives way; True: it has to wait for others

log = logging.getLogger(__name__)


def settle(db: sqlite3.Connection, *, patience_ms: int = PATIENCE_MS) -> bool:
    """Move everything from the write-ahead file into the file itself, and empty it.

    False if somebody reads what was true before, or writes, for longer than `patience_ms`.
    """
    before = db.execute("PRAGMA busy_timeout").fetchone()[0]
    db.execute(f"PRAGMA busy_timeout = {patience_ms}")
    try:
        busy = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise
        busy = 1
    finally:
        db.execute(f"PRAGMA busy_timeout = {before}")
    return not busy


class Scrub:
    """One pass over a file in WAL mode.

    Everything that was deleted and committed before it begins is gone from the file and its
    write-ahead file at its end; what is deleted meanwhile may not be. All who write the file
    meanwhile must have `PRAGMA secure_delete = ON`.
    """

    def __init__(self, path: Path, *, slice_s: float = SLICE_S) -> None:
        """Begin a pass over a file that exists. Raises OSError or sqlite3.Error."""
        self._path = path
        self._wal = path.with_name(path.name + "-wal")
        self._file = _descriptor(path)
        self._size, self._usable = _page_size(self._file)
        self._db = sqlite3.connect(path, timeout=PATIENCE_MS / 1000, isolation_level=None)
        self._db.execute("PRAGMA synchronous = NORMAL")  # the end flushes the file
        self._slice_s = slice_s
        self._steps = self._work()
        self._changed = False  # in this slice
        self._cache: dict[int, Page | None] = {}  # of this slice, as the next
        self._families: Families = {}
        self.waiting = False  #: whether the last step found somebody in its way
        self.zeroed = 0  #: bytes so far
        self.pages = 0  #: looked at so far

    def step(self) -> bool:
        """Do a slice; True while there is more to do. Raises OSError or sqlite3.Error."""
        waiting = next(self._steps, None)
        self.waiting = waiting is True
        return waiting is not None

    def close(self) -> None:
        """Let go of the file, at the end or before it."""
        self._steps.close()
        self._db.close()

    def _work(self) -> Steps:
        yield from self._sliced(self._free_pages())
        left: set[int] | None = None
        for _ in range(ROUNDS):
            trees = yield from self._map(left)
            left = set()
            yield from self._sliced(self._trees(trees, left))
            if not left:
                break
        os.fsync(self._file)
        if left:
            log.warning('action="scrub_incomplete" file="%s" pages=%d', self._path.name, len(left))

    def _map(self, only: Set[int] | None) -> Generator[bool, None, Trees]:
        """Learn the b-trees as they are at one moment, without holding up anybody.

        Who reads the file itself, rather than the write-ahead file, keeps others from moving
        anything into it (sqlite.org/wal.html, "Checkpointing").
        """
        while not self._lock():
            yield True
        reader = sqlite3.connect(self._path, isolation_level=None)
        try:
            reader.execute("BEGIN")
            found = reader.execute("SELECT DISTINCT rootpage FROM sqlite_master WHERE rootpage > 1")
            roots = [root for (root,) in found]
            self._unlock()
            trees = Trees(roots)
            yield from self._timed(trees.walk(self._tree_page, only=only))
        finally:
            self._unlock()
            reader.close()
        return trees

    def _trees(self, trees: Trees, left: set[int]) -> Iterator[None]:
        """Zero what is unused in the trees' pages; add those that are elsewhere by now to `left`.

        A family in one go: when SQLite balances siblings, it may give one the number of another,
        and what is unused in it would get to a number that was done before.
        """
        for root in trees.roots:
            self._gaps(root)
            self._ends_of_rows(root)
            yield
        for parent, children in trees.families.items():
            found = trees.family(parent, self._known, self._families)
            left.update(set(children).difference(found))
            left.update([child for child in found if not self._gaps(child)])
            yield
            for child in found:
                if child in trees.family(parent, self._known, self._families):
                    self._ends_of_rows(child)
                else:
                    left.add(child)
                yield

    def _gaps(self, number: int) -> bool:
        """Zero what is unused in a page of a tree; False if it is not as it should be."""
        self.pages += 1
        page = self._known(number)
        if page is None:
            return False
        for start, end in page.unused:
            self._zero(number, page.bytes, start, end)
        return True

    def _ends_of_rows(self, number: int) -> None:
        """Zero what is unused behind the rows that do not fit in a page of a tree."""
        page = self._known(number)
        for overflow in pages.overflows(page, self._usable) if page is not None else ():
            self._end_of_row(overflow)

    def _end_of_row(self, overflow: Overflow) -> None:
        """Zero what is unused in the last page of a long row."""
        number, size, room = overflow.first, overflow.size, self._usable - 4
        while size > room:
            number, size = unpack_from(">I", self._read(number, 4))[0], size - room
        page = self._read(number)
        if page.startswith(bytes(4)):  # nothing follows, as it should be
            self._zero(number, page, 4 + size, self._usable)

    def _free_pages(self) -> Iterator[None]:
        """Zero the free pages: trunks, which lead to one another and name leaves.

        Pages may leave the list between two slices. Those that join it were zeroed by SQLite, and
        a trunk that was done before stays in the list of them.
        """
        done: set[int] = set()
        while (trunk := self._next_trunk(done)) is not None:
            page = self._read(trunk)
            count = unpack_from(">I", page, 4)[0]
            if count > self._usable // 4 - 2:
                return  # not what the format allows
            for leaf in unpack_from(f">{count}I", page, 8):
                self._zero(leaf, self._read(leaf), 0, self._size)
                self.pages += 1
            self._zero(trunk, page, 8 + 4 * count, self._usable)
            done.add(trunk)
            yield

    def _next_trunk(self, done: Container[int]) -> int | None:
        head, limit = unpack_from(">II", self._read(1), 32)
        for _ in range(limit):
            if head == 0 or head not in done:
                break
            head = unpack_from(">I", self._read(head, 4))[0]
        return head if head and head not in done else None

    def _sliced(self, work: Iterator[None]) -> Steps:
        """Do the work slice by slice, each while nobody else writes."""
        more = True
        while more:
            while not self._lock():
                yield True
            try:
                self._cache.clear()
                self._families.clear()
                slices = self._timed(work)
                more = next(slices, None) is not None
            finally:
                self._unlock()
            yield False

    def _timed(self, work: Iterator[None]) -> Steps:
        """Give way whenever a slice's time is over."""
        end = time.monotonic() + self._slice_s
        for _ in work:
            if time.monotonic() > end:
                yield False
                end = time.monotonic() + self._slice_s

    def _lock(self) -> bool:
        """Take the write lock with an empty write-ahead file; False if others are in the way."""
        for _ in range(3):
            if not settle(self._db):
                return False
            try:
                self._db.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                return False
            if self._wal.stat().st_size == 0:  # nobody was quicker
                return True
            self._db.execute("ROLLBACK")
        return False

    def _unlock(self) -> None:
        if not self._db.in_transaction:
            return
        if self._changed:  # let the others forget what they have read
            version = self._db.execute("PRAGMA user_version").fetchone()[0]
            self._db.execute(f"PRAGMA user_version = {version}")
            self._changed = False
        self._db.execute("COMMIT")

    def _zero(self, number: int, page: bytes, start: int, end: int) -> None:
        size = end - start
        if size > 0 and page.count(0, start, end) < size:
            self._changed = True
            os.pwrite(self._file, bytes(size), (number - 1) * self._size + start)
            self.zeroed += size

    def _known(self, number: int) -> Page | None:
        """The page as one of a b-tree; read once in a slice."""
        if number not in self._cache:
            self._cache[number] = self._tree_page(number)
        return self._cache[number]

    def _tree_page(self, number: int) -> Page | None:
        return pages.parse(self._read(number), self._usable)

    def _read(self, number: int, size: int | None = None) -> bytes:
        """Return a page, or its beginning; zeros, which lead nowhere, if there is no such page."""
        size = size or self._size
        found = os.pread(self._file, size, (number - 1) * self._size) if number > 0 else b""
        return found if len(found) == size else bytes(size)


def _page_size(file: int) -> tuple[int, int]:
    """Return a page's size in bytes, and how many of them SQLite uses."""
    header = os.pread(file, 100, 0)
    if not header.startswith(_MAGIC):
        raise OSError("not an SQLite file")
    size = unpack_from(">H", header, 16)[0]
    size = 65536 if size == 1 else size
    return size, size - header[20]


def _descriptor(path: Path) -> int:
    """Return this process's descriptor of the file, which is never closed.

    Whoever closes any descriptor of a file loses all the locks that the process has on it
    (fcntl(2)), also those of SQLite's connections.
    """
    facts = path.stat()
    file = (facts.st_dev, facts.st_ino)
    if file not in _DESCRIPTORS:
        _DESCRIPTORS[file] = os.open(path, os.O_RDWR)
    return _DESCRIPTORS[file]


_DESCRIPTORS: Final[dict[tuple[int, int], int]] = {}
