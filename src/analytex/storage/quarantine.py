"""What a storage engine promises about refused requests.

Every method blocks; an instance belongs to one thread at a time, and any number may be open. Every
method may raise Unavailable.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple, Protocol

from analytex.domain.quarantine import Refused, RefusedFilter
from analytex.storage.erasing import Slices


class Bounds(NamedTuple):
    """How much is kept; beyond it the oldest make room."""

    rows: int  #: of one environment
    bytes: int  #: of all environments, as `Refused.cost` counts them


class QuarantineStore(Protocol):
    """Refused requests, in the order in which they were written. A number is never given twice."""

    def add(
        self,
        refused: Sequence[Refused],
        dropped: Mapping[int, int],
        *,
        bounds: Bounds,
        max_age_us: int,
    ) -> int:
        """Write refused requests, and count those that were dropped before; per environment.

        One that was refused more than `max_age_us` before it could be written is dropped as well,
        and so is what is beyond the bounds. Returns how many of these requests were written.
        """

    def expire(self, before: int, *, limit: int) -> int:
        """Remove some that were refused before a time, and return how many."""

    def find(
        self, environment_id: int, wanted: RefusedFilter, *, before: int | None, limit: int
    ) -> list[Refused]:
        """Return refused requests with a number below `before`, newest first."""

    def count(self, environment_id: int, wanted: RefusedFilter) -> int:
        """Return how many there are."""

    def dropped(self, environment_id: int) -> int:
        """Return how many are not kept any more, or never were, for want of room."""

    def get(self, environment_id: int, id: str) -> Refused | None:
        """Return one, or None."""

    def mark_replayed(self, number: int, *, at: int, request_id: str) -> None:
        """Note that another request was accepted in its place."""

    def remove(self, environment_id: int, numbers: Collection[int]) -> int:
        """Remove some in one transaction, and return how many there were."""

    # What the live stream needs

    def last(self) -> int:
        """Return the newest number that was ever given. Cheap."""

    def behind(
        self, after: int, upto: int, *, environments: Collection[int], limit: int
    ) -> list[Refused]:
        """Return those behind a number, up to another one, in their order."""

    # What deletions need

    def barrier(self) -> None:
        """Return once no `add` that began before is under way."""

    def oldest(self, environment_id: int, *, after: int, until: int, limit: int) -> list[Refused]:
        """Return those behind a number that were refused up to a time, in their order."""

    def settle(self) -> bool:
        """Leave no old row in files beside the store; False if a reader prevents it so far."""

    def scrub(self) -> Slices:
        """Return the work that leaves no old row in unused places of the store's file."""

    def close(self) -> None:
        """Let go of the engine."""
