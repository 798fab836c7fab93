"""The console as one application: the routes of all pages, their headers, its error pages."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from threading import Thread
from typing import Final

from markupsafe import escape
from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from analytex.auth.administration import Administration
from analytex.auth.sign_ins import SignIns
from analytex.console import (
    companies,
    events,
    exports,
    jobs,
    keys,
    live,
    overview,
    quarantine,
    questions,
    record,
    signing_in,
    system,
    uploads,
    users,
)
from analytex.console.gate import Forbidden, guarded, needed
from analytex.console.pages import Console
from analytex.domain.environments import Permission
from analytex.errors import (
    AnalytexError,
    Conflict,
    MethodNotAllowed,
    NotFound,
    Retryable,
    SettingsError,
)
from analytex.http import asgi as _  # noqa: F401  # routes of pages use its `{id:any}`
from analytex.http.deps import Deps
from analytex.http.errors import error_reply

PAGES: Final[tuple[Callable[[Console], list[Route]], ...]] = (
    signing_in.routes,
    overview.routes,
    live.routes,
    record.routes,
    quarantine.routes,
    users.routes,
    companies.routes,
    events.routes,
    questions.routes,
    uploads.routes,
    jobs.routes,
    exports.routes,
    keys.routes,
    system.routes,
)

#: Nothing is loaded from elsewhere, and nothing that stands in a page itself is run.
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS: Final = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
}

#: of errors that the API does not know
STATUS: Final[dict[type[AnalytexError], int]] = {Forbidden: 403, Conflict: 409, SettingsError: 400}

log = logging.getLogger(__name__)


def application(
    deps: Deps,
    administration: Administration,
    sign_ins: SignIns,
    origins: Mapping[str, str] | None = None,
    *,
    ahead: bool = False,
) -> ASGIApp:
    """Return the console; its paths begin with `/console`. `origins` as for `Console`.

    With `ahead`, templates are compiled in a thread while somebody reads the first page.
    """
    console = Console(deps, administration, sign_ins, origins)
    routes = [route for pages in PAGES for route in pages(console)]
    routes.append(Route("/console/{rest:path}", _nothing))  # so that its page has the menu
    console.routes = needs_of(routes)
    public_url = deps.settings.public_url
    inner = Starlette(
        routes=[
            console.assets.route(),
            *(
                Route(
                    route.path,
                    guarded(route.endpoint, console.sessions, public_url, console.moved),
                    methods=list(route.methods or ()),
                )
                for route in routes
            ),
        ],
        exception_handlers={
            AnalytexError: _refused(console),
            HTTPException: _no_page(console),
            Exception: _failed(console),
        },
    )
    inner.router.redirect_slashes = False
    if ahead:
        Thread(target=console.compile_templates, name="console-templates", daemon=True).start()
    return Headers(inner)


def needs_of(routes: list[Route]) -> dict[str, Permission | None]:
    """Return what the page at each path needs; for reading it, where it can be read."""
    found: dict[str, Permission | None] = {}
    for route in routes:
        if route.path not in found or "GET" in (route.methods or ()):
            found[route.path] = needed(route.endpoint)
    return found


class Headers:
    """Gives every reply of the console the headers that keep browsers strict."""

    def __init__(self, inner: ASGIApp) -> None:
        self._inner = inner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(raw=message["headers"])
                for name, value in HEADERS.items():
                    headers[name] = value
                headers.setdefault("cache-control", "no-store")
                headers.setdefault("content-type", "text/plain; charset=utf-8")
            await send(message)

        await self._inner(scope, receive, send_with_headers)


def _refused(console: Console) -> "Callable[[Request, Exception], Awaitable[Response]]":
    async def answer(request: Request, error: Exception) -> Response:
        assert isinstance(error, AnalytexError)
        return _error_page(console, request, error)

    return answer


def _no_page(console: Console) -> "Callable[[Request, Exception], Awaitable[Response]]":
    async def answer(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        given: AnalytexError
        if error.status_code == 405:
            given = MethodNotAllowed()
        else:
            given = NotFound("There is no such page.", details=f"Address: {request.url.path}")
        response = _error_page(console, request, given)
        response.headers.update(error.headers or {})
        return response

    return answer


def _failed(console: Console) -> "Callable[[Request, Exception], Awaitable[Response]]":
    async def answer(request: Request, error: Exception) -> Response:
        log.exception('action="request_failed" id=%s', request.state.request_id, exc_info=error)
        details = f"The server's log tells more under the id {request.state.request_id}."
        response = _error_page(console, request, AnalytexError(details=details))
        response.headers["connection"] = "close"  # uvicorn closes it: the error goes on to it
        return response

    return answer


async def _nothing(request: Request) -> Response:
    raise NotFound("There is no such page.", details=f"Address: {request.url.path}")


def _error_page(console: Console, request: Request, error: AnalytexError) -> Response:
    status = STATUS.get(type(error)) or error_reply(error).status
    values = {"error": error, "status": status, "retryable": isinstance(error, Retryable)}
    try:
        response = console.render(request, "error.html", values, status=status)
    except Exception:  # the frame of all pages may be what failed
        log.exception('action="error_page_failed" id=%s', request.state.request_id)
        response = _plain_page(error, status)
    if isinstance(error, Retryable):
        response.headers["retry-after"] = str(error.retry_after_s)
    return response


def _plain_page(error: AnalytexError, status: int) -> Response:
    """Return a page that needs no template, no session and no store."""
    text = (
        '<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>analytex</title>\n'
        f"<h1>{escape(error.message)}</h1>\n<p>{escape(error.details or '')}</p>\n"
        '<p><a href="/console">Overview</a></p>\n</html>\n'
    )
    return HTMLResponse(text, status)
