"""Whatever dies while events move into history: none is lost, and none is there twice."""

import random
import shutil
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest

import tests
from analytex.domain.events import Event, EventFilter, EventType
from analytex.domain.history import FOLDER, Report
from analytex.domain.profiles import ProfileKind
from analytex.history.files import present
from analytex.history.table import HistoryTable
from analytex.jobs import sealer_pipe
from analytex.jobs.sealer_pipe import Collected, Erase, Keep, Orders, Run, Seal, SealerDied, Tidy
from analytex.query.events import AllEvents, list_events
from analytex.query.moments import held
from analytex.storage.interface import Changes
from analytex.storage.open import open_apply_store, open_read_store, open_seal_store
from tests.history.inside import DAY, FOREVER, engine, run, seal
from tests.rows import ndjson, track
from tests.server import Server

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]  # a process is started in each: 1 to 2 s

STEPS: Final = [
    *("before lock 1", "behind read 1", "before write 1", "behind write 1", "behind write 2"),
    *("before flush 1", "behind flush 1", "behind transaction 1", "behind commit 1"),
    *("behind say 1", "before say 2", "behind say 2", "before remove 1", "behind unlink 1"),
    *("behind remove 1", "behind say 3"),
]
FIRST: Final = 20_000 * DAY


def event(number: int) -> Event:
    """One of several users, on several days, in two environments."""
    at = FIRST + number % 4 * DAY + number
    return Event(
        id=f"{at:013x}0000000",
        environment_id=1 + number % 2,
        event_type=EventType.TRACK,
        event_name="opened",
        user_id=f"user-{number % 7}",
        company_id=None,
        source="backend-http",
        inserted_at=at,
        metadata=f'{{"number":{number}}}',
    )


def add(directory: Path, first: int, count: int) -> None:
    """Store events."""
    with closing(open_apply_store(directory)) as store:
        events = [event(number) for number in range(first, first + count)]
        store.write(Changes([], [], events, []), start=first, upto=first + count)


def numbers(directory: Path) -> list[str]:
    """Return the metadata of all events, by pages and by a scan; both must be the same."""
    with closing(open_read_store(directory)) as reads, closing(engine(directory)) as history:
        paged = [
            event.metadata
            for environment in (1, 2)
            for _, event in list_events(
                reads, history, environment, EventFilter(), after=None, limit=10_000
            )
        ]
        with held(reads, directory):
            scan = AllEvents(reads, history).scan_events(batch=100)
            assert sorted(event.metadata for some in scan for event in some) == sorted(paged)
    return sorted(paged)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with events in two files a day, and hot ones; nobody changes it."""
    directory = tmp_path_factory.mktemp("filled")
    for part in range(2):
        add(directory, part * 40, 40)
        seal(directory)
    add(directory, 80, 40)
    with closing(open_seal_store(directory)) as store:
        store.close_segment()
    return directory


@pytest.fixture
def directory(filled: Path, tmp_path: Path) -> Iterator[Path]:
    """A copy of it; to make it takes longer than most of these tests."""
    shutil.copytree(filled, tmp_path, dirs_exist_ok=True)
    yield tmp_path
    # Nothing is left but what the table consists of.
    with closing(engine(tmp_path)) as history, history.connect() as db:
        files = {file.path for file in HistoryTable(tmp_path).files(db)}
    assert present(tmp_path) == files
    assert files


def die(
    directory: Path, task: Seal | Tidy | Erase, step: str, monkeypatch: pytest.MonkeyPatch
) -> bool:
    """Let the process do a task and die at a step; False if it never got there."""
    monkeypatch.setenv("DIE_AT", step)
    monkeypatch.setenv("PYTHONPATH", str(Path(tests.__path__[0]).parent))
    monkeypatch.setattr(sealer_pipe, "MODULE", "tests.crash.dying_sealer")
    process = Run(Orders(directory=str(directory), task=task))
    try:
        with closing(open_seal_store(directory)) as store:
            while not process.ended:
                message = process.next()
                if isinstance(message, Report):
                    store.note(message, now=time.time_ns() // 1000)
                if isinstance(message, Report | Collected):
                    process.go()
                time.sleep(0.001)
        return False
    except SealerDied:
        return True
    finally:
        process.close()


@pytest.mark.parametrize("step", STEPS)
def test_a_seal_that_died_is_finished_by_the_next_one(
    directory: Path, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At every moment each event can be read, once."""
    expected = numbers(directory)
    task = Seal(upto=120)
    die(directory, task, step, monkeypatch)
    assert numbers(directory) == expected

    run(directory, task)
    assert numbers(directory) == expected
    with closing(open_seal_store(directory)) as store:
        assert store.hot().sealed == 120
        while store.remove_slice():
            assert numbers(directory) == expected
    assert numbers(directory) == expected


@pytest.mark.parametrize("step", STEPS)
def test_files_that_are_put_together_hold_the_same_events(
    directory: Path, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before, after, and if the process died in between."""
    expected = numbers(directory)
    task = Tidy(keep=Keep(), files=2, quiet_before=FOREVER, leave_until=0)
    die(directory, task, step, monkeypatch)
    assert numbers(directory) == expected

    run(directory, task)
    assert numbers(directory) == expected
    assert len(present(directory)) == 4


@pytest.mark.parametrize("step", STEPS)
def test_a_deletion_that_died_is_finished_by_the_next_one(
    directory: Path, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody else's events are touched."""
    rest = [text for text in numbers(directory) if int(text[10:-1]) >= 80 or not _is_of(text)]
    task = Erase(environment_id=1, kind=ProfileKind.USER, ids=["user-2"], at=FOREVER, users=[])
    die(directory, task, step, monkeypatch)

    run(directory, task)
    assert numbers(directory) == rest


def _is_of(text: str) -> bool:
    gone = event(int(text[10:-1]))
    return gone.user_id == "user-2" and gone.environment_id == 1


def test_a_server_that_is_killed_while_it_seals_loses_nothing(tmp_path: Path) -> None:
    """All its processes at once, at any moment, again and again. 15 s."""
    chance = random.Random(7)
    with Server(tmp_path, settings={"hot_events": 10_000}) as server:
        sent = 0
        for _ in range(3):
            rows = [
                track(number, user_id=f"u-{number % 97}") for number in range(sent, sent + 25_000)
            ]
            sent += len(rows)
            server.client().import_rows(ndjson(rows))
            time.sleep(chance.random() * 1.5)
            server.kill()
            server.restart()
        client = server.client()
        found = [event["metadata"]["number"] for event in client.all_events(limit=1000)]
        assert sorted(found) == list(range(sent))
        assert any((server.data / FOLDER).rglob("*.parquet"))
        assert server.command("verify").returncode == 0
