"""Submitting jobs and looking at them: on disk before the reply, and seen by their owner only."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final

import anyio
import pytest

from analytex.domain.environments import Permission, Scope
from analytex.domain.jobs import Counts, Family, FileFormat, Job, JobKind, JobStatus, RowsFile
from analytex.errors import JobRunning, JobState, NotFound, Unavailable
from analytex.jobs import intake
from analytex.jobs.intake import Jobs, next_due
from analytex.storage.embedded.jobs import EmbeddedJobStore
from analytex.storage.open import open_job_store
from analytex.wire.job_replies import public_id
from tests.unit.jobs.workplace import ENVIRONMENT, Workplace, lines, track

SCOPE: Final = Scope(ENVIRONMENT, "NX-one", "k1", frozenset({Permission.ADMIN}))
OTHER: Final = Scope(8, "NX-two", "k2", frozenset({Permission.ADMIN}))
USERS: Final = JobKind.BULK_USERS
DELETE: Final = JobKind.DELETE_USERS
BAD: Final = b"bad\n"


class Desk:
    """Jobs as HTTP has them, of a data directory."""

    def __init__(self, place: Workplace, *, at_most: int = 1, delete_at: str = "now") -> None:
        self.place = place
        self.woken = 0
        self.jobs = Jobs(
            partial(open_job_store, place.folder),
            place.files,
            at_most=at_most,
            delete_at=delete_at,
            wake=self._wake,
        )

    def _wake(self) -> None:
        self.woken += 1

    async def submit(
        self, data: bytes = b"", kind: JobKind = USERS, scope: Scope = SCOPE, **rest: Any
    ) -> Job:
        """Submit a job with these rows."""
        id, path = await self.jobs.new_file()
        path.write_bytes(data)
        given = {"format": FileFormat.NDJSON, "packed": False, "rows": data.count(b"\n"), **rest}
        file = RowsFile(name="x", size=len(data), **given)
        return await self.jobs.submit(scope, id, kind, file, dry_run=False)

    async def done(self, data: bytes = b"", kind: JobKind = USERS, **rest: Any) -> Job:
        """Submit a job, and let it be done."""
        await self.submit(data, kind, **rest)
        return self.place.work(self.place.task())


@pytest.fixture
async def desk(place: Workplace) -> AsyncIterator[Desk]:
    """Where one job of a family may be under way."""
    desk = Desk(place)
    yield desk
    desk.jobs.close()


# Submitting


async def test_a_job_that_was_submitted_is_on_disk_and_the_runner_told(desk: Desk) -> None:
    """The reply may go out when this returns."""
    job = await desk.submit(lines(track(), track()))

    assert desk.place.stored(job) == job
    assert (job.status, job.key_id, job.file.rows) == (JobStatus.QUEUED, "k1", 2)
    assert job.due_at == job.submitted_at
    assert desk.place.files.rows(job.id).read_bytes() == lines(track(), track())
    assert desk.woken == 1


async def test_one_job_of_a_family_may_be_under_way(desk: Desk) -> None:
    """409 (contract 5.1): checked before the rows are received, and again when they are there."""
    await desk.submit()

    with pytest.raises(JobRunning) as refused:
        await desk.jobs.check_free(SCOPE, Family.BULK)
    assert refused.value.details.startswith("At most 1 bulk job of an app may be under way")
    with pytest.raises(JobRunning, match="already running"):
        await desk.submit(kind=JobKind.BULK_COMPANIES)

    await desk.jobs.check_free(SCOPE, Family.IMPORT)
    await desk.submit(kind=JobKind.IMPORT)
    await desk.submit(scope=OTHER)
    assert desk.woken == 3


async def test_more_may_be_allowed(place: Workplace) -> None:
    """A setting."""
    desk = Desk(place, at_most=2)
    for _ in range(2):
        await desk.jobs.check_free(SCOPE, Family.BULK)
        await desk.submit()
    with pytest.raises(JobRunning) as refused:
        await desk.jobs.check_free(SCOPE, Family.BULK)
    desk.jobs.close()

    assert refused.value.details.startswith("At most 2 bulk jobs of an app")


async def test_what_was_written_of_a_refused_job_is_removed(desk: Desk) -> None:
    """Nobody would ever look for it."""
    id, path = await desk.jobs.new_file()
    path.write_bytes(b"rows")

    await desk.jobs.discard(id)

    assert not path.parent.exists()


async def test_a_store_or_disk_that_fails_is_unavailable(desk: Desk) -> None:
    """503: send it again later; not an error of the sender."""
    (desk.place.folder / "jobs").write_text("in the way")
    with pytest.raises(Unavailable) as refused:
        await desk.jobs.new_file()

    assert "cannot be written" in refused.value.details


# Looking


@pytest.mark.parametrize(
    "name",
    [
        lambda job: public_id(job, "NX-one"),
        lambda job: job.id,
        lambda job: job.id.upper(),
        lambda job: f"bulk:jobs:NX-one:{job.id.upper()}",
    ],
    ids=["public id", "uuid", "upper case", "public id in upper case"],
)
async def test_a_job_is_found_by_its_public_id_or_its_uuid(
    desk: Desk, name: Callable[[Job], str]
) -> None:
    """Some senders cut the last part out of what they were told (contract 5.2)."""
    job = await desk.submit()

    assert await desk.jobs.get(SCOPE, name(job)) == job


@pytest.mark.parametrize(
    "name",
    [
        lambda job: public_id(job, "NX-two"),
        lambda job: f"bulk:jobs:{job.id}",
        lambda job: f"bulk:{job.id}",
        lambda job: f"other:jobs:NX-one:{job.id}",
        lambda job: f"bulk:jobs:nx-one:{job.id}",
        lambda job: f":{job.id}",
        lambda job: f"bulk%3Ajobs%3ANX-one%3A{job.id}",  # decoded by then, or encoded twice
        lambda job: job.id[:-1],
        lambda job: f" {job.id}",
        lambda job: "../../etc/passwd",
        lambda job: "\0",
        lambda job: "%",
        lambda job: "",
    ],
)
async def test_what_is_not_the_id_of_a_job_finds_nothing(
    desk: Desk, name: Callable[[Job], str]
) -> None:
    """A public id with another app token is one of another app."""
    job = await desk.submit()

    with pytest.raises(NotFound, match="no such job"):
        await desk.jobs.get(SCOPE, name(job))


async def test_jobs_of_others_are_not_found(desk: Desk) -> None:
    """Neither by the UUID, nor by their own public id; nor are they listed, cancelled or tried."""
    job = await desk.done(BAD)

    for name in (job.id, public_id(job, "NX-one"), public_id(job, "NX-two")):
        for call in (desk.jobs.get, desk.jobs.cancel, desk.jobs.retry):
            with pytest.raises(NotFound):
                await call(OTHER, name)
    assert await desk.jobs.list_jobs(OTHER, None, limit=10) == []


async def test_jobs_are_listed_newest_first(desk: Desk) -> None:
    """All of them, or those of a family, or only the newest."""
    first = await desk.submit()
    second = await desk.submit(kind=JobKind.IMPORT)
    third = await desk.jobs.delete(SCOPE, DELETE, ["ada"])

    assert await desk.jobs.list_jobs(SCOPE, None, limit=10) == [third, second, first]
    assert await desk.jobs.list_jobs(SCOPE, None, limit=1) == [third]
    assert await desk.jobs.list_jobs(SCOPE, Family.IMPORT, limit=10) == [second]


async def test_errors_come_in_pages(desk: Desk) -> None:
    """Behind the last row that was seen."""
    job = await desk.done(BAD * 3)

    assert [error.row for error in await desk.jobs.errors(job, after=0, limit=2)] == [1, 2]
    assert [error.row for error in await desk.jobs.errors(job, after=2, limit=2)] == [3]


# Cancelling


async def test_cancelling_waits_for_the_end(desk: Desk) -> None:
    """So that the reply says how many rows were stored."""
    job = await desk.submit(BAD)

    async def run() -> None:
        while not desk.place.store.open_jobs()[0].cancelled:  # noqa: ASYNC110 (it is a store)
            await anyio.sleep(0.001)
        desk.place.work(desk.place.task())

    async with anyio.create_task_group() as group:
        group.start_soon(run)
        ended = await desk.jobs.cancel(SCOPE, job.id)

    assert (ended.status, ended.reason) == (JobStatus.FAILED, "It was cancelled.")
    assert desk.woken == 2


async def test_cancelling_does_not_wait_for_ever(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The job may be behind others; it ends when its turn comes."""
    monkeypatch.setattr(intake, "_CANCEL_WAIT_S", 0.02)
    job = await desk.submit(BAD)

    answer = await desk.jobs.cancel(SCOPE, public_id(job, "NX-one"))

    assert (answer.status, answer.cancelled) == (JobStatus.QUEUED, True)


