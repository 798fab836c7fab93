"""A backup, made a data directory again."""

import os
import shutil
from pathlib import Path
from typing import Final

from analytex.errors import BackupError, DataDirectoryError
from analytex.service import lock
from analytex.service.copies import (
    DATA,
    Advance,
    Manifest,
    Meter,
    copy_file,
    read_manifest,
    sync_folders,
)
from analytex.storage.embedded import FILE as STORE_FILE
from analytex.storage.files import sync_directory
from analytex.storage.open import open_read_store

RESTORING: Final = "restoring"  #: name in the data directory, while files are copied into it


def restore(folder: Path, directory: Path, advance: Advance) -> Manifest:
    """Copy a backup into a data directory that is missing or empty, and that no server uses.

    Every file is compared with the digest in the backup. What fails leaves the directory empty.
    Raises BackupError, and DataDirectoryError if the directory cannot be used or holds something.
    """
    manifest = read_manifest(folder)
    existed = directory.is_dir()
    if existed and lock.is_held(directory):
        raise DataDirectoryError(
            f"A server uses the data directory {directory}.",
            details="Stop it first, or choose another directory with --data.",
        )
    _check_empty(directory)
    with lock.hold(directory):
        try:
            _copy(folder / DATA, directory, manifest, advance)
        except BaseException as error:
            shutil.rmtree(directory / RESTORING, ignore_errors=True)
            if not existed:
                shutil.rmtree(directory, ignore_errors=True)
            if isinstance(error, OSError):
                raise BackupError(
                    f"The backup could not be restored into {directory}.", details=f"{error}."
                ) from error
            raise
    return manifest


def _check_empty(directory: Path) -> None:
    if not directory.exists():
        return
    if not directory.is_dir() or any(path.name != lock.FILE for path in directory.iterdir()):
        raise DataDirectoryError(
            f"{directory} is not empty.",
            details="A backup is restored into a directory that is missing or empty. Move what is "
            "there away, or choose another directory with --data.",
        )


def _copy(source: Path, directory: Path, manifest: Manifest, advance: Advance) -> None:
    root = directory / RESTORING
    root.mkdir(mode=0o700)
    meter = Meter(manifest.bytes, advance)
    for expected in manifest.files:
        if not _is_inside(expected.path):
            raise BackupError(f"The backup names a file outside of it: {expected.path!r}.")
        try:
            file = (source / expected.path).open("rb")
        except FileNotFoundError:
            raise BackupError(f"The backup lacks the file {expected.path}.") from None
        with file:
            copied = copy_file(file, root, expected.path, meter)
        if copied != expected:
            raise BackupError(
                f"The backup is damaged: {expected.path} is not what was backed up.",
                details=f"It has {copied.bytes:,} bytes; it had {expected.bytes:,}. Use another "
                "copy of the backup, or an older one.",
            )
    open_read_store(root).close()  # it is not one of a newer analytex, and is brought up to date
    sync_folders(root)
    # The store last: what a power cut leaves before that has no keys, so nobody takes it for whole.
    for path in sorted(root.iterdir(), key=lambda path: path.name.startswith(STORE_FILE)):
        os.rename(path, directory / path.name)
    root.rmdir()
    sync_directory(directory)


def _is_inside(path: str) -> bool:
    parts = Path(path).parts
    return bool(parts) and not Path(path).is_absolute() and ".." not in parts
