"""Places where jobs are done."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from analytex.jobs import loading, rows
from analytex.storage.embedded import apply as engine
from tests.unit.jobs.erasing import World
from tests.unit.jobs.workplace import Workplace


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Workplace]:
    """An empty data directory."""
    folder = tmp_path / "data"
    folder.mkdir()
    with closing(Workplace(folder)) as place:
        yield place


@pytest.fixture
def one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """A chunk is one row."""

    def load(orders: loading.LoadOrders) -> loading.Loading:
        return loading.load(msgspec.structs.replace(orders, rows=1))

    monkeypatch.setattr(rows, "load", load)


@pytest.fixture(params=[8192, 4], ids=["tail", "segments"])
def world(
    tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[World]:
    """A data directory to delete in; its events lie in the tail, or most of them in segments."""
    monkeypatch.setattr(engine, "SEGMENT_ROWS", request.param)
    with closing(World(tmp_path)) as world:
        yield world
