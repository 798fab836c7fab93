"""The page of the server itself."""

import sqlite3

import pytest

from analytex import __version__
from analytex.console.system import AT_THE_START, MASK, origin, versions
from analytex.settings import Loaded, Settings, load, table
from tests.console.browser import Browser
from tests.server import KEY, Server


def test_it_shows_how_the_server_is_and_what_fills_the_disk(
    server: Server, browser: Browser
) -> None:
    """What one asks first when something is wrong."""
    text = browser.page("/console/system")

    for part in ("Ready", "store.db", "worker-0", "applier", __version__, sqlite3.sqlite_version):
        assert part in text
    assert "analytex backup /backups/" in text
    assert f"--data {server.data}" in text


def test_it_shows_each_setting_and_hides_secrets(browser: Browser) -> None:
    """As `analytex config show`; the key of the settings must not stand in a page."""
    text = browser.page("/console/system")

    for row in table():
        assert f"<code>{row.name}</code>" in text
    assert KEY not in text
    assert MASK in text
    assert "environment ANALYTEX_API_KEY" in text


@pytest.mark.parametrize(
    ("environment", "used", "expected"),
    {
        "nobody set it": ({}, 1, "default"),
        "a variable": ({"ANALYTEX_WORKERS": "3"}, 3, "environment ANALYTEX_WORKERS"),
        "the command line": ({}, 5, AT_THE_START),
        "the command line, before a variable": ({"ANALYTEX_WORKERS": "3"}, 5, AT_THE_START),
    }.values(),
)
def test_the_origin_of_a_setting_is_found_by_its_value(
    environment: dict[str, str], used: int, expected: str
) -> None:
    """A worker is told values only; it must not say a wrong origin."""
    row = next(row for row in table() if row.name == "workers")
    loaded: Loaded = load(environment=environment)

    assert origin(row, Settings(workers=used), loaded) == expected


def test_versions_name_all_that_data_depends_on() -> None:
    """Reports of a problem begin with these."""
    names = [name for name, _ in versions()]

    assert names == ["analytex", "Python", "SQLite", "DuckDB", "deltalake", "System"]
    assert all(version for _, version in versions())
