"""The note of the last backup, `last-backup.json` in the data directory.

`analytex backup` writes it once a backup is complete and was read again. It says that there was
one, not that it is still there. A backup does not hold it.
"""

from pathlib import Path
from typing import Final

import msgspec

from analytex.storage.files import sync_directory

FILE: Final = "last-backup.json"


class LastBackup(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of it. Times are microseconds since 1970-01-01 UTC."""

    began_at: int  #: everything that was acknowledged before this is in it
    ended_at: int
    folder: str  #: on the machine that made it
    files: int
    bytes: int


def note(directory: Path, backup: LastBackup) -> None:
    """Write the note in the place of an older one. Raises OSError."""
    partial = directory / f"{FILE}.part"
    partial.write_bytes(msgspec.json.encode(backup))
    partial.replace(directory / FILE)
    sync_directory(directory)


def last_backup(directory: Path) -> LastBackup | None:
    """Return what is noted; None if there is no note, or none that can be read."""
    try:
        return msgspec.json.decode((directory / FILE).read_bytes(), type=LastBackup)
    except (OSError, msgspec.MsgspecError):
        return None
