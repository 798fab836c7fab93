"""A deletion as a job: it waits, goes on after whatever happens, and leaves a receipt."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from typing import Any, Final

import pytest

from analytex.apply.loop import Applier
from analytex.domain.jobs import Counts, Job, JobKind, JobStatus
from analytex.domain.profiles import ProfileKind
from analytex.errors import Unavailable
from analytex.eventlog.open import open_log_eraser, open_log_reader
from analytex.jobs.deletes import GRACE_US, Deletion
from analytex.jobs.deleting import AGAIN_AFTER_S, PAUSE_S, DeletionTask
from analytex.storage.erasing import EraseStore
from analytex.storage.interface import Changes, Unreadable
from analytex.storage.open import open_erase_store, open_quarantine_store
from tests.unit.jobs.workplace import (
    ENVIRONMENT,
    STEPS,
    Workplace,
    identify,
    lines,
    track,
)

USERS: Final = JobKind.DELETE_USERS
BAD: Final = {**track("ada-1"), "source": "nowhere"}


class Crash(Exception):
    """The process ends here."""


class Office:
    """Where deletions are done."""

    def __init__(self, place: Workplace) -> None:
        self.place = place
        self.log = open_log_reader(place.folder)
        self.eraser = open_log_eraser(place.folder)
        self.opened: list[EraseStore] = []

    def submit(self, *ids: str, kind: JobKind = USERS, **rest: Any) -> Job:
        """Take a deletion."""
        return self.place.submit(lines(*map(json.dumps, ids)), kind, rows=len(ids), **rest)

    def task(self) -> DeletionTask:
        """Return the deletion, as one finds it after a start."""
        (job,) = (each for each in self.place.store.open_jobs() if each.kind.family == "delete")
        return DeletionTask(
            job,
            self.place.tools,
            open_store=self._open,
            open_quarantine=partial(open_quarantine_store, self.place.folder),
            log=self.log,
            eraser=self.eraser,
        )

    def _open(self) -> EraseStore:
        self.opened.append(open_erase_store(self.place.folder))
        return self.opened[-1]

    def work(self, task: DeletionTask) -> Job:
        """Do it to the end; return it as it is then stored."""
        for _ in range(STEPS):
            task.step()
            if task.job.finished_at is not None:
                return self.place.stored(task.job)
            self.place.clock.seconds += task.wait_s()
        raise AssertionError("the deletion does not end")

    def delete(self, *ids: str, **rest: Any) -> Job:
        """Delete, from the beginning to the end."""
        self.submit(*ids, **rest)
        return self.work(self.task())

    def crash(self) -> None:
        """Begin anew with what is on disk now."""
        image = self.place.picture()
        self.close()
        self.place.crash(image)
        self.log = open_log_reader(image)
        self.eraser = open_log_eraser(image)

    def close(self) -> None:
        """Let go of all files."""
        self.log.close()
        self.eraser.close()
        for store in self.opened:
            store.close()
        self.opened.clear()


@pytest.fixture
def office(place: Workplace) -> Iterator[Office]:
    """An empty data directory."""
    with closing(Office(place)) as office:
        yield office


def test_a_deletion_leaves_a_receipt(office: Office) -> None:
    """When, how many rows, from where: it can be read as a job."""
    place = office.place
    place.do(lines(identify("ada-1"), track("ada-1"), track("bob"), BAD))

    job = office.delete("ada-1", "nobody")

    assert (job.status, job.counts) == (JobStatus.COMPLETED, Counts(completed=2))
    assert job.removed == {
        "users": 1,
        "companies": 0,
        "events": 2,
        "log_records": 0,
        "unreadable": 0,
        "failed_rows": 1,
        "refused_requests": 0,
    }
    assert job.started_at is not None
    assert job.finished_at is not None
    assert job.finished_at >= job.due_at + GRACE_US
    assert [event.user_id for event in place.events()] == ["bob"]


def test_nothing_of_the_deleted_is_left_in_the_folder(office: Office) -> None:
    """Not even the ids that were to be deleted."""
    office.place.do(lines(identify("ada-1", email="ada@example.org"), BAD))

    job = office.delete("ada-1")

    assert files_with(office.place, b"ada-1", b"ada@example.org") == []
    assert not office.place.files.rows(job.id).parent.exists()


def files_with(place: Workplace, *texts: bytes) -> list[str]:
    """Return the files that hold one of the texts."""
    files = [each for each in place.folder.rglob("*") if each.is_file()]
    return [each.name for each in files if any(text in each.read_bytes() for text in texts)]


def test_companies_are_deleted_likewise(office: Office) -> None:
    """The other kind."""
    office.place.do(lines({"company_id": "acme"}), JobKind.BULK_COMPANIES)

    job = office.delete("acme", kind=JobKind.DELETE_COMPANIES)

    assert (job.status, job.removed["companies"]) == (JobStatus.COMPLETED, 1)
    assert office.place.read.company(ENVIRONMENT, "acme") is None


def test_a_deletion_of_nobody_removes_nothing(office: Office) -> None:
    """An empty list is no mistake (contract 7), and names no one's rows."""
    place = office.place
    other = place.do(lines(BAD, "{}", ""))
    unreadable = Unreadable(0, b"\x01\x03" + bytes(24) + b"{}", "why")
    place.store.write(Changes((), (), (), (unreadable,)), start=0, upto=1)

    job = office.delete()

    assert (job.status, job.counts, job.removed) == (JobStatus.COMPLETED, Counts(), {})
    assert place.failed(other) == lines(BAD, "{}")
    with closing(open_erase_store(place.folder)) as erase:
        assert erase.unreadable(after=-1, limit=10) == [unreadable]


