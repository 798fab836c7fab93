"""The quarantine over HTTP: look at refused requests, send them again, remove them."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Message, Receive

from analytex.domain.environments import Permission, Scope
from analytex.domain.quarantine import Refused, RefusedFilter
from analytex.errors import AlreadyReplayed, BadRequest
from analytex.http.deps import Deps
from analytex.http.headers import REQUEST_ID
from analytex.http.paging import json_reply, paging, time_of
from analytex.http.scope import SPEAKS_FOR, authorise
from analytex.wire import replies
from analytex.wire.quarantine_replies import (
    QuarantineMetadata,
    QuarantineReply,
    refused_reply,
)

Handler = Callable[[Request], Awaitable[Response]]

_OF_A_BODY: Final = frozenset(
    (b"content-length", b"content-type", b"content-encoding", b"transfer-encoding")
)


def list_refused(deps: Deps) -> Handler:
    """Return the handler of `GET /v1/quarantine`: a page, or all as NDJSON."""

    async def handle(request: Request) -> Response:
        scope = authorise(request, deps.keyring, Permission.READ)
        wanted = refused_filter(request)
        form = request.query_params.get("format", "json")
        if form == "ndjson":
            found = lines(deps, scope, wanted)
            return StreamingResponse(found, media_type="application/x-ndjson; charset=utf-8")
        if form != "json":
            raise BadRequest("`format` is not valid.", details="Expected json or ndjson.")
        limit, cursor = paging(request)
        page, dropped = await deps.quarantine.find(scope, wanted, cursor=cursor, limit=limit)
        metadata = QuarantineMetadata(
            cursor=replies.Cursor(after=page.after),
            limit=limit,
            total_count=page.total,
            dropped_count=dropped,
        )
        items = [refused_reply(each) for each in page.items]
        return json_reply(QuarantineReply(data=items, metadata=metadata))

    return handle


def get_refused(deps: Deps) -> Handler:
    """Return the handler of `GET /v1/quarantine/{id}`."""

    async def handle(request: Request) -> Response:
        scope = authorise(request, deps.keyring, Permission.READ)
        return json_reply(refused_reply(await _find(request, deps, scope)))

    return handle


def remove(deps: Deps) -> Handler:
    """Return the handler of `DELETE /v1/quarantine/{id}`."""

    async def handle(request: Request) -> Response:
        scope = authorise(request, deps.keyring, Permission.INGEST)
        await deps.quarantine.remove(scope, request.path_params["id"])
        return Response(b"{}")

    return handle


def replay(deps: Deps, handlers: Mapping[tuple[str, str], Handler]) -> Handler:
    """Return the handler of `POST /v1/quarantine/{id}/replay`.

    It asks the handler of the call that was refused, among `handlers` by method and path, with the
    body of this request, or with the one that was kept if this has none.
    """

    async def handle(request: Request) -> Response:
        scope = authorise(request, deps.keyring, Permission.INGEST)
        refused = await _find(request, deps, scope)
        _check_not_replayed(refused)
        again = await _again(request, refused)
        return await _send_again(again, deps, handlers, refused)

    return handle


async def replay_with(
    request: Request,
    deps: Deps,
    handlers: Mapping[tuple[str, str], Handler],
    refused: Refused,
    body: bytes,
    scope: Scope,
) -> str:
    """Send a refused request again with that body, for whom `scope` names, whatever `request` is.

    Returns the id of the request that was accepted. Raises AlreadyReplayed, and what the call does.
    """
    _check_not_replayed(refused)
    given = {**request.scope, SPEAKS_FOR: scope}
    again = Request(_scope_again(given, refused, _headers_again(request, refused)), _body(body))
    reply = await _send_again(again, deps, handlers, refused)
    return reply.headers.get(REQUEST_ID, request.state.request_id)


def _check_not_replayed(refused: Refused) -> None:
    if refused.replayed_at is not None:
        raise AlreadyReplayed(details=f"It was accepted as {refused.replayed_as}.")


async def _send_again(
    again: Request, deps: Deps, handlers: Mapping[tuple[str, str], Handler], refused: Refused
) -> Response:
    reply = await handlers[refused.method, refused.path](again)
    if reply.status_code < 300:
        request_id = reply.headers.get(REQUEST_ID, again.state.request_id)
        await deps.quarantine.replayed(refused, request_id)
    return reply


async def _find(request: Request, deps: Deps, scope: Scope) -> Refused:
    return await deps.quarantine.get(scope, request.path_params["id"])


async def _again(request: Request, refused: Refused) -> Request:
    """Return the refused request as this one sends it again. Raises BadRequest."""
    if _has_body(request):
        headers = request.scope["headers"]
        return Request(_scope_again(request.scope, refused, headers), request.receive)
    if not refused.whole:
        raise BadRequest(
            "The request was not kept whole.",
            details="Send the mended body along with the replay.",
        )
    headers = _headers_again(request, refused)
    return Request(_scope_again(request.scope, refused, headers), _body(refused.body))


def _scope_again(
    given: MutableMapping[str, Any], refused: Refused, headers: list[tuple[bytes, bytes]]
) -> dict[str, Any]:
    return {
        **given,
        "method": refused.method,
        "path": refused.path,
        "raw_path": refused.path.encode(),
        "query_string": refused.query.encode(),
        "headers": headers,
    }


def _headers_again(request: Request, refused: Refused) -> list[tuple[bytes, bytes]]:
    kept = [header for header in request.scope["headers"] if header[0] not in _OF_A_BODY]
    if refused.content_type:
        kept.append((b"content-type", refused.content_type.encode("latin-1")))
    return kept


def _has_body(request: Request) -> bool:
    headers = request.headers
    return headers.get("content-length", "0") != "0" or "transfer-encoding" in headers


def _body(body: bytes) -> Receive:
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        return messages.pop() if messages else {"type": "http.disconnect"}

    return receive


async def lines(deps: Deps, scope: Scope, wanted: RefusedFilter) -> AsyncIterator[bytes]:
    """Yield all of them as NDJSON, newest first."""
    async for some in deps.quarantine.export(scope, wanted):
        yield b"".join(replies.encode(refused_reply(each)) + b"\n" for each in some)


def refused_filter(request: Request) -> RefusedFilter:
    """Return which refused requests are asked for. Raises BadRequest."""
    asked = request.query_params
    status = asked.get("status")
    if status is not None and not (status.isascii() and status.isdecimal() and len(status) == 3):
        raise BadRequest("`status` is not valid.", details="Expected a status such as 400.")
    return RefusedFilter(
        status=None if status is None else int(status),
        code=asked.get("code"),
        path=asked.get("path"),
        since=time_of(request, "from"),
        until=time_of(request, "to"),
    )
