"""What the person who runs the server asks: is it well, what does it do, what does it answer."""

from collections.abc import Awaitable, Callable
from ipaddress import IPv6Address, ip_address
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from analytex import __version__
from analytex.domain.environments import Permission
from analytex.errors import Unauthorized
from analytex.http import docs_page
from analytex.http import openapi as document
from analytex.http.deps import Deps
from analytex.http.paging import json_reply
from analytex.http.scope import authorise
from analytex.observability.exposition import MEDIA_TYPE, render
from analytex.observability.health import Readiness, readiness
from analytex.observability.health import State as ServerState
from analytex.observability.metrics import families

Handler = Callable[[Request], Awaitable[Response]]

_FORWARDED: Final = ("forwarded", "x-forwarded-for", "x-real-ip", "via")  # a proxy was in between


async def health(_: Request) -> Response:
    """Answer `GET /healthz`: this worker answers."""
    return Response(b'{"status":"ok"}')


def ready(deps: Deps) -> Handler:
    """Return the handler of `GET /readyz`: 200, or 503 with the reasons."""

    async def handle(_: Request) -> Response:
        found = _readiness(deps, deps.watch.state())
        return json_reply(found, 200 if found.ready else 503)

    return handle


def metrics(deps: Deps) -> Handler:
    """Return the handler of `GET /metrics`."""

    async def handle(request: Request) -> Response:
        if not (deps.settings.metrics_open or is_local(request)):
            _check_admin(request, deps)
        state = deps.watch.state()
        details = await deps.watch.details()
        found = families(__version__, state, details, ready=_readiness(deps, state).ready)
        return Response(render(found), media_type=MEDIA_TYPE)

    return handle


def is_local(request: Request) -> bool:
    """Tell whether a request comes from this machine, and from no proxy that admits to be one."""
    if request.client is None or any(name in request.headers for name in _FORWARDED):
        return False
    try:
        address = ip_address(request.client.host)
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped.is_loopback
    return address.is_loopback


def _check_admin(request: Request, deps: Deps) -> None:
    try:
        authorise(request, deps.keyring, Permission.ADMIN)
    except Unauthorized as error:
        details = (
            "Metrics are shown on the machine itself, with an admin key, or to everybody with the "
            f"setting `metrics_open`. {error.details}"
        )
        raise Unauthorized(error.message, details=details) from None


def _readiness(deps: Deps, state: ServerState) -> Readiness:
    settings = deps.settings
    return readiness(state, lag_s=settings.ready_lag, disk_bytes=settings.ready_disk)


async def openapi(_: Request) -> Response:
    """Answer `GET /openapi.json`."""
    return Response(document.encoded())


async def docs(_: Request) -> Response:
    """Answer `GET /docs`."""
    headers = {
        "content-security-policy": docs_page.policy(),
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
    }
    return Response(docs_page.page(), headers=headers, media_type="text/html")
