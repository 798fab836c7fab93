"""The published rate limits of the hosted service, for those who test against them."""

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from analytex.domain.calls import Call
from analytex.domain.jobs import Family
from analytex.errors import RateLimited

Limited = Call | Family  #: what may have a limit: a real-time call, or the deletions

Limiter = Callable[[int, Limited], None]


class Rate(NamedTuple):
    """So many in so many seconds."""

    calls: int
    seconds: int


RATES: Final[Mapping[Limited, Rate]] = {  # contract 2.4
    Call.IDENTIFY: Rate(600, 60),
    Call.TRACK: Rate(600, 60),
    Family.DELETE: Rate(1, 2),
}


def unlimited(environment_id: int, call: Limited) -> None:
    """Let every call pass."""


class FixedWindows:
    """Counts each environment's calls; a window opens with the first call after the last one."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """`clock` returns seconds and never runs backwards."""
        self._clock = clock
        self._windows: dict[tuple[int, Limited], tuple[float, int]] = {}

    def __call__(self, environment_id: int, call: Limited) -> None:
        """Count the call. Raises RateLimited once the window is full."""
        rate = RATES.get(call)
        if rate is None:
            return
        now = self._clock()
        start, count = self._windows.get((environment_id, call), (now, 0))
        if now - start >= rate.seconds:
            start, count = now, 0
        if count >= rate.calls:
            wait = max(1, round(start + rate.seconds - now + 0.5))
            raise RateLimited(
                details=f"{rate.calls} in {rate.seconds} s are allowed; try again in {wait} s.",
                retry_after_s=wait,
            )
        self._windows[environment_id, call] = (start, count + 1)
