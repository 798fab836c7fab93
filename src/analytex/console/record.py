"""The page of one record: the call that was accepted, what is kept of it, and what it changed."""

import shlex
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from analytex.console.event_names import event_json
from analytex.console.links import event_link, record_link
from analytex.console.live_lines import CALLS
from analytex.console.pages import Console
from analytex.console.profiles import COMPANIES, USERS, link_to
from analytex.console.record_changes import Touched, touched
from analytex.domain.environments import Scope
from analytex.domain.events import SOURCE_HTTP, Event, EventFilter, EventType
from analytex.errors import NotFound
from analytex.storage.live import CALL_ID_CHARS
from analytex.wire.records import received_at
from analytex.wire.replies import encode, event_reply

SHOWN_CHARS: Final = 6_000  #: of a JSON text; more than enough for nearly all of them

_PATHS: Final = {
    EventType.TRACK: "/v1/track",
    EventType.IDENTIFY_USER: "/v1/identify",
    EventType.IDENTIFY_COMPANY: "/v1/companies/identify",
}


def routes(console: Console) -> list[Route]:
    """Return the pages; they come after all others below `/console/live`."""
    records = _Records(console)
    return [
        Route("/console/live/{id:any}/record.json", records.file),
        Route("/console/live/{id:any}", records.show),
    ]


class _Records:
    def __init__(self, console: Console) -> None:
        self._console = console

    async def show(self, request: Request) -> Response:
        """Answer `GET /console/live/{id}`; a refused call is shown by the quarantine."""
        scope = self._console.scope(request)
        id = request.path_params["id"]
        event = await self._find(request, scope, id)
        if event is None:
            await self._console.deps.quarantine.get(scope, id)  # raises NotFound
            return RedirectResponse(f"/console/quarantine/{id}", 303)
        return self._console.render(request, "record.html", await self._values(scope, event))

    async def file(self, request: Request) -> Response:
        """Answer `GET /console/live/{id}/record.json`: the record as the API shows it."""
        scope = self._console.scope(request)
        id = request.path_params["id"]
        event = await self._find(request, scope, id)
        if event is None:
            raise NotFound("There is no such record.", details=f"id: {id!r}")
        body = encode(event_reply(event, scope.app_token))
        return Response(body, media_type="application/json; charset=utf-8")

    async def _find(self, request: Request, scope: Scope, id: str) -> Event | None:
        reads = self._console.deps.reads
        await reads.caught_up()
        at = _time_of(id, request.query_params.get("at", ""))
        wanted = EventFilter(id=id, since=at, until=None if at is None else at + 1)
        found = await reads.events(scope.environment_id, wanted, cursor=None, limit=1)
        return found.items[0] if found.items else None

    async def _values(self, scope: Scope, event: Event) -> dict[str, Any]:
        reads, environment_id = self._console.deps.reads, scope.environment_id
        parts: list[Touched] = []
        if event.user_id is not None:
            user = await reads.user(environment_id, event.user_id)
            parts.append(touched(event, user, of_user=True))
        if event.company_id is not None:
            company = await reads.company(environment_id, event.company_id)
            parts.append(touched(event, company, of_user=False))
        path = _PATHS.get(event.event_type, "") if is_call(event) else ""
        body = request_body(event)
        return {
            "event": event,
            "call": CALLS[event.event_type],
            "is_call": is_call(event),
            "path": path,
            "body": _cut(_pretty(body)),
            "command": _command(path, body),
            "path_of_file": _file_link(event),
            "record": _cut(event_json(event, scope)),
            "parts": parts,
            "event_link": event_link(event.event_name) if event.event_name else "",
            "user_link": link_to(USERS, event.user_id or ""),
            "company_link": link_to(COMPANIES, event.company_id or ""),
        }


def _time_of(id: str, at: str) -> int | None:
    """Return the time of a record, in microseconds, if its address or its id tells it."""
    if at.isascii() and at.isdecimal():
        return int(at[:17])
    try:
        return received_at(id) if len(id) == CALL_ID_CHARS else None
    except ValueError:  # it is no id of ours
        return None


def is_call(event: Event) -> bool:
    """Tell whether it was a call, rather than a row of a file."""
    return event.source == SOURCE_HTTP and len(event.id) == CALL_ID_CHARS


def request_body(event: Event) -> bytes:
    """Return the body of the call as the record keeps it: values byte for byte as they came."""
    fields: dict[str, Any] = {}
    if event.event_type is EventType.IDENTIFY_COMPANY:
        fields["company_id"] = event.company_id
    else:
        fields["user_id"] = event.user_id
    if event.event_name:
        fields["event_name"] = event.event_name
    fields["metadata"] = msgspec.Raw(event.metadata)
    if event.company is not None:
        company = msgspec.json.decode(event.company, type=dict[str, msgspec.Raw])
        fields["company"] = {"id": event.company_id, **company}
    return encode(fields)


def _file_link(event: Event) -> str:
    return f"{record_link(event.id)}/record.json?at={event.inserted_at}"


def _command(path: str, body: bytes) -> str:
    """Return the line that sends it again; empty if that would be long."""
    if not path or len(body) > SHOWN_CHARS // 4:
        return ""
    return shlex.quote(body.decode())


def _pretty(body: bytes) -> str:
    return msgspec.json.format(body, indent=2).decode()


def _cut(text: str) -> tuple[str, bool]:
    """Return a text, and whether that is not all of it."""
    return text[:SHOWN_CHARS], len(text) > SHOWN_CHARS
