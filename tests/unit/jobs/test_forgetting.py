"""What other jobs hold of those who were deleted: gone with them, and nothing of others."""

from typing import Final

import pytest

from analytex.domain.jobs import FileFormat, Job, JobKind
from analytex.jobs import forgetting
from analytex.jobs.forgetting import Forgetting
from tests.unit.jobs.workplace import ENVIRONMENT, Workplace, lines, track

CSV: Final = FileFormat.CSV
HEADER: Final = b"event_type,source,inserted_at,user_id,event_name\n"


def bad(user: object) -> dict[str, object]:
    """A row of a user that fails."""
    return {**track(), "user_id": user, "source": "nowhere"}


def forget(place: Workplace, *ids: str) -> int:
    """Forget ids; return how many rows went."""
    work = Forgetting(ENVIRONMENT, frozenset(ids), place.tools, at=place.clock.now())
    while work.step():
        pass
    return work.rows


def values(place: Workplace, job: Job) -> list[str]:
    """Return the values in a job's errors."""
    return [error.value for error in place.errors(job)]


def test_failed_rows_of_the_deleted_go_and_those_of_others_stay(place: Workplace) -> None:
    """Byte for byte; and what is left can be tried again."""
    job = place.do(lines(bad("ada-1"), bad("bob"), bad("ada-1"), bad("ada-12")))

    assert forget(place, "ada-1") == 2

    assert place.files.failed(job.id).read_bytes() == lines(bad("bob"), bad("ada-12"))
    assert place.stored(job).failed_bytes == len(lines(bad("bob"), bad("ada-12")))
    assert place.stored(job).counts == job.counts


@pytest.mark.parametrize(
    "row",
    [
        '{"user_id":"ad\\u0061-1","x":1}',
        '{"user_id":"ada-1"',
        '{"company_id":"x","metadata":{"friend":"ada-1"}}',
        "ada-1",
        '{"ada-1":"\xff"}',
    ],
)
def test_an_id_is_found_wherever_it_stands(place: Workplace, row: str) -> None:
    """Rows that failed need not be anything; too much is removed rather than too little."""
    job = place.do(lines(row, bad("bob")))

    assert forget(place, "ada-1") == 1
    assert place.files.failed(job.id).read_bytes() == lines(bad("bob"))


def test_values_in_errors_are_emptied(place: Workplace) -> None:
    """All of that job: whose they are is not written there. Where and why is kept."""
    job = place.do(lines(track("x" * 600), {**track("ada-1"), "source": "nowhere"}))
    other = place.do(lines(bad("bob")))
    before = place.errors(job)

    forget(place, "ada-1")

    assert values(place, job) == ["", ""]
    assert [e._replace(value="") for e in before] == place.errors(job)
    assert values(place, other) == ["nowhere"]


@pytest.mark.parametrize("written", ["ada-1", "\\u0061da-1"])
def test_a_value_counts_even_if_its_row_was_not_kept(place: Workplace, written: str) -> None:
    """Rows that are too long are not, but their beginning is told."""
    long = '{"user_id":"' + written + '","x":"' + "x" * 1_100_000 + '"}'
    job = place.do(lines(long))
    assert written in values(place, job)[0]

    assert forget(place, "ada-1") == 0
    assert values(place, job) == [""]


def test_of_a_job_that_names_others_only_nothing_changes(place: Workplace) -> None:
    """And no copy is left beside its file."""
    job = place.do(lines(bad("bob")))
    before = place.files.failed(job.id).stat().st_ino

    assert forget(place, "ada-1") == 0

    assert place.files.failed(job.id).stat().st_ino == before
    assert values(place, job) == ["nowhere"]
    assert [each.name for each in place.files.failed(job.id).parent.iterdir()] == ["failed"]


def test_csv_rows_go_with_all_their_lines(place: Workplace) -> None:
    """A cell may have line breaks; the header stays, whatever it says."""
    theirs = b'track,?,5,"x\ny\nada-1",a\n'
    others = b'track,?,5,"bo""b\n",a\nnot csv " at all\n'
    job = place.do(HEADER + theirs + others, format=CSV)

    assert forget(place, "ada-1", "user_id") == 1

    assert place.files.failed(job.id).read_bytes() == HEADER + others


def test_a_header_alone_is_nothing(place: Workplace) -> None:
    """There are no failed rows any more to try again."""
    job = place.do(HEADER + b"track,?,5,ada-1,a\n", format=CSV)

    assert forget(place, "ada-1") == 1

    assert place.files.failed(job.id).read_bytes() == b""
    assert place.stored(job).failed_bytes == 0


def test_every_job_of_the_environment_is_looked_at_and_no_other(place: Workplace) -> None:
    """The same id elsewhere is somebody else."""
    kinds = (JobKind.IMPORT, JobKind.BULK_USERS, JobKind.BULK_COMPANIES)
    jobs = [place.do(lines("ada-1"), kind) for kind in kinds]
    dry = place.do(lines("ada-1"), dry_run=True)
    elsewhere = place.do(lines("ada-1"), environment_id=8)

    assert forget(place, "ada-1") == 4

    assert [place.stored(job).failed_bytes for job in (*jobs, dry)] == [0] * 4
    assert place.files.failed(elsewhere.id).read_bytes() == lines("ada-1")


def test_a_large_file_takes_many_steps(place: Workplace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between which the applier works; a stop in between leaves the file as it was."""
    monkeypatch.setattr(forgetting, "STEP_S", 0.0)
    data = lines(*["ada-1"] * 1000, "bob")
    job = place.do(data)
    stopped = Forgetting(ENVIRONMENT, frozenset({"ada-1"}), place.tools, at=place.clock.now())
    for _ in range(3):
        assert stopped.step()
    stopped.close()
    assert place.files.failed(job.id).read_bytes() == data

    again = Forgetting(ENVIRONMENT, frozenset({"ada-1"}), place.tools, at=place.clock.now())
    steps = 1
    while again.step():
        steps += 1

    assert steps > 10
    assert place.files.failed(job.id).read_bytes() == lines("bob")
    assert again.rows == 1000


def test_files_that_came_before_the_deletion_are_waited_for(place: Workplace) -> None:
    """Their rows may still fail, and would then stay; what comes later is not waited for."""
    place.submit(b"", environment_id=8)
    place.submit(b"", JobKind.DELETE_COMPANIES)
    work = Forgetting(ENVIRONMENT, frozenset({"ada-1"}), place.tools, at=place.clock.now())
    place.clock.seconds += 1
    place.submit(b"")
    assert not work.must_wait()

    place.submit(b"", submitted_at=place.clock.now() - 1_000_000)
    assert work.must_wait()
