"""Threads for stores: each has its own, and the event loop goes on."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator

import pytest

from analytex.storage.threads import StoreThreads


class Store:
    """A store that knows who opened it."""

    opened: "list[Store]" = []  # noqa: RUF012 (emptied by the fixture)

    def __init__(self) -> None:
        self.thread = threading.get_ident()
        self.closed = 0
        Store.opened.append(self)

    def close(self) -> None:
        """Count it."""
        self.closed += 1


@pytest.fixture
async def threads() -> AsyncIterator[StoreThreads[Store]]:
    """Two threads."""
    Store.opened.clear()
    threads = StoreThreads(Store, threads=2, name="test")
    yield threads
    threads.close()


async def test_a_call_gets_a_store_and_returns(threads: StoreThreads[Store]) -> None:
    """Beside the event loop."""
    thread = await threads.run(lambda store: store.thread)

    assert thread != threading.get_ident()


async def test_stores_are_opened_when_they_are_needed(threads: StoreThreads[Store]) -> None:
    """A worker that never looks at jobs opens none."""
    assert Store.opened == []
    for _ in range(5):
        await threads.run(lambda store: None)
    assert 1 <= len(Store.opened) <= 2


async def test_a_store_belongs_to_one_thread(threads: StoreThreads[Store]) -> None:
    """As stores demand."""

    def check(store: Store) -> bool:
        time.sleep(0.001)
        return store.thread == threading.get_ident()

    assert all(await asyncio.gather(*(threads.run(check) for _ in range(20))))
    assert len(Store.opened) == 2


async def test_what_a_call_raises_comes_back(threads: StoreThreads[Store]) -> None:
    """And the thread goes on."""

    def fail(store: Store) -> None:
        raise LookupError("why")

    with pytest.raises(LookupError, match="why"):
        await threads.run(fail)
    assert await threads.run(lambda store: 5) == 5


async def test_a_store_that_cannot_be_opened_is_tried_again() -> None:
    """The disk may have been full for a moment."""
    troubles = [OSError("why"), None]

    def open_store() -> Store:
        if (trouble := troubles.pop(0)) is not None:
            raise trouble
        return Store()

    threads = StoreThreads(open_store, threads=1, name="test")
    with pytest.raises(OSError, match="why"):
        await threads.run(lambda store: None)
    assert await threads.run(lambda store: 5) == 5
    threads.close()


async def test_the_loop_goes_on_meanwhile(threads: StoreThreads[Store]) -> None:
    """A call may wait for the disk."""
    go = threading.Event()
    waiting = asyncio.ensure_future(threads.run(lambda store: go.wait(10)))
    await asyncio.sleep(0)
    assert await threads.run(lambda store: 5) == 5
    assert not waiting.done()
    go.set()
    assert await waiting


async def test_closing_closes_every_store_once(threads: StoreThreads[Store]) -> None:
    """After what runs has ended; it may still use its store."""
    used: list[int] = []

    def use(store: Store) -> None:
        time.sleep(0.02)
        used.append(store.closed)

    calls = [asyncio.ensure_future(threads.run(use)) for _ in range(2)]
    await asyncio.sleep(0.005)

    threads.close()

    await asyncio.gather(*calls)
    assert used == [0, 0]
    assert [store.closed for store in Store.opened] == [1] * len(Store.opened)
