"""Files of jobs: a folder for each job in the data directory.

    jobs/<id>/rows      what was uploaded, as it came, or the ids of a deletion; removed at the end
    jobs/<id>/failed    the rows that failed, as they came; kept as long as the job is

A folder without a job in the store is what a crash left of an upload that was never answered.
"""

import os
import shutil
import time
from collections.abc import Collection
from pathlib import Path
from typing import Final

FOLDER: Final = "jobs"  #: name in the data directory


class JobFiles:
    """The folders of all jobs. Every method may raise OSError."""

    def __init__(self, directory: Path) -> None:
        self._folder = directory / FOLDER

    def make(self, id: str) -> Path:
        """Make the folder of a new job, which survives a power cut, and return its `rows`."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        (self._folder / id).mkdir(mode=0o700)
        sync_directory(self._folder)
        sync_directory(self._folder.parent)
        return self.rows(id)

    def rows(self, id: str) -> Path:
        """Return where the rows of a job lie."""
        return self._folder / id / "rows"

    def failed(self, id: str) -> Path:
        """Return where the failed rows of a job lie."""
        return self._folder / id / "failed"

    def remove_rows(self, id: str) -> None:
        """Remove the rows of a job; a power cut does not bring them back."""
        rows = self.rows(id)
        if rows.exists():
            rows.unlink()
            sync_directory(rows.parent)

    def cut_failed(self, id: str, size: int) -> None:
        """Keep so many bytes of the failed rows of a job; it is so on disk on return."""
        failed = self.failed(id)
        if not failed.exists() or failed.stat().st_size <= size:
            return
        with failed.open("r+b") as file:
            file.truncate(size)
            os.fsync(file.fileno())

    def empty_rows(self, id: str) -> None:
        """Leave nothing in the rows of a job but the file; it is so on disk on return."""
        with self.rows(id).open("wb") as file:
            os.fsync(file.fileno())

    def remove(self, id: str) -> None:
        """Remove the folder of a job, if it is there."""
        shutil.rmtree(self._folder / id, ignore_errors=True)

    def sweep(self, known: Collection[str], *, untouched_s: float = 0.0) -> list[str]:
        """Remove the folders of all other jobs, and return their ids.

        But not those in which something was written in the last `untouched_s` seconds.
        """
        if not self._folder.is_dir():
            return []
        newest = time.time() - untouched_s
        unknown = [
            each.name
            for each in self._folder.iterdir()
            if each.name not in known and _touched_at(each) <= newest
        ]
        for id in unknown:
            self.remove(id)
        return unknown


def _touched_at(folder: Path) -> float:
    """Return when a folder, or a file in it, was changed last, in seconds since 1970."""
    try:
        return max(each.stat().st_mtime for each in (folder, *folder.iterdir()))
    except OSError:  # somebody removes it
        return float("inf")


def sync_directory(directory: Path) -> None:
    """Make the names in a directory survive a power cut (fsync(2))."""
    opened = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