def test_how_far_it_is_can_be_seen(office: Office) -> None:
    """Its states come in their order, and what is removed is counted as it goes."""
    office.place.do(lines(track("ada-1"), track("bob")))
    job = office.submit("ada-1", "bob")
    task = office.task()
    seen = [job.status]
    while task.job.finished_at is None:
        task.step()
        office.place.clock.seconds += task.wait_s()
        seen.append(office.place.stored(job).status)

    assert seen == sorted(seen, key=list(JobStatus).index)
    assert {JobStatus.QUEUED, JobStatus.PROCESSING, JobStatus.COMPLETED} <= set(seen)


def test_while_it_waits_for_others_it_asks_for_nothing(office: Office) -> None:
    """The applier has other things to do; it need not be asked again at once."""
    office.place.do(lines(track("ada-1")))
    office.submit("ada-1")
    task = office.task()
    while task.step():  # until it waits for calls on their way
        pass

    assert 0 < task.wait_s() <= PAUSE_S
    assert task.fileno() is None
    assert not task.step()
    task.close()


def test_jobs_that_came_before_it_are_waited_for(office: Office) -> None:
    """Else rows that fail after the deletion would be kept."""
    place = office.place
    rows = place.submit(lines(BAD))
    deletion = office.submit("ada-1")
    task = office.task()
    for _ in range(1000):
        task.step()
        place.clock.seconds += task.wait_s()
    assert place.stored(deletion).finished_at is None

    place.work(place.task())
    job = office.work(task)

    assert (job.status, job.removed["failed_rows"]) == (JobStatus.COMPLETED, 1)
    assert place.failed(rows) == b""


# Cancelled


def test_a_deletion_that_has_not_begun_can_be_cancelled(office: Office) -> None:
    """Nobody was deleted, and the ids go."""
    office.place.do(lines(track("ada-1")))
    job = office.submit("ada-1")
    office.place.jobs.cancel_job(job.number)

    ended = office.work(office.task())

    assert (ended.status, ended.reason) == (JobStatus.FAILED, "It was cancelled.")
    assert office.place.user("ada-1") is not None
    assert not office.place.files.rows(job.id).parent.exists()
    assert office.opened == []


def test_a_deletion_that_has_begun_goes_on(office: Office) -> None:
    """Half of somebody would be left."""
    office.place.do(lines(track("ada-1")))
    office.submit("ada-1")
    task = office.task()
    task.step()
    task.job.cancelled = True

    assert office.work(task).status is JobStatus.COMPLETED
    assert office.place.user("ada-1") is None


# Trouble


