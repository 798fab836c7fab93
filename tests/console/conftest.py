"""What tests of the console share."""

from collections.abc import Iterator

import pytest

from tests.console.browser import Browser
from tests.server import Client, Server


@pytest.fixture
def stranger(server: Server) -> Iterator[Browser]:
    """Somebody who is not signed in."""
    with Browser(server) as browser:
        yield browser


@pytest.fixture
def browser(client: Client) -> Iterator[Browser]:
    """Somebody who is signed in with the admin key of the environment of `client`."""
    with Browser(client.server) as browser:
        browser.sign_in(client)
        yield browser
