"""Exports in a store: one of an app at a time, with what is ready of each."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from analytex.domain.exports import ExportFile, ExportFormat, ExportRequest
from analytex.domain.jobs import Counts, FileFormat, Job, JobKind, JobStatus, RowsFile
from analytex.errors import JobRunning
from analytex.storage.exports import ExportStore
from analytex.storage.interface import ApplyStore
from analytex.storage.open import open_apply_store, open_export_store, open_key_store

REQUEST = ExportRequest(format=ExportFormat.CSV, user_ids=["ada"], emails=["ada@example.com"])
FIRST, SECOND = (
    ExportFile("2026-03-01", "events-2026-03-01.csv", 3, 30),
    ExportFile("2026-03-02", "events-2026-03-02.csv", 4, 40),
)


@pytest.fixture
def runs(tmp_path: Path) -> Iterator[ApplyStore]:
    """The runner's side of a store with two environments."""
    with closing(open_key_store(tmp_path)) as keys:
        for number in (1, 2):
            keys.create_environment(app_token=f"NX-{number}", name=f"name {number}", at=1)
    with closing(open_apply_store(tmp_path)) as store:
        yield store


@pytest.fixture
def store(runs: ApplyStore, tmp_path: Path) -> Iterator[ExportStore]:
    """Its exports."""
    with closing(open_export_store(tmp_path)) as store:
        yield store


def new_job(id: str = "one", environment_id: int = 1) -> Job:
    file = RowsFile(name="events", format=FileFormat.NDJSON, packed=False, size=0, rows=0)
    return Job(
        id=id,
        environment_id=environment_id,
        kind=JobKind.EXPORT,
        file=file,
        key_id="k",
        submitted_at=5,
        due_at=5,
    )


def end(runs: ApplyStore, number: int, at: int) -> None:
    runs.end_job(number, JobStatus.COMPLETED, at=at, reason=None)


def test_an_export_is_found_as_it_was_asked_for(store: ExportStore) -> None:
    """By the one who asked, and by the runner; not by another app."""
    created = store.create(new_job(), REQUEST)

    assert (created.app_token, created.environment_name) == ("NX-1", "name 1")
    assert created.request == REQUEST
    assert (created.chunks, created.files, created.gone) == (None, [], False)
    assert store.export(1, "one") == store.find(created.job.number) == created
    assert store.export(2, "one") is None


def test_one_of_an_app_is_under_way_at_a_time(store: ExportStore, runs: ApplyStore) -> None:
    """The contract says so; another app does not notice."""
    first = store.create(new_job("one"), REQUEST)
    with pytest.raises(JobRunning):
        store.create(new_job("two"), REQUEST)
    store.create(new_job("three", environment_id=2), REQUEST)

    end(runs, first.job.number, 10)
    store.create(new_job("two"), REQUEST)


def test_what_is_ready_is_noted_beside_the_job(store: ExportStore) -> None:
    """So that a background job shows it as well, and the next process goes on there."""
    number = store.create(new_job(), REQUEST).job.number
    store.note_chunks(number, ["2026-03-01", "2026-03-02"], rows=6)
    store.note_rows(number, 2)
    store.add_file(number, FIRST)

    export = store.find(number)
    assert export is not None
    assert (export.left, export.files) == (["2026-03-02"], [FIRST])
    assert (export.job.counts, export.job.file.rows) == (Counts(completed=3), 6)
    assert export.job.status is JobStatus.PROCESSING

    store.add_file(number, SECOND)  # more came than were counted
    store.add_file(number, SECOND)  # a crash may let it be told twice
    store.complete(number)
    export = store.find(number)
    assert export is not None
    assert export.files == [FIRST, SECOND]
    assert (export.job.counts.completed, export.job.file.rows, export.job.file.size) == (7, 7, 70)


def test_one_that_begins_again_has_nothing(store: ExportStore) -> None:
    """Which days there are may have changed."""
    number = store.create(new_job(), REQUEST).job.number
    store.note_chunks(number, ["2026-03-01"], rows=3)
    store.add_file(number, FIRST)
    store.begin_again(number)

    export = store.find(number)
    assert export is not None
    assert (export.chunks, export.files, export.job.counts) == (None, [], Counts())


def test_one_that_is_forgotten_names_nobody(store: ExportStore) -> None:
    """A deletion is about somebody whom it may name."""
    number = store.create(new_job(), REQUEST).job.number
    store.add_file(number, FIRST)
    store.forget(number)

    export = store.find(number)
    assert export is not None
    assert (export.gone, export.files) == (True, [])
    assert export.request == ExportRequest(format=ExportFormat.CSV)


def test_old_ones_are_removed(store: ExportStore, runs: ApplyStore) -> None:
    """And one that has not ended never is."""
    for id, at in (("old", 10), ("new", 20)):
        end(runs, store.create(new_job(id), REQUEST).job.number, at)
    store.create(new_job("open"), REQUEST)

    listed = store.list_exports(1, ended_after=10, limit=10)
    assert [export.job.id for export in listed] == ["open", "new"]
    assert store.remove_ended_before(11) == ["new", "open"]
    assert store.export(1, "old") is None
    assert [export.job.id for export in store.of_environment(1)] == ["new", "open"]


def test_the_secret_stays_the_same(store: ExportStore, tmp_path: Path) -> None:
    """Links work after a restart, and on every worker."""
    with closing(open_export_store(tmp_path)) as again:
        assert again.secret() == store.secret()
    assert len(store.secret()) == 32
