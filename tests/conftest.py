"""What all tests share."""

from collections.abc import Iterator

import pytest

from tests.server import Client, Server

pytest_plugins = ["tests.no_skip"]


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The server that tests share, each in an environment of its own; nobody stops it."""
    with Server(tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture
def client(server: Server) -> Client:
    """An environment that only this test uses."""
    return server.new_environment()
