"""What jobs hold of somebody: found where a deletion finds it, while jobs and deletions go on."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Generator
from functools import partial
from typing import Final

import pytest

from analytex.domain.environments import Permission, Scope
from analytex.domain.jobs import FileFormat, Job, JobKind
from analytex.errors import Unavailable
from analytex.jobs import held
from analytex.jobs.forgetting import Forgetting
from analytex.jobs.held import HeldRow, failed_rows, in_steps, jobs_of, waiting
from analytex.jobs.intake import Jobs
from analytex.jobs.sought import Sought
from analytex.storage.open import open_job_store
from tests.unit.jobs.workplace import ENVIRONMENT, Workplace, lines, track

SCOPE: Final = Scope(ENVIRONMENT, "NX-one", "k1", frozenset({Permission.ADMIN}))
ADA: Final = Sought(frozenset({"ada"}))
ROW_BYTES: Final = 1024 * 1024
CSV: Final = FileFormat.CSV
HEADER: Final = b"event_type,source,inserted_at,user_id,event_name\n"


@pytest.fixture
async def jobs(place: Workplace) -> AsyncIterator[Jobs]:
    """Jobs as HTTP has them."""
    opened = partial(open_job_store, place.folder)
    jobs = Jobs(opened, place.files, at_most=1, delete_at="now", wake=lambda: None)
    yield jobs
    jobs.close()


def bad(user: str, **rest: object) -> dict[str, object]:
    """A row that fails."""
    return {**track(user), "source": "nowhere", **rest}


async def failed(jobs: Jobs) -> list[HeldRow]:
    """Return the failed rows that mention Ada."""
    return [row async for row in failed_rows(jobs, SCOPE, ADA, ROW_BYTES)]


async def waits(jobs: Jobs) -> list[tuple[int | None, bytes | None]]:
    """Return the rows under way that mention Ada, with their numbers."""
    files = await waiting(jobs, SCOPE, ADA, ROW_BYTES)
    try:
        return [(row.number, row.text) async for row in files.rows()]
    finally:
        files.close()


async def test_a_failed_row_has_the_error_that_is_its_own(place: Workplace, jobs: Jobs) -> None:
    """Rows between may be good, of others, or too long to be kept."""
    long = bad("ada", x="x" * ROW_BYTES)
    place.do(lines(track(), bad("bob"), long, "ada", track("ada"), bad("zoe"), bad("ada")))

    found = await failed(jobs)

    assert [(row.number, row.error and row.error.code) for row in found] == [
        (3, "row_too_long"),
        (4, "not_json"),
        (7, "not_allowed"),
    ]
    assert [row.text for row in found] == [None, b"ada", lines(bad("ada"))[:-1]]


async def test_a_row_that_was_not_kept_is_told_by_its_error(place: Workplace, jobs: Jobs) -> None:
    """The error has the row's beginning, in which they may stand."""
    place.do(lines(bad("bob"), bad("bob", x="x" * ROW_BYTES), {"user_id": "ada", "x": "x" * 2**20}))

    (row,) = await failed(jobs)

    assert (row.number, row.text) == (3, None)
    assert row.error is not None
    assert row.error.value.startswith('{"user_id": "ada"')


async def test_what_does_not_count_yet_is_no_failed_row(place: Workplace, jobs: Jobs) -> None:
    """Rows are written before the store counts them; until then they wait."""
    job = place.do(lines(bad("ada")))
    with place.files.failed(job.id).open("ab") as file:
        file.write(lines(bad("ada", n=2)))

    assert [row.number for row in await failed(jobs)] == [1]


async def test_behind_a_deletion_nobody_knows_which_row_failed_why(
    place: Workplace, jobs: Jobs
) -> None:
    """Rows went from the file and errors did not. A wrong reason would be worse than none."""
    place.do(lines(bad("bob"), bad("ada"), "ada"))
    work = Forgetting(ENVIRONMENT, frozenset({"bob"}), place.tools, at=place.clock.now())
    while work.step():
        pass

    found = await failed(jobs)

    assert [(row.text, row.number, row.error) for row in found] == [
        (lines(bad("ada"))[:-1], None, None),
        (b"ada", None, None),
    ]


