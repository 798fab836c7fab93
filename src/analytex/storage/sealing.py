"""What a storage engine promises to those who move events out of it, into history.

The store says which events are in history: those up to one sequence (`Sealed.upto`). It also lists
the files that history consists of, so a reader learns both at one moment and opens no log of the
table. Only the owner of the `SealStore` changes either.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple, Protocol

from analytex.domain.history import HistoryFile, Report, Sealed
from analytex.storage.interface import ReadStore

LARGE_ROWS: Final = 2_000_000  #: a file of history with so many rows is not one of too many

#: sequence, id, environment_id, event_type, event_name, user_id, company_id, source, inserted_at,
#: metadata, company, web: as the store holds them
Row = tuple[Any, ...]


class Hot(NamedTuple):
    """How much there is to seal."""

    sealable: int  #: events up to this sequence can be sealed
    last: int  #: the last sequence
    sealed: int
    removed: int  #: sealed events up to this sequence are gone from the store's own tables
    asked: int  #: somebody wants events up to this sequence to be sealed soon


class Crowd(NamedTuple):
    """The files of one day of an environment."""

    environment_id: int
    day: int
    files: int
    youngest: int  #: when the last of them was added; microseconds since 1970-01-01 UTC


class SealStore(Protocol):
    """What sealing needs. Its owner must be the one that also writes events."""

    def hot(self) -> Hot:
        """Return how much there is to seal. Cheap."""

    def close_segment(self) -> None:
        """Let the events behind the last segment be sealed as well, though they are few."""

    def sealable(self, *, at_most: int) -> int:
        """Return up to which sequence to seal next: about `at_most` events, at least a segment."""

    def note(self, report: Report, *, now: int) -> None:
        """Let readers see what history is now, and those events no more that are in it.

        In one transaction. A report that says nothing new changes nothing.
        """

    def remove_slice(self) -> bool:
        """Remove some events that were sealed, a few milliseconds' work; False if none are left."""

    def changed(self) -> None:
        """Let readers that keep hot events in memory read them again."""

    def crowded(self, *, files: int, quiet_before: int) -> bool:
        """Tell whether a day has so many files, or several and got none since that time."""

    def oldest_day(self, environment_id: int | None, *, others: Collection[int]) -> int | None:
        """Return the first day in history of an environment; of None, of all but the others."""

    def sweepable(self, *, now: int) -> bool:
        """Tell whether there are files that nobody needs any more at that time."""

    def retire(
        self, after: int, *, keep: Mapping[int, int | None], default: int | None
    ) -> int | None:
        """Remove some hot events behind a sequence that are too old.

        `keep` says per environment from when on events stay, `default` for the others; None: all
        do. Returns the sequence up to which was looked; None: to the end.
        """

    def forget_imported(self, environment_id: int, keys: Collection[bytes]) -> None:
        """Let rows be unknown as imported ones, in one transaction."""

    def close(self) -> None:
        """Let go of the engine."""


class SealedReader(Protocol):
    """What the process needs that seals: it reads beside everybody else."""

    def store_id(self) -> str:
        """Return the name of this store in the table's transactions."""

    def sealed(self) -> Sealed:
        """Return where hot events end and history begins."""

    def files(self) -> list[HistoryFile]:
        """Return all files of history."""

    def crowds(self, *, files: int, quiet_before: int) -> list[Crowd]:
        """Return the days that are crowded (see `SealStore.crowded`), the most crowded first."""

    def leftovers(self, *, now: int) -> tuple[set[str], set[str]]:
        """Return the files that are part of history no more: still kept for others, and not."""

    def app_tokens(self) -> dict[int, str]:
        """Return the app tokens of the environments."""

    def rows(self, after: int, upto: int, *, batch: int) -> Iterator[list[Row]]:
        """Yield the hot events behind `after`, up to `upto`, in the order of their sequences."""

    def close(self) -> None:
        """Let go of the engine."""


class HistoryReadStore(ReadStore, Protocol):
    """What reads need that answer from hot events and history.

    Its own methods leave out what is in history.
    """

    def sealed(self) -> Sealed:
        """Return where hot events end and history begins."""

    def has_history(self, environment_id: int, *, since: int, before: int) -> bool:
        """Tell whether a file may have events between these times."""

    def history_files(self, environment_id: int, *, since: int, before: int) -> list[HistoryFile]:
        """Return the files that may have events between these times, the newest first."""

    def all_history_files(self) -> list[HistoryFile]:
        """Return the files of all environments."""

    def last_sequence(self) -> int:
        """Return the sequence of the newest event."""

    def hot_rows(self, environment_id: int, *, after: int, upto: int) -> Iterator[Sequence[Row]]:
        """Yield the hot events of an environment behind a sequence, up to another one."""
