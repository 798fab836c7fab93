"""Which engine keeps what, so that those who need a store do not name an engine."""

from pathlib import Path

from analytex.errors import DataDirectoryError
from analytex.storage import embedded
from analytex.storage.catalogue import CatalogueReader, CatalogueStore
from analytex.storage.embedded.apply import EmbeddedApplyStore
from analytex.storage.embedded.catalogue import (
    EmbeddedCatalogueReader,
    EmbeddedCatalogueStore,
)
from analytex.storage.embedded.erase import EmbeddedEraseStore
from analytex.storage.embedded.exports import EmbeddedExportStore
from analytex.storage.embedded.jobs import EmbeddedJobStore
from analytex.storage.embedded.keys import EmbeddedKeyStore
from analytex.storage.embedded.live import EmbeddedLiveStore
from analytex.storage.embedded.refused import FILE as REFUSED_FILE
from analytex.storage.embedded.refused.store import EmbeddedQuarantineStore
from analytex.storage.embedded.seal import (
    EmbeddedSealedReader,
    EmbeddedSealStore,
    ask_to_seal,
)
from analytex.storage.embedded.sealed import EmbeddedHistoryReadStore
from analytex.storage.embedded.signing_in import EmbeddedSignInStore
from analytex.storage.embedded.watch import EmbeddedWatchStore
from analytex.storage.erasing import EraseStore
from analytex.storage.exports import ExportStore
from analytex.storage.files import sync_directory
from analytex.storage.interface import ApplyStore, KeyStore
from analytex.storage.jobs import JobStore
from analytex.storage.live import LiveStore
from analytex.storage.quarantine import QuarantineStore
from analytex.storage.sealing import HistoryReadStore, SealedReader, SealStore
from analytex.storage.signing_in import SignInStore
from analytex.storage.watching import WatchStore


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


def open_sign_in_store(directory: Path) -> SignInStore:
    """Open what is known about signing in, in a data directory that exists. Raises Unavailable."""
    return EmbeddedSignInStore(directory / embedded.FILE)


def open_apply_store(directory: Path, *, checkpoint_beside: bool = False) -> ApplyStore:
    """Open the applier's side of a data directory that exists.

    `checkpoint_beside`: a thread does what would hold up every writer's commit now and then.
    """
    return EmbeddedApplyStore(directory / embedded.FILE, checkpoint_beside=checkpoint_beside)


def open_read_store(directory: Path) -> HistoryReadStore:
    """Open the readers' side of a data directory that exists."""
    return EmbeddedHistoryReadStore(directory / embedded.FILE)


def open_seal_store(directory: Path) -> SealStore:
    """Open the applier's side of sealing, in a data directory that exists."""
    return EmbeddedSealStore(directory / embedded.FILE)


def open_sealed_reader(directory: Path) -> SealedReader:
    """Open the side of the process that seals, in a data directory that exists."""
    return EmbeddedSealedReader(directory / embedded.FILE)


def ask_for_sealing(directory: Path) -> int:
    """Ask whoever seals to seal all that there is now; return the sequence that it ends with."""
    return ask_to_seal(directory / embedded.FILE)


def open_erase_store(directory: Path) -> EraseStore:
    """Open what deletions need of a data directory that exists."""
    return EmbeddedEraseStore(directory / embedded.FILE)


def open_job_store(directory: Path) -> JobStore:
    """Open the side of those who submit jobs, in a data directory that exists."""
    return EmbeddedJobStore(directory / embedded.FILE)


def open_export_store(directory: Path) -> ExportStore:
    """Open the exports of a data directory that exists."""
    return EmbeddedExportStore(directory / embedded.FILE)


def open_watch_store(directory: Path) -> WatchStore:
    """Open what the server's own metrics need of a data directory that exists."""
    return EmbeddedWatchStore(directory / embedded.FILE)


def open_catalogue_store(directory: Path) -> CatalogueStore:
    """Open the side of the property catalogue's keeper, in a data directory that exists."""
    return EmbeddedCatalogueStore(directory / embedded.FILE)


def open_catalogue_reader(directory: Path) -> CatalogueReader:
    """Open the readers' side of the property catalogue, in a data directory that exists."""
    return EmbeddedCatalogueReader(directory / embedded.FILE)


def open_live_store(directory: Path) -> LiveStore:
    """Open the side of those who follow events, in a data directory that exists."""
    return EmbeddedLiveStore(directory / embedded.FILE)


def open_quarantine_store(directory: Path) -> QuarantineStore:
    """Open the refused requests of a data directory that exists."""
    return EmbeddedQuarantineStore(directory / REFUSED_FILE)
