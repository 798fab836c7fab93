"""One live stream: where it is, what waits for its reader, and how it ends."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from enum import StrEnum
from typing import Final, NamedTuple

from analytex.domain.events import EventFilter
from analytex.query.following import Feed, Found, Line
from analytex.storage.live import LiveStore
from analytex.storage.quarantine import QuarantineStore
from analytex.wire import replies
from analytex.wire.quarantine_replies import GapReply

QUEUE_BYTES: Final = 1024 * 1024  # that a reader may be behind; with more it is dropped
BATCH_BYTES: Final = 256 * 1024  # sent at once


class Kind(StrEnum):
    """What a piece of a stream tells."""

    EVENT = "event"
    REFUSED = "refused"  #: a call that was refused
    GAP = "gap"  #: some events between two places may be missing, as they are in history by now


class Piece(NamedTuple):
    """Something that a stream tells, and where the stream then is."""

    kind: Kind
    data: bytes  #: JSON
    place: "Place"


class Place(NamedTuple):
    """Up to where a stream has told everything."""

    event: int
    refused: int | None = None  #: None: refused calls are not asked for

    def __str__(self) -> str:
        return str(self.event) if self.refused is None else f"{self.event}.{self.refused}"


class Ending(StrEnum):
    """Why the server ends a stream, in words for its reader."""

    SLOW = "You read too slowly. Connect again with the last id, and nothing is missing."
    STOPPING = "The server stops. Connect again with the last id."


class Interest(NamedTuple):
    """Which events a stream tells."""

    environment_id: int
    app_token: str
    wanted: EventFilter
    files: bool  #: also rows of imports and bulk jobs


EventFeed = Feed[LiveStore, Interest]
RefusedFeed = Feed[QuarantineStore, int]  #: an interest is an environment's id


class Source(NamedTuple):
    """Where streams get from what they tell."""

    events: EventFeed
    refused: RefusedFeed
    first: Callable[[], int]  #: the oldest sequence from which on nothing was moved away
    closed: Callable[["Stream"], None]  #: hears that a stream was closed


class Stream:
    """One reader's stream. What it has not fetched waits in a bounded queue."""

    def __init__(self, source: Source, interest: Interest, now: Place, after: Place | None) -> None:
        """It tells what comes behind `after`; without one, behind `now`."""
        self._source = source
        self._interest = interest
        self._after = after
        self._begin = now
        self.place = now if after is None else _merged(after, now)
        self.ending: str | None = None  #: why it ended, once it has
        self._queue: deque[tuple[Kind, Line]] = deque()
        self._waiting_bytes = 0
        self._news = asyncio.Event()
        self._events = _Queue(self, Kind.EVENT)
        self._refused = _Queue(self, Kind.REFUSED)

    async def batches(self, *, idle_s: float) -> AsyncIterator[list[Piece]]:
        """Yield what comes; an empty list after so many seconds without anything.

        Ends when the stream was ended; `ending` says why. Raises Unavailable.
        """
        if self._after is not None and (gap := self._skip()) is not None:
            yield [gap]
        async for pieces in self._catch_up():
            yield pieces
        while self.ending is None or (self._queue and self.ending != Ending.SLOW):
            if not self._queue:
                await self._wait(idle_s)
            yield self._take()

    def put(self, kind: Kind, line: Line) -> None:
        """Let something wait for the reader; one that is too far behind is dropped."""
        if self.ending is not None:
            return
        if self._waiting_bytes > QUEUE_BYTES:
            self.end(Ending.SLOW)
            return
        self._queue.append((kind, line))
        self._waiting_bytes += len(line.data)
        self._news.set()

    def end(self, reason: str) -> None:
        """Let the stream end."""
        if self.ending is None:
            self.ending = reason
            self._leave()
            if reason == Ending.SLOW:
                self._queue.clear()
        self._news.set()

    def close(self) -> None:
        """Let go of it, at the end or before it."""
        self.end(Ending.STOPPING)
        self._queue.clear()
        self._source.closed(self)

    def _leave(self) -> None:
        self._source.events.leave(self._interest, self._events)
        self._source.refused.leave(self._interest.environment_id, self._refused)

    def _skip(self) -> Piece | None:
        """Go on behind what is not here (any more), if that is where the stream is."""
        begin, last = self._source.first() - 1, self._begin.event
        if begin <= self.place.event <= last:
            return None
        return self._gap(self.place.event, begin if self.place.event < begin else last)

    def _gap(self, after: int, upto: int) -> Piece:
        whole_to, self.place = self._moved(Kind.EVENT, after), self._moved(Kind.EVENT, upto)
        data = replies.encode(GapReply(after=str(whole_to), resumed_at=str(self.place)))
        return Piece(Kind.GAP, data, self.place)

    async def _catch_up(self) -> AsyncIterator[list[Piece]]:
        """Read on from an older place until the stream is where all others are."""
        events, environment_id = self._source.events, self._interest.environment_id
        while self.ending is None and not await events.join(
            self.place.event, self._interest, self._events
        ):
            found = await events.catch_up(self.place.event, self._interest)
            yield self._told(Kind.EVENT, found)
        refused = self._source.refused
        while (
            self.ending is None
            and self.place.refused is not None
            and not await refused.join(self.place.refused, environment_id, self._refused)
        ):
            found = await refused.catch_up(self.place.refused, environment_id)
            yield self._told(Kind.REFUSED, found)
        if self.ending is not None:
            self._leave()  # it ended while it joined

    def _told(self, kind: Kind, found: Found) -> list[Piece]:
        after = self.place.event
        pieces = [self._piece(kind, line) for line in found.lines]
        if not found.whole:
            pieces.append(self._gap(after, found.upto))
        self.place = self._moved(kind, found.upto)
        return pieces

    def _take(self) -> list[Piece]:
        """Return some of what waits. Without anything the place moves on to where the feeds are."""
        if not self._queue and self.ending is None:
            refused = None if self.place.refused is None else self._source.refused.position
            self.place = Place(self._source.events.position, refused)
        pieces = []
        size = 0
        while self._queue and size < BATCH_BYTES:
            kind, line = self._queue.popleft()
            size += len(line.data)
            pieces.append(self._piece(kind, line))
        self._waiting_bytes -= size
        return pieces

    def _piece(self, kind: Kind, line: Line) -> Piece:
        if kind is Kind.GAP:
            return self._gap(int(line.data), line.sequence)
        self.place = self._moved(kind, line.sequence)
        return Piece(kind, line.data, self.place)

    def _moved(self, kind: Kind, sequence: int) -> Place:
        if kind is Kind.EVENT:
            return self.place._replace(event=sequence)
        return self.place._replace(refused=sequence)

    async def _wait(self, seconds: float) -> None:
        self._news.clear()
        if self.ending is None:
            try:
                await asyncio.wait_for(self._news.wait(), seconds)
            except TimeoutError:
                return


class _Queue:
    """A stream as one of the two feeds sees it."""

    def __init__(self, stream: Stream, kind: Kind) -> None:
        self._stream = stream
        self._kind = kind

    def put(self, line: Line) -> None:
        """Hand it on."""
        self._stream.put(self._kind, line)

    def missed(self, after: int, upto: int) -> None:
        """Hand that on too."""
        self._stream.put(Kind.GAP, Line(upto, b"%d" % after, ()))


def _merged(after: Place, now: Place) -> Place:
    """Return where a stream begins that was somewhere before; refused calls may be new to it."""
    if now.refused is None:
        return Place(after.event)
    return Place(after.event, now.refused if after.refused is None else after.refused)
