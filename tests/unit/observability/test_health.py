"""When the server is ready, and the reasons when it is not."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest

from analytex.observability.health import FAILED_FLUSH_S, STALE_S, State, is_running, readiness
from analytex.observability.meters import ApplierMeter, Snapshot, WorkerMeter


def applier(**changes: float) -> Snapshot:
    snapshot = ApplierMeter().snapshot()
    for name, value in changes.items():
        setattr(snapshot, name, value)
    return snapshot


def worker(failed_at: float | None = None) -> Snapshot:
    meter = WorkerMeter("worker-0", ("",))
    meter.flushes.failed_at = failed_at
    return meter.snapshot()


def state(**changes: Any) -> State:
    """Return that of a server to which nothing is wrong, but for these changes."""
    fine = State(
        log_end=5, applied=5, lag_s=0, disk_size=100, disk_free=50, snapshots=[applier(), worker()]
    )
    return fine._replace(**changes)


def codes(given: State) -> list[str]:
    found = readiness(given, lag_s=60, disk_bytes=10)
    assert found.ready == (not found.reasons)
    return [each.code for each in found.reasons]


def test_a_server_that_gets_on_is_ready() -> None:
    """No reason against it is the only condition."""
    assert codes(state()) == []


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        (lambda: {"lag_s": 61}, "lag"),
        (lambda: {"disk_free": 9}, "disk_full"),
        (lambda: {"problem": "The event log cannot be read."}, "not_readable"),
        (lambda: {"snapshots": [worker()]}, "applier_not_running"),
        (
            lambda: {"snapshots": [applier(at=time.time() - STALE_S - 1), worker()]},
            "applier_not_running",
        ),
        (lambda: {"snapshots": [applier(), worker(time.time())]}, "log_not_written"),
    ],
    ids=["lag", "disk", "unreadable", "no applier", "applier hangs", "failed flush"],
)
def test_each_trouble_is_a_reason(changes: Callable[[], dict[str, Any]], code: str) -> None:
    """Who is woken at night reads it first."""
    assert codes(state(**changes())) == [code]


def test_a_failed_flush_is_forgiven_after_a_while() -> None:
    """Otherwise a server that is sent nothing for it would never be ready again."""
    long_ago = time.time() - FAILED_FLUSH_S - 1

    assert codes(state(snapshots=[applier(), worker(long_ago)])) == []


def test_a_process_that_ended_does_not_run() -> None:
    """Its numbers may be a moment old when it dies."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()

    assert is_running(applier(), time.time())
    assert not is_running(applier(pid=ended.pid), time.time())


def test_a_process_that_may_not_be_signalled_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """The system says so only of one that exists (kill(2))."""

    def kill(pid: int, number: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "kill", kill)
    assert is_running(applier(), time.time())
