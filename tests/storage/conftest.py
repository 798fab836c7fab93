"""A store of each engine, from both sides."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from analytex.storage.interface import ApplyStore, ReadStore
from tests.storage.engines import ENGINES, Engine


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Engine:
    """Each engine."""
    return ENGINES[request.param]


@pytest.fixture
def open_apply(engine: Engine, tmp_path: Path) -> Iterator[Callable[[], ApplyStore]]:
    """Open the applier's side again and again, as several processes do."""
    opened: list[ApplyStore] = []

    def open_it() -> ApplyStore:
        opened.append(engine.apply(tmp_path))
        return opened[-1]

    yield open_it
    for store in opened:
        store.close()


@pytest.fixture
def apply(open_apply: Callable[[], ApplyStore]) -> ApplyStore:
    """The applier's side of a store in which nothing is yet."""
    return open_apply()


@pytest.fixture
def read(apply: ApplyStore, engine: Engine, tmp_path: Path) -> Iterator[ReadStore]:
    """The readers' side of the same store."""
    store = engine.read(tmp_path)
    yield store
    store.close()
