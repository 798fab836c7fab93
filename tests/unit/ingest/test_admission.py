"""The published limits: windows that the first call opens."""

import pytest

from analytex.domain.calls import Call
from analytex.errors import RateLimited
from analytex.ingest.admission import FixedWindows, unlimited


class Clock:
    """A clock that a test moves."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def fill(limiter: FixedWindows, environment_id: int = 1, call: Call = Call.TRACK) -> None:
    for _ in range(600):
        limiter(environment_id, call)


def test_600_calls_fit_in_a_minute() -> None:
    """And the next one is told how long to wait, to the end of the window."""
    clock = Clock()
    limiter = FixedWindows(clock)
    fill(limiter)
    clock.now += 45

    with pytest.raises(RateLimited) as refused:
        limiter(1, Call.TRACK)

    assert 15 <= refused.value.retry_after_s <= 16


def test_whoever_waits_as_told_is_let_in() -> None:
    """Refused calls in between do not move the window."""
    clock = Clock()
    limiter = FixedWindows(clock)
    fill(limiter)
    clock.now += 30.4
    with pytest.raises(RateLimited) as refused:
        limiter(1, Call.TRACK)
    clock.now += refused.value.retry_after_s

    fill(limiter)
    with pytest.raises(RateLimited):
        limiter(1, Call.TRACK)


def test_calls_and_environments_are_counted_apart() -> None:
    """The contract limits identify and track for each app token, and nothing else."""
    limiter = FixedWindows(Clock())
    fill(limiter, 1, Call.TRACK)
    fill(limiter, 1, Call.IDENTIFY)
    fill(limiter, 2, Call.TRACK)
    for _ in range(2000):
        limiter(1, Call.IDENTIFY_COMPANY)
        unlimited(1, Call.TRACK)
    with pytest.raises(RateLimited):
        limiter(2, Call.TRACK)
