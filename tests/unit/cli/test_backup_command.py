"""`analytex backup` and `restore`, on a data directory whose server is stopped."""

import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from analytex.apply.loop import Applier
from analytex.auth.keys import prepare_first_start
from analytex.cli.main import main
from analytex.cli.verify import DIFFERENT
from analytex.errors import BackupError
from analytex.eventlog.open import open_log_reader
from analytex.history.leases import only_newer_are_read
from analytex.service import lock
from analytex.service.backup import back_up
from analytex.service.sealing import seal
from analytex.settings import load
from analytex.storage.open import open_apply_store, open_key_store

Run = Callable[..., Result]

OPEN = "6f1c2d3e-0000-4000-8000-5a5a5a5a5a5a"
ENDED = "6f1cffff-0000-4000-8000-5a5a5a5a5a5a"
INSERT_JOB = """
    INSERT INTO jobs VALUES (?, ?, 1, 'import', 'import', ?, '{}', 0, NULL, 'k', 1, 1, 1, ?, '[]',
    '[]', 0, 0, 0, NULL, '{}')
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with a week of the demo, applied, and half of it in history."""
    directory = tmp_path_factory.mktemp("made") / "analytex-data"
    with closing(open_key_store(directory)) as store:
        prepare_first_start(store, api_key="the-first-admin-key", app_token="NX-one", at=1_000)
    for part in range(2):
        words = ("--users", "40", "--companies", "6", "--weeks", "1", "--seed", str(part))
        result = CliRunner().invoke(main, ("demo", *words, "--force", "--data", str(directory)))
        assert result.exit_code == 0
        with (
            closing(open_log_reader(directory)) as log,
            closing(open_apply_store(directory)) as store_,
        ):
            Applier(log, store_, company_from_metadata=True).drain()
        if part == 0:
            seal(load({"data": str(directory)}).settings)
    return directory


@pytest.fixture
def data(made: Path, tmp_path: Path) -> Path:
    """Such a directory, where commands look for it."""
    return Path(shutil.copytree(made, tmp_path / "analytex-data"))


def change(data: Path, sql: str, *values: object) -> None:
    """Change the store as a server might meanwhile."""
    with closing(sqlite3.connect(data / "store.db")) as db, db:
        db.execute(sql, values)


def count(data: Path, table: str) -> int:
    """Return how many rows a table of the store has."""
    with closing(sqlite3.connect(data / "store.db")) as db:
        return int(db.execute(f"SELECT count(*) FROM {table}").fetchone()[0])  # noqa: S608


def test_what_is_restored_is_what_was_backed_up(run: Run, data: Path, tmp_path: Path) -> None:
    """Profiles, events, keys, history: nothing is missing, and it says what to do next."""
    made = run("backup", "copy")
    result = run("restore", "copy", "--data", "again")

    assert (made.exit_code, made.stderr) == (result.exit_code, result.stderr) == (0, "")
    assert " copied to copy, as of 20" in made.stdout
    assert f"`analytex verify --data {tmp_path / 'again'}`" in result.stdout
    verified = run("verify", "--data", "again")
    assert verified.exit_code == 0
    assert verified.stdout == run("verify").stdout
    for name in ("environments", "keys", "events", "history_files"):
        assert count(tmp_path / "again", name) == count(data, name) > 0
    assert run("keys", "list", "--data", "again").stdout == run("keys", "list").stdout


def test_a_script_reads_what_was_copied(run: Run, data: Path, tmp_path: Path) -> None:
    """Such as one that watches over backups."""
    made = json.loads(run("backup", "copy", "--json").stdout)

    assert json.loads(run("restore", "copy", "--data", "again", "--json").stdout) == {
        **made,
        "directory": str(tmp_path / "again"),
    }
    assert made["bytes"] > 100_000


