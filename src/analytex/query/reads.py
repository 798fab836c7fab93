"""Reads: run in threads beside the event loop, and see every call acknowledged before them."""

import asyncio
import time
from collections.abc import Callable
from typing import Final, Generic, NamedTuple, TypeVar

from analytex.domain.events import Event, EventFilter
from analytex.domain.profiles import Company, ProfileFilter, User
from analytex.history.reading import Engine
from analytex.query import cursors
from analytex.query.events import list_events
from analytex.storage.interface import Place, ReadStore, Unreadable
from analytex.storage.sealing import HistoryReadStore
from analytex.storage.threads import StoreThreads

THREADS: Final = 4
LOOK_AT: Final = 10_000  # profiles, for one page of those that fit: some hundredths of a second
COUNT_AT_MOST: Final = 10_000  # above it a count would be slow, and is not given
_FIRST_WAIT_S: Final = 0.001
_LONGEST_WAIT_S: Final = 0.02

Item = TypeVar("Item")


class Page(NamedTuple, Generic[Item]):
    """Some items, where the next page begins, and how many there are in all, if known."""

    items: list[Item]
    after: str | None
    total: int | None


class Reads:
    """Answers questions about one store."""

    def __init__(
        self,
        open_store: Callable[[], HistoryReadStore],
        log_end: Callable[[], int],
        engine: Engine,
        *,
        wait_s: float,
    ) -> None:
        """`open_store` is called once in each thread; `log_end` says how far the log reaches.

        `engine` reads events in history. `wait_s` is the longest that a read waits for the applier.
        """
        self._engine = engine
        self._log_end = log_end
        self._wait_s = wait_s
        self._threads = StoreThreads(open_store, threads=THREADS, name="read")
        self._watch = open_store()

    async def caught_up(self) -> int:
        """Wait until everything is applied that was in the log when this was called.

        Returns how many records are still missing when the wait is over: 0 unless it was too long.
        """
        end = self._log_end()
        deadline = time.monotonic() + self._wait_s
        wait = _FIRST_WAIT_S
        while (missing := end - self._watch.applied()) > 0 and time.monotonic() < deadline:
            await asyncio.sleep(wait)
            wait = min(wait * 1.5, _LONGEST_WAIT_S)
        return max(missing, 0)

    async def user(self, environment_id: int, user_id: str) -> User | None:
        """Return a user, or None."""
        return await self._threads.run(lambda store: store.user(environment_id, user_id))

    async def company(self, environment_id: int, company_id: str) -> Company | None:
        """Return a company, or None."""
        return await self._threads.run(lambda store: store.company(environment_id, company_id))

    async def users(self, environment_id: int, *, cursor: str | None, limit: int) -> Page[User]:
        """Return a page of users, by id. Raises BadRequest for a cursor that is not ours."""
        after = None if cursor is None else cursors.decode(cursor, str)

        def read(store: ReadStore) -> Page[User]:
            found = store.list_users(environment_id, after=after, limit=limit + 1)
            total = store.count_users(environment_id, at_most=COUNT_AT_MOST + 1)
            return _page(found, limit, lambda user: user.id, total)

        return await self._threads.run(read)

    async def companies(
        self, environment_id: int, *, cursor: str | None, limit: int
    ) -> Page[Company]:
        """Return a page of companies, by id. Raises BadRequest for a cursor that is not ours."""
        after = None if cursor is None else cursors.decode(cursor, str)

        def read(store: ReadStore) -> Page[Company]:
            found = store.list_companies(environment_id, after=after, limit=limit + 1)
            total = store.count_companies(environment_id, at_most=COUNT_AT_MOST + 1)
            return _page(found, limit, lambda company: company.id, total)

        return await self._threads.run(read)

    async def find_users(
        self, environment_id: int, wanted: ProfileFilter, *, cursor: str | None, limit: int
    ) -> Page[User]:
        """Return users that fit, by id, out of the next `LOOK_AT` ones that begin as wanted.

        The page may have few items, or none, and still one behind it. Raises BadRequest for a
        cursor that is not ours.
        """
        after = "" if cursor is None else cursors.decode(cursor, str)
        found, last = await self._threads.run(
            lambda store: store.find_users(
                environment_id, wanted, after=after, look_at=LOOK_AT, limit=limit
            )
        )
        return Page(found, None if last is None else cursors.encode(last), None)

    async def find_companies(
        self, environment_id: int, wanted: ProfileFilter, *, cursor: str | None, limit: int
    ) -> Page[Company]:
        """Return companies that fit, as `find_users` does users."""
        after = "" if cursor is None else cursors.decode(cursor, str)
        found, last = await self._threads.run(
            lambda store: store.find_companies(
                environment_id, wanted, after=after, look_at=LOOK_AT, limit=limit
            )
        )
        return Page(found, None if last is None else cursors.encode(last), None)

    async def events(
        self, environment_id: int, wanted: EventFilter, *, cursor: str | None, limit: int
    ) -> Page[Event]:
        """Return a page of events, newest first. Raises BadRequest for a cursor not ours.

        Raises TooSlow, TooLarge and HistoryUnreadable (`history/engine.py`).
        """
        after = None if cursor is None else cursors.decode(cursor, Place)

        def read(store: HistoryReadStore) -> Page[Event]:
            found = list_events(
                store, self._engine, environment_id, wanted, after=after, limit=limit + 1
            )
            page = _page(found, limit, lambda item: item[0], None)
            return Page([event for _, event in page.items], page.after, None)

        return await self._threads.run(read)

    async def unreadable(self, *, after: int, limit: int) -> list[Unreadable]:
        """Return records of all environments that were put aside, by position, behind a position.

        Whose they are is not known: whoever shows one must look (`wire.records.is_of`).
        """
        return await self._threads.run(lambda store: store.unreadable(after=after, limit=limit))

    def close(self) -> None:
        """Stop the threads and close the stores."""
        self._threads.close()
        self._watch.close()


def _page(
    found: list[Item], limit: int, place: Callable[[Item], object], total: int | None
) -> Page[Item]:
    """Cut off the item that was read only to learn whether there are more."""
    items = found[:limit]
    after = cursors.encode(place(items[-1])) if len(found) > limit else None
    return Page(items, after, None if total is None or total > COUNT_AT_MOST else total)
