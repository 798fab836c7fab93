"""The command `analytex`: what its subcommands have in common."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.testing import Result

from analytex import __version__
from analytex.cli import main as main_module
from analytex.cli.main import SUBCOMMANDS, main

Run = Callable[..., Result]


@pytest.mark.parametrize("words", [["-h"], ["--help"], ["keys", "-h"], ["keys", "create", "-h"]])
def test_every_level_explains_itself(run: Run, words: list[str]) -> None:
    """Both spellings, as people try them."""
    result = run(*words)

    assert result.exit_code == 0
    assert result.stdout.startswith("Usage: analytex ")


def test_the_version_is_the_packages(run: Run) -> None:
    """It is what a report of a defect begins with."""
    assert run("--version").stdout == f"analytex {__version__}\n"


def test_the_help_documents_the_exit_codes(run: Run) -> None:
    """Scripts decide by them."""
    text = " ".join(run("--help").stdout.split())

    for code in ("0 done", "1 it failed", "2 the command line", "130 interrupted"):
        assert code in text


@pytest.mark.parametrize("name", SUBCOMMANDS)
def test_the_list_says_what_the_command_says(name: str) -> None:
    """The list is written without importing the commands, so it has its own copy."""
    command = main.get_command(click.Context(main), name)

    assert command is not None
    assert command.name == name
    assert command.get_short_help_str(1_000) == SUBCOMMANDS[name].sentence


def test_the_help_imports_no_subcommand() -> None:
    """`analytex --help` answers at once, and `analytex keys` does not load the server."""
    code = (
        "import sys; from analytex.cli.main import main; main(['--help'], standalone_mode=False);"
        "print([m for m in sys.modules if m.startswith('analytex.')], file=sys.stderr)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30
    )

    assert "Run the server" in result.stdout
    loaded = set(result.stderr.strip(" []\n").replace("'", "").split(", "))
    assert loaded == {"analytex.cli", "analytex.cli.main", "analytex.errors"}


@pytest.mark.parametrize(
    "words",
    [["serf"], ["keys", "creat"], ["keys", "list", "--colour"], ["keys", "revoke"]],
)
def test_a_line_that_is_not_understood_is_exit_code_2(run: Run, words: list[str]) -> None:
    """A script can tell a wrong line from a thing that failed."""
    result = run(*words)

    assert (result.exit_code, result.stdout) == (2, "")
    assert "Error: " in result.stderr


def test_a_failure_is_a_sentence_and_exit_code_1(run: Run) -> None:
    """No traceback: the person at the terminal did nothing to our code."""
    result = run("keys", "list")

    assert (result.exit_code, result.stdout) == (1, "")
    first, second = result.stderr.splitlines()
    assert first.startswith("Error: There is no analytex data in ")
    assert "`analytex serve`" in second


def test_a_wrong_setting_is_a_failure_with_its_source(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Settings are read by every command."""
    monkeypatch.setenv("ANALYTEX_PORT", "http")

    result = run("config", "show")

    assert result.exit_code == 1
    assert "Error: The setting `port` (environment ANALYTEX_PORT) is not valid" in result.stderr


def test_ctrl_c_ends_without_a_traceback(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """130 is what a shell reports for a program that was interrupted."""

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("analytex.cli.keys.open_key_store", interrupted)

    result = run("keys", "list")

    assert (result.exit_code, result.stdout, result.stderr) == (130, "", "\n")


def test_a_reader_that_went_away_is_no_accident(tmp_path: Path) -> None:
    """`analytex config show | head -1` shows one line and nothing else."""
    process = subprocess.Popen(
        [sys.executable, "-m", "analytex", "config", "show"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=tmp_path,
    )
    assert process.stdout is not None
    process.stdout.close()
    _, stderr = process.communicate(timeout=30)

    assert (process.returncode, stderr) == (1, b"")


def test_the_module_is_the_command(tmp_path: Path) -> None:
    """`python -m analytex` works where the script is not on the path."""
    words = [sys.executable, "-m", "analytex", "--version"]
    result = subprocess.run(words, capture_output=True, text=True, check=True, timeout=30)

    assert result.stdout == f"analytex {__version__}\n"
    assert main_module.INTERRUPTED == 130
