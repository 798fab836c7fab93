"""Lookups over HTTP (contract 8.4): which properties, events and surfaces there are."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from analytex.domain.catalogue import Entry, Place, Section
from analytex.domain.environments import Permission
from analytex.http.deps import Deps
from analytex.http.paging import json_reply, list_reply, paging
from analytex.http.scope import authorise
from analytex.query.lookups import Lookup
from analytex.query.reads import Page
from analytex.wire import lookup_replies

LEFT_OUT: Final = (
    "x-analytex-left-out"  #: how many properties and names the catalogue had no room for
)

#: Surfaces of the hosted service that this server does not have: there are none of them.
EMPTY: Final = (
    "flows",
    "banners",
    "embeds",
    "spotlights",
    "surveys",
    "resource_center_modules",
    "checklists",
)

Handler = Callable[[Request], Awaitable[Response]]


def user_properties(deps: Deps) -> Handler:
    """Return the handler of `GET .../lookups/user_properties`."""
    return _array(deps, Section.USER, lookup_replies.property_reply)


def company_properties(deps: Deps) -> Handler:
    """Return the handler of `GET .../lookups/company_properties`."""
    return _array(deps, Section.COMPANY, lookup_replies.property_reply)


def features_events(deps: Deps) -> Handler:
    """Return the handler of `GET .../lookups/features_events`."""
    return _array(deps, Section.EVENT, lookup_replies.event_name_reply)


def events_properties(deps: Deps) -> Handler:
    """Return the handler of `GET .../lookups/events_properties`."""

    async def handle(request: Request) -> Response:
        scope = authorise(request, deps.keyring, Permission.READ)
        limit, cursor = paging(request)
        lag = await deps.reads.caught_up()
        page, found = await deps.lookups.page(
            scope.environment_id, Section.TRACK, Section.PAGE_VIEW, cursor=cursor, limit=limit
        )
        items = [lookup_replies.event_property_reply(*each) for each in page.items]
        return _complete(request, list_reply(page, items, limit), found, lag)

    return handle


def segments(deps: Deps) -> Handler:
    """Return the handler of `GET .../lookups/segments`: there are none."""

    async def handle(request: Request) -> Response:
        authorise(request, deps.keyring, Permission.READ)
        limit, _ = paging(request)
        return list_reply(Page([], None, 0), [], limit)

    return handle


def empty(deps: Deps) -> Handler:
    """Return the handler of a surface that this server does not have."""

    async def handle(request: Request) -> Response:
        authorise(request, deps.keyring, Permission.READ)
        return json_reply([])

    return handle


def _array(deps: Deps, section: Section, reply: Callable[[Place, Entry], Any]) -> Handler:
    async def handle(request: Request) -> Response:
        scope = authorise(request, deps.keyring, Permission.READ)
        lag = await deps.reads.caught_up()
        found = await deps.lookups.find(scope.environment_id, section)
        # Ten thousand of them take 80 ms, in which others must be answered too.
        items = await asyncio.to_thread(lambda: [reply(*each) for each in found.entries])
        return _complete(request, json_reply(items), found, lag)

    return handle


def _complete(request: Request, reply: Response, found: Lookup, lag: int) -> Response:
    """Let the reply tell what it may not have seen, and what it leaves out."""
    request.state.lag = lag + found.missing
    if found.left_out:
        reply.headers[LEFT_OUT] = str(found.left_out)
    return reply
