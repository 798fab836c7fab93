"""The published limits: windows that the first call opens."""

import pytest

from analytex.domain.calls import Call
from analytex.domain.jobs import Family
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


def test_one_deletion_fits_in_two_seconds() -> None:
    """Of users or companies, whatever else comes; the next is told to wait that long."""
    clock = Clock()
    limiter = FixedWindows(clock)
    limiter(1, Family.DELETE)
    fill(limiter)
    limiter(2, Family.DELETE)
    clock.now += 0.5

    with pytest.raises(RateLimited) as refused:
        limiter(1, Family.DELETE)

    assert refused.value.retry_after_s == 2
    assert refused.value.details == "1 in 2 s are allowed; try again in 2 s."
    clock.now += 1.5
    limiter(1, Family.DELETE)


def test_whoever_waits_as_told_may_delete() -> None:
    """Wherever in the window they asked; whole seconds are told (RFC 9110, Retry-After)."""
    for waited in (0.0, 0.1, 0.5, 1.0, 1.4, 1.5, 1.9, 1.999):
        clock = Clock()
        limiter = FixedWindows(clock)
        limiter(1, Family.DELETE)
        clock.now += waited
        with pytest.raises(RateLimited) as refused:
            limiter(1, Family.DELETE)
        assert 1 <= refused.value.retry_after_s <= 3
        clock.now += refused.value.retry_after_s
        limiter(1, Family.DELETE)


def test_files_have_no_rate() -> None:
    """Their limits are others: one job at a time, and how fast its rows are stored."""
    limiter = FixedWindows(Clock())
    for _ in range(100):
        limiter(1, Family.BULK)
        limiter(1, Family.IMPORT)
