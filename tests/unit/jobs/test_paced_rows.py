"""How fast the rows of a job go: as published where that is set, else as fast as they can."""

from contextlib import closing
from pathlib import Path

import pytest

from analytex.domain.jobs import Counts
from analytex.jobs.rows import PACED_ROWS
from tests.unit.jobs.workplace import (
    BAD,
    USERS,
    Workplace,
    bulk,
    lines,
    track,
)


def test_bulk_jobs_go_at_the_published_speed(tmp_path: Path) -> None:
    """1,800 rows a minute with `limits = "userpilot"`; rows that fail count."""
    with closing(Workplace(tmp_path, paced=True)) as place:
        began = place.clock.seconds
        rows = [bulk(f"u{n}") for n in range(PACED_ROWS)] + [BAD.replace("7", "[]")] * PACED_ROWS

        job = place.do(lines(*rows, *rows), USERS)

        assert job.counts == Counts(2 * PACED_ROWS, 2 * PACED_ROWS)
        assert place.clock.seconds - began == pytest.approx(4.0)


def test_a_paced_job_waits_for_the_clock_alone(tmp_path: Path) -> None:
    """Not for its reader, which has the next chunk ready: the applier would never sleep."""
    with closing(Workplace(tmp_path, paced=True)) as place:
        place.submit(lines(*(bulk(f"u{n}", text="x" * 20_000) for n in range(100))), USERS)
        task = place.task()
        with closing(task):
            while not task.step():
                assert task.fileno() is not None
                assert task.wait_s() == 0

            assert task.wait_s() == pytest.approx(1.0, abs=0.2)
            assert task.fileno() is None
            assert not task.step()
            place.clock.seconds += task.wait_s()
            assert task.fileno() is not None


def test_imports_go_as_fast_as_they_can(tmp_path: Path) -> None:
    """The published limit is one of bulk identify."""
    with closing(Workplace(tmp_path, paced=True)) as place:
        began = place.clock.seconds
        place.do(lines(*(track(at=n) for n in range(1, 200))))

        assert place.clock.seconds == began
