"""The lock on a data directory: one server at a time.

The server's processes inherit it, so it ends with the last of them, however they end (flock(2)).
The file holds the address at which the server answers.
"""

import fcntl
import time
from pathlib import Path
from typing import IO, Final

from analytex.errors import DataDirectoryError
from analytex.storage.open import make_directory

FILE: Final = "lock"  #: name in the data directory
WAIT_S: Final = 5.0  # the processes of a server that was killed end within this


def hold(directory: Path) -> IO[str]:
    """Make the directory if it is missing, and lock it until the file is closed.

    Raises DataDirectoryError if it cannot be used, or another server uses it.
    """
    try:
        make_directory(directory)
        lock = (directory / FILE).open("a+")
    except OSError as error:
        raise DataDirectoryError(
            f"The data directory {directory} cannot be used.", details=f"{error}."
        ) from None
    deadline = time.monotonic() + WAIT_S
    while not _taken(lock, fcntl.LOCK_EX):
        if time.monotonic() > deadline:
            lock.close()
            raise DataDirectoryError(
                f"Another server uses the data directory {directory}.",
                details="Stop it, or choose another directory with --data.",
            )
        time.sleep(0.05)
    lock.truncate(0)
    return lock


def note_url(lock: IO[str], url: str) -> None:
    """Say where the server that holds the lock answers."""
    lock.write(url)
    lock.flush()


def url(directory: Path) -> str | None:
    """Return where the server that uses the directory answers; None if there is none."""
    if not is_held(directory):
        return None
    return (directory / FILE).read_text() or None


def is_held(directory: Path) -> bool:
    """Tell whether a server uses the directory."""
    try:
        with (directory / FILE).open() as lock:
            return not _taken(lock, fcntl.LOCK_SH)
    except FileNotFoundError:
        return False


def _taken(lock: IO[str], how: int) -> bool:
    try:
        fcntl.flock(lock, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
