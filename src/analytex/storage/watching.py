"""What a storage engine promises to those who watch over a server."""

from collections.abc import Sequence
from typing import Protocol

from analytex.observability.metrics import OpenJobs


class WatchStore(Protocol):
    """Numbers about the store. Each instance belongs to one thread; raises Unavailable."""

    def open_jobs(self) -> Sequence[OpenJobs]:
        """Return the jobs that have not ended, added up by kind and status; cheap."""

    def close(self) -> None:
        """Let go of the engine."""
