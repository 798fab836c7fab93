"""Taking records out of `log.db` while others append to it."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import msgspec

from analytex import sqlite
from analytex.eventlog.embedded import reading
from analytex.eventlog.interface import Sweep
from analytex.scrub.work import Scrub, settle

SLICE_S: Final = 0.005  # that long behind a slice of the scrub

_SQL: Final = sqlite.queries(__package__, "queries.sql")

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[bytes]).decode

Replace = Callable[[bytes], bytes | None]


class EmbeddedLogEraser:
    """Overwrites records where they lie (see `LogEraser`)."""

    def __init__(self, path: Path) -> None:
        """Open or create the file. Raises sqlite3.Error if it cannot be opened."""
        self._path = path
        self._db = sqlite.connect(path, __package__)

    def erase(self, start: int, replace: Replace) -> Sweep | None:
        """Replace records of one row (see `LogEraser.erase`)."""
        with reading():
            row = self._db.execute(_SQL["next_row"], (start,)).fetchone()
            if row is None:
                return None
            first, count, records = row
            wanted, replaced = _replaced(records, replace)
            if replaced:
                self._overwrite(first, records, wanted)
        return Sweep(first + count, replaced)

    def settle(self) -> bool:
        """Empty the write-ahead file (see `LogEraser.settle`)."""
        with reading():
            return settle(self._db)

    def scrub(self) -> Scrub:
        """Return the work that zeroes unused places of the file."""
        return Scrub(self._path, slice_s=SLICE_S)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def _overwrite(self, first: int, records: bytes, wanted: bytes) -> None:
        with sqlite.transaction(self._db) as db:
            # It may have been trimmed meanwhile. Otherwise nobody changes rows but this.
            if db.execute(_SQL["again"], (first,)).fetchone() == (records,):
                db.execute(_SQL["overwrite"], {"first": first, "records": wanted})


def _replaced(records: bytes, replace: Replace) -> tuple[bytes, int]:
    """Return a row's records with replacements, and how many there are."""
    found: Sequence[bytes] = _decode(records)
    wanted = [replace(record) for record in found]
    replaced = sum(record is not None for record in wanted)
    if not replaced:
        return records, 0
    for record, other in zip(found, wanted, strict=True):
        if other is not None and len(other) != len(record):
            raise ValueError(f"a record of {len(record)} bytes cannot become {len(other)} bytes")
    return _encode([other or record for record, other in zip(found, wanted, strict=True)]), replaced
