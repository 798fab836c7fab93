"""Events, hot ones and those in history as one list: nobody who asks can tell which is which."""

import heapq
from collections.abc import Iterator
from typing import Final

from analytex.domain.events import Event, EventFilter
from analytex.domain.history import HistoryFile, Sealed
from analytex.history import reading
from analytex.history.reading import Engine
from analytex.query.moments import at_one_moment
from analytex.storage.interface import Place
from analytex.storage.sealing import HistoryReadStore

FOREVER: Final = 2**63 - 1

Item = tuple[Place, Event]


def list_events(
    store: HistoryReadStore,
    engine: Engine,
    environment_id: int,
    wanted: EventFilter,
    *,
    after: Place | None,
    limit: int,
) -> list[Item]:
    """Return matching events, newest first, behind the place `after`.

    History is left alone if hot events fill the page and it has nothing newer than the last of
    them. Raises Unavailable: TooSlow, TooLarge, HistoryUnreadable, or if the store cannot be read.
    """
    since = -FOREVER if wanted.since is None else wanted.since
    end = Place(FOREVER if wanted.until is None else wanted.until, 0)
    before = end if after is None else min(end, after)

    def hot_events() -> tuple[list[Item], int]:
        """Hot events, and the time from which on those in history can matter."""
        hot = store.list_events(environment_id, wanted, after=after, limit=limit)
        return hot, max(since, hot[-1][0].inserted_at) if len(hot) == limit else since

    with store.snapshot():
        hot, floor = hot_events()
        if not store.has_history(environment_id, since=floor, before=before.inserted_at):
            return hot

    def both(_: Sealed) -> tuple[list[Item], int, list[HistoryFile]]:
        hot, floor = hot_events()
        return (
            hot,
            floor,
            store.history_files(environment_id, since=floor, before=before.inserted_at),
        )

    with at_one_moment(store, engine.directory, both) as (hot, floor, files):
        found = reading.page(
            engine, files, environment_id, wanted, since=floor, before=before, limit=limit
        )
    sealed = [(Place(event.inserted_at, sequence), event) for sequence, event in found]
    return heapq.nlargest(limit, [*hot, *sealed], key=_place)


class AllEvents:
    """What `analytex verify` compares: everything that is stored, at the moment that is held."""

    def __init__(self, store: HistoryReadStore, engine: Engine) -> None:
        """The store must be `held` as long as anything is read."""
        self._engine = engine
        self._store = store
        self.applied = store.applied
        self.scan_users = store.scan_users
        self.scan_companies = store.scan_companies

    def scan_events(self, *, batch: int) -> Iterator[list[Event]]:
        """Yield all events of every environment once, at most `batch` at a time.

        Those in history come first, file by file, in no particular order; then the hot ones in
        theirs. Raises Unavailable.
        """
        yield from reading.scan(self._engine, self._store.all_history_files(), batch=batch)
        yield from self._store.scan_events(batch=batch)


def _place(item: Item) -> Place:
    return item[0]
