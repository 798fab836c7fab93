"""The pages of events: their names, one name, and the newest events."""

from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from analytex.console.addresses import Pairs
from analytex.console.charts import Kind, Series, over_time, sparkline
from analytex.console.event_names import (
    DAYS,
    KIND_TITLES,
    KINDS,
    NamePage,
    event_json,
    kinds,
    name_page,
    names_page,
)
from analytex.console.links import event_link, question_link, values_link
from analytex.console.names import KnownNames
from analytex.console.pages import Console
from analytex.console.profiles import COMPANIES, USERS, link_to
from analytex.console.reader import reader_zone
from analytex.domain.environments import Scope
from analytex.domain.events import Event, EventType
from analytex.domain.times import SECOND, parse_time
from analytex.errors import AnalytexError, NotFound
from analytex.http.errors import error_reply
from analytex.http.reads import event_filter

SORTS: Final = (("", "Most events"), ("seen", "Last seen"), ("name", "Name"))
PER_PAGE: Final = 30
LINE_CHARS: Final = 90  # of an event's properties in a row
SHOWN_BYTES: Final = 1600  # of an event in a list, escaped; alone it is shown whole

_FILTERS: Final = ("id", "event_name", "user_id", "company_id", "event_type", "from", "to")
_MINUTE: Final = "%Y-%m-%dT%H:%M"  #: how browsers write a time in a field


def routes(console: Console) -> list[Route]:
    """Return the pages."""
    events = _Events(console)
    return [
        Route("/console/events", events.names),
        Route("/console/events/name", events.name),
        Route("/console/events/newest", events.newest),
    ]


class _Events:
    def __init__(self, console: Console) -> None:
        self._console = console
        self._known = KnownNames(console.deps.lookups)

    async def names(self, request: Request) -> Response:
        """Answer `GET /console/events`."""
        deps, scope = self._console.deps, self._console.scope(request)
        zone = reader_zone(request)
        asked = request.query_params
        search, sort = asked.get("q", "").strip(), asked.get("sort", "")
        await deps.reads.caught_up()
        page = await names_page(
            deps, scope, search=search, sort=sort, page=_page(asked.get("page")), zone=zone
        )
        found = {} if search or page.page > 1 else await kinds(deps, scope, zone)
        values = {
            "page": page,
            "rows": [
                {
                    "name": each.name,
                    "link": event_link(each.name),
                    "volume": each.volume,
                    "last_seen": each.last_seen,
                    "spark": _spark(each.days),
                }
                for each in page.names
            ],
            "kinds": [
                (KIND_TITLES[name], event_link(name), sum(days), _spark(days))
                for name, days in found.items()
            ],
            "search": search,
            "sort": sort,
            "sorts": SORTS,
            "turn": lambda to: f"?{urlencode({'q': search, 'sort': sort, 'page': to})}",
        }
        return self._console.render(request, "events.html", values)

    async def name(self, request: Request) -> Response:
        """Answer `GET /console/events/name`."""
        deps, scope = self._console.deps, self._console.scope(request)
        zone = reader_zone(request)
        name = request.query_params.get("name", "")
        await deps.reads.caught_up()
        page = await name_page(deps, scope, name, zone)
        if not (page.entry or page.events or page.examples or name in KINDS):
            raise NotFound("There is no such event.", details=f"name: {name!r}")
        of_name: Pairs = [("event", name)]
        newest = {"event_type": KINDS[name][0]} if name in KINDS else {"event_name": name}
        values = {
            "name": name,
            "title": KIND_TITLES.get(name, name),
            "page": page,
            "chart": _trend(page, zone),
            "properties": [
                (each, "" if name in KINDS else values_link(each.name, name))
                for each in page.properties
            ],
            "examples": [(each, _cut(event_json(each, scope), 8000)) for each in page.examples],
            "trends": question_link("trends", of_name),
            "retention": question_link("retention", [("start", name)]),
            "newest": f"/console/events/newest?{urlencode(newest)}",
        }
        return self._console.render(request, "event.html", values)

    async def newest(self, request: Request) -> Response:
        """Answer `GET /console/events/newest`: filters and pages are those of `/v1/events`."""
        deps, scope = self._console.deps, self._console.scope(request)
        zone = reader_zone(request)
        pairs = _in_order(request, zone)
        if sorted(pairs) != sorted(request.query_params.multi_items()):
            return RedirectResponse(_address(pairs), 303)
        rows: list[dict[str, Any]] = []
        error, older = None, ""
        try:
            wanted = event_filter(request)
            await deps.reads.caught_up()
            cursor = request.query_params.get("after_cursor")
            found = await deps.reads.events(
                scope.environment_id, wanted, cursor=cursor, limit=PER_PAGE
            )
            rows = [_row(each, scope, whole=wanted.id is not None) for each in found.items]
            if found.after:
                older = _address([*_without_cursor(pairs), ("after_cursor", found.after)])
        except AnalytexError as failure:
            error = failure
        given = dict(pairs)
        values = {
            "rows": rows,
            "error": error,
            "given": {name: given.get(name, "") for name in _FILTERS},
            "times": [_local(given.get(name), zone) for name in ("from", "to")],
            "types": list(EventType),
            "zone": zone.key,
            "older": older,
            "first": _address(_without_cursor(pairs)) if "after_cursor" in given else "",
            "names": await self._known.find(scope.environment_id),
        }
        status = error_reply(error).status if error else 200
        return self._console.render(request, "newest.html", values, status=status)


