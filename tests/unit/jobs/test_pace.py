"""Jobs leave time to those who send calls, and take all of it where nobody does."""

from analytex.jobs.pace import LIVE_S, Pace


class Clock:
    """A clock that a test moves."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_without_calls_a_job_need_not_wait() -> None:
    """At night an import may take all there is."""
    pace = Pace(0.2, Clock())

    pace.worked(0.02)

    assert pace.wait_s() == 0


def test_while_calls_come_in_jobs_have_their_share() -> None:
    """A fifth: four times as long as a step took, nothing is done."""
    clock = Clock()
    pace = Pace(0.2, clock)
    pace.called()

    pace.worked(0.02)

    assert round(pace.wait_s(), 6) == 0.08
    clock.now += 0.05
    assert round(pace.wait_s(), 6) == 0.03


def test_soon_after_the_last_call_jobs_have_all_the_time() -> None:
    """A call an hour must not slow an import down."""
    clock = Clock()
    pace = Pace(0.2, clock)
    pace.called()
    clock.now += LIVE_S

    pace.worked(0.02)

    assert pace.wait_s() == 0


def test_a_share_of_one_is_no_limit() -> None:
    """Who wants imports fast at any price can have them."""
    pace = Pace(1.0, Clock())
    pace.called()

    pace.worked(0.02)

    assert pace.wait_s() == 0
