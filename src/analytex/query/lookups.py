"""Lookups: the property catalogue, with the events that are not in it yet."""

import asyncio
import time
from bisect import bisect_right
from collections.abc import Callable, Collection
from typing import Final, NamedTuple

from analytex.domain.catalogue import (
    MOST_ENTRIES,
    Entry,
    Findings,
    Place,
    Section,
    merge,
    observe,
)
from analytex.query import cursors
from analytex.query.reads import Page
from analytex.storage.catalogue import CatalogueReader, Kept
from analytex.storage.threads import StoreThreads

MOST_LOOKED_AT: Final = 16 * 8192  # events behind the catalogue: about 0.6 s
BYTES: Final = 2 * 1024 * 1024  # of properties in memory at a time

_LOOK_EVERY_S: Final = 0.05


class Lookup(NamedTuple):
    """What was seen of some sections of the catalogue."""

    entries: list[tuple[Place, Entry]]  #: by place: section, event, key
    left_out: int  #: how many properties and names were seen for which there was no room
    missing: int  #: how many events, at most, were neither catalogued nor looked at


class Lookups:
    """Answers what properties and event names there are."""

    def __init__(self, open_store: Callable[[], CatalogueReader], *, wait_s: float) -> None:
        """`open_store` is called in a thread of our own.

        `wait_s` is the longest that a lookup waits for a catalogue that is far behind.
        """
        self._wait_s = wait_s
        # One at a time: each may take all of a processor for a while.
        self._threads = StoreThreads(open_store, threads=1, name="lookup")

    async def find(self, environment_id: int, *sections: Section) -> Lookup:
        """Return all entries of these sections. Raises Unavailable."""
        await self._wait()
        return await self._threads.run(lambda store: _find(store, environment_id, sections))

    async def page(
        self, environment_id: int, *sections: Section, cursor: str | None, limit: int
    ) -> tuple[Page[tuple[Place, Entry]], Lookup]:
        """Return a page of them, and all. Raises Unavailable, or BadRequest for a wrong cursor."""
        after = None if cursor is None else cursors.decode(cursor, Place)
        found = await self.find(environment_id, *sections)
        start = 0
        if after is not None:
            start = bisect_right(found.entries, after, key=lambda entry: entry[0])
        items = found.entries[start : start + limit]
        more = start + limit < len(found.entries)
        place = cursors.encode(items[-1][0]) if more else None
        return Page(items, place, len(found.entries)), found

    async def _wait(self) -> None:
        deadline = time.monotonic() + self._wait_s
        while await self._threads.run(_is_far_behind):
            if time.monotonic() > deadline:
                return
            await asyncio.sleep(_LOOK_EVERY_S)

    def close(self) -> None:
        """Stop the thread and close its store."""
        self._threads.close()


def _is_far_behind(store: CatalogueReader) -> bool:
    return store.end() - store.upto() > MOST_LOOKED_AT


def _find(store: CatalogueReader, environment_id: int, sections: Collection[Section]) -> Lookup:
    with store.snapshot():  # or an event would be counted twice, or not at all
        kept = store.kept(environment_id, sections)
        upto = store.upto()
        after = max(upto, store.end() - MOST_LOOKED_AT)
        shelves = _Shelves(kept, sections)
        for samples in store.events(environment_id, sections, after=after, limit_bytes=BYTES):
            shelves.add(environment_id, observe(samples, sections))
    entries = sorted(kept.entries.items(), key=lambda entry: entry[0])
    return Lookup(entries, shelves.left_out, after - upto)


class _Shelves:
    """Adds to entries what the events behind them say, within the bounds of the catalogue."""

    def __init__(self, kept: Kept, sections: Collection[Section]) -> None:
        self._entries = kept.entries
        self.left_out = kept.left_out
        self._room = {section: MOST_ENTRIES[section] for section in sections}
        for place in kept.entries:
            self._room[place.section] -= 1

    def add(self, environment_id: int, found: Findings) -> None:
        for place, entry in found.entries.get(environment_id, {}).items():
            known = self._entries.get(place)
            if known is not None:
                merge(known, entry)
            elif self._room[place.section] > 0:
                self._room[place.section] -= 1
                self._entries[place] = entry
            else:
                self.left_out += entry.count
        self.left_out += sum(found.left_out.values())
