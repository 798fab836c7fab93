"""A feed: what comes new into a store, read once for all who follow it.

While anybody follows, the feed looks a few dozen times a second how far the store reaches, which
takes microseconds, and reads what is new in a thread. Who comes with an older place catches up by
reads of their own, and joins the others exactly where they are.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Hashable, Sequence
from contextlib import suppress
from typing import Final, Generic, NamedTuple, Protocol, TypeVar

from analytex.errors import AnalytexError
from analytex.storage.threads import StoreThreads

LOOK_EVERY_S: Final = 0.02
REST: Final = 2.0  # times as long as the work took, before the next look
AGAIN_AFTER_S: Final = 1.0  # where the store could not be read
THREADS: Final = 2  # one reads for all, another for those who catch up

log = logging.getLogger(__name__)


class Line(NamedTuple):
    """Something new."""

    sequence: int  #: its place in the store's order
    data: bytes  #: JSON
    fits: Sequence[int]  #: which of the interests it fits, by their places in the list


class Found(NamedTuple):
    """What a read found."""

    lines: Sequence[Line]
    upto: int  #: the sequence up to which was looked
    whole: bool = True  #: False: some may be missing, as they were moved away meanwhile


class Followed(Protocol):
    """A store that can be followed."""

    def last(self) -> int:
        """Return how far it reaches. Cheap."""

    def close(self) -> None:
        """Let go of the engine."""


class Reader(Protocol):
    """Who follows a feed."""

    def put(self, line: Line) -> None:
        """Take something new; must not wait."""

    def missed(self, after: int, upto: int) -> None:
        """Hear that something between two sequences may be missing; must not wait."""


Store = TypeVar("Store", bound=Followed)
Interest = TypeVar("Interest", bound=Hashable)  #: which new things somebody wants


class Feed(Generic[Store, Interest]):
    """Everything new in one store. Belongs to one event loop."""

    def __init__(
        self,
        open_store: Callable[[], Store],
        read: Callable[[Store, int, int, Sequence[Interest]], Found],
        *,
        name: str,
    ) -> None:
        """`read` finds what fits any of the interests, behind a sequence and up to another."""
        self._name = name
        self._watch = open_store()
        self._threads = StoreThreads(open_store, threads=THREADS, name=f"live-{name}")
        self._read = read
        self._readers: dict[Interest, list[Reader]] = {}
        self._turn = asyncio.Lock()  # held while new things are read and given out
        self._task: asyncio.Task[None] | None = None
        self.position = 0  #: the sequence up to which the readers have everything

    def begin(self) -> int:
        """Return the sequence behind which everything is new to who comes now."""
        if not self._readers:
            self.position = max(self.position, self._watch.last())
        return self.position

    async def catch_up(self, after: int, interest: Interest) -> Found:
        """Return a part of what lies between a sequence and where the readers are."""
        return await self._find(after, self.position, [interest])

    async def join(self, after: int, interest: Interest, reader: Reader) -> bool:
        """Give what comes behind `after` to a reader; False if others are ahead: catch up."""
        async with self._turn:
            if after < self.position:
                return False
            self._readers.setdefault(interest, []).append(reader)
        if self._task is None:
            self._task = asyncio.create_task(self._follow())
        return True

    def leave(self, interest: Interest, reader: Reader) -> None:
        """Give nothing more to a reader, if it has joined."""
        readers = self._readers.get(interest, [])
        with suppress(ValueError):
            readers.remove(reader)
        if not readers:
            self._readers.pop(interest, None)

    def close(self) -> None:
        """Stop, and close the stores."""
        if self._task is not None:
            self._task.cancel()
        self._threads.close()
        self._watch.close()

    async def _follow(self) -> None:
        try:
            while self._readers:
                try:
                    await self._look()
                except AnalytexError as error:
                    log.error('action="live_failed" feed=%s cause="%s"', self._name, error.details)
                    await asyncio.sleep(AGAIN_AFTER_S)
        finally:
            self._task = None

    async def _look(self) -> None:
        last = self._watch.last()
        if last <= self.position:
            await asyncio.sleep(LOOK_EVERY_S)
            return
        began = time.monotonic()
        async with self._turn:
            interests = list(self._readers)
            found = await self._find(self.position, last, interests)
            for line in found.lines:
                for place in line.fits:
                    for reader in tuple(self._readers.get(interests[place], ())):
                        reader.put(line)
            if not found.whole:
                for reader in [each for some in self._readers.values() for each in some]:
                    reader.missed(self.position, found.upto)
            self.position = max(self.position, found.upto)
        # Those who got something send it now. And so that calls come first where there are more
        # events than time, most of it is theirs: then what is told here falls behind, and follows.
        await asyncio.sleep((time.monotonic() - began) * REST)

    async def _find(self, after: int, upto: int, interests: Sequence[Interest]) -> Found:
        return await self._threads.run(lambda store: self._read(store, after, upto, interests))
