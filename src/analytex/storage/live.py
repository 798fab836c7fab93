"""What a storage engine promises to those who follow events as they are applied."""

from collections.abc import Collection, Generator
from typing import Final, NamedTuple, Protocol

from analytex.storage.erasing import Stored

CALL_ID_CHARS: Final = 20  # of a call's event; those of rows of files have longer ids


class Wanted(NamedTuple):
    """Which events somebody may want; None: any. There may be others among those that come."""

    environments: Collection[int]
    files: bool  #: also rows of imports and bulk jobs
    user_ids: Collection[str] | None = None
    company_ids: Collection[str] | None = None
    event_names: Collection[str] | None = None
    event_types: Collection[str] | None = None


class LiveStore(Protocol):
    """Reads the newest events. An instance belongs to one thread at a time."""

    def last(self) -> int:
        """Return the newest sequence that was ever given. Cheap: some microseconds.

        Raises Unavailable, as the others do.
        """

    def first(self) -> int:
        """Return the oldest sequence from which on nothing was moved away; cheap."""

    def behind(self, after: int, upto: int, wanted: Wanted) -> Generator[Stored, None, None]:
        """Yield events behind a sequence, up to another one, in their order.

        Each is read when it is asked for. Close the iterator early rather than leave it: it keeps
        what it reads from being cleaned up.
        """

    def close(self) -> None:
        """Let go of the engine."""
