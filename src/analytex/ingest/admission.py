"""The published rate limits of the hosted service, for those who test against them."""

from collections.abc import Callable
from typing import Final

from analytex.domain.calls import Call
from analytex.errors import RateLimited

WINDOW_S: Final = 60
CALLS_PER_WINDOW: Final = {Call.IDENTIFY: 600, Call.TRACK: 600}  # contract 2.4

Limiter = Callable[[int, Call], None]


def unlimited(environment_id: int, call: Call) -> None:
    """Let every call pass."""


class FixedWindows:
    """Counts each environment's calls; a window opens with the first call after the last one."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """`clock` returns seconds and never runs backwards."""
        self._clock = clock
        self._windows: dict[tuple[int, Call], tuple[float, int]] = {}

    def __call__(self, environment_id: int, call: Call) -> None:
        """Count the call. Raises RateLimited once the window is full."""
        limit = CALLS_PER_WINDOW.get(call)
        if limit is None:
            return
        now = self._clock()
        start, count = self._windows.get((environment_id, call), (now, 0))
        if now - start >= WINDOW_S:
            start, count = now, 0
        if count >= limit:
            wait = max(1, round(start + WINDOW_S - now + 0.5))
            raise RateLimited(
                details=f"{limit} calls a minute are allowed; try again in {wait} s.",
                retry_after_s=wait,
            )
        self._windows[environment_id, call] = (start, count + 1)
