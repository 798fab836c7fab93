"""Numbers about a store for those who watch over a server."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from analytex.domain.jobs import FileFormat, Job, JobKind, JobStatus, RowsFile
from analytex.observability.metrics import EndedJobs, OpenJobs
from analytex.storage.interface import ApplyStore
from analytex.storage.jobs import JobStore
from analytex.storage.open import open_job_store, open_watch_store
from analytex.storage.watching import WatchStore

JOB = Job(
    id="one",
    environment_id=1,
    kind=JobKind.IMPORT,
    file=RowsFile(name="r", format=FileFormat.CSV, packed=False, size=9, rows=10),
    key_id="k1",
    submitted_at=5,
    due_at=5,
)


@pytest.fixture
def jobs(apply: ApplyStore, tmp_path: Path) -> Iterator[JobStore]:
    store = open_job_store(tmp_path)
    yield store
    store.close()


@pytest.fixture
def watch(apply: ApplyStore, tmp_path: Path) -> Iterator[WatchStore]:
    store = open_watch_store(tmp_path)
    yield store
    store.close()


def test_a_store_without_jobs_has_none_open(watch: WatchStore) -> None:
    """A new server is asked as well."""
    assert list(watch.open_jobs()) == []


def test_open_jobs_are_added_up_by_kind_and_status(jobs: JobStore, watch: WatchStore) -> None:
    """Over all environments: the numbers are the server's."""
    for id, environment, kind in (
        ("a", 1, JobKind.IMPORT),
        ("b", 2, JobKind.IMPORT),
        ("c", 1, JobKind.DELETE_USERS),
    ):
        job = msgspec.structs.replace(JOB, id=id, environment_id=environment, kind=kind)
        jobs.create_job(job, at_most=9)

    assert sorted(watch.open_jobs()) == [
        OpenJobs("delete_users", "queued", 1, 10, 0, 0),
        OpenJobs("import", "queued", 2, 20, 0, 0),
    ]


def test_a_job_that_has_ended_is_not_open(
    apply: ApplyStore, jobs: JobStore, watch: WatchStore
) -> None:
    """There may be thousands of them; they are not looked at."""
    job = jobs.create_job(JOB, at_most=9)
    apply.end_job(job.number, status=job.status, at=9, reason=None)

    assert list(watch.open_jobs()) == []


def test_jobs_that_have_ended_are_added_up(
    apply: ApplyStore, jobs: JobStore, watch: WatchStore
) -> None:
    """So that an alert can say that one has failed."""
    for id, status in (("a", JobStatus.COMPLETED), ("b", JobStatus.FAILED), ("c", None)):
        job = jobs.create_job(msgspec.structs.replace(JOB, id=id), at_most=9)
        if status is not None:
            apply.end_job(job.number, status=status, at=9, reason=None)

    assert sorted(watch.ended_jobs()) == [
        EndedJobs("import", "completed", 1),
        EndedJobs("import", "failed", 1),
    ]
