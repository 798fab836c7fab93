"""What the note of the last backup promises."""

from pathlib import Path

from analytex.storage.last_backup import FILE, LastBackup, last_backup, note


def a_backup(ended_at: int) -> LastBackup:
    return LastBackup(
        began_at=ended_at - 1_000_000, ended_at=ended_at, folder="/backups/1", files=3, bytes=1000
    )


def test_the_newest_note_is_the_one_that_counts(tmp_path: Path) -> None:
    """It takes the place of the one before."""
    note(tmp_path, a_backup(1_800_000_000_000_000))
    note(tmp_path, a_backup(1_800_000_100_000_000))

    assert last_backup(tmp_path) == a_backup(1_800_000_100_000_000)
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


def test_no_note_and_a_broken_one_say_nothing(tmp_path: Path) -> None:
    """A page that shows it must not fail for it."""
    assert last_backup(tmp_path) is None

    (tmp_path / FILE).write_bytes(b'{"began_at": 1')
    assert last_backup(tmp_path) is None
