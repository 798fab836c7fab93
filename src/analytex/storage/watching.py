"""What a storage engine promises to those who watch over a server."""

from collections.abc import Sequence
from typing import Protocol

from analytex.observability.metrics import EndedJobs, OpenJobs


class WatchStore(Protocol):
    """Numbers about the store. Each instance belongs to one thread; raises Unavailable."""

    def open_jobs(self) -> Sequence[OpenJobs]:
        """Return the jobs that have not ended, added up by kind and status; cheap."""

    def ended_jobs(self) -> Sequence[EndedJobs]:
        """Return the jobs that have ended and are kept, added up by kind and status.

        Takes about a millisecond for a thousand of them, and less.
        """

    def close(self) -> None:
        """Let go of the engine."""
