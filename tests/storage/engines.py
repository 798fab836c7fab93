"""The engines that the suites of this folder run on."""

from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from analytex.storage.interface import ApplyStore, ReadStore
from analytex.storage.open import open_apply_store, open_read_store


class Engine(NamedTuple):
    """How both sides of a store are opened; again with the same folder, it is the same store."""

    apply: Callable[[Path], ApplyStore]
    read: Callable[[Path], ReadStore]


ENGINES: Final = {"embedded": Engine(open_apply_store, open_read_store)}
