"""Files of jobs: where they lie, what is left of them, and that names are on disk."""

import stat
from pathlib import Path

import pytest

from analytex.storage import files as files_module
from analytex.storage.files import JobFiles, sync_directory


@pytest.fixture
def files(tmp_path: Path) -> JobFiles:
    """The files of an empty data directory."""
    return JobFiles(tmp_path)


def test_each_job_has_a_folder_that_only_its_owner_reads(files: JobFiles, tmp_path: Path) -> None:
    """What is uploaded may be about people."""
    rows = files.make("one")

    assert rows == files.rows("one") == tmp_path / "jobs" / "one" / "rows"
    assert files.failed("one") == rows.with_name("failed")
    for folder in (rows.parent, rows.parent.parent):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_folder_belongs_to_one_job(files: JobFiles) -> None:
    """An id that comes twice is a mistake, and must not mix two files."""
    files.make("one")
    with pytest.raises(FileExistsError):
        files.make("one")


def test_a_folder_that_was_made_survives_a_power_cut(
    files: JobFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its name is flushed, and that of the folder above it (fsync(2))."""
    synced: list[Path] = []
    monkeypatch.setattr(files_module, "sync_directory", synced.append)

    files.make("one")

    assert synced == [tmp_path / "jobs", tmp_path]


def test_syncing_a_directory_that_is_not_there_fails(tmp_path: Path) -> None:
    """Rather than to promise what is not so."""
    sync_directory(tmp_path)
    with pytest.raises(FileNotFoundError):
        sync_directory(tmp_path / "nowhere")


def test_a_job_is_removed_with_all_its_files(files: JobFiles) -> None:
    """Also if there is nothing to remove: begun again, it is no mistake."""
    rows = files.make("one")
    rows.write_bytes(b"x")
    files.failed("one").write_bytes(b"x")
    files.make("two")

    for _ in range(2):
        files.remove("one")

    assert not rows.parent.exists()
    assert files.rows("two").parent.exists()


def test_rows_are_removed_alone(files: JobFiles) -> None:
    """At the end of a job; failed rows are kept."""
    files.make("one").write_bytes(b"x")
    files.failed("one").write_bytes(b"x")

    for _ in range(2):
        files.remove_rows("one")
    files.remove_rows("never made")

    assert not files.rows("one").exists()
    assert files.failed("one").exists()


def test_rows_can_be_emptied(files: JobFiles) -> None:
    """The file stays, to say that there were some."""
    files.make("one").write_bytes(b"x")

    files.empty_rows("one")

    assert files.rows("one").read_bytes() == b""


@pytest.mark.parametrize(("size", "left"), [(0, b""), (2, b"ab"), (4, b"abcd"), (9, b"abcd")])
def test_failed_rows_are_cut_back_but_never_made_longer(
    files: JobFiles, size: int, left: bytes
) -> None:
    """What counts of them is what the store says."""
    files.make("one")
    files.cut_failed("one", size)
    assert not files.failed("one").exists()
    files.failed("one").write_bytes(b"abcd")

    files.cut_failed("one", size)

    assert files.failed("one").read_bytes() == left


def test_folders_without_a_job_are_swept(files: JobFiles, tmp_path: Path) -> None:
    """A crash left them of uploads that were never answered."""
    for id in ("one", "two", "three"):
        files.make(id).write_bytes(b"x")

    assert sorted(files.sweep(["one", "four"])) == ["three", "two"]

    assert [each.name for each in (tmp_path / "jobs").iterdir()] == ["one"]
    assert files.sweep(["one"]) == []


def test_before_the_first_job_there_is_nothing_to_sweep(files: JobFiles) -> None:
    """The folder is made when it is needed."""
    assert files.sweep([]) == []
