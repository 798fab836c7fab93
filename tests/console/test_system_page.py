"""The page of the server itself."""

import json
import sqlite3
from pathlib import Path

import pytest

from analytex import __version__
from analytex.console.system import versions
from analytex.settings import MASK, table
from analytex.storage.last_backup import FILE
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


@pytest.mark.slow  # 1 s: runs the command
def test_it_says_when_the_last_backup_was_made(
    server: Server, browser: Browser, tmp_path: Path
) -> None:
    """That is what whoever opens the page comes to see; a server without one says so."""
    (server.data / FILE).unlink(missing_ok=True)
    assert "No backup of this server is known" in browser.page("/console/system")

    made = server.command("backup", str(tmp_path / "copy"), "--json")

    assert made.returncode == 0, made.stderr
    text = browser.page("/console/system")
    assert str(tmp_path / "copy") in text
    assert json.loads(made.stdout)["began_at"].rstrip("Z") in text
    assert "No backup of this server is known" not in text
    assert not (tmp_path / "copy" / "data" / FILE).exists()


def test_it_shows_each_setting_and_hides_secrets(browser: Browser) -> None:
    """As `analytex config show`; the key of the settings must not stand in a page."""
    text = browser.page("/console/system")

    for row in table():
        assert f"<code>{row.name}</code>" in text
    assert KEY not in text
    assert MASK in text
    assert "environment ANALYTEX_API_KEY" in text


def test_it_says_where_each_setting_is_from(server: Server, browser: Browser) -> None:
    """Exactly as the start found it: a value given by the command line may equal a default."""
    text = browser.page("/console/system")

    set_here = text.partition("<code>port</code>")[2].partition("</tr>")[0]
    assert "command line" in set_here


def test_versions_name_all_that_data_depends_on() -> None:
    """Reports of a problem begin with these."""
    names = [name for name, _ in versions()]

    assert names == ["analytex", "Python", "SQLite", "DuckDB", "deltalake", "System"]
    assert all(version for _, version in versions())
