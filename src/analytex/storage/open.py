"""Which engine keeps what, so that those who need a store do not name an engine."""

from pathlib import Path

from analytex.errors import DataDirectoryError
from analytex.storage import embedded
from analytex.storage.embedded.apply import EmbeddedApplyStore
from analytex.storage.embedded.erase import EmbeddedEraseStore
from analytex.storage.embedded.jobs import EmbeddedJobStore
from analytex.storage.embedded.keys import EmbeddedKeyStore
from analytex.storage.embedded.read import EmbeddedReadStore
from analytex.storage.erasing import EraseStore
from analytex.storage.files import sync_directory
from analytex.storage.interface import ApplyStore, KeyStore, ReadStore
from analytex.storage.jobs import JobStore


def make_directory(directory: Path) -> None:
    """Make a directory that only its owner reads, with those above it, if it is missing.

    Its name is on disk when this returns: otherwise a power cut could take the directory away with
    all that was flushed in it (fsync(2)). Raises OSError.
    """
    if directory.is_dir():
        return
    make_directory(directory.parent)
    directory.mkdir(mode=0o700, exist_ok=True)
    sync_directory(directory.parent)


def open_key_store(directory: Path, *, create: bool = True) -> KeyStore:
    """Open the environments and keys of a data directory.

    With `create`, the directory and the store are made if they are missing.
    Raises DataDirectoryError.
    """
    path = directory / embedded.FILE
    try:
        if create:
            make_directory(directory)
        elif not path.is_file():
            raise DataDirectoryError(
                f"There is no analytex data in {directory}.",
                details="`analytex serve` makes it on its first start; `--data` or `ANALYTEX_DATA` "
                "names another directory.",
            )
    except OSError as error:
        raise DataDirectoryError(f"{directory} cannot be used.", details=f"{error}.") from error
    return EmbeddedKeyStore(path)


def open_apply_store(directory: Path) -> ApplyStore:
    """Open the applier's side of a data directory that exists."""
    return EmbeddedApplyStore(directory / embedded.FILE)


def open_read_store(directory: Path) -> ReadStore:
    """Open the readers' side of a data directory that exists."""
    return EmbeddedReadStore(directory / embedded.FILE)


def open_erase_store(directory: Path) -> EraseStore:
    """Open what deletions need of a data directory that exists."""
    return EmbeddedEraseStore(directory / embedded.FILE)


def open_job_store(directory: Path) -> JobStore:
    """Open the side of those who submit jobs, in a data directory that exists."""
    return EmbeddedJobStore(directory / embedded.FILE)
