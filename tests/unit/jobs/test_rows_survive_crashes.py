"""A job over rows counts each of them once, wherever the process ends."""

import pytest

from analytex.domain.jobs import Counts, FileFormat, Job, JobStatus
from analytex.jobs import rows
from analytex.storage.interface import Changes
from analytex.storage.jobs import Advance
from tests.unit.jobs.workplace import (
    BAD,
    CSV,
    HEADER,
    Workplace,
    lines,
    names,
    track,
)


class Crash(Exception):
    """The process ends here."""


def test_a_chunk_and_how_far_the_job_is_are_one_transaction(
    place: Workplace, one_by_one: None
) -> None:
    """After every step the store holds exactly the rows that the job counts."""
    place.submit(lines(*(track(name=name) for name in "abcd")))
    task = place.task()
    for done in range(1, 5):
        task.step()
        assert place.stored(task.job).counts.completed == len(names(place)) == done


def test_a_job_goes_on_after_a_crash_where_it_was(place: Workplace, one_by_one: None) -> None:
    """With every row counted once, those that failed too."""
    data = lines(track(name="a"), BAD, track(name="b"), "nonsense", track(name="c"))
    place.submit(data)
    for _ in range(3):
        place.task().step()
        place.crash()

    job = place.work(place.task())

    assert (job.status, job.counts) == (JobStatus.COMPLETED, Counts(3, 2))
    assert names(place) == ["a", "b", "c"]
    assert place.failed(job) == lines(BAD, "nonsense")
    assert [error.row for error in place.errors(job)] == [2, 4]


@pytest.mark.parametrize("format", [FileFormat.NDJSON, CSV])
def test_failed_rows_that_were_written_but_not_counted_are_cut_off(
    place: Workplace, one_by_one: None, format: FileFormat
) -> None:
    """A crash between the two; what they were is read again, and written again."""
    first, second = lines("bad"), lines("worse")
    place.submit((HEADER if format is CSV else b"") + first + second, format=format)
    task = place.task()
    crash_before_the_commit(place, task)
    assert place.files.failed(task.job.id).read_bytes().endswith(first)
    assert place.stored(task.job).failed_bytes == 0
    task = place.task()
    task.step()
    crash_before_the_commit(place, task)

    job = place.work(place.task())

    assert (job.counts, job.failed_bytes) == (Counts(failed=2), len(place.failed(job)))
    whole = place.files.failed(job.id).read_bytes()
    assert whole == (HEADER if format is CSV else b"") + first + second


def crash_before_the_commit(place: Workplace, task: rows.RowsTask) -> None:
    """Let a step write its failed rows, and the process end then."""

    def crash(changes: Changes, step: Advance) -> None:
        raise Crash

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(place.store, "advance", crash)
        with pytest.raises(Crash):
            task.step()
        image = place.picture()
    task.close()
    place.crash(image)


def test_a_job_whose_rows_are_all_stored_needs_its_file_no_more(place: Workplace) -> None:
    """After a crash between the removal of the file and the end of the job."""
    job = crash_at_the_end(place, "end_job", lines(track(name="a"), BAD))
    assert place.stored(job).status is JobStatus.PENDING_REFRESH
    assert not place.files.rows(job.id).exists()

    job = place.work(place.task())

    assert (job.status, job.counts) == (JobStatus.COMPLETED, Counts(1, 1))
    assert names(place) == ["a"]


def test_rows_are_safe_from_a_power_cut_before_their_file_goes(place: Workplace) -> None:
    """Else a power cut could take both."""
    job = crash_at_the_end(place, "sync", lines(track(name="a")))
    assert place.files.rows(job.id).exists()

    job = place.work(place.task())

    assert (job.status, names(place)) == (JobStatus.COMPLETED, ["a"])


def crash_at_the_end(place: Workplace, call: str, data: bytes) -> Job:
    """Do a job, and let the process end when it makes that call to the store."""
    job = place.submit(data)

    def crash(*_: object, **__: object) -> None:
        raise Crash

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(place.store, call, crash)
        with pytest.raises(Crash):
            place.work(place.task())
    place.crash()
    return job


def test_no_file_of_rows_is_left_of_a_job_that_has_ended(place: Workplace) -> None:
    """Whenever the process ends: a deletion looks into files of failed rows only."""
    files_at_the_end: list[bool] = []
    real = place.store.end_job

    def end_job(number: int, status: JobStatus, *, at: int, reason: str | None) -> None:
        files_at_the_end.append(any(place.folder.glob("jobs/*/rows")))
        real(number, status, at=at, reason=reason)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(place.store, "end_job", end_job)
        place.do(lines(track()))
        place.do(b"not packed", packed=False, format=CSV)

    assert files_at_the_end == [False, False]
