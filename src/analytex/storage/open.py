"""Which engine keeps what, so that those who need a store do not name an engine."""

from pathlib import Path

from analytex.errors import DataDirectoryError
from analytex.storage import embedded
from analytex.storage.embedded.apply import EmbeddedApplyStore
from analytex.storage.embedded.keys import EmbeddedKeyStore
from analytex.storage.embedded.read import EmbeddedReadStore
from analytex.storage.interface import ApplyStore, KeyStore, ReadStore


def open_key_store(directory: Path, *, create: bool = True) -> KeyStore:
    """Open the environments and keys of a data directory.

    With `create`, the directory and the store are made if they are missing.
    Raises DataDirectoryError.
    """
    path = directory / embedded.FILE
    try:
        if create:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
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
