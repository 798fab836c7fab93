"""The folder of a backup.

    data.unfinished/   while it is made
    data/              the data directory's files, once all of them are on disk
    backup.json        their names, sizes and BLAKE2b digests; written before `data/` gets its name

So a folder without `data/` is no backup, whatever interrupted its making.
"""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from analytex.errors import BackupError
from analytex.storage.files import sync_directory

DATA: Final = "data"
UNFINISHED: Final = "data.unfinished"
MANIFEST: Final = "backup.json"
FORMAT: Final = 1
PIECE_BYTES: Final = 1024 * 1024

Advance = Callable[[int, int], None]  #: takes how many bytes are done, and of how many


class CopiedFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file of a backup."""

    path: str  #: inside `data/`, with slashes
    bytes: int
    blake2b: str  #: of its bytes; 32 bytes, hexadecimal


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a backup holds."""

    format: int
    analytex: str  #: version that made it
    began_at: str  #: everything that was acknowledged before this is in it
    files: list[CopiedFile]

    @property
    def bytes(self) -> int:
        """How much it holds."""
        return sum(file.bytes for file in self.files)


class Meter:
    """Adds up how many bytes are done."""

    def __init__(self, total: int, advance: Advance) -> None:
        self._total = total
        self._advance = advance
        self._done = 0

    def add(self, size: int) -> None:
        """Note that so many more are done."""
        self._done += size
        self._advance(self._done, self._total)

    def file(self) -> Callable[[int], None]:
        """Return what takes how many bytes of one file are done."""
        before = self._done

        def note(done: int) -> None:
            self._done = before + done
            self._advance(self._done, self._total)

        return note


def copy_file(source: BinaryIO, root: Path, path: str, meter: Meter) -> CopiedFile:
    """Copy what an open file holds now to `root/path`, and flush it. Raises OSError."""
    target = root / path
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    digest = hashlib.blake2b(digest_size=32)
    size, left = 0, os.fstat(source.fileno()).st_size  # and not what is added meanwhile
    with target.open("xb") as copy:
        while left and (piece := source.read(min(PIECE_BYTES, left))):
            copy.write(piece)
            digest.update(piece)
            size, left = size + len(piece), left - len(piece)
            meter.add(len(piece))
        copy.flush()
        os.fsync(copy.fileno())
    return CopiedFile(path=path, bytes=size, blake2b=digest.hexdigest())


def describe(root: Path, path: str) -> CopiedFile:
    """Read a file that was copied in another way, and flush it. Raises OSError."""
    with (root / path).open("rb") as file:
        os.fsync(file.fileno())
        digest = hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=32))
        return CopiedFile(path=path, bytes=file.tell(), blake2b=digest.hexdigest())


def sync_folders(root: Path) -> None:
    """Make the names of everything below a folder survive a power cut. Raises OSError."""
    for folder in (root, *(path for path in root.rglob("*") if path.is_dir())):
        sync_directory(folder)


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write it, and flush it. Raises OSError."""
    with (folder / MANIFEST).open("xb") as file:
        file.write(msgspec.json.format(msgspec.json.encode(manifest), indent=1))
        file.flush()
        os.fsync(file.fileno())


def read_manifest(folder: Path) -> Manifest:
    """Return what a backup says that it holds. Raises BackupError."""
    if not (folder / DATA).is_dir():
        if (folder / UNFINISHED).exists():
            raise BackupError(
                f"The backup in {folder} was never finished.",
                details="Use an older one. What is there can be removed.",
            )
        raise BackupError(
            f"There is no backup in {folder}.",
            details="Expected a folder that `analytex backup` made.",
        )
    try:
        manifest = msgspec.json.decode((folder / MANIFEST).read_bytes(), type=Manifest)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise BackupError(
            f"{folder / MANIFEST} cannot be read, so nobody knows whether the backup is whole.",
            details=f"{error}.",
        ) from error
    if manifest.format != FORMAT:
        raise BackupError(
            f"The backup in {folder} was made by another analytex.",
            details=f"It is version {manifest.analytex}; restore it with that version, and upgrade "
            "then.",
        )
    return manifest
