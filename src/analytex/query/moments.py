"""One moment of the store, and the files of history that belong to it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from analytex.domain.history import Sealed
from analytex.history.leases import Lease
from analytex.storage.sealing import HistoryReadStore

Result = TypeVar("Result")


@contextmanager
def held(store: HistoryReadStore, directory: Path) -> Iterator[Sealed]:
    """Hold a snapshot of the store, and the files of history that belong to it, to the end."""
    while True:
        version = store.sealed().version
        with Lease(directory, version), store.snapshot():
            sealed = store.sealed()
            if sealed.version == version:
                yield sealed
                return


@contextmanager
def at_one_moment(
    store: HistoryReadStore, directory: Path, read: Callable[[Sealed], Result]
) -> Iterator[Result]:
    """Give what `read` finds in one snapshot of the store, which ends before the block begins.

    The files of history of that moment stay until the block ends. `read` may be called again.
    """
    while True:
        version = store.sealed().version
        with Lease(directory, version):
            with store.snapshot():
                sealed = store.sealed()
                result = read(sealed)
            if sealed.version == version:
                yield result
                return
