"""Pages of an SQLite file: what a b-tree page holds, and which of its bytes are unused.

The format is that of sqlite.org/fileformat2.html, sections 1.5 and 1.6. A page of a b-tree begins
with a header of 8 bytes, 12 in an interior page:

    0   1 byte   type: 2, 5 interior of an index or table; 10, 13 leaf of an index or table
    1   2 bytes  first freeblock, or 0
    3   2 bytes  number of cells
    5   2 bytes  where the cells begin; 0 means 65536
    7   1 byte   fragments: freed bytes in pieces of 1 to 3, which are left alone here
    8   4 bytes  in an interior page, the last child

Behind it stands a place (2 bytes) for each cell, then a gap, then the cells, and between those the
freeblocks: next one (2 bytes), size (2 bytes), and bytes without a meaning.

Page 1, which has the file's header in front of its own, is not read here. It never holds anything
but the tables' definitions.
"""

from collections.abc import Iterator
from struct import Struct, unpack_from
from typing import Final, NamedTuple

INDEX_INTERIOR: Final = 2
TABLE_INTERIOR: Final = 5
INDEX_LEAF: Final = 10
TABLE_LEAF: Final = 13

_HEADER_BYTES: Final = {INDEX_INTERIOR: 12, TABLE_INTERIOR: 12, INDEX_LEAF: 8, TABLE_LEAF: 8}
_HEADER: Final = Struct(">HHH")
_SMALLEST_CELL: Final = 4  # bytes: what is freed must have room for a freeblock's head


class Page(NamedTuple):
    """A page of a b-tree, all of whose places were found to be possible."""

    bytes: bytes
    kind: int
    cells: tuple[int, ...]  #: where each begins
    unused: list[tuple[int, int]]  #: from, to

    @property
    def is_interior(self) -> bool:
        """Whether it has children rather than rows."""
        return self.kind in (INDEX_INTERIOR, TABLE_INTERIOR)


class Overflow(NamedTuple):
    """The part of a row that does not fit in its page."""

    first: int  #: page where it begins
    size: int  #: bytes in it and the pages that follow


def parse(page: bytes, usable: int) -> Page | None:
    """Return a page of which it is known that it belongs to a b-tree; None if it cannot be one.

    `usable` is how many of its bytes SQLite uses: all, unless some are reserved at the end.
    """
    kind = page[0]
    header = _HEADER_BYTES.get(kind)
    if header is None:
        return None
    first_free, count, begin = _HEADER.unpack_from(page, 1)
    begin = begin or 65536
    end_of_places = header + 2 * count
    if not end_of_places <= begin <= usable:
        return None
    cells = unpack_from(f">{count}H", page, header)
    if cells and not begin <= min(cells) <= max(cells) <= usable - _SMALLEST_CELL:
        return None
    unused = [(end_of_places, begin)]
    while first_free:
        if not begin <= first_free <= usable - _SMALLEST_CELL:
            return None
        following, size = unpack_from(">HH", page, first_free)
        begin = first_free + size  # of what may come next
        if size < _SMALLEST_CELL or begin > usable:
            return None
        if any(first_free <= cell < begin for cell in cells):
            return None
        unused.append((first_free + 4, begin))
        first_free = following
    return Page(page, kind, cells, unused)


def children(page: Page) -> list[int]:
    """Return the children of an interior page, from left to right."""
    found = [unpack_from(">I", page.bytes, cell)[0] for cell in page.cells]
    return [*found, unpack_from(">I", page.bytes, 8)[0]]


def overflows(page: Page, usable: int) -> Iterator[Overflow]:
    """Yield the overflows of the rows in a page."""
    if page.kind == TABLE_INTERIOR:
        return
    most = usable - 35 if page.kind == TABLE_LEAF else (usable - 12) * 64 // 255 - 23
    least = (usable - 12) * 32 // 255 - 23
    for cell in page.cells:
        size, place = _varint(page.bytes, cell + 4 if page.kind == INDEX_INTERIOR else cell)
        if size <= most:
            continue
        if page.kind == TABLE_LEAF:
            _, place = _varint(page.bytes, place)  # the rowid
        here = least + (size - least) % (usable - 4)
        if here > most:
            here = least
        if place + here + 4 <= usable:
            yield Overflow(unpack_from(">I", page.bytes, place + here)[0], size - here)


def _varint(page: bytes, place: int) -> tuple[int, int]:
    """Return a number of 1 to 9 bytes, and the place behind it."""
    value = page[place]
    if value < 0x80:
        return value, place + 1
    value &= 0x7F
    for number, byte in enumerate(page[place + 1 : place + 9], 2):
        if number == 9:
            return value << 8 | byte, place + 9
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, place + number
    return 0, place  # it runs over the end: not what the format allows
