"""The three real-time calls and the key test, the ordinary way."""

import asyncio
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response

from analytex.domain.calls import Call
from analytex.domain.environments import Permission
from analytex.http.body import read_body
from analytex.http.deps import Deps
from analytex.http.headers import REQUEST_ID
from analytex.http.scope import authorise
from analytex.wire import bodies


def accept(deps: Deps, call: Call) -> Callable[[Request], Awaitable[Response]]:
    """Return the handler of a real-time call: 202 once it is on disk."""

    async def handle(request: Request) -> Response:
        scope = authorise(request, deps.keyring, Permission.INGEST)
        body = await read_body(request, limit=deps.settings.body_limit)
        bodies.check(call, body)
        flushed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def done(error: Exception | None) -> None:
            if flushed.cancelled():
                return
            if error is None:
                flushed.set_result(None)
            else:
                flushed.set_exception(error)

        record_id = deps.ingest.accept(scope, call, body, done)
        await flushed
        return Response(b"{}", 202, {REQUEST_ID: record_id})

    return handle


def validate(deps: Deps) -> Callable[[Request], Awaitable[Response]]:
    """Return the handler of `GET /v1/validate`: 200 if the key is valid, whatever it may do."""

    async def handle(request: Request) -> Response:
        authorise(request, deps.keyring, None)
        return Response(b"{}")

    return handle
