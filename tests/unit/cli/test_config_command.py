"""`analytex config show`."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from analytex.settings import table

Run = Callable[..., Result]

SECRET = "a-very-secret-key"


@pytest.fixture(autouse=True)
def four_sources(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file, two variables, one of them a secret; the command line is the tests' own."""
    (tmp_path / "analytex.toml").write_text("body_limit = 2048\nworkers = 2")
    monkeypatch.setenv("ANALYTEX_WORKERS", "3")
    monkeypatch.setenv("ANALYTEX_API_KEY", SECRET)


def test_show_prints_every_setting_with_its_origin(run: Run) -> None:
    """It answers: which value does the server see, and who set it?"""
    result = run("config", "show", "--data", "elsewhere")

    lines = result.stdout.splitlines()
    assert "data = elsewhere  (command line)" in lines
    assert "workers = 3  (environment ANALYTEX_WORKERS)" in lines
    assert "body_limit = 2048 bytes  (file analytex.toml)" in lines
    assert "company_from_metadata = true  (default)" in lines
    assert "app_token = not set  (default)" in lines
    assert [line.split(" = ")[0] for line in lines if " = " in line and line[0] != " "] == [
        row.name for row in table()
    ]
    assert all(row.sentence in " ".join(result.stdout.split()) for row in table())


def test_show_can_be_read_by_scripts(run: Run) -> None:
    """Values keep their types there."""
    found = {row["name"]: row for row in json.loads(run("config", "show", "--json").stdout)}

    assert list(found) == [row.name for row in table()]
    assert found["body_limit"] == {
        "name": "body_limit",
        "value": 2048,
        "origin": "file analytex.toml",
        "unit": "bytes",
        "variable": "ANALYTEX_BODY_LIMIT",
        "default": 1024 * 1024,
        "description": "Largest request body, unpacked; above it the answer is 413.",
    }
    assert found["app_token"]["value"] is None


@pytest.mark.parametrize("words", [[], ["--json"]])
def test_show_masks_secrets(run: Run, words: list[str]) -> None:
    """Its output is pasted into tickets. That a secret is set, and where, is still shown."""
    result = run("config", "show", *words)

    assert SECRET not in result.output
    assert "********" in result.stdout
    assert "environment ANALYTEX_API_KEY" in result.stdout
