"""The runner: whose turn it is, what has to wait, and what is forgotten."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from analytex.domain.jobs import Counts, Job, JobKind, JobStatus
from analytex.jobs.runner import HOUSEKEEPING_S, LOOK_EVERY_S, Runner
from tests.unit.jobs.workplace import ENVIRONMENT, Workplace, bulk, lines, track

DELETE: Final = JobKind.DELETE_USERS
USERS: Final = JobKind.BULK_USERS
COMPANIES: Final = JobKind.BULK_COMPANIES
KEEP_S: Final = 1000.0
SECOND: Final = 1_000_000


class Scripted:
    """A deletion that does as a test says."""

    def __init__(self, job: Job, place: Workplace) -> None:
        self.job = job
        self.steps = 0
        self.closed = False
        self.ends = True
        self.pause_s = 0.0
        self._place = place

    def step(self) -> bool:
        """End at once, unless the test says otherwise."""
        if self.pause_s:
            return False
        self.steps += 1
        if self.ends or self.job.cancelled:
            self.job.finished_at = self._place.clock.now()
            self._place.store.end_job(
                self.job.number, JobStatus.COMPLETED, at=self.job.finished_at, reason=None
            )
        return True

    def fileno(self) -> int | None:
        """Return None."""
        return None

    def wait_s(self) -> float:
        """Return what the test says."""
        return self.pause_s

    def close(self) -> None:
        """Note it."""
        self.closed = True


class Shop:
    """A runner, and the deletions that it began."""

    def __init__(self, place: Workplace) -> None:
        self.place = place
        self.deletions: list[Scripted] = []
        self.endless = False
        self.runner = Runner(place.tools, deletion=self._deletion, keep_s=KEEP_S)

    def _deletion(self, job: Job) -> Scripted:
        task = Scripted(job, self.place)
        task.ends = not self.endless
        self.deletions.append(task)
        return task

    def submit(self, kind: JobKind, rows: int = 2, environment_id: int = ENVIRONMENT) -> Job:
        """Take a job of so many rows, and tell the runner."""
        row = track() if kind is JobKind.IMPORT else {**bulk("ada"), "company_id": "acme"}
        job = self.place.submit(lines(*[row] * rows), kind, environment_id=environment_id)
        self.runner.woken()
        return job

    def step(self) -> bool:
        """Do a little; time passes."""
        worked = self.runner.step()
        self.place.clock.seconds += 1.5 * LOOK_EVERY_S
        return worked

    def run(self) -> None:
        """Work until nothing can be done."""
        for _ in range(1000):
            if not self.step():
                return
        pytest.fail("the runner does not come to rest")

    def done(self, job: Job) -> int:
        """Return how many rows of a job are done."""
        return self.place.stored(job).counts.completed

    def statuses(self, *jobs: Job) -> list[JobStatus]:
        """Return how jobs stand."""
        return [self.place.stored(job).status for job in jobs]


@pytest.fixture
def shop(place: Workplace, one_by_one: None) -> Iterator[Shop]:
    """A runner without jobs; a chunk is one row."""
    shop = Shop(place)
    yield shop
    shop.runner.close()


# Lines


@pytest.mark.parametrize("second", [USERS, COMPANIES])
def test_jobs_of_a_family_come_one_after_the_other(shop: Shop, second: JobKind) -> None:
    """In the order in which they were submitted: two lists may name the same users."""
    first, last = shop.submit(USERS), shop.submit(second)

    done = [(0, 0)]
    while shop.step():
        done.append((shop.done(first), shop.done(last)))

    assert sorted(set(done)) == [(0, 0), (1, 0), (2, 0), (2, 1), (2, 2)]
    assert shop.statuses(first, last) == [JobStatus.COMPLETED] * 2


def test_families_and_environments_take_turns(shop: Shop) -> None:
    """A job of a million rows does not keep the others waiting."""
    jobs = [
        shop.submit(USERS, rows=50),
        shop.submit(JobKind.IMPORT, rows=50),
        shop.submit(USERS, rows=2, environment_id=8),
    ]

    for _ in range(6):
        shop.step()

    assert [shop.done(job) for job in jobs] == [2, 2, 2]
    shop.run()
    assert [shop.done(job) for job in jobs] == [50, 50, 2]


def test_a_step_is_a_step_of_one_job(shop: Shop) -> None:
    """Between two of them the applier looks at the log."""
    first, second = shop.submit(USERS), shop.submit(JobKind.IMPORT)

    assert shop.step()

    assert shop.done(first) + shop.done(second) == 1


def test_a_job_that_has_to_wait_gives_its_turn_away(shop: Shop) -> None:
    """The next one is not made to wait with it."""
    shop.endless = True
    shop.submit(DELETE)
    shop.step()
    shop.deletions[0].pause_s = 0.5
    job = shop.submit(USERS)

    shop.run()

    assert (shop.done(job), shop.deletions[0].steps) == (2, 1)


def test_a_new_job_is_seen_soon_without_being_told(shop: Shop) -> None:
    """A wake-up may get lost with the worker that should send it."""
    assert not shop.step()
    job = shop.place.submit(lines(bulk("ada")), USERS)
    shop.place.clock.seconds += LOOK_EVERY_S

    shop.run()

    assert shop.done(job) == 1


def test_without_a_job_there_is_nothing_to_do(shop: Shop) -> None:
    """And nothing to wait for but the longest time allowed."""
    assert not shop.step()
    assert shop.runner.files() == []
    assert shop.runner.wait_s(1.0) == 1.0


def test_after_a_restart_jobs_go_on(shop: Shop) -> None:
    """A runner that stops leaves them where they are."""
    job = shop.submit(USERS, rows=3)
    shop.step()
    shop.runner.close()
    assert shop.place.stored(job).finished_at is None

    Shop(shop.place).run()

    assert (shop.done(job), len(shop.place.events())) == (3, 3)


# Due later


def test_a_deletion_that_is_due_later_waits(shop: Shop) -> None:
    """And what is due now goes first; the runner sleeps until the time comes."""
    later = shop.place.submit(b"", DELETE, due_at=shop.place.clock.now() + 5 * SECOND)
    now = shop.place.submit(b"", DELETE)

    shop.run()

    assert shop.statuses(later, now) == [JobStatus.QUEUED, JobStatus.COMPLETED]
    assert 4.5 < shop.runner.wait_s(60.0) < 5.0
    assert shop.runner.wait_s(1.0) == 1.0
    shop.place.clock.seconds += shop.runner.wait_s(60.0)
    shop.run()
    assert shop.statuses(later) == [JobStatus.COMPLETED]


def test_deletions_that_are_due_come_in_their_order(shop: Shop) -> None:
    """One after the other."""
    due = shop.place.clock.now() + SECOND
    jobs = [shop.place.submit(b"", DELETE, due_at=due) for _ in range(3)]
    shop.place.clock.seconds += 2

    shop.run()

    assert [task.job.number for task in shop.deletions] == [job.number for job in jobs]


def test_a_task_that_pauses_is_waited_for(shop: Shop) -> None:
    """No longer than it says, and not in a busy loop."""
    shop.endless = True
    shop.submit(DELETE)
    shop.step()
    shop.deletions[0].pause_s = 0.5

    assert not shop.step()
    assert shop.runner.wait_s(1.0) == 0.5
    shop.deletions[0].pause_s = 0.0001
    assert shop.runner.wait_s(1.0) == LOOK_EVERY_S


# Cancelled


def test_a_job_that_runs_is_told_that_it_was_cancelled(shop: Shop) -> None:
    """What it stored stays."""
    job = shop.submit(USERS, rows=50)
    shop.step()
    shop.place.jobs.cancel_job(job.number)

    shop.run()

    ended = shop.place.stored(job)
    assert (ended.status, ended.reason) == (JobStatus.FAILED, "It was cancelled.")
    assert 1 <= ended.counts.completed <= 3


def test_a_job_that_is_due_later_can_be_cancelled_at_once(shop: Shop) -> None:
    """Nobody should have to wait until two in the morning."""
    job = shop.place.submit(b"", DELETE, due_at=shop.place.clock.now() + 1000 * SECOND)
    shop.run()
    shop.place.jobs.cancel_job(job.number)
    shop.runner.woken()

    shop.run()

    assert shop.deletions[0].job.cancelled
    assert shop.place.stored(job).finished_at is not None


def test_a_job_that_was_cancelled_in_the_line_stores_nothing(shop: Shop) -> None:
    """And it does not wait for its turn to end."""
    first, second = shop.submit(USERS, rows=50), shop.submit(USERS)
    shop.step()
    shop.place.jobs.cancel_job(second.number)
    shop.runner.woken()
    shop.step()

    assert shop.place.stored(first).finished_at is None
    assert shop.place.stored(second).status is JobStatus.FAILED
    shop.run()
    assert shop.statuses(first, second) == [JobStatus.COMPLETED, JobStatus.FAILED]
    assert shop.place.stored(second).counts == Counts()


def test_a_runner_that_stops_closes_what_it_began(shop: Shop) -> None:
    """Readers are processes, and stores are open files."""
    shop.endless = True
    shop.submit(DELETE)
    shop.step()

    shop.runner.close()

    assert shop.deletions[0].closed
    assert shop.runner.files() == []


def test_a_task_that_has_ended_is_closed(shop: Shop) -> None:
    """Before the next one of its line begins."""
    shop.submit(DELETE)
    shop.run()

    assert shop.deletions[0].closed


# Old jobs


def test_old_jobs_are_forgotten_with_their_files(shop: Shop) -> None:
    """What failed of them says much about people."""
    old = shop.place.submit(lines("nonsense"), USERS)
    shop.run()
    shop.place.clock.seconds += KEEP_S - 10
    recent = shop.place.submit(lines("nonsense"), USERS)
    shop.run()
    assert shop.place.jobs.job(ENVIRONMENT, old.id) is not None

    shop.place.clock.seconds += HOUSEKEEPING_S
    shop.run()

    assert shop.place.jobs.job(ENVIRONMENT, old.id) is None
    assert shop.place.jobs.list_errors(old.number, after=0, limit=10) == []
    assert folders(shop.place) == [recent.id]
    assert len(shop.place.errors(recent)) == 1


def test_a_job_that_has_not_ended_is_kept_however_old(shop: Shop) -> None:
    """It may be due much later."""
    job = shop.place.submit(b"", DELETE, due_at=shop.place.clock.now() + 10**6 * SECOND)
    shop.run()
    shop.place.clock.seconds += 10 * KEEP_S

    shop.run()

    assert shop.place.stored(job).finished_at is None
    assert folders(shop.place) == [job.id]


def folders(place: Workplace) -> list[str]:
    """Return the names of the jobs' folders."""
    return sorted(each.name for each in Path(place.folder, "jobs").iterdir())
