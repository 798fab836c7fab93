"""Threads for calls that may wait for a store, each with a store of its own."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, Protocol, TypeVar


class Closable(Protocol):
    """What every store has."""

    def close(self) -> None:
        """Let go of the engine."""


Store = TypeVar("Store", bound=Closable)
Result = TypeVar("Result")


class StoreThreads(Generic[Store]):
    """Runs calls beside the event loop."""

    def __init__(self, open_store: Callable[[], Store], *, threads: int, name: str) -> None:
        """`open_store` is called once in each thread, when it is first used."""
        self._open_store = open_store
        self._threads = ThreadPoolExecutor(threads, name)
        self._local = threading.local()
        self._stores: list[Store] = []

    async def run(self, call: Callable[[Store], Result]) -> Result:
        """Return what the call returns, or raise what it raises."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, lambda: call(self._store()))

    def close(self) -> None:
        """Stop the threads and close their stores."""
        self._threads.shutdown(cancel_futures=True)
        for store in self._stores:
            store.close()

    def _store(self) -> Store:
        store: Store | None = getattr(self._local, "store", None)
        if store is None:
            store = self._local.store = self._open_store()
            self._stores.append(store)
        return store
