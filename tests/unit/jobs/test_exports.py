"""An export as a job of the runner: what is noted when, and what a crash or a deletion means."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import pytest

from analytex.domain.exports import KEPT, Export, ExportFile, ExportRequest
from analytex.domain.jobs import FileFormat, Job, JobKind, JobStatus, RowsFile
from analytex.jobs import exports
from analytex.jobs.export_pipe import (
    Chunks,
    Done,
    ExporterDied,
    Made,
    Message,
    Orders,
    Problem,
    Written,
)
from analytex.jobs.exports import BEHIND_DELETION, CANCELLED, MAX_STARTS, Exporting, ExportTask
from analytex.storage.open import open_export_store, open_key_store
from tests.unit.jobs.workplace import Workplace

DAYS: Final = ["2026-03-01", "2026-03-02"]


def made(day: str) -> Made:
    return Made(file=ExportFile(day, f"events-{day}.ndjson.gz", 2, 20))


class Scripted:
    """Stands for the process: says what a test wants."""

    def __init__(self) -> None:
        self.orders: list[Orders] = []
        self.says: list[Message | Exception | None] = []
        self.open = False

    def __call__(self, orders: Orders) -> "Scripted":
        """Start it."""
        self.orders.append(orders)
        self.open = True
        return self

    def next(self) -> Message | None:
        """Say the next thing."""
        said = self.says.pop(0) if self.says else None
        if isinstance(said, Made):
            (Path(self.orders[-1].folder) / said.file.name).write_bytes(b"x" * said.file.bytes)
        if isinstance(said, Exception):
            raise said
        return said

    def close(self) -> None:
        """End it."""
        self.open = False


class Place:
    """Exports at a place where jobs are done."""

    def __init__(self, work: Workplace, process: Scripted) -> None:
        self.work = work
        self.process = process
        self.ready: list[Export] = []
        self.exporting = Exporting(
            work.folder, work.tools, open_export_store(work.folder), ready=self.ready.append
        )
        self.store = self.exporting.store

    def ask(self, id: str = "one", **request: Any) -> ExportTask:
        """Take an export, and return its task."""
        now = self.work.clock.now()
        file = RowsFile(name="events", format=FileFormat.NDJSON, packed=False, size=0, rows=0)
        job = Job(
            id=id,
            environment_id=1,
            kind=JobKind.EXPORT,
            file=file,
            key_id="k",
            submitted_at=now,
            due_at=now,
        )
        return self.exporting.task(self.store.create(job, ExportRequest(**request)).job)

    def work_on(self, task: Any, *says: Message | Exception | None, steps: int = 20) -> None:
        """Let the process say these things, and the runner do so many steps."""
        self.process.says += says
        for _ in range(steps):
            if task.job.finished_at is None:
                task.step()
                self.work.clock.seconds += max(task.wait_s(), 0.001)

    def found(self, id: str = "one") -> Export:
        """Return an export as it is stored."""
        export = self.store.export(1, id)
        assert export is not None
        return export

    def files(self) -> set[str]:
        """Return the names of all files of exports."""
        return {each.name for each in (self.work.folder / "exports").rglob("*") if each.is_file()}


@pytest.fixture
def place(place: Workplace, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """Such a place."""
    process = Scripted()
    monkeypatch.setattr(exports, "Run", process)
    with closing(open_key_store(place.folder)) as keys:
        keys.create_environment(app_token="NX-1", name="production", at=1)
    found = Place(place, process)
    with closing(found.exporting):
        yield found


def test_an_export_is_noted_as_it_gets_on(place: Place) -> None:
    """Who looks at it sees how far it is."""
    task = place.ask()
    place.work_on(task, Chunks(chunks=DAYS, rows=4), Written(rows=1), made(DAYS[0]))
    export = place.found()
    assert (export.left, export.job.counts.completed) == ([DAYS[1]], 2)
    assert export.job.status is JobStatus.PROCESSING

    place.work_on(task, Written(rows=1))
    assert place.found().job.counts.completed == 3

    place.work_on(task, made(DAYS[1]), Done())
    export = place.found()
    assert (export.job.status, export.left) == (JobStatus.COMPLETED, [])
    assert [each.job.id for each in place.ready] == ["one"]
    assert not place.process.open


def test_what_is_ready_is_not_written_again(place: Place) -> None:
    """Neither after the process died, nor after everything did."""
    task = place.ask()
    place.work_on(task, Chunks(chunks=DAYS, rows=4), made(DAYS[0]), ExporterDied())
    assert [orders.chunks for orders in place.process.orders] == [None, [DAYS[1]]]

    task.close()
    again = place.exporting.task(place.work.store.open_jobs()[0])
    place.work_on(again, made(DAYS[1]), Done())
    assert place.process.orders[-1].chunks == [DAYS[1]]
    assert place.found().job.counts.completed == 4


def test_a_process_that_always_dies_is_given_up(place: Place) -> None:
    """It would go on for ever."""
    task = place.ask()
    says: list[Any] = [Chunks(chunks=DAYS, rows=4), *[Written(rows=1), ExporterDied()] * 10]
    place.work_on(task, *says, steps=60)

    assert len(place.process.orders) == MAX_STARTS
    assert place.found().job.status is JobStatus.FAILED
    assert "times" in (place.found().job.reason or "")


def test_a_problem_ends_it_and_leaves_no_file(place: Place) -> None:
    """A part of what was asked for is of no use."""
    task = place.ask()
    place.work_on(task, Chunks(chunks=DAYS, rows=4), made(DAYS[0]), Problem(reason="No room."))

    assert (place.found().job.status, place.found().job.reason) == (JobStatus.FAILED, "No room.")
    assert place.files() == set()
    assert place.ready == []


def test_one_can_be_cancelled(place: Place) -> None:
    """As every job."""
    task = place.ask()
    place.work_on(task, Chunks(chunks=DAYS, rows=4), made(DAYS[0]))
    task.job.cancelled = True
    place.work_on(task)

    assert place.found().job.reason == CANCELLED
    assert (place.files(), place.process.open) == (set(), False)


class Deleting:
    """A deletion that takes some steps."""

    def __init__(self) -> None:
        file = RowsFile(name="r", format=FileFormat.NDJSON, packed=False, size=0, rows=1)
        self.job = Job(
            id="d",
            environment_id=1,
            kind=JobKind.DELETE_USERS,
            file=file,
            key_id="k",
            submitted_at=1,
            due_at=1,
        )
        self.left = 3

    def step(self) -> bool:
        """Do a little."""
        self.left -= 1
        if self.left == 0:
            self.job.finished_at = 1
        return True

    def fileno(self) -> None:
        """Wait for nothing."""

    def wait_s(self) -> float:
        """Wait for nothing."""
        return 0.0

    def close(self) -> None:
        """Stop."""


def complete(place: Place, id: str, **request: Any) -> None:
    """Do an export."""
    place.work_on(place.ask(id, **request), Chunks(chunks=DAYS[:1], rows=2), made(DAYS[0]), Done())


def test_a_deletion_removes_the_files_that_there_are(place: Place) -> None:
    """They may hold whom it deletes; and so may what was asked for."""
    complete(place, "one", user_ids=["ada"], emails=["ada@example.com"])
    assert place.files()
    place.exporting.deletion(Deleting()).step()

    assert place.files() == set()
    assert place.found().gone
    assert place.found().request == ExportRequest()


def test_an_export_under_way_begins_anew_behind_a_deletion(place: Place) -> None:
    """What it has written may hold whom the deletion deletes."""
    task = place.ask()
    place.work_on(task, Chunks(chunks=DAYS, rows=4), made(DAYS[0]))
    deletion = place.exporting.deletion(Deleting())
    deletion.step()
    place.work_on(task)
    assert (place.files(), place.process.open) == (set(), False)
    assert len(place.process.orders) == 1

    deletion.step()
    deletion.step()
    place.work_on(task, Chunks(chunks=DAYS[:1], rows=2), made(DAYS[0]), Done())
    assert place.process.orders[-1].chunks is None
    assert place.found().job.status is JobStatus.COMPLETED


def test_an_export_that_names_somebody_ends_with_a_deletion(place: Place) -> None:
    """It may name whom the deletion deletes."""
    task = place.ask(user_ids=["ada"])
    place.work_on(task, Chunks(chunks=DAYS, rows=4))
    deletion = place.exporting.deletion(Deleting())
    for _ in range(3):
        deletion.step()
    place.work_on(task)

    assert place.found().job.reason == BEHIND_DELETION
    assert place.found().request == ExportRequest()


def test_a_deletion_that_is_cancelled_before_it_begins_leaves_exports_alone(place: Place) -> None:
    """Nobody is deleted."""
    complete(place, "one")
    task = Deleting()
    task.job.cancelled = True
    place.exporting.deletion(task).step()

    assert place.files()


def test_old_exports_and_unknown_folders_are_removed(place: Place) -> None:
    """Three days after their end; a folder without an export is what a crash left."""
    complete(place, "one")
    (place.work.folder / "exports" / "unknown").mkdir()
    place.exporting.keep_house()
    assert {each.name for each in (place.work.folder / "exports").iterdir()} == {"one"}

    place.work.clock.seconds += KEPT / 1_000_000 + 1
    place.exporting.keep_house()
    assert place.store.export(1, "one") is None
    assert place.files() == set()
