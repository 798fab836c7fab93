"""What all tests share."""

import signal
from collections.abc import Iterator

import pytest

from tests.server import Client, Server

pytest_plugins = ["tests.no_skip"]

# A shell that starts the tests in the background lets them ignore Ctrl-C, and what a test starts
# would inherit that, though it is to end by it.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say at the end what a test measured and gave to `record_property` as `told`.

    It stands here as the process that reports, where several run tests, knows no other folder.
    """
    for report in terminalreporter.getreports("passed"):
        for name, value in report.user_properties:
            if name == "told":
                terminalreporter.write_line(str(value))


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The server that tests share, each in an environment of its own; nobody stops it."""
    with Server(tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture
def client(server: Server) -> Client:
    """An environment that only this test uses."""
    return server.new_environment()
