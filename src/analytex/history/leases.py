"""Who reads which version of the table, so that its files are not removed under a reader.

    readers/<version>   locked (flock(2), shared) by each reader of that version, however it ends

A reader takes the lease of the version that the store names, and then looks again whether the store
still names it. Who removes files does so after the store names a newer version, and only if all
leases of older ones are free. So a file that a reader was told of stays until it has read it.
"""

import fcntl
import os
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

READERS: Final = "readers"  #: name in the data directory


class Lease:
    """A version that is being read. Ends with `close`, or with the process."""

    def __init__(self, directory: Path, version: int) -> None:
        """Take it. Raises OSError."""
        folder = directory / READERS
        folder.mkdir(mode=0o700, exist_ok=True)
        self._file = os.open(folder / str(version), os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(self._file, fcntl.LOCK_SH)

    def close(self) -> None:
        """Let go of it; again does nothing."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.close()


def only_newer_are_read(directory: Path, version: int) -> bool:
    """Tell whether nobody reads a version before this one; their lease files are removed."""
    folder = directory / READERS
    if not folder.is_dir():
        return True
    free = True
    for path in folder.iterdir():
        if path.name.isdecimal() and int(path.name) < version:
            free &= _remove_if_free(path)
    return free


def _remove_if_free(path: Path) -> bool:
    with suppress(FileNotFoundError):
        file = os.open(path, os.O_RDWR)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Who opened it meanwhile finds that the store names a newer version, and looks again.
            path.unlink()
        except BlockingIOError:
            return False
        finally:
            os.close(file)
    return True
