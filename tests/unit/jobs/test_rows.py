"""A job over rows: every good row once, every bad one told, whatever happens in between."""

import os
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

from analytex.domain.jobs import Counts, FileFormat, Job, JobKind, JobStatus, Mark
from analytex.domain.profiles import ProfileKind
from analytex.errors import Conflict
from analytex.jobs import loading, rows
from analytex.jobs.loading import LoaderDied
from analytex.jobs.rows import MAX_STARTS, PACED_ROWS
from analytex.storage.interface import Changes
from analytex.storage.jobs import Advance
from analytex.storage.open import open_erase_store
from tests.unit.jobs.workplace import (
    ENVIRONMENT,
    NOW,
    Workplace,
    bulk,
    identify,
    lines,
    track,
)

BAD: Final = '{"user_id":7}'
USERS: Final = JobKind.BULK_USERS
CSV: Final = FileFormat.CSV
HEADER: Final = b"event_type,source,inserted_at,user_id,event_name\n"


class Crash(Exception):
    """The process ends here."""


def names(place: Workplace) -> list[str]:
    """Return the names of all events, in their order."""
    return [event.event_name for event in place.events()]


# What becomes of rows


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


# Once


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


# Known rows


def test_the_same_file_again_changes_nothing(place: Workplace) -> None:
    """An import that was sent twice, by whatever accident; written otherwise, it is the same."""
    first, second = track(name="a"), identify("bob", at="2025-01-02", plan="pro")
    place.do(lines(first, second))
    before = (place.events(), place.user("bob"))

    again = place.do(lines(first, dict(reversed(second.items()))))

    assert again.counts == Counts(completed=2, duplicates=2)
    assert (place.events(), place.user("bob")) == before


def test_rows_that_are_alike_inside_one_file_all_count(place: Workplace) -> None:
    """Somebody may well do the same twice in one second."""
    job = place.do(lines(track(), track(), track()))

    assert job.counts == Counts(completed=3)
    ids = [event.id for event in place.events()]
    assert ids == [ids[0], f"{ids[0]}.2", f"{ids[0]}.3"]


def test_of_rows_that_are_alike_only_more_than_before_are_new(place: Workplace) -> None:
    """The n-th row of some content is the n-th such event."""
    for copies, duplicates in ((2, 0), (3, 2), (1, 1), (3, 3), (4, 3)):
        job = place.do(lines(*[track()] * copies))
        assert job.counts == Counts(completed=copies, duplicates=duplicates)

    assert len(place.events()) == 4


def test_rows_that_are_alike_are_told_apart_over_chunks_and_crashes(
    place: Workplace, one_by_one: None
) -> None:
    """How often a job had a row is stored with the rows."""
    place.do(lines(track()))
    place.submit(lines(track(), track(), track()))
    for _ in range(2):
        place.task().step()
        place.crash()

    job = place.work(place.task())

    assert job.counts == Counts(completed=3, duplicates=1)
    assert len({event.id for event in place.events()}) == len(place.events()) == 3


def test_rows_of_another_environment_are_not_known(place: Workplace) -> None:
    """Each has a world of its own."""
    place.do(lines(track()))

    assert place.do(lines(track()), environment_id=8).counts == Counts(completed=1)


def test_rows_of_bulk_jobs_always_count(place: Workplace) -> None:
    """They are calls of their moment: the same list sent again is a newer identify."""
    for _ in range(2):
        assert place.do(lines(bulk("ada")), USERS).counts == Counts(completed=1)

    assert len(place.events()) == 2


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


# Ends before the end


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


# Files that kill whoever reads them


class Deadly:
    """A file that is read up to a point, at which the reader dies."""

    def __init__(self, deaths: int, after: int = 0) -> None:
        self.deaths = deaths
        self._after = after
        self.begun = 0

    def load(self, orders: loading.LoadOrders) -> loading.Loading:
        """Begin to read it."""
        self.begun += 1
        orders = msgspec.structs.replace(orders, rows=1)
        return Dying(orders, self)

    def reached(self, row: int) -> None:
        """Die, if it is time."""
        if row >= self._after and self.deaths:
            self.deaths -= 1
            raise LoaderDied("exit code -9")


