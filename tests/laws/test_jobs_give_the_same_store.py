"""A file gives the same store however it is split, and wherever the process dies on the way."""

import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from analytex.apply.loop import Applier
from analytex.domain.calls import Call
from analytex.domain.events import Event
from analytex.domain.jobs import Counts, FileFormat, JobKind, JobStatus, RowError
from analytex.domain.profiles import Company, ProfileKind, User
from analytex.jobs import loading, rows
from analytex.jobs.rows import MAX_STARTS
from analytex.storage.open import open_erase_store
from analytex.wire import records
from tests.laws import reference
from tests.laws.world import Given, record
from tests.unit.jobs.workplace import ENVIRONMENT, Workplace

#: Where a process may die: before and after each of these. `_put` is inside a transaction.
STORE_CALLS: Final = ("begin_job", "advance", "_put", "sync", "end_job")
FILE_CALLS: Final = ("remove_rows", "cut_failed")

GONE_AT: Final = 1_003  # up to then the user `gone` was deleted


def imported(type: str, at: int, **rest: Any) -> str:
    """A row of an import."""
    time = f"1970-01-01 00:00:00.{at:06}"
    row = {"event_type": type, "source": "backend-http", "inserted_at": time, **rest}
    return json.dumps(row)


def quoted(value: object) -> str:
    """JSON inside the quotes of a CSV cell."""
    return json.dumps(value).replace('"', '""')


TIMES: Final = st.integers(1_000, 1_006)
VALUES: Final = st.one_of(st.none(), st.integers(0, 2), st.text("aé", max_size=2))
METADATA: Final = st.dictionaries(st.sampled_from("ab"), VALUES, max_size=2)
USERS: Final = st.sampled_from(["u1", "u2", "gone"])
FIRMS: Final = st.sampled_from(["c1", "c2"])
GOOD: Final = st.one_of(
    st.builds(lambda at, u: imported("track", at, user_id=u, event_name="e"), TIMES, USERS),
    st.builds(
        lambda at, u, c, m: imported("identify_user", at, user_id=u, company_id=c, metadata=m),
        *(TIMES, USERS, st.none() | FIRMS, METADATA),
    ),
    st.builds(
        lambda at, c, m: imported("identify_company", at, company_id=c, metadata=m),
        *(TIMES, FIRMS, METADATA),
    ),
)
BAD: Final = st.sampled_from(["x", "{}", " ", '{"event_type":"track"}', "[1]", '"' * 3])
BULK: Final = st.builds(
    lambda u, c, m: json.dumps({"user_id": u, "company_id": c, "metadata": m}),
    *(USERS, st.none() | FIRMS, METADATA),
)
HEADER: Final = "event_type,source,inserted_at,user_id,event_name,metadata"
CELLS: Final = st.builds(
    lambda at, u, m: f'track,backend-http,{at / 1e6},{u},e,"{quoted(m)}"', TIMES, USERS, METADATA
)
BAD_CELLS: Final = st.sampled_from(["x", "a,b,c,d,e,f", '"open', "", 'track,?,5,u,"a\nb",'])


class Live(NamedTuple):
    """A real-time call; without metadata, a track."""

    at: int
    user: str
    firm: str | None = None
    metadata: dict[str, Any] | None = None


CALLS: Final = st.one_of(
    st.builds(lambda at, user: Live(at, user), TIMES, USERS),
    st.builds(Live, TIMES, USERS, st.none() | FIRMS, METADATA),
)


class File(NamedTuple):
    """A file, and what is to be done with it."""

    data: bytes
    kind: JobKind = JobKind.IMPORT
    format: FileFormat = FileFormat.NDJSON
    packed: bool = False
    dry_run: bool = False


def files(
    kind: JobKind, format: FileFormat, lines: st.SearchStrategy[str], header: list[str]
) -> st.SearchStrategy[File]:
    """Files of such lines."""
    return st.builds(
        lambda some, packed, dry: File(
            "\n".join([*header, *some]).encode(), kind, format, packed, dry
        ),
        st.lists(lines, max_size=10),
        st.booleans(),
        st.sampled_from([False, False, False, True]),
    )


FILES: Final = st.one_of(
    files(JobKind.IMPORT, FileFormat.NDJSON, GOOD | BAD, []),
    files(JobKind.IMPORT, FileFormat.CSV, CELLS | BAD_CELLS, [HEADER]),
    files(JobKind.BULK_USERS, FileFormat.NDJSON, BULK | BAD, []),
)


