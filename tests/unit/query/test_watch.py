"""What the operator asks of a server, from inside one of its workers."""

from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from analytex.errors import Unavailable
from analytex.observability.board import APPLIER, Board
from analytex.observability.meters import ApplierMeter, WorkerMeter
from analytex.query.watch import Watch, sizes
from analytex.storage.interface import ApplyStore
from analytex.storage.open import open_apply_store, open_read_store, open_watch_store
from tests.storage.samples import changes, event


class Log:
    """As much of a log as is watched."""

    def __init__(self) -> None:
        self.length = 0
        self.broken = False

    def end(self) -> int:
        if self.broken:
            raise Unavailable("The log is gone.", details="Look for it.")
        return self.length

    def written_at(self, position: int) -> int | None:
        return 1_000_000 * position  # long ago


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
def apply(tmp_path: Path) -> Iterator[ApplyStore]:
    with closing(open_apply_store(tmp_path)) as store:
        yield store


@pytest.fixture
def watch(apply: ApplyStore, log: Log, tmp_path: Path) -> Iterator[Watch]:
    store = open_read_store(tmp_path)
    watch = Watch(
        tmp_path,
        WorkerMeter("worker-0", ("", "/v1/track")),
        number=0,
        board=Board(tmp_path, slots=2),
        log=log,  # type: ignore[arg-type]
        store=store,
        open_store=partial(open_watch_store, tmp_path),
    )
    yield watch
    watch.close()
    store.close()


def test_the_lag_is_the_age_of_the_oldest_record_not_applied(
    watch: Watch, log: Log, apply: ApplyStore
) -> None:
    """And nothing, as soon as all are."""
    log.length = 3
    assert watch.state().lag_s > 1_000_000

    apply.write(changes(event()), start=0, upto=3)
    state = watch.state()
    assert (state.log_end, state.applied, state.lag_s) == (3, 3, 0)


def test_a_log_that_cannot_be_read_is_a_problem_and_no_error(watch: Watch, log: Log) -> None:
    """It is what readiness is asked for."""
    log.broken = True

    assert watch.state().problem == "The log is gone. Look for it."


def test_a_worker_shows_its_own_numbers_as_they_are_now(watch: Watch, tmp_path: Path) -> None:
    """Those of the others are from the board."""
    watch.report(queue=1, connections=2)
    other = Board(tmp_path, slots=2)
    other.write(APPLIER, ApplierMeter().snapshot())
    other.close()
    watch.meter.accepted[1] += 1
    found = {each.process: each for each in watch.state().snapshots}

    assert set(found) == {"applier", "worker-0"}
    own = found["worker-0"].worker
    assert own is not None
    assert (own.requests[0].count, own.queue, own.connections) == (1, 1, 2)


async def test_details_are_files_and_jobs(watch: Watch) -> None:
    """Both are looked up beside the event loop."""
    details = await watch.details()

    assert {"store.db", "metrics"} <= set(details.files)
    assert list(details.jobs) == []


def test_a_folder_is_as_large_as_all_that_lies_in_it(tmp_path: Path) -> None:
    """The history is a folder of folders."""
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "one").write_bytes(bytes(3))
    (tmp_path / "a" / "b" / "two").write_bytes(bytes(4))
    (tmp_path / "c").write_bytes(bytes(5))
    (tmp_path / "a" / "elsewhere").symlink_to("/")

    found = sizes(tmp_path)
    assert found["c"] == 5
    assert 7 <= found["a"] < 100
    assert sizes(tmp_path / "nowhere") == {}
