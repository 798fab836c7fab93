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

    def trim(self, before: int, older_than: int) -> None:
        """Remove records before the position that were written before a time, soon.

        `older_than` is in microseconds since 1970-01-01 UTC. The newest batch always stays.
        """

    async def close(self) -> None:
        """Flush what waits, answer it, and let go of the engine."""


class LogReader(Protocol):
    """Reads records. Each instance belongs to one thread. Raises Unavailable if it cannot."""

    def read(self, start: int, *, max_records: int, max_bytes: int) -> list[Batch]:
        """Return the batches from `start` on; the first is cut so that it begins there.

        Stops after the batch that reaches `max_records` or `max_bytes`. Empty if there is none.
        """

    def end(self) -> int:
        """Return the position behind the last record on disk."""

    def close(self) -> None:
        """Let go of the engine."""
