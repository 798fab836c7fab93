"""What a storage engine promises to those above it.

Every method blocks and may take milliseconds: call it from a thread that may wait. An instance
belongs to one thread at a time. Times are microseconds since 1970-01-01 UTC.
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Annotated, NamedTuple, Protocol

from msgspec import Meta

from analytex.domain.environments import Environment, Key
from analytex.domain.events import Event, EventFilter
from analytex.domain.profiles import Company, ProfileFilter, ProfileKind, User
from analytex.storage.jobs import Advance, RunStore, Seen

Int64 = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
ProfileKey = tuple[int, str]  #: environment id; user_id or company_id


class Unreadable(NamedTuple):
    """A record that apply could not read, put aside so that it neither blocks nor gets lost."""

    position: int
    record: bytes
    reason: str


class Membership(NamedTuple):
    """As much of a user as a track needs to know."""

    company_id: str | None
    first_seen_at: int


class Changes(NamedTuple):
    """What a run of log records changes."""

    users: Sequence[User]
    companies: Sequence[Company]
    events: Sequence[Event]
    unreadable: Sequence[Unreadable]


class ApplyStore(RunStore, Protocol):
    """What the applier needs."""

    def position(self) -> int:
        """Return the log position up to which everything is stored."""

    def users(self, keys: Collection[ProfileKey]) -> dict[ProfileKey, User]:
        """Return those of the users that exist."""

    def companies(self, keys: Collection[ProfileKey]) -> dict[ProfileKey, Company]:
        """Return those of the companies that exist."""

    def memberships(self, keys: Collection[ProfileKey]) -> dict[ProfileKey, Membership]:
        """Return the membership of those of the users that exist."""

    def write(self, changes: Changes, *, start: int, upto: int) -> None:
        """Store the changes and the position `upto` in one transaction.

        Raises Conflict if the stored position is not `start`; then nothing was written.
        """

    def advance(self, changes: Changes, step: Advance) -> None:
        """Store rows of a job's file and how far it has come, in one transaction.

        Raises Conflict if the job is not at `step.start` any more, was cancelled, or has ended;
        then nothing was written.
        """

    def seen(self, environment_id: int, keys: Collection[bytes]) -> dict[bytes, Seen]:
        """Return what is known of those of the imported rows that are stored."""

    def buried(
        self, environment_id: int, kind: ProfileKind, ids: Collection[str]
    ) -> dict[str, int]:
        """Return those of the users or companies that were deleted, and up to when."""

    def newest_burial(self, environment_id: int) -> int | None:
        """Return the latest time up to which anybody was deleted; cheap. None: nobody was."""

    def sync(self) -> None:
        """Make everything written so far survive a power cut; the log may be trimmed up to it."""

    def close(self) -> None:
        """Let go of the engine."""


class Place(NamedTuple):
    """Where an event stands in the order newest first: by time, then by sequence."""

    inserted_at: Int64
    sequence: Int64


class ReadStore(Protocol):
    """What reads need. Every method sees one state of the store."""

    def applied(self) -> int:
        """Return the log position up to which everything can be read."""

    def durable(self) -> int:
        """Return the position up to which a power cut takes nothing back (`ApplyStore.sync`)."""

    def user(self, environment_id: int, user_id: str) -> User | None:
        """Return a user, or None."""

    def list_users(self, environment_id: int, *, after: str | None, limit: int) -> list[User]:
        """Return users in the order of their ids, behind the id `after`."""

    def count_users(self, environment_id: int, *, at_most: int) -> int:
        """Return how many users there are; stops counting at `at_most`."""

    def company(self, environment_id: int, company_id: str) -> Company | None:
        """Return a company, or None."""

    def list_companies(
        self, environment_id: int, *, after: str | None, limit: int
    ) -> list[Company]:
        """Return companies in the order of their ids, behind the id `after`."""

    def find_users(
        self, environment_id: int, wanted: ProfileFilter, *, after: str, look_at: int, limit: int
    ) -> tuple[list[User], str | None]:
        """Look through the next `look_at` users behind the id `after` that begin as wanted.

        Returns at most `limit` that fit, in the order of their ids, and behind which id to look on;
        None: there are no more. `after` may be empty.
        """

    def find_companies(
        self, environment_id: int, wanted: ProfileFilter, *, after: str, look_at: int, limit: int
    ) -> tuple[list[Company], str | None]:
        """Look through companies, as `find_users` does through users."""

    def count_companies(self, environment_id: int, *, at_most: int) -> int:
        """Return how many companies there are; stops counting at `at_most`."""

    def list_events(
        self, environment_id: int, wanted: EventFilter, *, after: Place | None, limit: int
    ) -> list[tuple[Place, Event]]:
        """Return matching events, newest first, behind the place `after`."""

    def unreadable(self, *, after: int, limit: int) -> list[Unreadable]:
        """Return records that were put aside, by position, behind a position."""

    def snapshot(self) -> AbstractContextManager[None]:
        """Let everything that is read inside see the store as it is now.

        What is written meanwhile takes up extra room until the end, so it should be short.
        """

    def scan_events(self, *, batch: int) -> Iterator[list[Event]]:
        """Yield the events of every environment in the order in which they were applied.

        At most `batch` at a time, each read when it is asked for: without a snapshot, events that
        are applied meanwhile come as well. Raises Unavailable if the store cannot be read.
        """

    def scan_users(self) -> Iterator[User]:
        """Yield every user, ordered by environment and id (compared byte for byte).

        Raises Unavailable if the store cannot be read.
        """

    def scan_companies(self) -> Iterator[Company]:
        """Yield every company, ordered by environment and id (compared byte for byte).

        Raises Unavailable if the store cannot be read.
        """

    def close(self) -> None:
        """Let go of the engine."""


class KeyStore(Protocol):
    """Environments and keys. Every change is on disk when the method returns."""

    def version(self) -> int:
        """Return a number that changes whenever environments or keys do. Cheap."""

    def environments(self) -> list[Environment]:
        """Return all environments, oldest first."""

    def create_environment(self, *, app_token: str, name: str, at: int) -> Environment:
        """Create an environment. Raises Conflict if the app token exists."""

    def keys(self) -> list[Key]:
        """Return all keys, the revoked ones too, oldest first."""

    def create_key(self, key: Key) -> None:
        """Store a key. Raises Conflict if its id or hash exists."""

    def revoke_key(self, key_id: str, *, at: int) -> bool:
        """Let the key end at that time unless it ends earlier; False if there is no such key."""

    def close(self) -> None:
        """Let go of the engine."""
