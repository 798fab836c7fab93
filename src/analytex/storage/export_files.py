"""Files of exports: a folder for each in the data directory.

    exports/<id>/events-<day>.<suffix>     ready
    exports/<id>/<...>.<number>.part       being written; what a crash left of it counts for nothing
    exports/<id>/spill/                    what exceeds memory while it is written

A folder without an export in the store is removed.
"""

import os
import shutil
from collections.abc import Collection
from pathlib import Path
from typing import Final

from analytex.storage.files import sync_directory

FOLDER: Final = "exports"  #: name in the data directory
SPILL: Final = "spill"


class ExportFiles:
    """The folders of all exports. Every method may raise OSError."""

    def __init__(self, directory: Path) -> None:
        self._folder = directory / FOLDER

    def folder(self, id: str) -> Path:
        """Return where the files of an export lie."""
        return self._folder / id

    def make(self, id: str) -> Path:
        """Make the folder of an export, if it is missing, and leave nothing half-written in it."""
        folder = self.folder(id)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.clean(id)
        sync_directory(self._folder)
        sync_directory(self._folder.parent)
        return folder

    def clean(self, id: str) -> None:
        """Leave nothing in the folder of an export but files that are ready."""
        for path in self.folder(id).glob("*.part"):
            path.unlink(missing_ok=True)
        shutil.rmtree(self.folder(id) / SPILL, ignore_errors=True)

    def remove(self, id: str) -> None:
        """Remove the folder of an export; a power cut does not bring it back."""
        if self.folder(id).exists():
            shutil.rmtree(self.folder(id))
            sync_directory(self._folder)

    def sweep(self, known: Collection[str]) -> None:
        """Remove the folders of all other exports."""
        if self._folder.is_dir():
            for each in self._folder.iterdir():
                if each.name not in known:
                    self.remove(each.name)


def put_in_place(part: Path, path: Path) -> int:
    """Give a file that is written its name, so that it survives a power cut; return its bytes."""
    with part.open("rb") as file:
        os.fsync(file.fileno())
        size = os.fstat(file.fileno()).st_size
    part.replace(path)
    sync_directory(path.parent)
    return size
