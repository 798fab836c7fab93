"""A job over rows that ends before its rows do: cancelled, overtaken, or of a damaged file."""

import os

import pytest

from analytex.domain.jobs import Counts, JobStatus
from tests.unit.jobs.workplace import (
    BAD,
    CSV,
    HEADER,
    USERS,
    Workplace,
    lines,
    names,
    track,
)


def test_a_job_that_is_cancelled_keeps_what_it_has(place: Workplace, one_by_one: None) -> None:
    """It ends at the next step, failed, and says why."""
    place.submit(lines(track(name="a"), track(name="b")), rows=2)
    task = place.task()
    task.step()
    task.job.cancelled = True  # the runner looks

    job = place.work(task)

    assert (job.status, job.reason) == (JobStatus.FAILED, "It was cancelled.")
    assert (job.counts, job.file.rows) == (Counts(completed=1), 2)
    assert names(place) == ["a"]
    assert not place.files.rows(job.id).exists()


def test_a_cancelled_job_stores_nothing_more(place: Workplace, one_by_one: None) -> None:
    """Not even if the one who works on it has not heard of it yet."""
    place.submit(lines(track(name="a"), track(name="b")))
    task = place.task()
    task.step()
    place.jobs.cancel_job(task.job.number)

    job = place.work(task)

    assert (job.status, job.reason) == (JobStatus.FAILED, "It was cancelled.")
    assert names(place) == ["a"]


def test_of_failed_rows_only_what_counts_is_left_at_the_end(
    place: Workplace, one_by_one: None
) -> None:
    """Nobody would look for the others when somebody whom they name is deleted."""
    place.submit(lines(BAD, "worse"))
    task = place.task()
    task.step()
    place.jobs.cancel_job(task.job.number)

    job = place.work(task)

    assert job.counts == Counts(failed=1)
    assert place.files.failed(job.id).read_bytes() == lines(BAD)


def test_a_job_that_somebody_else_moved_is_gone_on_with_from_there(
    place: Workplace, one_by_one: None
) -> None:
    """The store says how far it is, not what one remembers."""
    place.submit(lines(*(track(name=name) for name in "abc")))
    slow, other = place.task(), place.task()
    slow.step()
    other.close()
    other = place.task()
    other.step()

    job = place.work(slow)

    assert (job.counts, names(place)) == (Counts(completed=3), ["a", "b", "c"])


def test_a_job_that_somebody_else_ended_is_over(place: Workplace, one_by_one: None) -> None:
    """Its result stands."""
    place.submit(lines(track(name="a"), track(name="b")))
    task = place.task()
    task.step()
    place.store.end_job(task.job.number, JobStatus.FAILED, at=5, reason="why")

    job = place.work(task)

    assert (job.status, job.reason, job.finished_at) == (JobStatus.FAILED, "why", 5)
    assert names(place) == ["a"]


@pytest.mark.parametrize("cut", [1, 8])
def test_what_stands_before_damage_is_kept(place: Workplace, cut: int) -> None:
    """A file whose end is missing fails as a whole, with a reason; its rows so far stay."""
    data = lines(track(name="a"), BAD, track(name="b"))
    job = place.submit(data, packed=True, rows=3)
    path = place.files.rows(job.id)
    os.truncate(path, path.stat().st_size - cut)

    job = place.work(place.task())

    assert (job.status, job.counts) == (JobStatus.FAILED, Counts(2, 1))
    assert job.reason == "The file ends before its gzip data does."
    assert names(place) == ["a", "b"]
    assert [error.row for error in place.errors(job)] == [2]


def test_a_file_that_cannot_be_read_at_all_fails(place: Workplace) -> None:
    """Rows of bulk jobs, say, are never CSV."""
    job = place.do(HEADER, USERS, format=CSV)

    assert (job.status, job.reason) == (JobStatus.FAILED, "Rows of this job cannot be CSV.")


def test_a_file_that_is_missing_fails_its_job(place: Workplace) -> None:
    """Somebody tidied up in the data directory."""
    job = place.submit(lines(track()))
    place.files.remove(job.id)

    job = place.work(place.task())

    assert job.status is JobStatus.FAILED
    assert job.reason is not None
    assert job.reason.startswith("Its file cannot be read: ")
