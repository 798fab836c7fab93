"""What tests in a real browser share: Chromium, a server with demo data, and who looks at it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.browser import chromium
from tests.browser.person import Person
from tests.browser.town import fill
from tests.server import Client, Server

HERE = Path(__file__).parent


class _Running:
    """Chromium, started for the first test that needs it and ended after the last of this folder.

    Playwright keeps an event loop running in this thread until it is ended, so async tests of
    other folders could not start theirs.
    """

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._browser: Browser | None = None

    def browser(self) -> Browser:
        if self._browser is None:
            program = chromium.find()
            if program is None:
                pytest.skip(f"none of {', '.join(chromium.NAMES)} is installed")
            self._browser = self._stack.enter_context(chromium.started(program))
        return self._browser

    def end(self) -> None:
        self._browser = None
        self._stack.close()


_running = _Running()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(nextitem: pytest.Item | None) -> Iterator[Any]:
    """End Chromium when the next test is not one of this folder."""
    try:
        return (yield)
    finally:
        if nextitem is None or HERE not in nextitem.path.parents:
            _running.end()


@pytest.fixture
def browser() -> Browser:
    """Chromium, without a window."""
    return _running.browser()


@pytest.fixture(scope="session")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose first environment holds weeks of a made-up product; nobody changes them."""
    with Server(tmp_path_factory.mktemp("town")) as server:
        fill(server)
        yield server


@pytest.fixture
def somebody(browser: Browser, town: Server) -> Iterator[Callable[..., Person]]:
    """Opens a browser for one more person; the test fails on anything that is amiss in it.

    What is given goes to Playwright's `new_context`.
    """
    people: list[Person] = []

    def come(**options: Any) -> Person:
        people.append(Person(browser.new_context(**options), town.url))
        return people[-1]

    yield come
    assert [problem for person in people for problem in person.leaves()] == []


@pytest.fixture
def person(somebody: Callable[..., Person]) -> Person:
    """Somebody who is not signed in."""
    return somebody()


@pytest.fixture
def guest(town: Server) -> Client:
    """An environment of that server that only this test uses."""
    return town.new_environment()