def _trend(page: NamePage, zone: ZoneInfo) -> Markup:
    return over_time(
        page.span.edges,
        [Series("events", page.trend.counts)],
        id="trend",
        title=f"Events a day, {DAYS} days",
        unit="events",
        zone=zone,
        kind=Kind.AREA,
        now=page.now,
        height=220,
    )


def _spark(days: Any) -> Markup:
    return sparkline(days, text=f"events a day, {DAYS} days")


def _row(event: Event, scope: Scope, *, whole: bool) -> dict[str, Any]:
    """Return what a row shows of an event."""
    kind = f"@{event.event_type}"
    named = event.event_name if event.event_type is EventType.TRACK else kind
    text = event_json(event, scope)
    return {
        "at": event.inserted_at,
        "title": KIND_TITLES.get(named, event.event_name),
        "link": event_link(named),
        "user_id": event.user_id,
        "user_link": link_to(USERS, event.user_id or ""),
        "company_id": event.company_id,
        "company_link": link_to(COMPANIES, event.company_id or ""),
        "line": _cut(event.metadata, LINE_CHARS),
        "text": text if whole else _fitting(text),
        "whole": "" if whole else f"/console/events/newest?{urlencode({'id': event.id})}",
    }


def _fitting(text: str) -> str:
    """Return as much of a text as has room in a list."""
    if len(escape(text)) <= SHOWN_BYTES:
        return text
    return _cut(text, SHOWN_BYTES // 5)


def _cut(text: str, at_most: int) -> str:
    return text if len(text) <= at_most else text[: at_most - 1] + "…"


def _page(text: str | None) -> int:
    return int(text[:6]) if text and text.isascii() and text.isdecimal() else 1


def _in_order(request: Request, zone: ZoneInfo) -> Pairs:
    """Return the parameters without empty ones; a time from a field becomes one with its zone."""
    found: Pairs = []
    for name, value in request.query_params.multi_items():
        if not value.strip() or name == "tz":
            continue
        if name in ("from", "to"):
            try:
                clock = datetime.strptime(value, _MINUTE).replace(tzinfo=zone)
                value = clock.isoformat()
            except ValueError:
                pass  # another form of time, which names its zone or means UTC
        found.append((name, value))
    return found


def _local(text: str | None, zone: ZoneInfo) -> str:
    """Return a time as a field shows it; empty if there is none."""
    try:
        return datetime.fromtimestamp(parse_time(text or "") // SECOND, zone).strftime(_MINUTE)
    except (ValueError, OverflowError, OSError):
        return ""


def _without_cursor(pairs: Pairs) -> Pairs:
    return [(name, value) for name, value in pairs if name != "after_cursor"]


def _address(pairs: Pairs) -> str:
    return "/console/events/newest" + (f"?{urlencode(pairs)}" if pairs else "")
