"""When events are catalogued: if there is time, or if it must not wait longer."""

from collections.abc import Sequence

import pytest

from analytex.apply import catalogue
from analytex.apply.catalogue import PIECES, Cataloguer
from analytex.domain.catalogue import Findings, Sample
from analytex.storage.catalogue import Run


class Store:
    """As much of a store as is asked for."""

    def __init__(self, waiting: int) -> None:
        self.end = waiting
        self.done = 0

    def waiting(self) -> int:
        return self.end - self.done

    def next(self, *, limit: int, limit_bytes: int) -> Run:
        samples: Sequence[Sample] = ()
        return Run(samples, self.done, min(self.done + limit, self.end))

    def add(self, found: Findings, *, start: int, upto: int) -> None:
        assert start == self.done
        self.done = upto

    def close(self) -> None:
        pass


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue, "EVENTS", 10)
    monkeypatch.setattr(catalogue, "MOST_BEHIND", 100)


def test_nothing_to_do_is_told() -> None:
    """The applier then goes to sleep."""
    assert not Cataloguer(Store(0)).step(idle=True)
    assert not Cataloguer(Store(0)).step(idle=False)


def test_an_idle_applier_catalogues_piece_by_piece() -> None:
    """Between two pieces it looks for calls again."""
    store = Store(25)
    cataloguer = Cataloguer(store)
    assert [cataloguer.step(idle=True) for _ in range(4)] == [True, True, True, False]
    assert store.done == 25


def test_a_busy_applier_puts_it_off() -> None:
    """Calls and rows come first."""
    store = Store(100)
    assert not Cataloguer(store).step(idle=False)
    assert store.done == 0


def test_it_cannot_be_put_off_for_ever() -> None:
    """Else lookups would have to look at ever more events themselves."""
    store = Store(101)
    assert Cataloguer(store).step(idle=False)
    assert store.done == 10 * PIECES
