"""A power cut takes back everything that was written and not flushed, in any order.

`kill -9` cannot show this: the kernel keeps what a dead process has written. Here a process works
on a disk that knows what was flushed (`lossy_disk.py`), and every few milliseconds the test asks
what a power cut would leave at that moment. Each of those data directories is then opened again.
"""

import asyncio
import json
import os
import shutil
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Final, NamedTuple

import pytest

import analytex
from analytex.apply.loop import Applier
from analytex.domain.events import Event
from analytex.eventlog.open import open_log_reader, open_log_writer
from analytex.storage.open import open_apply_store, open_read_store
from tests.crash import lossy_disk
from tests.laws import reference

# ANALYTEX_POWER_CUTS and ANALYTEX_CRASH_SEED ask for more of them, and for others.
ROOT: Final = Path(__file__).parents[2]
CUTS: Final = int(os.environ.get("ANALYTEX_POWER_CUTS", "60"))
SEED: Final = int(os.environ.get("ANALYTEX_CRASH_SEED", "1"))

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(60 + 2 * CUTS),
    pytest.mark.skipif(not lossy_disk.possible(), reason="this Python's SQLite is out of reach"),
]


class Told(NamedTuple):
    """What the process under load has told."""

    acknowledged: list[tuple[str, int]]  #: record id and number, in the order of the replies
    before: list[int]  #: how many were acknowledged before each cut
    refused: int  #: how many were not acknowledged, because a flush failed


def work_and_cut(
    out: Path, *, seed: int, cuts: int, synchronous: str | None = None, failing: float = 0.0
) -> Told:
    """Run `write_and_cut.py`."""
    command = [sys.executable, "-m", "tests.crash.write_and_cut", str(out)]
    command += ["--seed", str(seed), "--cuts", str(cuts), "--failing", str(failing)]
    command += ["--synchronous", synchronous] if synchronous else []
    path = os.pathsep.join((str(ROOT), str(Path(analytex.__file__).parents[1])))
    subprocess.run(
        command, check=True, timeout=30 + cuts, cwd=ROOT, env=os.environ | {"PYTHONPATH": path}
    )
    told = json.loads((out / "told.json").read_text())
    acknowledged = [(id, number) for id, number in told["acknowledged"]]
    return Told(acknowledged, told["before"], told["refused"])


def recover(directory: Path) -> list[Event]:
    """Start on what a cut has left, apply the rest of the log, and return all events."""
    with closing(open_log_reader(directory)) as log, closing(open_apply_store(directory)) as store:
        position, end = store.position(), log.end()
        assert position <= end, "the store is ahead of the log"
        batches = log.read(position, max_records=sys.maxsize, max_bytes=sys.maxsize)
        for batch in batches:
            assert batch.first == position, "the log has a gap"
            position = batch.next
        assert position == end
        Applier(log, store, company_from_metadata=True).drain()
        assert store.position() == end
    with closing(open_read_store(directory)) as reads:
        events = [event for batch in reads.scan_events(batch=1000) for event in batch]
        profiles = reference.found(reads.scan_users(), reads.scan_companies())
    assert len(events) == end, "not one event per record"
    assert profiles == reference.expected(events)
    return events


def lost(events: list[Event], acknowledged: list[tuple[str, int]]) -> list[tuple[str, int]]:
    """Return the acknowledged records that are not among the events; none may be doubled."""
    found = {event.id: json.loads(event.metadata)["number"] for event in events}
    assert len(found) == len(events), "an event is doubled"
    return [(id, number) for id, number in acknowledged if found.get(id) != number]


def test_a_power_cut_takes_back_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    """202 means flushed: log, trimming and store together keep the promise. About 6 s."""
    told = work_and_cut(tmp_path, seed=SEED, cuts=CUTS)
    assert len(told.before) == CUTS
    for number, count in enumerate(told.before):
        directory = tmp_path / str(number)
        assert lost(recover(directory), told.acknowledged[:count]) == [], f"cut {number}"
        shutil.rmtree(directory)


def test_a_flush_that_failed_does_not_harm_those_that_succeed(tmp_path: Path) -> None:
    """Linux gives up what it could not flush, and the next flush says all is well. About 3 s."""
    told = work_and_cut(tmp_path, seed=SEED, cuts=CUTS // 2, failing=0.05)
    assert told.refused > 0
    for number, count in enumerate(told.before):
        directory = tmp_path / str(number)
        assert lost(recover(directory), told.acknowledged[:count]) == [], f"cut {number}"


async def test_after_a_power_cut_the_log_goes_on_where_it_was(tmp_path: Path) -> None:
    """A position is never used twice, or the store would take a new record for an old. 3 s."""
    work_and_cut(tmp_path, seed=2, cuts=10)
    for number in range(10):
        directory = tmp_path / str(number)
        before = len(recover(directory))
        log = open_log_writer(
            directory, asyncio.get_running_loop(), queue_limit=10, flushed=lambda: None
        )
        done: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()
        log.append(b"after the cut", done.set_result)
        assert await done is None
        await log.close()
        with closing(open_log_reader(directory)) as reader:
            assert reader.read(before, max_records=10, max_bytes=99) == [
                (before, [b"after the cut"])
            ]


@pytest.mark.parametrize("shared_memory", ["missing", "zeros", "stale"])
def test_the_shared_memory_file_does_not_matter(tmp_path: Path, shared_memory: str) -> None:
    """It is never flushed, so a power cut leaves anything there. About 2 s."""
    told = work_and_cut(tmp_path, seed=3, cuts=5)
    for number, count in enumerate(told.before):
        directory = tmp_path / str(number)
        for name in ("log.db-shm", "store.db-shm"):
            if shared_memory == "zeros":
                (directory / name).write_bytes(bytes(32768))
            elif shared_memory == "stale":
                shutil.copy(tmp_path / "data" / name, directory / name)
        assert lost(recover(directory), told.acknowledged[:count]) == []


@pytest.mark.parametrize("synchronous", ["NORMAL", "OFF"])
def test_without_the_flush_acknowledged_calls_would_be_lost(
    tmp_path: Path, synchronous: str
) -> None:
    """The proof that the tests above can fail: the same, with SQLite told not to flush. 3 s."""
    told = work_and_cut(tmp_path, seed=4, cuts=20, synchronous=synchronous)
    trouble = 0
    for number, count in enumerate(told.before):
        try:
            trouble += bool(lost(recover(tmp_path / str(number)), told.acknowledged[:count]))
        except Exception:  # not even readable
            trouble += 1
    assert trouble > 0
