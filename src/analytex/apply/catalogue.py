"""Keeping the property catalogue: behind the events, when there is time for it."""

from typing import Final

from analytex.domain.catalogue import observe
from analytex.storage.catalogue import CatalogueStore

EVENTS: Final = 4096  # in one piece of work: about 20 ms
BYTES: Final = 2 * 1024 * 1024  # of properties, likewise
MOST_BEHIND: Final = 256 * 8192  # events; made good in 10 s without other work
PIECES: Final = 2  # at a time, once it is farther behind: more than one run of the log holds


class Cataloguer:
    """Moves what events say into the catalogue. Belongs to the process that applies."""

    def __init__(self, store: CatalogueStore) -> None:
        self._store = store

    def step(self, *, idle: bool) -> bool:
        """Do a little if there is time for it, or if it must not wait longer; tell whether it did.

        `idle`: nothing else wants to be done now. Raises what an engine raises.
        """
        waiting = self._store.waiting()
        if not waiting or (not idle and waiting <= MOST_BEHIND):
            return False
        for _ in range(1 if idle else PIECES):
            run = self._store.next(limit=EVENTS, limit_bytes=BYTES)
            self._store.add(observe(run.samples), start=run.start, upto=run.upto)
        return True

    def close(self) -> None:
        """Let go of the store."""
        self._store.close()
