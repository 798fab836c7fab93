"""A store of keys with one environment."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from analytex.auth.environments import create_environment
from analytex.auth.keys import NewKey, create_key
from analytex.domain.environments import Environment, Permission
from tests.unit.auth.watched import Clock, MakeKey, WatchedStore


@pytest.fixture
def clock() -> Clock:
    """The time, which stands still."""
    return Clock()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[WatchedStore]:
    """An empty store."""
    with closing(WatchedStore(tmp_path / "store.db")) as store:
        yield store


@pytest.fixture
def production(store: WatchedStore) -> Environment:
    """The environment `production` in it."""
    return create_environment(store, name="production", app_token="NX-0a1b2c3d", at=1_000)


@pytest.fixture
def make(store: WatchedStore, production: Environment) -> MakeKey:
    """Make a key of the environment `production`."""

    def make_it(*permissions: Permission, secret: str | None = None) -> NewKey:
        return create_key(
            store,
            environment_id=production.id,
            name="test",
            permissions=permissions or (Permission.INGEST,),
            at=1_000,
            secret=secret,
        )

    return make_it
