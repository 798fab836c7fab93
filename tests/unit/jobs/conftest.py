"""A place where jobs are done."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from analytex.jobs import loading, rows
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
