"""A job over rows: every good row once, and every bad one told."""

from contextlib import closing
from pathlib import Path

import pytest

from analytex.domain.jobs import Counts, JobKind, JobStatus, Mark
from analytex.domain.profiles import ProfileKind
from analytex.errors import Conflict
from analytex.storage.interface import Changes
from analytex.storage.jobs import Advance
from analytex.storage.open import open_erase_store
from tests.unit.jobs.workplace import (
    BAD,
    CSV,
    ENVIRONMENT,
    HEADER,
    NOW,
    USERS,
    Workplace,
    bulk,
    identify,
    lines,
    names,
    track,
)


def test_good_rows_are_stored_and_bad_ones_told(place: Workplace) -> None:
    """Rows that fail never stop the others, and the totals add up."""
    data = lines(track(name="a"), BAD, track(name="b"), "nonsense")

    job = place.do(data, rows=4)

    assert (job.status, job.counts) == (JobStatus.COMPLETED, Counts(completed=2, failed=2))
    assert (job.file.rows, job.mark) == (4, Mark(4, 4, len(data)))
    assert names(place) == ["a", "b"]
    assert [(error.row, error.line) for error in place.errors(job)] == [(2, 2), (4, 4)]
    assert place.failed(job) == lines(BAD, "nonsense")


def test_rows_of_a_bulk_job_are_identifies_of_the_moment_of_submission(place: Workplace) -> None:
    """So what came live meanwhile is newer, and the later of two rows wins."""
    job = place.do(lines(bulk("ada", plan="free", n=1), bulk("ada", plan="pro")), USERS)

    ada = place.user("ada")
    assert ada is not None
    assert {name: bytes(value) for name, value in ada.properties.items()} == {
        "plan": b'"pro"',
        "n": b"1",
    }
    assert {event.inserted_at for event in place.events()} == {job.submitted_at}


def test_companies_in_bulk(place: Workplace) -> None:
    """The other kind."""
    job = place.do(lines({"company_id": 5, "metadata": {"a": 1}}, {}), JobKind.BULK_COMPANIES)

    assert job.counts == Counts(1, 1)
    assert place.read.company(ENVIRONMENT, "5") is not None


def test_a_file_without_rows_is_a_job_that_completes(place: Workplace) -> None:
    """There is nothing to do, and nothing wrong."""
    job = place.do(b"\n \n")

    assert (job.status, job.counts, job.file.rows) == (JobStatus.COMPLETED, Counts(), 0)


def test_the_total_is_corrected_at_the_end(place: Workplace) -> None:
    """Of a CSV file it is an estimate until the rows are read; nothing then remains."""
    for guess in (1, 90):
        job = place.do(lines(track(), BAD), rows=guess)
        assert (job.file.rows, job.counts.completed + job.counts.failed) == (2, 2)


def test_the_file_is_gone_afterwards_and_failed_rows_are_kept(place: Workplace) -> None:
    """What was uploaded is not kept twice; what failed is all that is left of its rows."""
    job = place.do(lines(track(), BAD))

    assert not place.files.rows(job.id).exists()
    assert place.files.failed(job.id).exists()


def test_without_failed_rows_there_is_no_file_of_them(place: Workplace) -> None:
    """Nothing to try again."""
    job = place.do(lines(track()))

    assert (job.failed_bytes, place.files.failed(job.id).exists()) == (0, False)


def test_a_row_that_is_too_long_is_told_but_not_kept(tmp_path: Path) -> None:
    """Whoever sends a line of 1 GB does not get it stored a second time."""
    with closing(Workplace(tmp_path, row_bytes=200)) as place:
        job = place.do(lines(BAD, "x" * 1000, track()))

        assert job.counts == Counts(completed=1, failed=2)
        assert [error.code for error in place.errors(job)][1] == "row_too_long"
        assert place.failed(job) == lines(BAD)


def test_states_come_in_their_order(place: Workplace, one_by_one: None) -> None:
    """And `completed_rows` grows while it runs."""
    queued = place.submit(lines(track(name="a"), track(name="b")), rows=2)
    task = place.task()
    seen = [(queued.status, queued.counts.completed)]
    while task.job.finished_at is None:
        task.step()
        job = place.stored(queued)
        seen.append((job.status, job.counts.completed))

    assert seen == [
        (JobStatus.QUEUED, 0),
        (JobStatus.PROCESSING, 1),
        (JobStatus.PROCESSING, 2),
        (JobStatus.COMPLETED, 2),
    ]