def test_a_backup_is_of_the_moment_when_it_began(run: Run, data: Path, tmp_path: Path) -> None:
    """However long it takes, and whatever the server does meanwhile."""
    jobs = data / "jobs"
    for number, (id, finished) in enumerate(((OPEN, None), (ENDED, 1)), 1):
        change(data, INSERT_JOB, number, id, "completed" if finished else "processing", finished)
        (jobs / id).mkdir(parents=True)
    (jobs / OPEN / "rows").write_bytes(b"a row\n" * 300_000)
    (jobs / OPEN / "failed").write_bytes(b"bad\n")
    (jobs / ENDED / "failed").write_bytes(b"worse\n")
    (jobs / "uploading").mkdir()
    (jobs / "uploading" / "rows").write_bytes(b"nobody was told that it is stored\n")
    users = count(data, "users")
    version = _version(data)
    looked: list[bool] = []

    def meanwhile(done: int, total: int) -> None:
        if looked:
            return
        looked.append(only_newer_are_read(data, version + 1))
        change(data, "DELETE FROM users")
        change(data, "UPDATE jobs SET finished_at = 2")
        (jobs / OPEN / "rows").unlink()
        (jobs / OPEN / "failed").unlink()

    back_up(data, tmp_path / "copy", meanwhile)

    copy = tmp_path / "copy" / "data"
    assert looked == [False]  # so nobody removes files of that version
    assert count(copy, "users") == users
    assert (copy / "jobs" / OPEN / "rows").stat().st_size == 1_800_000
    assert (copy / "jobs" / OPEN / "failed").read_bytes() == b"bad\n"
    assert (copy / "jobs" / ENDED / "failed").read_bytes() == b"worse\n"
    assert sorted(path.name for path in (copy / "jobs").iterdir()) == sorted([OPEN, ENDED])
    assert only_newer_are_read(data, version + 1)


def test_exports_are_copied_as_far_as_they_are_ready(run: Run, data: Path, tmp_path: Path) -> None:
    """One that is under way has no file of rows, and is not waited for."""
    change(data, INSERT_JOB, 1, OPEN, "processing", None)
    change(data, "UPDATE jobs SET family = 'export', kind = 'export'")
    folder = data / "exports" / OPEN
    (folder / "spill").mkdir(parents=True)
    (folder / "events-2026-01-01.csv").write_bytes(b"ready\n")
    (folder / "events-2026-01-02.csv.1.part").write_bytes(b"hal")

    assert run("backup", "copy").exit_code == 0

    copied = tmp_path / "copy" / "data" / "exports" / OPEN
    assert [path.name for path in copied.iterdir()] == ["events-2026-01-01.csv"]


def test_history_that_the_store_does_not_know_yet_is_left_out(
    run: Run, data: Path, tmp_path: Path
) -> None:
    """The table's log may be ahead of the store for a moment; then its files may go again."""
    log = data / "history" / "_delta_log"
    newest = log / f"{_version(data):020}.json"
    ahead = log / f"{_version(data) + 1:020}.json"
    ahead.write_bytes(newest.read_bytes())

    assert run("backup", "copy").exit_code == 0

    copied = tmp_path / "copy" / "data" / "history" / "_delta_log"
    assert (copied / newest.name).exists()
    assert not (copied / ahead.name).exists()


