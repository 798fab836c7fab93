"""What a storage engine promises to deletions, beside what it promises to the applier."""

from collections.abc import Collection, Sequence
from typing import NamedTuple, Protocol

from analytex.domain.events import Event, EventType
from analytex.domain.profiles import Company, ProfileKind, User
from analytex.storage.interface import Unreadable


class Stored(NamedTuple):
    """An event as it is stored."""

    sequence: int  #: its place in the order in which events were applied
    event: Event


class Found(NamedTuple):
    """Some events of a user or company."""

    events: Sequence[Stored]  #: in the order of their sequences
    upto: int | None  #: the sequence up to which was looked; None: there is nothing behind


class Slices(Protocol):
    """Work in small steps."""

    @property
    def waiting(self) -> bool:
        """Whether the last step only found that it must wait for others."""

    def step(self) -> bool:
        """Do a little; True while there is more to do."""

    def close(self) -> None:
        """Let go of everything, at the end or before it."""


class EraseStore(Protocol):
    """What deletions need of a store. Its owner must be the one that also writes events.

    Whoever keeps things of the store in memory must forget them when a method changed something.
    """

    def position(self) -> int:
        """Return the log position up to which everything is stored."""

    def bury(
        self, environment_id: int, kind: ProfileKind, ids: Collection[str], *, at: int
    ) -> None:
        """Note, in one transaction, that these were deleted up to a time; the latest time counts.

        Only a keyed hash of each id is stored.
        """

    def find(
        self,
        environment_id: int,
        kind: ProfileKind,
        id: str,
        *,
        after: int,
        limit: int,
        only: EventType | None = None,
    ) -> Found:
        """Return events of a user or company behind a sequence, at most `limit`.

        A company's are those that name it or carry it. Looks at a part of the store that takes a
        few milliseconds, so there may be more even if it returns none.
        """

    def replace(self, changes: Sequence[tuple[Stored, Event | None]]) -> None:
        """Let stored events become others, or nothing, in one transaction.

        An event may lose its user or company, and may become of another type; nothing else that
        events are found by may change. One that loses its user, or goes, is not known as an
        imported row any more.
        """

    def profile(self, environment_id: int, kind: ProfileKind, id: str) -> User | Company | None:
        """Return a profile, or None."""

    def members(
        self, environment_id: int, company_ids: Collection[str], *, after: str, limit: int
    ) -> tuple[list[str], str | None]:
        """Return which users may belong to one of the companies, of the next ones by id.

        At most `limit` are looked at. Also returns the last one of these; None: there are no more.
        """

    def put_profile(self, profile: User | Company) -> None:
        """Store a profile in the place of the one that was there."""

    def remove_profile(self, environment_id: int, kind: ProfileKind, id: str) -> None:
        """Remove a profile."""

    def unreadable(self, *, after: int, limit: int) -> list[Unreadable]:
        """Return records that were put aside, by position, behind a position."""

    def remove_unreadable(self, positions: Collection[int]) -> None:
        """Remove records that were put aside, in one transaction."""

    def sync(self) -> None:
        """Make everything written so far survive a power cut."""

    def settle(self) -> bool:
        """Leave no old row in files beside the store; False if a reader prevents it so far."""

    def scrub(self) -> Slices:
        """Return the work that leaves no old row in unused places of the store's file."""

    def close(self) -> None:
        """Let go of the engine."""