@pytest.mark.usefixtures("one_by_one")
async def test_of_a_job_under_way_each_row_is_told(place: Workplace, jobs: Jobs) -> None:
    """What has failed, and what waits; nothing twice, and nothing between the two is lost."""
    place.submit(lines(bad("ada"), track("ada"), bad("ada", n=3), track("ada", n=4)))
    task = place.task()
    rows = []
    while task.job.finished_at is None:
        if task.step():
            rows.append(([row.number for row in await failed(jobs)], await waits(jobs)))
    task.close()

    numbers = [(failed, [number for number, _ in left]) for failed, left in rows]
    assert numbers[:3] == [([1], [2, 3, 4]), ([1], [3, 4]), ([1, 3], [4])]
    assert numbers[-1] == ([1, 3], [])


@pytest.mark.parametrize("packed", [False, True])
async def test_files_wait_as_they_were_uploaded(place: Workplace, jobs: Jobs, packed: bool) -> None:
    """Packed or not; blank lines are no rows."""
    place.submit(lines(track("bob"), "", track("ada"), "{"), packed=packed)
    place.submit(HEADER + b'track,x,5,"a\nada",x\ntrack,x,5,bob,x\n', format=CSV, packed=packed)

    assert await waits(jobs) == [(2, lines(track("ada"))[:-1]), (1, b'track,x,5,"a\nada",x')]


async def test_a_damaged_file_is_told_up_to_there(place: Workplace, jobs: Jobs) -> None:
    """Its job will say what is wrong with it."""
    job = place.submit(lines(track("ada")), packed=True)
    place.files.rows(job.id).write_bytes(place.files.rows(job.id).read_bytes()[:-4])

    assert await waits(jobs) == [(1, lines(track("ada"))[:-1])]


async def test_a_job_that_ends_takes_nothing_away(place: Workplace, jobs: Jobs) -> None:
    """Its file goes when its rows are stored: who began before that may have seen neither."""
    place.submit(lines(track("ada")))
    files = await waiting(jobs, SCOPE, ADA, ROW_BYTES)
    place.work(place.task())

    assert [row.number async for row in files.rows()] == [1]
    files.close()
    assert await waits(jobs) == []


async def test_a_job_whose_file_is_gone_holds_nothing(place: Workplace, jobs: Jobs) -> None:
    """It was kept long enough, or has ended this moment."""
    place.files.remove(place.do(lines(bad("ada"))).id)
    place.files.remove(place.submit(lines(track("ada"))).id)

    assert await failed(jobs) == []
    assert await waits(jobs) == []


async def test_jobs_of_others_are_not_looked_at(place: Workplace, jobs: Jobs) -> None:
    """Neither their failed rows, nor those that wait, nor the names of their files."""
    place.do(lines(bad("ada")), environment_id=8)
    place.submit(lines(track("ada")), environment_id=8)

    assert [job async for job in jobs_of(jobs, SCOPE)] == []
    assert await failed(jobs) == []
    assert await waits(jobs) == []


async def test_all_jobs_are_looked_at_however_many(
    place: Workplace, jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are read in pages."""
    monkeypatch.setattr(held, "JOBS", 2)
    wanted = [place.submit(b"", JobKind.BULK_USERS).id for _ in range(5)]

    assert [job.id async for job in jobs_of(jobs, SCOPE)] == wanted


async def test_work_is_done_beside_the_event_loop_in_steps(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """So that calls are answered meanwhile, however large a file is."""
    monkeypatch.setattr(held, "STEP_S", 0.002)
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    def work() -> Generator[int | None, None, None]:
        for number in range(50):
            assert threading.current_thread() is not threading.main_thread()
            time.sleep(0.001)
            yield number if number % 10 == 0 else None

    counting = asyncio.create_task(count())
    found = [each async for each in in_steps(work())]
    counting.cancel()

    assert found == [0, 10, 20, 30, 40]
    assert turns > 50


async def test_a_file_that_cannot_be_read_is_unavailable(place: Workplace, jobs: Jobs) -> None:
    """Rather than left out without a word."""
    job: Job = place.do(lines(bad("ada")))
    place.files.failed(job.id).unlink()
    place.files.failed(job.id).mkdir()

    with pytest.raises(Unavailable):
        await failed(jobs)

    waits_for = place.submit(lines(track("ada")))
    place.files.rows(waits_for.id).unlink()
    place.files.rows(waits_for.id).mkdir()

    with pytest.raises(Unavailable):
        await waits(jobs)
