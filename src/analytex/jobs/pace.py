"""How much of the time jobs may take: all of it, or a share while calls come in.

Jobs keep processors busy that calls need, and the disk. So the 202 of one call in twenty would take
several times as long (docs/decisions/0007).
"""

from collections.abc import Callable
from typing import Final

LIVE_S: Final = 1.0  # without a call, and jobs may take all the time


class Pace:
    """Tells when the next step of a job may be done."""

    def __init__(self, share: float, clock: Callable[[], float]) -> None:
        """`share`: above 0, at most 1; `clock` returns seconds and never runs backwards."""
        self._share = share
        self._clock = clock
        self._called_at = float("-inf")
        self._not_before = float("-inf")

    def called(self) -> None:
        """Note that calls came in."""
        self._called_at = self._clock()

    def worked(self, seconds: float) -> None:
        """Note how long a step of a job took."""
        now = self._clock()
        if now - self._called_at < LIVE_S:
            self._not_before = now + seconds * (1 / self._share - 1)

    def wait_s(self) -> float:
        """Return how long to wait before the next step."""
        return max(self._not_before - self._clock(), 0.0)