class Result(NamedTuple):
    """What became of one file."""

    status: JobStatus
    counts: Counts
    total: int
    errors: list[RowError]
    failed: bytes
    left: list[str]  #: names of the job's files


class Outcome(NamedTuple):
    """What is in a store."""

    users: list[User]
    companies: list[Company]
    events: list[Event]
    results: list[Result]


class Died(Exception):
    """The process ends here, and leaves this on disk."""

    def __init__(self, image: Path) -> None:
        self.image = image


Room = Callable[[], Workplace]


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    """Data directories in which nothing is but that `gone` was deleted."""
    root = tmp_path_factory.mktemp("rooms")
    numbers = count()
    pattern = root / "pattern"
    pattern.mkdir()
    with closing(Workplace(pattern)), closing(open_erase_store(pattern)) as erase:
        erase.bury(ENVIRONMENT, ProfileKind.USER, ["gone"], at=GONE_AT)
    opened: list[Workplace] = []

    def make() -> Workplace:
        for old in opened:
            old.close()
        opened.clear()
        for folder in root.glob("[0-9]*"):
            shutil.rmtree(folder)
        home = root / str(next(numbers))
        shutil.copytree(pattern, home / "data")
        opened.append(Workplace(home / "data"))
        return opened[0]

    yield make
    for each in opened:
        each.close()


def do(
    place: Workplace, some: Sequence[File], *, rows_per_chunk: int = 1000, lives: Sequence[int] = ()
) -> Outcome:
    """Do files one after the other. Life by life, the process dies after so many moments."""
    lives = list(lives)

    def load(orders: loading.LoadOrders) -> loading.Loading:
        return loading.load(msgspec.structs.replace(orders, rows=rows_per_chunk))

    results = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rows, "load", load)
        watch(place, lives)
        for file in some:
            job = place.submit(
                file.data, file.kind, file.format, packed=file.packed, dry_run=file.dry_run
            )
            while place.stored(job).finished_at is None:
                task = place.task()
                try:
                    place.work(task)
                except Died as death:
                    task.close()
                    place.crash(death.image)
                    watch(place, lives)
            results.append(result(place, job.id))
    return Outcome(*profiles(place), place.events(), results)


def watch(place: Workplace, lives: list[int]) -> None:
    """Let the process die when its life is over."""
    if not lives:
        return
    left = iter(range(lives.pop(0), -1, -1))

    def passing(call: Callable[..., Any]) -> Callable[..., Any]:
        def passed(*args: Any, **rest: Any) -> Any:
            moment()
            value = call(*args, **rest)
            moment()
            return value

        return passed

    def moment() -> None:
        if next(left, None) == 0:
            raise Died(place.picture())

    for thing, names in ((place.store, STORE_CALLS), (place.files, FILE_CALLS)):
        for name in names:
            setattr(thing, name, passing(getattr(thing, name)))


def result(place: Workplace, id: str) -> Result:
    """Return what became of a job."""
    job = place.jobs.job(ENVIRONMENT, id)
    assert job is not None
    failed = place.files.failed(id)
    return Result(
        job.status,
        job.counts,
        job.file.rows,
        place.errors(job),
        failed.read_bytes() if failed.exists() else b"",
        sorted(each.name for each in failed.parent.iterdir() if each.stat().st_size),
    )


def profiles(place: Workplace) -> tuple[list[User], list[Company]]:
    """Return all profiles."""
    return list(place.read.scan_users()), list(place.read.scan_companies())


@pytest.mark.slow
@pytest.mark.timeout(180)
@given(
    st.lists(FILES, min_size=1, max_size=2),
    st.integers(1, 5),
    st.lists(st.integers(0, 30), max_size=MAX_STARTS - 1),
)
@example([File(b"x\n{}\nx\n" * 2)], 1, [2, 4, 4, 9])
def test_any_split_and_any_crash_give_the_same_store(
    room: Room, some: list[File], rows_per_chunk: int, lives: list[int]
) -> None:
    """Every good row once, every bad one told once, and no file left. Takes 10 s."""
    whole = do(room(), some)
    found = do(room(), some, rows_per_chunk=rows_per_chunk, lives=lives)

    assert found == whole
    for each in whole.results:
        assert each.status is JobStatus.COMPLETED
        assert each.counts.completed + each.counts.failed == each.total
        assert "rows" not in each.left


