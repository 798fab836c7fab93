"""Lines of the live page: what one shows of a call, accepted or refused."""

from typing import Any, Final

import msgspec

from analytex.console.charts.elements import shown
from analytex.console.links import record_link
from analytex.console.profiles import COMPANIES, USERS, link_to
from analytex.domain.events import Event, EventFilter, EventType
from analytex.domain.quarantine import Refused
from analytex.domain.times import parse_time
from analytex.http.stream import frame
from analytex.query.streams import Kind, Piece
from analytex.storage.live import CALL_ID_CHARS
from analytex.wire.quarantine_replies import RefusedReply, refused_reply
from analytex.wire.replies import encode, event_reply

SAID_CHARS: Final = 110  # of a call's properties, or of why it was refused
ID_CHARS: Final = 40

CALLS: Final = {
    EventType.TRACK: "track",
    EventType.IDENTIFY_USER: "identify",
    EventType.IDENTIFY_COMPANY: "identify company",
    EventType.PAGE_VIEW: "page view",
}
_PATHS: Final = {
    "/v1/track": "track",
    "/v1/identify": "identify",
    "/v1/companies/identify": "identify company",
    "/v1/users/bulk_identify": "bulk identify",
    "/v1/companies/bulk_identify": "bulk identify companies",
    "/v1/imports": "import",
}


class Line(msgspec.Struct, kw_only=True):
    """A line, cut to what it has room for."""

    id: str
    at: str  #: ISO 8601, UTC
    kind: str  #: accepted, row (of a file) or refused
    result: str  #: the status of the reply; of a row, that it is one
    call: str
    name: str
    link: str  #: where all about it is
    user: str
    user_link: str
    company: str
    company_link: str
    said: str

    @property
    def at_us(self) -> int:
        """When it came, in microseconds since 1970-01-01 UTC."""
        return parse_time(self.at)


class _Told(msgspec.Struct):
    """What a line needs of an event, as a stream tells it."""

    id: str
    event_type: EventType
    event_name: str
    user_id: str | None
    company_id: str | None
    inserted_at: str
    metadata: msgspec.Raw


class Chosen(msgspec.Struct, frozen=True, kw_only=True):
    """Which calls the page shows; empty means any."""

    user_id: str = ""
    company_id: str = ""
    event_name: str = ""
    show: str = ""  #: `accepted`, `refused`, or both
    rows: bool = False  #: also rows of files

    @property
    def refused(self) -> bool:
        """Whether refused calls are shown."""
        return self.show != "accepted"

    def events(self) -> EventFilter:
        """Return which events a stream tells."""
        return EventFilter(
            id="-" if self.show == "refused" else None,  # which no event has
            user_id=self.user_id or None,
            company_id=self.company_id or None,
            event_name=self.event_name or None,
        )

    def fits(self, body: str | None) -> bool:
        """Tell whether a refused call is shown: everything that is asked for stands in its body.

        It may be refused for what is wrong with just these fields, so they are not read.
        """
        asked = (self.user_id, self.company_id, self.event_name)
        return all(not text or text in (body or "") for text in asked)


def of_event(event: Event, app_token: str) -> Line:
    """Return the line of an accepted call."""
    return _accepted(encode(event_reply(event, app_token)))


def of_refused(refused: Refused) -> Line:
    """Return the line of a refused one."""
    return _refused(refused_reply(refused))


def show_piece(chosen: Chosen, piece: Piece) -> bytes:
    """Write a piece of a stream for the page; nothing of a call that it does not show."""
    if piece.kind is Kind.EVENT:
        line = _accepted(piece.data)
    elif piece.kind is Kind.REFUSED:
        reply = _decode_refused(piece.data)
        if not chosen.fits(reply.body):
            return b"id: %b\n\n" % str(piece.place).encode()
        line = _refused(reply)
    else:
        return frame(piece)
    return frame(Piece(Kind.EVENT, encode(line), piece.place))


def _accepted(data: bytes) -> Line:
    told = _decode_told(data)
    is_call = len(told.id) == CALL_ID_CHARS
    user, company = told.user_id or "", told.company_id or ""
    said = bytes(told.metadata).decode()
    return Line(
        id=told.id,
        at=told.inserted_at,
        kind="accepted" if is_call else "row",
        result="202" if is_call else "row",
        call=CALLS[told.event_type],
        name=_cut(told.event_name),
        link=record_link(told.id, None if is_call else parse_time(told.inserted_at)),
        user=_cut(user),
        user_link=link_to(USERS, user) if user else "",
        company=_cut(company),
        company_link=link_to(COMPANIES, company) if company else "",
        said="" if said == "{}" else shown(said[: 2 * SAID_CHARS], at_most=SAID_CHARS),
    )


def _refused(reply: RefusedReply) -> Line:
    named = _named(reply.body)
    said = f"{reply.message} {reply.details}".strip()
    return Line(
        id=reply.id,
        at=reply.refused_at,
        kind="refused",
        result=str(reply.status),
        call=call_name(reply.method, reply.path),
        name=_cut(named.get("event_name", "")),
        link=f"/console/quarantine/{reply.id}",
        user=_cut(named.get("user_id", "")),
        user_link="",  # perhaps it never came: there need not be a page
        company=_cut(named.get("company_id", "")),
        company_link="",
        said=shown(said, at_most=2 * SAID_CHARS),
    )


def call_name(method: str, path: str) -> str:
    """Return how a call is called."""
    return _PATHS.get(path, f"{method} {path}") if method == "POST" else f"{method} {path}"


def _named(body: str | None) -> dict[str, str]:
    """Return the texts that stand in a refused body, so far as it can be read."""
    try:
        found: Any = msgspec.json.decode(body or "")
    except (msgspec.MsgspecError, RecursionError):
        return {}
    if not isinstance(found, dict):
        return {}
    return {name: value for name, value in found.items() if isinstance(value, str)}


def _cut(text: str) -> str:
    return shown(text, at_most=ID_CHARS) if text else ""


_decode_told: Final = msgspec.json.Decoder(_Told).decode
_decode_refused: Final = msgspec.json.Decoder(RefusedReply).decode
