"""Running commands as a shell would, in an empty folder."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from analytex.cli.main import main
from tests.unit.cli.fake_server import FakeServer


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Run `analytex` with these words and return exit code, standard output and error."""
    monkeypatch.chdir(tmp_path)
    for name in ("DATA", "CONFIG", "API_KEY", "APP_TOKEN", "URL"):
        monkeypatch.delenv(f"ANALYTEX_{name}", raising=False)

    def run_it(*words: str, input: bytes | None = None) -> Result:
        result = CliRunner().invoke(main, words, prog_name="analytex", input=input)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run_it


@pytest.fixture
def fake(run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeServer]:
    """A stand-in for a server, to which commands speak unless they are told otherwise."""
    with FakeServer() as server:
        monkeypatch.setenv("ANALYTEX_URL", server.url)
        monkeypatch.setenv("ANALYTEX_API_KEY", server.key)
        monkeypatch.setattr("analytex.cli.following.LOOK_EVERY_S", 0.001)
        yield server
