"""Running commands as a shell would, in an empty folder."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from analytex.cli.main import main


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Run `analytex` with these words and return exit code, standard output and error."""
    monkeypatch.chdir(tmp_path)
    for name in ("DATA", "CONFIG", "API_KEY", "APP_TOKEN"):
        monkeypatch.delenv(f"ANALYTEX_{name}", raising=False)

    def run_it(*words: str) -> Result:
        result = CliRunner().invoke(main, words, prog_name="analytex")
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run_it
