"""What a log engine promises.

A position is the number of records that stand before a place in the log: the first record is at
position 0, and `end()` is the number of records ever written. Positions are never used again.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

Done = Callable[[Exception | None], None]


class Batch(NamedTuple):
    """The records of one flush."""

    first: int  #: position of the first record
    records: Sequence[bytes]

    @property
    def next(self) -> int:
        """The position behind the last record."""
        return self.first + len(self.records)


class LogWriter(Protocol):
    """Appends records. Called from one event loop; never blocks it."""

    def append(self, record: bytes, done: Done) -> None:
        """Add the record to the next flush; `done(None)` is called once it is on disk.

        `done(Unavailable)` is called if it could not be written; then it is not in the log.
        Raises Unavailable at once if the queue in front of the log is full.
        """

    @property
    def waiting(self) -> int:
        """How many records wait for a flush that has not begun."""

    def trim(self, before: int, older_than: int) -> None:
        """Remove records before the position that were written before a time, soon.

        `older_than` is in microseconds since 1970-01-01 UTC. The newest batch always stays.
        """

    async def close(self) -> None:
        """Flush what waits, answer it, and let go of the engine."""


class Sweep(NamedTuple):
    """What the eraser did with one row of the log."""

    next: int  #: the position behind it
    replaced: int  #: how many of its records were replaced


class Slices(Protocol):
    """Work in small steps."""

    @property
    def waiting(self) -> bool:
        """Whether the last step only found that it must wait for others."""

    def step(self) -> bool:
        """Do a little; True while there is more to do."""

    def close(self) -> None:
        """Let go of everything, at the end or before it."""


class LogEraser(Protocol):
    """Takes out of the log what must not be in it any more. Belongs to one thread.

    In this order: `erase` until the end, `settle` until it is True, then the slices of `scrub`.
    """

    def erase(self, start: int, replace: Callable[[bytes], bytes | None]) -> Sweep | None:
        """Replace records of the row at `start`, or of the next one; None if there is none.

        `replace` returns what a record shall be, which must be as long, or None to leave it.
        The row is on disk when this returns; no append waits longer than for one flush.
        Raises ValueError if a length differs, and Unavailable; then the row is what it was.
        """

    def settle(self) -> bool:
        """Leave no old record in files beside the log; False if a reader prevents it so far."""

    def scrub(self) -> Slices:
        """Return the work that leaves no old record in unused places of the log's file."""

    def close(self) -> None:
        """Let go of the engine."""


class LogReader(Protocol):
    """Reads records. Each instance belongs to one thread. Raises Unavailable if it cannot."""

    def read(self, start: int, *, max_records: int, max_bytes: int) -> list[Batch]:
        """Return the batches from `start` on; the first is cut so that it begins there.

        Stops after the batch that reaches `max_records` or `max_bytes`. Empty if there is none.
        """

    def end(self) -> int:
        """Return the position behind the last record on disk."""

    def written_at(self, position: int) -> int | None:
        """Return when the record at a position was written, in microseconds since 1970-01-01 UTC.

        None if the log holds nothing up to there.
        """

    def close(self) -> None:
        """Let go of the engine."""