class Dying(loading.LoadHere):
    """One reader of it."""

    def __init__(self, orders: loading.LoadOrders, file: Deadly) -> None:
        super().__init__(orders)
        self._file = file
        self._row = orders.start.row

    def next(self) -> Any:
        """Return the next chunk, or die."""
        self._file.reached(self._row)
        self._row += 1
        return super().next()


@pytest.fixture
def deadly(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Deadly]:
    """Let files be deadly."""

    def make(deaths: int, after: int = 0) -> Deadly:
        file = Deadly(deaths, after)
        monkeypatch.setattr(rows, "load", file.load)
        return file

    return make


def test_a_reader_that_dies_is_replaced(place: Workplace, deadly: Callable[..., Deadly]) -> None:
    """By one that goes on from where the store is."""
    file = deadly(deaths=2, after=1)

    job = place.do(lines(track(name="a"), BAD, track(name="b")))

    assert (job.status, job.counts, file.begun) == (JobStatus.COMPLETED, Counts(2, 1), 3)
    assert names(place) == ["a", "b"]


def test_a_file_that_kills_every_reader_is_given_up_on(
    place: Workplace, deadly: Callable[..., Deadly]
) -> None:
    """Else it would be tried for ever, and no other file would get its turn."""
    file = deadly(deaths=100)

    job = place.do(lines(track()))

    assert (job.status, file.begun) == (JobStatus.FAILED, MAX_STARTS)
    assert job.reason == f"It was begun {MAX_STARTS} times and never got on."


def test_a_job_that_gets_on_between_deaths_is_not_given_up_on(place: Workplace) -> None:
    """A server that is restarted often still finishes what it has."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rows, "load", Deadly(0).load)
        place.submit(lines(*(track(name=str(n)) for n in range(3 * MAX_STARTS))))
        for _ in range(2 * MAX_STARTS):
            place.task().step()
        job = place.work(place.task())

    assert job.counts == Counts(completed=3 * MAX_STARTS)


def test_deaths_of_the_applier_count_as_well(place: Workplace) -> None:
    """A file small enough to be read there can kill only it."""
    place.submit(lines(track()))
    number = place.task().job.number
    for _ in range(MAX_STARTS):
        place.store.begin_job(number, at=1)

    assert place.work(place.task()).status is JobStatus.FAILED


# Pace


def test_bulk_jobs_go_at_the_published_speed(tmp_path: Path) -> None:
    """1,800 rows a minute with `limits = "userpilot"`; rows that fail count."""
    with closing(Workplace(tmp_path, paced=True)) as place:
        began = place.clock.seconds
        rows = [bulk(f"u{n}") for n in range(PACED_ROWS)] + [BAD.replace("7", "[]")] * PACED_ROWS

        job = place.do(lines(*rows, *rows), USERS)

        assert job.counts == Counts(2 * PACED_ROWS, 2 * PACED_ROWS)
        assert place.clock.seconds - began == pytest.approx(4.0)


def test_a_paced_job_waits_for_the_clock_alone(tmp_path: Path) -> None:
    """Not for its reader, which has the next chunk ready: the applier would never sleep."""
    with closing(Workplace(tmp_path, paced=True)) as place:
        place.submit(lines(*(bulk(f"u{n}", text="x" * 20_000) for n in range(100))), USERS)
        task = place.task()
        with closing(task):
            while not task.step():
                assert task.fileno() is not None
                assert task.wait_s() == 0

            assert task.wait_s() == pytest.approx(1.0, abs=0.2)
            assert task.fileno() is None
            assert not task.step()
            place.clock.seconds += task.wait_s()
            assert task.fileno() is not None


def test_imports_go_as_fast_as_they_can(tmp_path: Path) -> None:
    """The published limit is one of bulk identify."""
    with closing(Workplace(tmp_path, paced=True)) as place:
        began = place.clock.seconds
        place.do(lines(*(track(at=n) for n in range(1, 200))))

        assert place.clock.seconds == began


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
