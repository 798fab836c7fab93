"""Refusals are written beside what is accepted, and a flood costs no more than its queue."""

import threading
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest

from analytex.domain.quarantine import Refused, RefusedFilter
from analytex.errors import Unavailable
from analytex.jobs import recorder as recorder_module
from analytex.jobs.recorder import QUEUE, QUEUES, Recorder
from analytex.storage.open import open_quarantine_store
from tests.refusals import ENVIRONMENT, refused


class FakeStore:
    """Remembers what is written; waits before that while it is held."""

    def __init__(self) -> None:
        self.added: list[Refused] = []
        self.dropped: dict[int, int] = {}
        self.free = threading.Event()
        self.free.set()
        self.entered = threading.Event()
        self.broken = False

    def add(self, some: Sequence[Refused], dropped: Mapping[int, int], **_: Any) -> int:
        """Write."""
        self.entered.set()
        assert self.free.wait(10)
        if self.broken:
            raise Unavailable(details="The disk is full.")
        self.added += some
        for environment_id, count in dropped.items():
            self.dropped[environment_id] = self.dropped.get(environment_id, 0) + count
        return len(some)

    def expire(self, before: int, *, limit: int) -> int:
        """Nothing is too old."""
        return 0

    def close(self) -> None:
        """Nothing is open."""


def recorder_of(store: FakeStore, **changes: Any) -> Recorder:
    """Return a recorder that writes there."""
    given = {"keep_s": 60.0, "limit_bytes": 1_000_000, **changes}
    return Recorder(lambda: cast(Any, store), **given)


def test_what_is_recorded_is_written_before_the_end(tmp_path: Path) -> None:
    """A clean stop loses nothing."""
    recorder = Recorder(partial(open_quarantine_store, tmp_path), keep_s=60, limit_bytes=10**6)
    for n in range(20):
        recorder.record(refused(n))
    recorder.close()

    store = open_quarantine_store(tmp_path)
    assert store.count(ENVIRONMENT, RefusedFilter()) == 20
    assert (recorder.recorded, recorder.dropped) == (20, 0)
    store.close()


def test_a_flush_waits_for_what_came_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """A read sees what its own worker has refused, and does not wait for the next round."""
    monkeypatch.setattr(recorder_module, "GATHER_S", 5.0)
    store = FakeStore()
    recorder = recorder_of(store)
    recorder.record(refused(1))

    began = time.monotonic()
    recorder.flush()

    assert [each.id for each in store.added] == [f"{1:020x}"]
    assert time.monotonic() - began < 1
    recorder.close()


def test_a_flood_drops_the_oldest_that_wait_and_counts_them() -> None:
    """The newest are those that somebody looks for."""
    store = FakeStore()
    store.free.clear()
    recorder = recorder_of(store)
    recorder.record(refused(0))
    assert store.entered.wait(5)  # the disk hangs from now on
    for n in range(1, QUEUE + 11):
        recorder.record(refused(n))
    store.free.set()
    recorder.close()

    assert len(store.added) == 1 + QUEUE
    assert [each.id for each in store.added[1:3]] == [f"{n:020x}" for n in (11, 12)]
    assert store.dropped == {ENVIRONMENT: 10}
    assert (recorder.recorded, recorder.dropped) == (1 + QUEUE, 10)


def test_many_environments_do_not_add_up_without_end() -> None:
    """Memory is bounded however many keys there are; whoever has most waiting gives way."""
    store = FakeStore()
    store.free.clear()
    recorder = recorder_of(store)
    recorder.record(refused(0))
    assert store.entered.wait(5)
    for n in range(QUEUE):
        recorder.record(refused(n, environment_id=1000))
    for n in range(2 * QUEUES):
        recorder.record(refused(n, environment_id=n))
    store.free.set()
    recorder.close()

    assert len(store.added) <= 1 + QUEUES
    assert len(store.added) + sum(store.dropped.values()) == 1 + QUEUE + 2 * QUEUES


def test_what_cannot_be_written_is_counted_later() -> None:
    """A full disk does not stop anything, and is told once the count can be written."""
    store = FakeStore()
    store.broken = True
    recorder = recorder_of(store)
    recorder.record(refused(1))
    recorder.flush()
    store.broken = False
    recorder.record(refused(2))
    recorder.close()

    assert [each.id for each in store.added] == [f"{2:020x}"]
    assert store.dropped == {ENVIRONMENT: 1}


def test_recording_never_waits() -> None:
    """It happens on the event loop, where calls are accepted."""
    store = FakeStore()
    store.free.clear()
    recorder = recorder_of(store)
    began = time.monotonic()
    for n in range(1000):
        recorder.record(refused(n))
    took = time.monotonic() - began
    store.free.set()
    recorder.close()

    assert took < 0.5


def test_with_nothing_to_keep_nothing_is_recorded() -> None:
    """Some may not keep such bodies."""
    store = FakeStore()
    recorder = recorder_of(store, keep_s=0)
    recorder.record(refused(1))
    recorder.close()

    assert store.added == []
