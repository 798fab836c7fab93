"""When the applier seals, tidies and waits; the process itself is a thread in these tests."""

from collections.abc import Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Final

import pytest

from analytex.apply.catalogue import Cataloguer
from analytex.domain.history import DAY, FOLDER
from analytex.jobs import sealing as module
from analytex.jobs.sealer_pipe import Keep
from analytex.jobs.sealing import Plan, Sealing
from analytex.service.sealing import Retention, retention_of
from analytex.settings import Settings
from analytex.storage.embedded import apply as embedded_apply
from analytex.storage.open import (
    ask_for_sealing,
    open_catalogue_store,
    open_key_store,
    open_read_store,
    open_seal_store,
)
from tests.history.inside import ThreadRun
from tests.history.test_table import MONDAY, event, store

HOT: Final = 20  # `hot_events`
AFTER_S: Final = 100.0  # `seal_after`


class Applier:
    """The applier's loop, as far as sealing sees it, with a clock that the test moves."""

    def __init__(self, directory: Path, keep: Keep) -> None:
        self.directory = directory
        self.seconds = 0.0
        self.syncs = 0
        self.stored = 0
        self.seals = open_seal_store(directory)
        self.sealing = Sealing(
            directory,
            self.seals,
            Plan(HOT, AFTER_S, lambda now: keep),
            sync=self._sync,
            clock=lambda: self.seconds,
            now=lambda: MONDAY + 10 * DAY + round(self.seconds * 1_000_000),
        )
        self._cataloguer = Cataloguer(open_catalogue_store(directory))

    def add(self, count: int, *, day: int = 9) -> None:
        """Store events."""
        store(self.directory, [event(self.stored + n, day=day) for n in range(count)])
        self.stored += count

    def work(self, seconds: float = 1.0) -> int:
        """Let time pass and do what is to be done; return what is sealed then."""
        self.seconds += seconds
        for _ in range(2000):
            worked = self._cataloguer.step(idle=True) or self.sealing.step(idle=True)
            if not worked and self.sealing._run is None:
                break
        return self.seals.hot().sealed

    def close(self) -> None:
        """Close everything."""
        self.sealing.close()
        self._cataloguer.close()

    def _sync(self) -> None:
        self.syncs += 1


@pytest.fixture
def keep() -> Keep:
    """All events are kept."""
    return Keep()


@pytest.fixture
def applier(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keep: Keep) -> Iterator[Applier]:
    """With short segments, and small numbers where there are large ones."""
    monkeypatch.setattr(embedded_apply, "SEGMENT_ROWS", 5)
    monkeypatch.setattr(module, "FEW_EVENTS", 5)
    monkeypatch.setattr(module, "Run", ThreadRun)
    with closing(Applier(tmp_path, keep)) as applier:
        yield applier


def test_nothing_is_sealed_while_there_is_little(applier: Applier) -> None:
    """Small files are of no use to anybody."""
    applier.add(HOT - 1)
    assert applier.work() == 0
    assert not (applier.directory / FOLDER).exists()


def test_whole_segments_are_sealed_when_there_is_much(applier: Applier) -> None:
    """What is behind the last one stays hot; the store is safe on disk before."""
    applier.add(HOT + 7)
    assert applier.work() == 25
    assert applier.syncs == 1
    hot = applier.seals.hot()
    assert (hot.removed, hot.last) == (25, 27)
    with closing(open_read_store(applier.directory)) as reads:
        assert sum(map(len, reads.scan_events(batch=10))) == 2


def test_a_few_events_are_sealed_after_a_while(applier: Applier) -> None:
    """So that history is not far behind, for those who read the table themselves."""
    applier.add(12)
    assert applier.work() == 0
    assert applier.work(AFTER_S / 2) == 0
    assert applier.work(AFTER_S) == 10


