"""What a storage engine promises about the property catalogue (see `domain.catalogue`).

The catalogue is kept behind the events, in the order in which they were applied. It tells how far
it has come, and nothing before that place may be applied again under another sequence. What lies
behind, readers look at themselves.
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import NamedTuple, Protocol

from analytex.domain.catalogue import Entry, Findings, Place, Sample, Section


class Run(NamedTuple):
    """Events that follow each other in the order in which they were applied."""

    samples: Sequence[Sample]
    start: int  #: behind this sequence
    upto: int  #: up to this one; deleted events leave gaps


class Kept(NamedTuple):
    """What is catalogued of an environment."""

    entries: dict[Place, Entry]
    left_out: int  #: how many properties and names were seen that have no entry


class CatalogueStore(Protocol):
    """What the applier needs to keep the catalogue. Its owner must be the one writer of events."""

    def waiting(self) -> int:
        """Return how many sequences are complete and not catalogued; cheap."""

    def next(self, *, limit: int, limit_bytes: int) -> Run:
        """Return the next events to catalogue, at most `limit`, all of them complete.

        Fewer if they have more than `limit_bytes` of properties, though one at least.
        """

    def add(self, found: Findings, *, start: int, upto: int) -> None:
        """Add what a run of events says, and note how far it reaches, in one transaction.

        Names without an entry get none once there are `MOST_ENTRIES`; how many is counted.
        Raises Conflict if what is catalogued does not end at `start`; then nothing was written.
        """

    def close(self) -> None:
        """Let go of the engine."""


class CatalogueReader(Protocol):
    """What lookups need. Raises Unavailable if the store cannot be read."""

    def snapshot(self) -> AbstractContextManager[None]:
        """Let everything that is read inside see the store as it is now."""

    def kept(self, environment_id: int, sections: Collection[Section]) -> Kept:
        """Return what is catalogued of these sections."""

    def upto(self) -> int:
        """Return the last sequence that is catalogued."""

    def end(self) -> int:
        """Return the last sequence that there is."""

    def events(
        self, environment_id: int, sections: Collection[Section], *, after: int, limit_bytes: int
    ) -> Iterator[Sequence[Sample]]:
        """Yield the events behind a sequence that say anything of these sections.

        Some thousands at a time; fewer if they have more than `limit_bytes` of properties.
        """

    def close(self) -> None:
        """Let go of the engine."""