def test_a_log_of_history_that_is_broken_is_noticed(
    run: Run, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rather today than on the day of the restore."""
    monkeypatch.setattr("analytex.service.backup.AGAIN_AFTER_S", 0)
    for path in (data / "history" / "_delta_log").glob("*.json"):
        path.unlink()

    result = run("backup", "copy")

    assert result.exit_code == 1
    assert "its log is broken" in result.stderr
    assert not (tmp_path / "copy").exists()


def test_a_file_that_is_not_sound_is_noticed(run: Run, data: Path, tmp_path: Path) -> None:
    """The same."""
    with (data / "log.db").open("r+b") as file:
        file.seek(8 * 4096)
        file.write(b"\xff" * 4096)

    result = run("backup", "copy")

    assert result.exit_code == 1
    assert "could not be made" in result.stderr
    assert not (tmp_path / "copy").exists()


@pytest.mark.parametrize(
    ("folder", "words"),
    [
        ("analytex-data/copy", "in the data directory itself"),
        ("analytex-data", "in the data directory itself"),
        ("full", "is not empty"),
        ("file", "is not empty"),
    ],
)
def test_a_backup_needs_a_folder_of_its_own(
    run: Run, data: Path, tmp_path: Path, folder: str, words: str
) -> None:
    """An old one must not mix with it, and it must not grow into itself."""
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "something").touch()
    (tmp_path / "file").touch()

    result = run("backup", folder)

    assert (result.exit_code, result.stdout) == (1, "")
    assert words in result.stderr


def test_a_folder_that_is_there_and_empty_will_do(run: Run, data: Path, tmp_path: Path) -> None:
    """As where a disk was mounted; it stays where the backup fails."""
    (tmp_path / "copy").mkdir()

    assert run("backup", "copy").exit_code == 0
    assert run("restore", "copy", "--data", "again").exit_code == 0


def test_without_data_there_is_no_backup(run: Run, tmp_path: Path) -> None:
    """Nothing is made, neither here nor there."""
    result = run("backup", "copy", "--data", "nowhere")

    assert (result.exit_code, list(tmp_path.iterdir())) == (1, [])
    assert "There is no analytex data in " in result.stderr


def test_an_interrupted_backup_leaves_nothing(data: Path, tmp_path: Path) -> None:
    """Ctrl-C at any moment."""

    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        back_up(data, tmp_path / "copy", interrupt)

    assert not (tmp_path / "copy").exists()


def test_too_little_room_is_noticed_at_once(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not after an hour."""
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 10}))

    with pytest.raises(BackupError, match="not enough room"):
        back_up(data, tmp_path / "copy", lambda *_: None)


@pytest.mark.parametrize("part", ["data", "backup.json"])
def test_a_part_of_a_backup_is_not_restored(
    run: Run, data: Path, tmp_path: Path, part: str
) -> None:
    """A kill leaves `data.unfinished`; a copy of a backup may lack something."""
    run("backup", "copy")
    (tmp_path / "copy" / part).rename(tmp_path / "copy" / f"{part}.unfinished")

    result = run("restore", "copy", "--data", "again")

    assert result.exit_code == 1
    assert ("never finished" if part == "data" else "cannot be read") in result.stderr
    assert not (tmp_path / "again").exists()
    assert run("backup", "copy").exit_code == 1


@pytest.mark.parametrize("damage", ["changed", "cut", "gone"])
def test_a_damaged_backup_is_not_restored(
    run: Run, data: Path, tmp_path: Path, damage: str
) -> None:
    """Nothing at all is better than something that looks whole."""
    run("backup", "copy")
    path = next((tmp_path / "copy" / "data" / "history").rglob("*.parquet"))
    content = path.read_bytes()
    path.write_bytes(content[:-1] if damage == "cut" else b"\0" + content[1:])
    if damage == "gone":
        path.unlink()
    (tmp_path / "again").mkdir()

    result = run("restore", "copy", "--data", "again")

    assert result.exit_code == 1
    assert path.name in result.stderr
    assert [path.name for path in (tmp_path / "again").iterdir()] == [lock.FILE]


def test_nothing_is_restored_over_something(run: Run, data: Path) -> None:
    """Not even over the data that the backup is of."""
    run("backup", "copy")

    result = run("restore", "copy")

    assert result.exit_code == 1
    assert "analytex-data is not empty." in result.stderr
    assert run("verify").exit_code != DIFFERENT


def test_a_manifest_names_no_file_outside(run: Run, data: Path, tmp_path: Path) -> None:
    """A backup that somebody was given may be hostile."""
    run("backup", "copy")
    path = tmp_path / "copy" / "backup.json"
    manifest = json.loads(path.read_bytes())
    manifest["files"][0]["path"] = "../../escaped"
    path.write_text(json.dumps(manifest))

    result = run("restore", "copy", "--data", "again")

    assert result.exit_code == 1
    assert "outside" in result.stderr


def _version(data: Path) -> int:
    with closing(sqlite3.connect(data / "store.db")) as db:
        return int(db.execute("SELECT version FROM history").fetchone()[0])
