"""Jobs in a store: taken once, seen by all, advanced together with the rows that they bring."""

import threading
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from analytex.domain.jobs import (
    Counts,
    Family,
    FileFormat,
    Job,
    JobKind,
    JobStatus,
    Mark,
    RowError,
    RowsFile,
)
from analytex.errors import Conflict, JobRunning
from analytex.storage.interface import ApplyStore, ReadStore
from analytex.storage.jobs import Advance, JobStore, Seen
from analytex.storage.open import open_job_store
from tests.storage.samples import changes, event, user

FILE = RowsFile(name="rows.ndjson", format=FileFormat.NDJSON, packed=True, size=1234, rows=10)


def new_job(id: str = "one", **rest: object) -> Job:
    given = {
        "environment_id": 1,
        "kind": JobKind.BULK_USERS,
        "file": FILE,
        "key_id": "k1",
        "submitted_at": 5,
        "due_at": 5,
    }
    return Job(id=id, **{**given, **rest})  # type: ignore[arg-type]


@pytest.fixture
def jobs(apply: ApplyStore, tmp_path: Path) -> JobStore:
    """The side of those who submit jobs, of the same store."""
    return open_job_store(tmp_path)


def advance(job: Job, **rest: object) -> Advance:
    given = {
        "job": job,
        "start": job.mark,
        "next": Mark(job.mark.row + 2, job.mark.line + 2, job.mark.offset + 20),
        "status": JobStatus.PROCESSING,
        "counts": Counts(completed=2),
        "rows": 10,
        "failed_bytes": 0,
        "errors": (),
        "seen": {},
    }
    return Advance(**{**given, **rest})  # type: ignore[arg-type]


def test_a_job_comes_back_as_it_was_submitted(jobs: JobStore) -> None:
    """Its object is what a sender polls."""
    created = jobs.create_job(new_job(dry_run=True, retry_of="zero"), at_most=1)

    assert created.number > 0
    assert jobs.job(1, "one") == created
    assert created.file == FILE
    assert created.dry_run
    assert created.retry_of == "zero"


def test_jobs_come_in_pages_oldest_first(jobs: JobStore) -> None:
    """Each environment's own, in the order in which they were submitted."""
    for environment_id, id in ((1, "one"), (2, "other"), (1, "two"), (1, "three")):
        jobs.create_job(new_job(id, environment_id=environment_id), at_most=10)

    page = jobs.jobs_behind(1, after=0, limit=2)

    assert [job.id for job in page] == ["one", "two"]
    assert [job.id for job in jobs.jobs_behind(1, after=page[1].number, limit=2)] == ["three"]


def test_a_job_is_seen_in_its_environment_only(jobs: JobStore) -> None:
    """Environments know nothing of each other."""
    jobs.create_job(new_job(), at_most=1)

    assert jobs.job(2, "one") is None
    assert jobs.list_jobs(2, None, limit=10) == []


def test_one_job_of_a_family_and_environment_may_be_under_way(jobs: JobStore) -> None:
    """Users and companies share the family `bulk` (contract 5.1)."""
    jobs.create_job(new_job("one"), at_most=1)

    with pytest.raises(JobRunning):
        jobs.create_job(new_job("two", kind=JobKind.BULK_COMPANIES), at_most=1)
    jobs.create_job(new_job("three", kind=JobKind.IMPORT), at_most=1)
    jobs.create_job(new_job("four", environment_id=2), at_most=1)
    jobs.create_job(new_job("five"), at_most=2)