def test_when_it_began_and_ended_is_noted(place: Workplace) -> None:
    """By the clock of the one who did it."""
    place.submit(lines(track()), submitted_at=NOW)
    begun = place.clock.now()
    job = place.work(place.task())

    assert (job.submitted_at, job.started_at, job.finished_at) == (NOW, begun, begun)


# CSV


def test_failed_rows_of_a_csv_file_have_its_header(place: Workplace, one_by_one: None) -> None:
    """Without it nobody could tell what their cells are; it comes once."""
    good, bad, long = b"track,backend-http,5,ada,a\n", b"track,,5,ada,b\n", b'x,"1\r\n2",,,\n'

    job = place.do(b"\xef\xbb\xbf\n" + HEADER + good + bad + long + good, format=CSV)

    assert job.counts == Counts(2, 2)
    assert place.failed(job) == HEADER + bad + long
    assert [(error.row, error.line) for error in place.errors(job)] == [(2, 4), (3, 5)]


def test_the_header_of_a_packed_file_is_found(place: Workplace) -> None:
    """The failed rows themselves are not packed."""
    job = place.do(HEADER + b"a,b\n", format=CSV, packed=True)

    assert place.failed(job) == HEADER + b"a,b\n"


def test_a_header_may_be_as_long_as_a_row(tmp_path: Path) -> None:
    """The setting counts, not what a row may have by default."""
    header = HEADER[:-1] + b",metadata." + b"x" * 1_100_000 + b"\n"
    with closing(Workplace(tmp_path, row_bytes=2_000_000)) as place:
        job = place.do(header + b"a,b\n", format=CSV)

        assert (job.status, job.counts) == (JobStatus.COMPLETED, Counts(failed=1))
        assert place.failed(job) == header + b"a,b\n"


# Deleted users


def test_rows_older_than_a_deletion_bring_nobody_back(place: Workplace) -> None:
    """They are counted as erased, and did not fail."""
    with closing(open_erase_store(place.folder)) as erase:
        erase.bury(ENVIRONMENT, ProfileKind.USER, ["ada"], at=NOW)

    job = place.do(lines(track("ada"), track("bob"), track("ada", name="")))

    assert job.counts == Counts(completed=2, failed=1, erased=1)
    assert place.user("ada") is None
    assert [event.user_id for event in place.events()] == ["bob"]


# Dry runs


def test_a_dry_run_stores_nothing(place: Workplace, one_by_one: None) -> None:
    """It reports what a real one would, and the real one afterwards finds nothing known."""
    data = lines(track(), BAD, track())
    place.submit(data, dry_run=True)
    task = place.task()
    task.step()
    assert place.stored(task.job).status is JobStatus.VALIDATING

    job = place.work(task)

    assert (job.status, job.counts) == (JobStatus.COMPLETED, Counts(2, 1))
    assert [error.row for error in place.errors(job)] == [2]
    assert place.failed(job) == lines(BAD)
    assert (place.events(), place.user("ada")) == ([], None)
    assert place.do(data).counts == Counts(2, 1)


# What others remember


def test_tracks_that_come_next_know_the_users_of_the_rows(place: Workplace) -> None:
    """The applier's memory of users is told of what a job stored."""
    row = {**identify("ada"), "company_id": "acme"}
    assert place.tools.memberships.find({(ENVIRONMENT, "ada")}) == {}
    place.do(lines(row))
    found = place.tools.memberships.find({(ENVIRONMENT, "ada")})

    assert found[ENVIRONMENT, "ada"].company_id == "acme"


def test_a_chunk_that_was_not_stored_is_not_remembered(
    place: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a track would be given a company that its user does not have."""

    def fail(changes: Changes, step: Advance) -> None:
        raise Conflict

    monkeypatch.setattr(place.store, "advance", fail)
    place.submit(lines({**identify("ada"), "company_id": "acme"}))
    place.task().step()

    assert place.tools.memberships.find({(ENVIRONMENT, "ada")}) == {}