@pytest.mark.parametrize(
    "error",
    [Unavailable("why"), OSError("why"), sqlite3.OperationalError("why")],
    ids=["unavailable", "disk", "engine"],
)
def test_a_deletion_never_gives_up(
    office: Office, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """It begins again a second later; what was promised to be gone must go."""
    office.place.do(lines(track("ada-1")))
    office.submit("ada-1")
    task = office.task()

    def fail(self: object) -> bool:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(Deletion, "step", fail)
        for _ in range(20):
            assert not task.step()
            assert task.wait_s() == AGAIN_AFTER_S
            office.place.clock.seconds += AGAIN_AFTER_S
        assert office.place.stored(task.job).finished_at is None

    assert office.work(task).status is JobStatus.COMPLETED
    assert office.place.user("ada-1") is None


def test_stores_that_it_opened_are_closed(office: Office) -> None:
    """At the end, and when it is stopped."""
    office.place.do(lines(track("ada-1")))
    office.delete("ada-1")
    office.submit("bob")
    stopped = office.task()
    stopped.step()
    stopped.close()

    assert len(office.opened) == 2
    for store in office.opened:
        with pytest.raises(sqlite3.ProgrammingError):
            store.position()


def test_a_deletion_that_was_stopped_begins_again(office: Office) -> None:
    """Its receipt counts what was removed before as well."""
    office.place.do(lines(track("ada-1"), track("ada-1", name="b"), BAD))
    deletion = office.submit("ada-1")
    steps = 0
    while office.place.stored(deletion).finished_at is None:
        steps += 1
        task = office.task()
        for _ in range(steps):
            if task.job.finished_at is None:
                task.step()
                office.place.clock.seconds += task.wait_s()
        task.close()
        office.crash()

    job = office.place.stored(deletion)
    assert job.status is JobStatus.COMPLETED
    assert {name: count for name, count in job.removed.items() if count} == {
        "users": 1,
        "events": 2,
        "failed_rows": 1,
    }
    assert files_with(office.place, b"ada-1") == []


@pytest.mark.parametrize("call", ["end_job", "sync"])
def test_a_crash_at_the_end_leaves_no_ids(office: Office, call: str) -> None:
    """They go before the job ends; begun again, it finds nobody to delete."""
    office.place.do(lines(track("ada-1")))
    job = office.submit("ada-1")
    crash_in(office, office.place.store, call)
    assert files_with(office.place, b"ada-1") == []

    if office.place.stored(job).finished_at is None:
        office.work(office.task())

    ended = office.place.stored(job)
    assert (ended.status, ended.counts) == (JobStatus.COMPLETED, Counts(completed=1))
    assert ended.removed["users"] == 1


def crash_in(office: Office, thing: object, call: str) -> None:
    """Do a deletion, and let the process end when it makes that call."""

    def crash(*_: object, **__: object) -> None:
        raise Crash

    task = office.task()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(thing, call, crash)
        with pytest.raises(Crash):
            office.work(task)
    task.close()
    office.crash()


def test_ids_that_are_missing_are_waited_for(office: Office) -> None:
    """Somebody may put them back, from a copy; an end would say that they were deleted."""
    job = office.submit("ada-1")
    office.place.files.remove(job.id)
    task = office.task()

    for _ in range(20):
        assert not task.step()
        office.place.clock.seconds += task.wait_s()

    assert office.place.stored(job).finished_at is None


def test_what_the_applier_knows_of_the_deleted_is_forgotten(office: Office) -> None:
    """Else the next track would be given a company that nobody has any more."""
    place = office.place
    applier = Applier(office.log, place.store, company_from_metadata=True)
    place.tools = place.tools._replace(memberships=applier.memberships, burials=applier.burials)
    place.do(lines({**identify("ada-1"), "company_id": "acme"}))
    assert (ENVIRONMENT, "ada-1") in applier.memberships.find({(ENVIRONMENT, "ada-1")})

    office.delete("ada-1")

    assert applier.memberships.find({(ENVIRONMENT, "ada-1")}) == {}


def test_late_rows_of_the_deleted_are_erased(office: Office) -> None:
    """A file that comes afterwards brings nobody back; newer rows start afresh."""
    job = office.delete("ada-1")
    place = office.place

    late = place.do(lines(track("ada-1"), track("ada-1", at=(job.due_at + 1) / 1_000_000)))

    assert late.counts == Counts(completed=2, erased=1)
    assert [event.user_id for event in place.events()] == ["ada-1"]
    assert place.store.buried(ENVIRONMENT, ProfileKind.USER, {"ada-1"}) == {"ada-1": job.due_at}
