"""`analytex verify`, on a data directory whose server is stopped."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import Result

from analytex.apply.loop import Applier
from analytex.auth.keys import prepare_first_start
from analytex.cli.verify import DIFFERENT
from analytex.eventlog.open import open_log_reader
from analytex.storage.open import open_apply_store, open_key_store

Run = Callable[..., Result]


@pytest.fixture
def data(run: Run, tmp_path: Path) -> Path:
    """A data directory with some weeks of the demo, applied."""
    directory = tmp_path / "analytex-data"
    with closing(open_key_store(directory)) as store:
        prepare_first_start(store, api_key="the-first-admin-key", app_token="NX-one", at=1_000)
    assert run("demo", "--users", "40", "--companies", "6", "--weeks", "1").exit_code == 0
    with (
        closing(open_log_reader(directory)) as log,
        closing(open_apply_store(directory)) as store_,
    ):
        Applier(log, store_, company_from_metadata=True).drain()
    return directory


def change(data: Path, sql: str) -> None:
    """Do to the store what a defect would."""
    with closing(sqlite3.connect(data / "store.db")) as db, db:
        db.execute(sql)


def test_it_says_that_there_is_no_difference(run: Run, data: Path) -> None:
    """And how much it looked at, so that nobody takes an empty directory for a good sign."""
    result = run("verify")

    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.startswith("No differences (")
    assert " events, 40 users, 6 companies)." in result.stdout


def test_a_difference_is_a_line_and_an_exit_code_of_its_own(run: Run, data: Path) -> None:
    """1 is a failure, which says nothing about the profiles."""
    change(data, "UPDATE users SET company_id = 'nowhere' WHERE user_id = 'u1-00001'")

    result = run("verify")

    assert (result.exit_code, result.stderr) == (DIFFERENT, "")
    first, last = result.stdout.splitlines()
    assert first == ('NX-one user u1-00001 company_id: stored "nowhere", events give "c1-0001"')
    assert last.startswith("1 difference (")


def test_profiles_that_only_one_side_has_are_named(run: Run, data: Path) -> None:
    """A lost user, and one that came from nowhere."""
    change(data, "DELETE FROM companies WHERE company_id = 'c1-0002'")
    change(data, "INSERT INTO companies VALUES (1, 'ghost', '{}', '{}', 5, NULL)")

    lines = run("verify").stdout.splitlines()

    assert lines[:2] == [
        "NX-one company c1-0002: not stored, but events name it",
        "NX-one company ghost: stored, but no event names it",
    ]


def test_the_list_of_text_is_bounded(run: Run, data: Path) -> None:
    """A store of a million wrong profiles should not fill a terminal."""
    change(data, "UPDATE users SET first_seen_at = 1")

    lines = run("verify", "--most", "3").stdout.splitlines()

    assert len(lines) == 5
    assert lines[3] == "... and 37 more; `--most` lists more of them, `--json` all."
    assert lines[4].startswith("40 differences (")


def test_json_lists_everything_line_by_line(run: Run, data: Path) -> None:
    """A script reads it as it comes, and the summary is always the last line."""
    change(data, "UPDATE users SET properties = json_set(properties, '$.role', 7)")

    result = run("verify", "--json", "--most", "1")

    *found, summary = map(json.loads, result.stdout.splitlines())
    assert result.exit_code == DIFFERENT
    assert found[0] == {
        "type": "difference",
        "app_token": "NX-one",
        "kind": "user",
        "id": "u1-00001",
        "property": "metadata.role",
        "stored": 7,
        "rebuilt": "owner",
    }
    assert len(found) == 40
    events = summary.pop("events")
    assert events > 300
    assert summary == {"type": "summary", "users": 40, "companies": 6, "differences": 40}


def test_what_senders_chose_does_no_harm_on_a_terminal(run: Run, data: Path) -> None:
    """Ids, names and values may hold control characters."""
    change(data, "UPDATE users SET user_id = char(27) || '[31m' WHERE user_id = 'u1-00003'")
    change(data, """UPDATE users SET properties = '{"role":"\u202e"}' WHERE user_id = 'u1-00004'""")

    assert run("verify").stdout.replace("\n", "").isprintable()


def test_nothing_is_changed_and_nothing_left_behind(
    run: Run, data: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It may be run on a server in use."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    change(data, "UPDATE users SET first_seen_at = 1")

    first, second = run("verify", "--json"), run("verify", "--json")

    assert first.stdout == second.stdout
    assert list((tmp_path / "tmp").iterdir()) == []


def test_a_store_that_cannot_be_read_is_a_failure(run: Run, data: Path) -> None:
    """It is not a difference, and there is no traceback."""
    change(data, "UPDATE users SET properties = 'gone' WHERE user_id = 'u1-00003'")

    result = run("verify")

    assert result.exit_code == 1
    assert result.stderr.startswith("Error: store.db cannot be read.")


def test_a_wrong_directory_is_a_failure(run: Run, tmp_path: Path) -> None:
    """An empty store that was made on the way would be right, and say so."""
    result = run("verify")

    assert result.exit_code == 1
    assert "There is no analytex data" in result.stderr
    assert list(tmp_path.iterdir()) == []