def test_of_many_that_come_at_once_one_is_taken(apply: ApplyStore, tmp_path: Path) -> None:
    """The check and the entry are one transaction, whichever worker it is."""
    taken: list[Job] = []

    def submit(number: int) -> None:
        store = open_job_store(tmp_path)
        try:
            taken.append(store.create_job(new_job(f"job-{number}"), at_most=1))
        except JobRunning:
            pass
        finally:
            store.close()

    threads = [threading.Thread(target=submit, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(taken) == 1


def test_an_ended_job_makes_room(jobs: JobStore, apply: ApplyStore) -> None:
    """And stays listed, newest first."""
    first = jobs.create_job(new_job("one"), at_most=1)
    apply.end_job(first.number, JobStatus.FAILED, at=9, reason="why")
    jobs.create_job(new_job("two"), at_most=1)

    listed = jobs.list_jobs(1, Family.BULK, limit=10)

    assert [job.id for job in listed] == ["two", "one"]
    assert (listed[1].status, listed[1].finished_at, listed[1].reason) == ("failed", 9, "why")
    assert jobs.count_open(1, Family.BULK) == 1
    assert [job.id for job in apply.open_jobs()] == ["two"]


def test_rows_and_progress_are_one_transaction(
    jobs: JobStore, apply: ApplyStore, read: ReadStore
) -> None:
    """A crash finds both or neither."""
    job = jobs.create_job(new_job(), at_most=1)
    error = RowError(2, 2, "/user_id", "", "missing", "why")

    apply.advance(
        changes(user("ada"), event("r1")),
        advance(job, counts=Counts(1, 1), errors=(error,), failed_bytes=7, rows=12),
    )

    found = jobs.job(1, "one")
    assert found is not None
    assert (found.counts, found.mark, found.failed_bytes) == (Counts(1, 1), Mark(2, 2, 20), 7)
    assert found.file.rows == 12
    assert jobs.list_errors(job.number, after=0, limit=10) == [error]
    assert jobs.list_errors(job.number, after=2, limit=10) == []
    assert read.user(1, "ada") is not None


def test_a_job_moves_only_from_where_it_is(
    jobs: JobStore, apply: ApplyStore, read: ReadStore
) -> None:
    """The same chunk twice counts once."""
    job = jobs.create_job(new_job(), at_most=1)
    apply.advance(changes(event("r1")), advance(job))

    with pytest.raises(Conflict):
        apply.advance(changes(user("ada")), advance(job))

    assert read.user(1, "ada") is None


def test_a_cancelled_job_does_not_move(jobs: JobStore, apply: ApplyStore) -> None:
    """Nothing more is stored once its end was asked for."""
    job = jobs.create_job(new_job(), at_most=1)

    assert jobs.cancel_job(job.number)

    with pytest.raises(Conflict):
        apply.advance(changes(), advance(job))
    assert [each.cancelled for each in apply.open_jobs()] == [True]


def test_an_ended_job_cannot_be_cancelled(jobs: JobStore, apply: ApplyStore) -> None:
    """Its result stands."""
    job = jobs.create_job(new_job(), at_most=1)
    apply.end_job(job.number, JobStatus.COMPLETED, at=9, reason=None)

    assert not jobs.cancel_job(job.number)


def test_starts_are_counted_until_a_job_gets_on(jobs: JobStore, apply: ApplyStore) -> None:
    """A file that kills whoever reads it is given up on."""
    job = jobs.create_job(new_job(), at_most=1)

    assert [apply.begin_job(job.number, at=7) for _ in range(3)] == [1, 2, 3]
    apply.advance(changes(), advance(job))
    assert apply.begin_job(job.number, at=8) == 2
    found = jobs.job(1, "one")
    assert found is not None
    assert found.started_at == 7


def test_imported_rows_are_known_by_content(jobs: JobStore, apply: ApplyStore) -> None:
    """And by environment."""
    job = jobs.create_job(new_job(kind=JobKind.IMPORT), at_most=1)
    seen = {
        bytes(15) + bytes((n,)): Seen(stored=n, job=job.number, seen=n)
        for n in range(300)
        if n < 256
    }

    apply.advance(changes(), advance(job, seen=seen))

    assert apply.seen(1, [*seen, b"?" * 16]) == seen
    assert apply.seen(2, list(seen)) == {}


def test_an_old_job_is_forgotten_with_its_errors(jobs: JobStore, apply: ApplyStore) -> None:
    """What it says of people must not stay for ever."""
    job = jobs.create_job(new_job(), at_most=1)
    error = RowError(1, 1, "", "value", "missing", "why")
    apply.advance(changes(), advance(job, counts=Counts(0, 1), errors=(error,)))
    apply.end_job(job.number, JobStatus.COMPLETED, at=9, reason=None)

    assert apply.jobs_ended_before(9) == []
    assert [each.id for each in apply.jobs_ended_before(10)] == ["one"]
    apply.remove_job(job.number)

    assert jobs.job(1, "one") is None
    assert jobs.list_errors(job.number, after=0, limit=10) == []


def test_errors_of_one_job_are_bounded(
    jobs: JobStore, apply: ApplyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file of nothing but mistakes must not fill the disk; the count still tells all."""
    monkeypatch.setattr("analytex.storage.embedded.runs.MAX_ERRORS", 3)
    job = jobs.create_job(new_job(), at_most=1)
    errors = [RowError(row, row, "", "", "missing", "why") for row in range(1, 6)]

    apply.advance(changes(), advance(job, counts=Counts(0, 2), errors=errors[:2]))
    moved = msgspec.structs.replace(job, mark=Mark(2, 2, 20))
    apply.advance(changes(), advance(moved, counts=Counts(0, 5), errors=errors[2:]))

    assert jobs.list_errors(job.number, after=0, limit=10) == errors[:3]


def test_ids_of_all_jobs_are_known(jobs: JobStore, open_apply: Callable[[], ApplyStore]) -> None:
    """So that files without a job can be told."""
    jobs.create_job(new_job("one"), at_most=1)
    jobs.create_job(new_job("two", environment_id=2), at_most=1)

    assert sorted(jobs.job_ids()) == ["one", "two"]
