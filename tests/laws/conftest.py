"""How the laws are tried: some hundred examples each, the same ones everywhere."""

import os
from collections.abc import Iterator
from typing import Final

import pytest
from hypothesis import HealthCheck, settings

from tests.laws.world import World

EXAMPLES: Final = os.environ.get("ANALYTEX_EXAMPLES")  # so many, and new ones each time

settings.register_profile(
    "analytex",
    max_examples=int(EXAMPLES or 200),
    derandomize=EXAMPLES is None,  # else CI would fail by chance
    database=None,
    deadline=None,  # an example commits to a disk, which may be busy
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("analytex")


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The world of all laws."""
    world = World(tmp_path_factory.mktemp("world"))
    yield world
    world.close()