async def test_a_job_that_has_ended_cannot_be_cancelled(desk: Desk) -> None:
    """409, and its result stands."""
    job = await desk.done(BAD)

    with pytest.raises(JobState, match="ended already") as refused:
        await desk.jobs.cancel(SCOPE, job.id)

    assert refused.value.details == "Its status is completed."
    assert desk.place.stored(job) == job


async def test_a_deletion_that_has_begun_cannot_be_cancelled(desk: Desk) -> None:
    """Half of the person would be left."""
    job = await desk.jobs.delete(SCOPE, DELETE, ["ada"])
    desk.place.store.begin_job(job.number, at=5)

    with pytest.raises(JobState, match="has begun"):
        await desk.jobs.cancel(SCOPE, job.id)

    assert not desk.place.stored(job).cancelled


async def test_a_deletion_that_waits_can_be_cancelled(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until its time has come."""
    monkeypatch.setattr(intake, "_CANCEL_WAIT_S", 0.0)
    job = await desk.jobs.delete(SCOPE, DELETE, ["ada"])

    assert (await desk.jobs.cancel(SCOPE, job.id)).cancelled


# Trying again


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
async def test_only_the_failed_rows_are_tried_again(desk: Desk, packed: bool) -> None:
    """In a job of its own, which says whose rows they are; the old one stays as it is."""
    job = desk.place.do(BAD + lines(track()) + BAD, JobKind.IMPORT, packed=packed)

    again = await desk.jobs.retry(SCOPE, public_id(job, "NX-one"))

    assert (again.kind, again.retry_of, again.status) == (job.kind, job.id, JobStatus.QUEUED)
    assert (again.file.rows, again.file.size, again.file.packed) == (2, 2 * len(BAD), False)
    assert desk.place.files.rows(again.id).read_bytes() == BAD * 2
    assert desk.woken == 1
    ended = desk.place.work(desk.place.task())
    assert (ended.status, ended.counts) == (JobStatus.COMPLETED, Counts(failed=2))
    assert desk.place.stored(job) == job


async def test_failed_rows_of_csv_are_tried_again_with_their_header(desk: Desk) -> None:
    """They are a CSV file of their own."""
    header, row = b"event_type,source,inserted_at,user_id,event_name\n", b"track,?,5,ada,x\n"
    job = desk.place.do(header + row, format=FileFormat.CSV)

    await desk.jobs.retry(SCOPE, job.id)

    ended = desk.place.work(desk.place.task())
    assert ended.counts == Counts(failed=1)
    assert [error.place for error in desk.place.errors(ended)] == ["source"]


async def test_a_dry_run_is_tried_again_as_a_dry_run(desk: Desk) -> None:
    """Whoever only wanted to look does not store anything."""
    job = desk.place.do(BAD, dry_run=True)

    assert (await desk.jobs.retry(SCOPE, job.id)).dry_run


async def test_a_job_without_failed_rows_cannot_be_tried_again(desk: Desk) -> None:
    """409: there is nothing to do."""
    job = await desk.done(lines(track()), JobKind.IMPORT)

    with pytest.raises(JobState, match="no failed rows"):
        await desk.jobs.retry(SCOPE, job.id)


async def test_a_job_that_runs_cannot_be_tried_again(desk: Desk) -> None:
    """More of its rows may fail."""
    job = await desk.submit(BAD)
    with pytest.raises(JobState, match="has not ended yet"):
        await desk.jobs.retry(SCOPE, job.id)


async def test_trying_again_needs_a_free_place(desk: Desk) -> None:
    """It is a job like any other; nothing is left of one that is refused."""
    job = await desk.done(BAD)
    running = await desk.submit()

    with pytest.raises(JobRunning):
        await desk.jobs.retry(SCOPE, job.id)

    folders = {each.name for each in (desk.place.folder / "jobs").iterdir()}
    assert folders == {job.id, running.id}


async def test_nothing_is_left_of_a_retry_that_cannot_copy(desk: Desk) -> None:
    """503, and the disk is as it was."""
    job = await desk.done(BAD)
    desk.place.files.failed(job.id).unlink()

    with pytest.raises(Unavailable):
        await desk.jobs.retry(SCOPE, job.id)

    assert [each.name for each in (desk.place.folder / "jobs").iterdir()] == [job.id]


# Deletions


async def test_a_deletion_keeps_its_ids_on_disk(desk: Desk) -> None:
    """One per line, as JSON: they may hold anything."""
    job = await desk.jobs.delete(SCOPE, DELETE, ["ada", 'b"\n', "ü"])

    assert desk.place.files.rows(job.id).read_bytes() == '"ada"\n"b\\"\\n"\n"ü"\n'.encode()
    assert (job.kind, job.file.rows, job.due_at) == (DELETE, 3, job.submitted_at)
    assert desk.place.stored(job) == job
    assert desk.woken == 1


async def test_any_number_of_deletions_may_wait(desk: Desk) -> None:
    """409 is for files; a deletion is never refused because of another one."""
    jobs = [await desk.jobs.delete(SCOPE, DELETE, [str(n)]) for n in range(5)]

    assert desk.place.store.open_jobs() == jobs


@pytest.mark.parametrize(
    ("where", "error"),
    [
        (f"{intake.__name__}._write", OSError("no space left on device")),
        (f"{EmbeddedJobStore.__module__}.EmbeddedJobStore.create_job", Unavailable()),
    ],
    ids=["disk", "store"],
)
async def test_nothing_is_left_of_a_deletion_that_was_refused(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, where: str, error: Exception
) -> None:
    """Least of all the ids."""

    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(where, fail)
    with pytest.raises(Unavailable):
        await desk.jobs.delete(SCOPE, DELETE, ["ada"])

    assert list((desk.place.folder / "jobs").iterdir()) == []
    assert desk.woken == 0


async def test_a_deletion_may_run_at_a_time_of_day(place: Workplace) -> None:
    """At night, when nobody looks."""
    desk = Desk(place, delete_at="02:00")
    job = await desk.jobs.delete(SCOPE, DELETE, ["ada"])
    desk.jobs.close()

    assert job.due_at == next_due(job.submitted_at, "02:00")


@pytest.mark.parametrize(
    ("asked", "delete_at", "due"),
    [
        ("2026-03-01 01:59:59.999999", "now", "2026-03-01 01:59:59.999999"),
        ("2026-03-01 01:59:59.999999", "02:00", "2026-03-01 02:00:00"),
        ("2026-03-01 02:00:00", "02:00", "2026-03-01 02:00:00"),
        ("2026-03-01 02:00:00.000001", "02:00", "2026-03-02 02:00:00"),
        ("2026-12-31 23:59:00", "00:00", "2027-01-01 00:00:00"),
        ("2026-03-28 12:00:00", "09:05", "2026-03-29 09:05:00"),
    ],
)
def test_when_a_deletion_runs(asked: str, delete_at: str, due: str) -> None:
    """At once, or at the next such time of day (UTC)."""
    assert next_due(_micros(asked), delete_at) == _micros(due)


def _micros(text: str) -> int:
    at = datetime.fromisoformat(text).replace(tzinfo=UTC)
    return (at - datetime.fromtimestamp(0, UTC)) // timedelta(microseconds=1)