@pytest.mark.slow
@given(
    st.lists(GOOD, max_size=10),
    st.lists(CALLS, max_size=8),
    st.lists(st.booleans(), max_size=30),
    st.integers(1, 4),
)
def test_jobs_and_live_calls_may_take_turns_in_any_order(
    room: Room,
    lines: list[str],
    calls: list[Live],
    turns: list[bool],
    rows_per_chunk: int,
) -> None:
    """The profiles are those of all events, obeyed in the order of their times. Takes 5 s."""
    place = room()
    log = Given(place.store.position(), [[sent(n, call)] for n, call in enumerate(calls)])
    applier = Applier(log, place.store, company_from_metadata=True)
    place.tools = place.tools._replace(memberships=applier.memberships, burials=applier.burials)
    job = place.submit("\n".join(lines).encode())
    task = place.task()

    def load(orders: loading.LoadOrders) -> loading.Loading:
        return loading.load(msgspec.structs.replace(orders, rows=rows_per_chunk))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rows, "load", load)
        for turn in turns:
            if turn:
                applier.step()
            elif task.job.finished_at is None:
                task.step()
        applier.drain()
        if task.job.finished_at is None:
            place.work(task)

    events = place.events()
    kept = [row for row in map(json.loads, lines) if not erased(row)]
    kept += [call for call in calls if not lost(call.user, call.at, call.firm)]
    assert len({event.id for event in events}) == len(events) == len(kept)
    assert place.stored(job).counts.completed == len(lines)
    assert reference.found(*profiles(place)) == reference.expected(events)


def sent(number: int, call: Live) -> bytes:
    """Return the record of a call."""
    id = records.record_id(call.at, f"{number + 1:07x}")
    if call.metadata is None:
        body: dict[str, Any] = {"user_id": call.user, "event_name": "live"}
        return record(ENVIRONMENT, Call.TRACK, id, json.dumps(body).encode())
    body = {"user_id": call.user, "metadata": call.metadata}
    if call.firm is not None:
        body["company"] = {"id": call.firm}
    return record(ENVIRONMENT, Call.IDENTIFY, id, json.dumps(body).encode())


def erased(row: dict[str, Any]) -> bool:
    """Tell whether nothing of an imported row is kept; it says of a company only its name."""
    return lost(row.get("user_id"), int(row["inserted_at"][-6:]), None)


def lost(user: str | None, at: int, firm: str | None) -> bool:
    """Tell whether nothing of a call is kept: what it says of a company is."""
    return user == "gone" and at <= GONE_AT and firm is None


@pytest.mark.slow
@given(st.data(), st.lists(GOOD | BAD, max_size=10), st.integers(1, 4))
def test_the_same_import_again_changes_nothing(
    room: Room, data: st.DataObject, lines: list[str], rows_per_chunk: int
) -> None:
    """Rows are known by what they say and how often, in whatever order they come. Takes 5 s."""
    again = data.draw(st.permutations(lines))
    place = room()
    first = do(place, [File("\n".join(lines).encode())])
    second = do(place, [File("\n".join(again).encode())], rows_per_chunk=rows_per_chunk)

    assert second[:3] == first[:3]
    (result,) = second.results
    assert result.counts.completed == first.results[0].counts.completed
    assert result.counts.duplicates + dropped(lines) == result.counts.completed


def dropped(lines: Sequence[str]) -> int:
    """Return how many rows were deleted before they came, and are nowhere."""
    return sum(line.startswith('{"event_type": ') and erased(json.loads(line)) for line in lines)


@pytest.mark.slow
@given(st.lists(GOOD, max_size=8), st.lists(GOOD, max_size=8), st.integers(1, 4))
def test_of_imports_that_overlap_each_row_counts_as_often_as_in_one_of_them(
    room: Room, one: list[str], other: list[str], rows_per_chunk: int
) -> None:
    """An export of March and April after one of March brings April. Takes 5 s."""
    overlapping = (one, other + one[:2])
    some = [File("\n".join(lines).encode()) for lines in overlapping]
    found = do(room(), some, rows_per_chunk=rows_per_chunk)

    first, second = ([row for row in lines if not erased(json.loads(row))] for lines in overlapping)
    wanted = Counter(map(alike, first)) | Counter(map(alike, second))
    assert len(found.events) == wanted.total()
    assert len({event.id for event in found.events}) == len(found.events)


def alike(line: str) -> str:
    """Return what is the same for rows that say the same.

    Of rows of the deleted, whose hash may not be kept, nothing but the time is known.
    """
    row = json.loads(line)
    if lost(row.get("user_id"), int(row["inserted_at"][-6:]), None) and not erased(row):
        row = {"inserted_at": row["inserted_at"], "kept": True}
    return json.dumps(row, sort_keys=True)
