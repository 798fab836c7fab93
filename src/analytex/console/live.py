"""The live page: calls as they come in, accepted and refused."""

from typing import Final
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from analytex.console.live_lines import (
    Chosen,
    Line,
    of_event,
    of_refused,
    show_piece,
)
from analytex.console.names import KnownNames
from analytex.console.pages import Console
from analytex.domain.environments import Permission, Scope
from analytex.domain.quarantine import RefusedFilter
from analytex.errors import BadRequest, Unauthorized
from analytex.http.stream import Streaming, place_of
from analytex.storage.live import CALL_ID_CHARS

SHOWN: Final = 30  #: lines when the page is opened: with long names, what it may weigh
LOOKED_AT: Final = 200  #: newest events and refused calls among which those are looked for
STREAM: Final = "/console/live/stream"

_SHOWS: Final = (("", "All calls"), ("accepted", "Accepted"), ("refused", "Refused"))


def routes(console: Console) -> list[Route]:
    """Return the page and its stream."""
    live = _Live(console)
    return [Route("/console/live", live.page), Route(STREAM, live.stream)]


class _Live:
    def __init__(self, console: Console) -> None:
        self._console = console
        self._known = KnownNames(console.deps.lookups)

    async def page(self, request: Request) -> Response:
        """Answer `GET /console/live`."""
        deps, scope = self._console.deps, self._console.scope(request)
        chosen = _chosen(request)
        place = deps.live.now(refused=chosen.refused)  # before reading, so that nothing is missed
        await deps.reads.caught_up()
        lines = await self._newest(scope, chosen)
        asked = {
            "user_id": chosen.user_id,
            "company_id": chosen.company_id,
            "event_name": chosen.event_name,
            "show": chosen.show,
            "rows": "1" if chosen.rows else "",
            "last_event_id": str(place),
        }
        given = {name: text for name, text in asked.items() if text}
        names = await self._known.find(scope.environment_id)
        values = {
            "lines": lines,
            "chosen": chosen,
            "shows": _SHOWS,
            "is_filtered": bool(given.keys() - {"last_event_id"}),
            "stream": f"{STREAM}?{urlencode(given)}",
            "names": names,
        }
        return self._console.render(request, "live.html", values)

    async def stream(self, request: Request) -> Response:
        """Answer `GET /console/live/stream`."""
        deps, scope = self._console.deps, self._console.scope(request)
        chosen = _chosen(request)
        after = place_of(request)
        known = await self._console.sessions()

        def check() -> None:
            session = known.read(request)
            held = () if session is None else session.keys
            if not any(each.scope == scope and scope.may(Permission.READ) for each in held):
                raise Unauthorized("The session has ended.")

        stream = deps.live.open(
            scope, chosen.events(), files=chosen.rows, refused=chosen.refused, after=after
        )
        return Streaming(stream, check, lambda piece: show_piece(chosen, piece))

    async def _newest(self, scope: Scope, chosen: Chosen) -> list[Line]:
        """Return the newest calls that fit, the newest first."""
        deps = self._console.deps
        found: list[Line] = []
        if chosen.show != "refused":
            events = await deps.reads.events(
                scope.environment_id, chosen.events(), cursor=None, limit=LOOKED_AT
            )
            for event in events.items:
                if chosen.rows or len(event.id) == CALL_ID_CHARS:
                    found.append(of_event(event, scope.app_token))
                if len(found) == SHOWN:
                    break
        if chosen.refused:
            refused = await deps.quarantine.find(
                scope, RefusedFilter(), cursor=None, limit=LOOKED_AT
            )
            fitting = [each for each in refused.page.items if chosen.fits(_text(each.body))]
            found += [of_refused(each) for each in fitting[:SHOWN]]
        found.sort(key=lambda each: (each.at, each.id), reverse=True)
        return found[:SHOWN]


def _text(body: bytes) -> str:
    return body.decode(errors="replace")


def _chosen(request: Request) -> Chosen:
    asked = request.query_params
    show = asked.get("show", "")
    if show not in ("", "accepted", "refused"):
        raise BadRequest("`show` is not valid.", details="Expected accepted or refused.")
    return Chosen(
        user_id=asked.get("user_id", "").strip(),
        company_id=asked.get("company_id", "").strip(),
        event_name=asked.get("event_name", "").strip(),
        show=show,
        rows=asked.get("rows", "") in ("1", "true"),
    )
