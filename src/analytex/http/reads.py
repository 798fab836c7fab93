"""Reads over HTTP: users, companies, events."""

from collections.abc import Awaitable, Callable
from urllib.parse import unquote_to_bytes

from starlette.requests import Request
from starlette.responses import Response

from analytex.domain.environments import Permission
from analytex.domain.events import EventFilter, EventType
from analytex.errors import BadRequest, NotFound
from analytex.http.deps import Deps
from analytex.http.paging import json_reply, list_reply, paging, time_of
from analytex.http.scope import authorise
from analytex.wire import replies

Handler = Callable[[Request], Awaitable[Response]]


def list_users(deps: Deps) -> Handler:
    """Return the handler of `GET /v1/users`."""

    async def handle(request: Request) -> Response:
        scope = authorise(request, deps.keyring, Permission.READ)
        limit, cursor = paging(request)
        await _catch_up(request, deps)
        page = await deps.reads.users(scope.environment_id, cursor=cursor, limit=limit)
        return list_reply(page, [replies.user_reply(user) for user in page.items], limit)

    return handle


def get_user(deps: Deps) -> Handler:
    """Return the handler of `GET /v1/users/{user_id}`."""

    async def handle(request: Request) -> Response:
        scope = authorise(request, deps.keyring, Permission.READ)
        user_id = _id_in_path(request, "/v1/users/")
        await _catch_up(request, deps)
        user = await deps.reads.user(scope.environment_id, user_id)
        if user is None:
            raise NotFound("There is no such user.", details=f"user_id: {user_id!r}")
        return json_reply(replies.user_reply(user))

    return handle


def list_companies(deps: Deps) -> Handler:
    """Return the handler of `GET /v1/companies`."""

    async def handle(request: Request) -> Response:
        scope = authorise(request, deps.keyring, Permission.READ)
        limit, cursor = paging(request)
        await _catch_up(request, deps)
        page = await deps.reads.companies(scope.environment_id, cursor=cursor, limit=limit)
        return list_reply(page, [replies.company_reply(company) for company in page.items], limit)

    return handle


def get_company(deps: Deps) -> Handler:
    """Return the handler of `GET /v1/companies/{company_id}`."""

    async def handle(request: Request) -> Response:
        scope = authorise(request, deps.keyring, Permission.READ)
        company_id = _id_in_path(request, "/v1/companies/")
        await _catch_up(request, deps)
        company = await deps.reads.company(scope.environment_id, company_id)
        if company is None:
            raise NotFound("There is no such company.", details=f"company_id: {company_id!r}")
        return json_reply(replies.company_reply(company))

    return handle


def list_events(deps: Deps) -> Handler:
    """Return the handler of `GET /v1/events`."""

    async def handle(request: Request) -> Response:
        scope = authorise(request, deps.keyring, Permission.READ)
        limit, cursor = paging(request)
        wanted = event_filter(request)
        await _catch_up(request, deps)
        page = await deps.reads.events(scope.environment_id, wanted, cursor=cursor, limit=limit)
        items = [replies.event_reply(event, scope.app_token) for event in page.items]
        return list_reply(page, items, limit)

    return handle


async def _catch_up(request: Request, deps: Deps) -> None:
    """Wait for the newest calls; the reply, whatever it is, tells how many are still missing."""
    request.state.lag = await deps.reads.caught_up()


def event_filter(request: Request) -> EventFilter:
    """Return which events are asked for. Raises BadRequest."""
    asked = request.query_params
    kind = asked.get("event_type")
    if kind is not None and kind not in set(EventType):
        raise BadRequest(
            "`event_type` is not valid.", details=f"Expected one of {', '.join(EventType)}."
        )
    return EventFilter(
        id=asked.get("id"),
        user_id=asked.get("user_id"),
        company_id=asked.get("company_id"),
        event_type=None if kind is None else EventType(kind),
        event_name=asked.get("event_name"),
        since=time_of(request, "from"),
        until=time_of(request, "to"),
    )


def _id_in_path(request: Request, prefix: str) -> str:
    """Return the id, which may hold any character, slashes included, if it is percent-encoded."""
    encoded: bytes = request.scope["raw_path"][len(prefix) :]
    try:
        return unquote_to_bytes(encoded).decode()
    except UnicodeDecodeError:
        raise NotFound("The id in the address is not valid UTF-8.") from None
