"""The live stream: events as they are applied, and calls as they are refused."""

from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Final

from analytex.domain.environments import Scope
from analytex.domain.events import Event, EventFilter
from analytex.errors import Unavailable
from analytex.query.following import Feed, Found, Line
from analytex.query.streams import (
    Ending,
    EventFeed,
    Interest,
    Place,
    RefusedFeed,
    Source,
    Stream,
)
from analytex.storage.live import CALL_ID_CHARS, LiveStore, Wanted
from analytex.storage.quarantine import QuarantineStore
from analytex.wire import replies
from analytex.wire.quarantine_replies import refused_reply

SCANNED: Final = 20_000  # sequences looked at in one read: some milliseconds
READ_BYTES: Final = 512 * 1024  # told of in one read
REFUSED_ROWS: Final = 100  # in one read


class Live:
    """All streams of one worker."""

    def __init__(
        self,
        open_events: Callable[[], LiveStore],
        open_refused: Callable[[], QuarantineStore],
        *,
        at_most: int,
    ) -> None:
        """At most so many streams are open. The stores are opened once for each thread."""
        self.events: EventFeed = Feed(open_events, _read_events, name="events")
        self.refused: RefusedFeed = Feed(open_refused, _read_refused, name="refused")
        self._watch = open_events()
        self._source = Source(self.events, self.refused, self._watch.first, self._closed)
        self._at_most = at_most
        self._streams: set[Stream] = set()
        self._stopping = False

    def __len__(self) -> int:
        """Return how many streams are open."""
        return len(self._streams)

    def open(
        self, scope: Scope, wanted: EventFilter, *, files: bool, refused: bool, after: Place | None
    ) -> Stream:
        """Return a stream of what comes from now on, or behind a place. Close it at the end.

        Raises Unavailable if there are too many.
        """
        if self._stopping:
            raise Unavailable("The server stops.")
        if len(self._streams) >= self._at_most:
            raise Unavailable(
                "Too many streams are open.",
                details=f"At most {self._at_most} may be (the setting `stream_limit`).",
                retry_after_s=5,
            )
        interest = Interest(scope.environment_id, scope.app_token, wanted, files)
        stream = Stream(self._source, interest, self._begin(refused), after)
        self._streams.add(stream)
        return stream

    def now(self, *, refused: bool) -> Place:
        """Return a place behind which is all that comes from now on."""
        return self._begin(refused)

    def stop(self) -> None:
        """End all streams, so that their requests end; no more are opened."""
        self._stopping = True
        for stream in self._streams:
            stream.end(Ending.STOPPING)

    def close(self) -> None:
        """Let go of the stores."""
        self.events.close()
        self.refused.close()
        self._watch.close()

    def _closed(self, stream: Stream) -> None:
        self._streams.discard(stream)

    def _begin(self, refused: bool) -> Place:
        return Place(self.events.begin(), self.refused.begin() if refused else None)


def _read_events(store: LiveStore, after: int, upto: int, interests: Sequence[Interest]) -> Found:
    upto = min(upto, after + SCANNED)
    lines = []
    size = 0
    # One by one: between two, SQLite lets other threads go on.
    with closing(store.behind(after, upto, _anything_of(interests))) as found:
        for sequence, event in found:
            fits = [place for place, each in enumerate(interests) if _fits(event, each)]
            if fits:
                token = interests[fits[0]].app_token
                data = replies.encode(replies.event_reply(event, token))
                lines.append(Line(sequence, data, fits))
                size += len(data)
                if size > READ_BYTES:
                    upto = sequence
                    break
    return Found(lines, upto, whole=store.first() - 1 <= after)


def _anything_of(interests: Sequence[Interest]) -> Wanted:
    """Return what leaves out nothing that fits any of the interests, and most of the rest."""

    def all_of(field: str) -> frozenset[str] | None:
        values = frozenset(getattr(each.wanted, field) for each in interests)
        return None if None in values else values

    return Wanted(
        environments={each.environment_id for each in interests},
        files=any(each.files for each in interests),
        user_ids=all_of("user_id"),
        company_ids=all_of("company_id"),
        event_names=all_of("event_name"),
        event_types=all_of("event_type"),
    )


def _fits(event: Event, interest: Interest) -> bool:
    wanted = interest.wanted
    return (
        event.environment_id == interest.environment_id
        and (interest.files or len(event.id) == CALL_ID_CHARS)
        and wanted.id in (None, event.id)
        and wanted.user_id in (None, event.user_id)
        and wanted.company_id in (None, event.company_id)
        and wanted.event_type in (None, event.event_type)
        and wanted.event_name in (None, event.event_name)
        and (wanted.since is None or event.inserted_at >= wanted.since)
        and (wanted.until is None or event.inserted_at < wanted.until)
    )


def _read_refused(
    store: QuarantineStore, after: int, upto: int, environments: Sequence[int]
) -> Found:
    found = store.behind(after, upto, environments=environments, limit=REFUSED_ROWS)
    places = {environment_id: place for place, environment_id in enumerate(environments)}
    lines = [
        Line(each.number, replies.encode(refused_reply(each)), (places[each.environment_id],))
        for each in found
    ]
    return Found(lines, found[-1].number if len(found) == REFUSED_ROWS else upto)
