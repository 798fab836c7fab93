"""kill -9, again and again, under load: nothing acknowledged is lost, nothing is there twice.

ANALYTEX_CRASH_ROUNDS says how often everything is killed; ANALYTEX_CRASH_SEED, when.
"""

import os
import random
import signal
import time
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest

from tests.crash.load import Journal, apply_rest, load
from tests.server import Server, wait_for

ROUNDS: Final = int(os.environ.get("ANALYTEX_CRASH_ROUNDS", "12"))
SEED: Final = int(os.environ.get("ANALYTEX_CRASH_SEED", "1"))
CHECK_EVERY: Final = 10  # rounds; the whole store is read each time

pytestmark = pytest.mark.slow


@pytest.mark.timeout(120 + 10 * ROUNDS)
@pytest.mark.parametrize("workers", [1, 2])
def test_killing_everything_loses_nothing_acknowledged(tmp_path: Path, workers: int) -> None:
    """A round kills supervisor, workers and applier at once. 12 rounds take about 15 s."""
    rounds = ROUNDS // 2 + ROUNDS % 2 * (workers == 1)  # half of them each
    rng = random.Random(SEED + workers)
    journal = Journal()
    server = Server(tmp_path, settings={"workers": workers})
    for number in range(1, rounds + 1):
        if rng.random() < 0.15:  # already while it starts
            server.start(wait=False)
            time.sleep(rng.uniform(0, 0.7))
            server.kill()
        server.start()
        before = len(journal.acknowledged)
        with load(server, journal, seed=rng.randrange(2**32)):
            time.sleep(rng.uniform(0.02, 0.8))
            server.kill()
        print(f"round {number}: {len(journal.acknowledged) - before} acknowledged, then killed")
        if number % CHECK_EVERY == 0 or number == rounds:
            with server:
                apply_rest(server)
            journal.check(server.data)
    server.close()
    assert len(journal.acknowledged) > 20 * rounds
    assert not journal.refused


@pytest.mark.timeout(60)
def test_a_killed_applier_is_replaced_and_nobody_notices(tmp_path: Path) -> None:
    """Rows and position are one transaction, so its successor goes on where it was. About 6 s."""
    journal = Journal()
    with Server(tmp_path) as server, load(server, journal, seed=SEED, connections=3):
        rng = random.Random(SEED)
        for _ in range(5):
            time.sleep(rng.uniform(0.05, 0.5))
            os.kill(server.applier(), signal.SIGKILL)
    with server:
        apply_rest(server)
    assert not journal.unanswered
    assert not journal.refused
    journal.check(server.data)


@pytest.mark.timeout(60)
def test_a_killed_worker_is_replaced_on_the_same_port(tmp_path: Path) -> None:
    """Senders meet a closed connection, connect again, and go on. About 6 s."""
    journal = Journal()
    with Server(tmp_path) as server, load(server, journal, seed=SEED, connections=3):
        rng = random.Random(SEED)
        for _ in range(4):
            before = len(journal.acknowledged)
            os.kill(server.workers()[0], signal.SIGKILL)
            wait_for(lambda then=before: len(journal.acknowledged) > then + 20, 15)  # type: ignore[misc]
            time.sleep(rng.uniform(0, 0.3))
        apply_rest(server)
    with server:
        apply_rest(server)
    assert not journal.refused
    journal.check(server.data)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("killed", ["supervisor", "supervisor and applier"])
def test_the_orphans_of_a_killed_supervisor_end_by_themselves(tmp_path: Path, killed: str) -> None:
    """Else a new server could not have the directory. It starts at once and waits. About 4 s."""
    journal = Journal()
    server = Server(tmp_path)
    server.start()
    with closing(server):
        with load(server, journal, seed=SEED, connections=3):
            time.sleep(0.5)
            supervisor, *orphans = server.pids()
            dead = [supervisor] if killed == "supervisor" else [supervisor, server.applier()]
            for pid in dead:
                os.kill(pid, signal.SIGKILL)
            server.wait()
            try:
                wait_for(lambda: all(map(_is_gone, orphans)), 5)
            finally:
                for pid in orphans:
                    if not _is_gone(pid):
                        os.kill(pid, signal.SIGKILL)
            server.restart()
            time.sleep(0.3)
        apply_rest(server)
    assert not journal.refused
    journal.check(server.data)


def _is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    # A process that nobody has waited for is over as well.
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
