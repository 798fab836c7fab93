"""Files that kill whoever reads them are given up on; all others are read to their end."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from analytex.domain.jobs import Counts, JobStatus
from analytex.jobs import loading, rows
from analytex.jobs.loading import LoaderDied
from analytex.jobs.rows import MAX_STARTS
from tests.unit.jobs.workplace import (
    BAD,
    Workplace,
    lines,
    names,
    track,
)


class Deadly:
    """A file that is read up to a point, at which the reader dies."""

    def __init__(self, deaths: int, after: int = 0) -> None:
        self.deaths = deaths
        self._after = after
        self.begun = 0

    def load(self, orders: loading.LoadOrders) -> loading.Loading:
        """Begin to read it."""
        self.begun += 1
        orders = msgspec.structs.replace(orders, rows=1)
        return Dying(orders, self)

    def reached(self, row: int) -> None:
        """Die, if it is time."""
        if row >= self._after and self.deaths:
            self.deaths -= 1
            raise LoaderDied("exit code -9")


class Dying(loading.LoadHere):
    """One reader of it."""

    def __init__(self, orders: loading.LoadOrders, file: Deadly) -> None:
        super().__init__(orders)
        self._file = file
        self._row = orders.start.row

    def next(self) -> Any:
        """Return the next chunk, or die."""
        self._file.reached(self._row)
        self._row += 1
        return super().next()


@pytest.fixture
def deadly(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Deadly]:
    """Let files be deadly."""

    def make(deaths: int, after: int = 0) -> Deadly:
        file = Deadly(deaths, after)
        monkeypatch.setattr(rows, "load", file.load)
        return file

    return make


def test_a_reader_that_dies_is_replaced(place: Workplace, deadly: Callable[..., Deadly]) -> None:
    """By one that goes on from where the store is."""
    file = deadly(deaths=2, after=1)

    job = place.do(lines(track(name="a"), BAD, track(name="b")))

    assert (job.status, job.counts, file.begun) == (JobStatus.COMPLETED, Counts(2, 1), 3)
    assert names(place) == ["a", "b"]


def test_a_file_that_kills_every_reader_is_given_up_on(
    place: Workplace, deadly: Callable[..., Deadly]
) -> None:
    """Else it would be tried for ever, and no other file would get its turn."""
    file = deadly(deaths=100)

    job = place.do(lines(track()))

    assert (job.status, file.begun) == (JobStatus.FAILED, MAX_STARTS)
    assert job.reason == f"It was begun {MAX_STARTS} times and never got on."


def test_a_job_that_gets_on_between_deaths_is_not_given_up_on(place: Workplace) -> None:
    """A server that is restarted often still finishes what it has."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rows, "load", Deadly(0).load)
        place.submit(lines(*(track(name=str(n)) for n in range(3 * MAX_STARTS))))
        for _ in range(2 * MAX_STARTS):
            place.task().step()
        job = place.work(place.task())

    assert job.counts == Counts(completed=3 * MAX_STARTS)


def test_deaths_of_the_applier_count_as_well(place: Workplace) -> None:
    """A file small enough to be read there can kill only it."""
    place.submit(lines(track()))
    number = place.task().job.number
    for _ in range(MAX_STARTS):
        place.store.begin_job(number, at=1)

    assert place.work(place.task()).status is JobStatus.FAILED