def test_all_is_sealed_when_somebody_asks(applier: Applier) -> None:
    """Even what is no whole segment."""
    applier.add(3)
    assert ask_for_sealing(applier.directory) == 3
    applier.work()
    assert applier.work() == 3


def test_nothing_begins_while_it_is_held(applier: Applier) -> None:
    """A deletion changes events on both sides, and none may be on its way in between."""
    applier.sealing.hold()
    applier.add(HOT * 2)
    assert applier.work() == 0
    applier.sealing.release()
    assert applier.work() == HOT * 2


def test_sealed_events_are_removed_when_there_is_nothing_better_to_do(applier: Applier) -> None:
    """Or when there are too many of them, or a deletion waits for it."""
    applier.add(HOT + 5)
    applier.seconds += 1
    while applier.seals.hot().sealed == 0:
        applier._cataloguer.step(idle=True)
        applier.sealing.step(idle=False)
    while applier.sealing._run is not None:
        applier.sealing.step(idle=False)
    assert not applier.sealing.step(idle=False)
    assert not applier.sealing.rests()

    applier.sealing.hold()
    while applier.sealing.step(idle=False):
        pass
    assert applier.sealing.rests()


def test_the_files_of_a_day_are_put_together(applier: Applier) -> None:
    """After a while, when no more came."""
    for _ in range(3):
        applier.add(HOT)
        applier.work()
    assert len(list((applier.directory / FOLDER).rglob("*.parquet"))) == 3
    applier.work(1000)
    applier.work(1000)  # until then the old files stay for others
    applier.work(1000)
    assert len(list((applier.directory / FOLDER).rglob("*.parquet"))) == 1


@pytest.mark.parametrize("keep", [Keep(default=MONDAY + 5 * DAY)], ids=["five days"])
def test_what_is_too_old_goes(applier: Applier) -> None:
    """From history and from the hot events, every day."""
    applier.add(HOT, day=3)
    applier.add(HOT, day=7)
    applier.work()
    applier.add(1, day=4)
    applier.add(1, day=6)
    for _ in range(30):
        applier.work(3600)
    with closing(open_read_store(applier.directory)) as reads:
        days = {file.day - MONDAY // DAY for file in reads.all_history_files()}
        hot = {each.inserted_at // DAY for some in reads.scan_events(batch=9) for each in some}
    assert days == {7}
    assert hot <= {(MONDAY // DAY) + 6}


def test_a_process_that_fails_is_started_again_later(
    applier: Applier, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A little later each time; the applier goes on."""
    starts: list[float] = []

    class Failing(ThreadRun):
        def _work(self, orders: object) -> None:
            starts.append(applier.seconds)
            self._error = OSError("no space")

    monkeypatch.setattr(module, "Run", Failing)
    applier.add(HOT)
    for _ in range(60):
        applier.work()
    pauses = [later - one for one, later in pairwise(starts)]
    assert pauses == sorted(pauses)
    assert 3 <= len(starts) <= 6
    monkeypatch.setattr(module, "Run", ThreadRun)
    assert applier.work(1000) == HOT


def test_retention_is_set_for_all_and_for_some(tmp_path: Path) -> None:
    """In whole days, so that a day is there or it is not."""
    assert retention_of("NX-a=30  NX-b=0") == {"NX-a": 30, "NX-b": 0}
    with closing(open_key_store(tmp_path)) as keys:
        ids = [keys.create_environment(app_token=f"NX-{n}", name="", at=1).id for n in "abc"]
    settings = Settings(
        data=str(tmp_path), retention_days=7, retention_days_of="NX-a=1 NX-b=0 NX-z=5"
    )
    kept = Retention(settings)(MONDAY + 5)
    assert kept.since(ids[0]) == MONDAY - DAY
    assert kept.since(ids[1]) is None
    assert kept.since(ids[2]) == MONDAY - 7 * DAY
    assert Retention(Settings(data=str(tmp_path)))(MONDAY) == Keep()
