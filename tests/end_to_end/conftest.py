"""What some chapters share: both ways of HTTP, over a log in memory."""

from collections.abc import Iterator

import pytest

from tests.http_server import HttpServer


@pytest.fixture(scope="module")
def http(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HttpServer]:
    """Both ways, and a count of the requests that took the ordinary one."""
    with HttpServer(tmp_path_factory.mktemp("http")) as server:
        yield server
