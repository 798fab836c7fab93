"""The ordinary way: every route in one table, and what every reply has in common."""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Mapping

from starlette.applications import Starlette
from starlette.convertors import PathConvertor, register_url_convertor
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from analytex import __version__
from analytex.domain.calls import Call
from analytex.domain.jobs import Family, JobKind
from analytex.errors import AnalytexError, BadRequest, MethodNotAllowed, NotFound
from analytex.http import (
    calls,
    exports,
    insights,
    jobs,
    lookups,
    operations,
    quarantine,
    reads,
    refusing,
    stream,
)
from analytex.http.deps import Deps
from analytex.http.errors import error_reply
from analytex.http.headers import COMMON, LAG, REQUEST_ID
from analytex.observability.meters import OTHER
from analytex.wire import replies

Handler = Callable[[Request], Awaitable[Response]]

log = logging.getLogger(__name__)


class _AnyText(PathConvertor):
    """An id in an address: any characters, line ends too, which a path may not have otherwise."""

    regex = "(?s:.*)"


register_url_convertor("any", _AnyText())


def routes(deps: Deps) -> list[Route]:
    """Return every address that the server answers."""
    return [
        Route("/v1/identify", calls.accept(deps, Call.IDENTIFY), methods=["POST"]),
        Route(
            "/v1/companies/identify", calls.accept(deps, Call.IDENTIFY_COMPANY), methods=["POST"]
        ),
        Route("/v1/track", calls.accept(deps, Call.TRACK), methods=["POST"]),
        Route("/v1/validate", calls.validate(deps)),
        *_job_routes(deps),
        *_lookup_routes(deps),
        *_insight_routes(deps),
        *_export_routes(deps),
        Route(
            "/v1/users",
            _by_method(reads.list_users(deps), delete=jobs.delete(deps, JobKind.DELETE_USERS)),
            methods=["GET", "DELETE"],
        ),
        Route("/v1/users/{user_id:any}", reads.get_user(deps)),
        Route(
            "/v1/companies",
            _by_method(
                reads.list_companies(deps), delete=jobs.delete(deps, JobKind.DELETE_COMPANIES)
            ),
            methods=["GET", "DELETE"],
        ),
        Route("/v1/companies/{company_id:any}", reads.get_company(deps)),
        Route("/v1/events", reads.list_events(deps)),
        Route("/v1/events/stream", stream.stream_events(deps)),
        *_quarantine_routes(deps),
        *_operation_routes(deps),
        Route("/", _about),
    ]


def _operation_routes(deps: Deps) -> list[Route]:
    return [
        Route("/healthz", operations.health),
        Route("/readyz", operations.ready(deps)),
        Route("/metrics", operations.metrics(deps)),
        Route("/openapi.json", operations.openapi),
        Route("/docs", operations.docs),
    ]


def _quarantine_routes(deps: Deps) -> list[Route]:
    item = "/v1/quarantine/{id}"
    return [
        Route("/v1/quarantine", quarantine.list_refused(deps)),
        Route(
            item,
            _by_method(quarantine.get_refused(deps), delete=quarantine.remove(deps)),
            methods=["GET", "DELETE"],
        ),
        Route(f"{item}/replay", quarantine.replay(deps, taken_in(deps)), methods=["POST"]),
    ]


def taken_in(deps: Deps) -> dict[tuple[str, str], Handler]:
    """Return what answers the calls that take something in, by method and path."""
    return {
        ("POST", "/v1/identify"): calls.accept(deps, Call.IDENTIFY),
        ("POST", "/v1/companies/identify"): calls.accept(deps, Call.IDENTIFY_COMPANY),
        ("POST", "/v1/track"): calls.accept(deps, Call.TRACK),
        ("POST", "/v1/users/bulk_identify"): jobs.bulk_identify(deps, JobKind.BULK_USERS),
        ("POST", "/v1/companies/bulk_identify"): jobs.bulk_identify(deps, JobKind.BULK_COMPANIES),
        ("POST", "/v1/imports"): jobs.create_import(deps),
        ("DELETE", "/v1/users"): jobs.delete(deps, JobKind.DELETE_USERS),
        ("DELETE", "/v1/companies"): jobs.delete(deps, JobKind.DELETE_COMPANIES),
    }


def _job_routes(deps: Deps) -> list[Route]:
    job = "/v1/background_jobs/{job_id}"
    return [
        Route(
            "/v1/users/bulk_identify",
            jobs.bulk_identify(deps, JobKind.BULK_USERS),
            methods=["POST"],
        ),
        Route(
            "/v1/companies/bulk_identify",
            jobs.bulk_identify(deps, JobKind.BULK_COMPANIES),
            methods=["POST"],
        ),
        Route(
            "/v1/imports",
            _by_method(jobs.list_jobs(deps, Family.IMPORT), post=jobs.create_import(deps)),
            methods=["GET", "POST"],
        ),
        Route("/v1/imports/{job_id}", jobs.get_job(deps, Family.IMPORT)),
        Route("/v1/background_jobs", jobs.list_jobs(deps, None)),
        Route(job, jobs.get_job(deps, None)),
        Route(f"{job}/errors", jobs.list_errors(deps)),
        Route(f"{job}/cancel", jobs.cancel(deps), methods=["POST"]),
        Route(f"{job}/retry", jobs.retry(deps), methods=["POST"]),
    ]


def _lookup_routes(deps: Deps) -> list[Route]:
    place = "/api/v1/analytics/exports/lookups"
    return [
        Route(f"{place}/user_properties", lookups.user_properties(deps)),
        Route(f"{place}/company_properties", lookups.company_properties(deps)),
        Route(f"{place}/events_properties", lookups.events_properties(deps)),
        Route(f"{place}/features_events", lookups.features_events(deps)),
        Route(f"{place}/segments", lookups.segments(deps)),
        *(Route(f"{place}/{surface}", lookups.empty(deps)) for surface in lookups.EMPTY),
    ]


def _export_routes(deps: Deps) -> list[Route]:
    place = "/api/v1/analytics/exports"
    return [
        Route(place, exports.create_export(deps), methods=["POST"]),
        Route(f"{place}/jobs", exports.list_exports(deps)),
        Route(f"{place}/jobs/{{job_id}}", exports.get_export(deps)),
        Route(f"{place}/files/{{job_id}}/{{filename}}", exports.get_file(deps)),
    ]


def _insight_routes(deps: Deps) -> list[Route]:
    return [
        Route("/v1/insights/trends", insights.trends(deps)),
        Route("/v1/insights/funnel", insights.funnel(deps)),
        Route("/v1/insights/retention", insights.retention(deps)),
        Route("/v1/insights/top", insights.top(deps)),
    ]


def _by_method(get: Handler, **others: Handler) -> Handler:
    """Return a handler of an address that several methods have, so that 405 names them all."""

    async def handle(request: Request) -> Response:
        return await others.get(request.method.lower(), get)(request)

    return handle


def app(deps: Deps, mounts: Mapping[str, Callable[[], ASGIApp]] | None = None) -> ASGIApp:
    """Return the ASGI application.

    `mounts` are further applications by the path below which all is theirs (`/console`), which
    stays in the paths that they are given. One is made when it is first asked for, in a thread.
    Browsers that ask for `/` are sent to the first of them.
    """
    inner = Starlette(
        routes=routes(deps),
        exception_handlers={
            AnalytexError: _refused(deps),
            HTTPException: _no_route,
            Exception: _failed,
        },
    )
    inner.router.redirect_slashes = False
    return Envelope(_Mounts(inner, mounts) if mounts else inner, deps)


class _Mounts:
    """Hands on to the application that a path belongs to."""

    def __init__(self, others: ASGIApp, mounts: Mapping[str, Callable[[], ASGIApp]]) -> None:
        self._others = others
        self._make = mounts
        self._made: dict[str, asyncio.Task[ASGIApp]] = {}
        self._first = next(iter(mounts))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        path = scope["path"]
        prefix = "/" + path[1:].partition("/")[0]
        if prefix in self._make:
            scope["state"]["mount"] = prefix
            inner = await self._of(prefix)
            await inner(scope, receive, send)
        elif path == "/" and _is_browser(scope):
            await RedirectResponse(self._first, headers={"vary": "accept"})(scope, receive, send)
        else:
            await self._others(scope, receive, send)

    async def _of(self, prefix: str) -> ASGIApp:
        """Return the application of a path; the first request makes it, further ones wait."""
        making = self._made.get(prefix)
        if making is None:
            # Imports take a tenth of a second, in which calls go on.
            making = asyncio.create_task(asyncio.to_thread(self._make[prefix]))
            self._made[prefix] = making
        try:
            return await asyncio.shield(making)  # one that goes away takes it from nobody
        except Exception:
            self._made.pop(prefix, None)  # the next request tries again
            raise


def _is_browser(scope: Scope) -> bool:
    accept = dict(scope["headers"]).get(b"accept", b"")
    return b"text/html" in accept and scope["method"] in ("GET", "HEAD")


class Envelope:
    """Gives every reply its id and headers, and every address its form without a last slash."""

    def __init__(self, inner: ASGIApp, deps: Deps) -> None:
        self._inner = inner
        self._ids = deps.ids
        self._meter = deps.watch.meter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        # An escaped slash at the end (%2F) is part of an id; a plain one is not.
        if scope["raw_path"].endswith(b"/") and scope["raw_path"] != b"/":
            scope["path"] = scope["path"][:-1]
            scope["raw_path"] = scope["raw_path"][:-1]

        state = scope.setdefault("state", {})
        state["request_id"] = self._ids.next()

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._meter.count(*_known(scope), message["status"])
                headers = MutableHeaders(raw=message["headers"])
                for name, value in COMMON.items():
                    headers.setdefault(name, value)
                headers.setdefault(REQUEST_ID, state["request_id"])
                if state.get("lag"):
                    headers[LAG] = str(state["lag"])
            await send(message)

        await self._inner(scope, refusing.look_at(scope, receive), send_with_headers)


def _known(scope: Scope) -> tuple[str, str]:
    """Return a request's method and address as the routes have them: few, whatever is sent."""
    mount = scope["state"].get("mount")
    if mount is not None:  # all its pages count as one
        return (scope["method"] if scope["method"] in ("GET", "POST") else OTHER), mount
    route = scope.get("route")
    if not isinstance(route, Route):
        return OTHER, OTHER
    method = scope["method"] if scope["method"] in (route.methods or ()) else OTHER
    return method, path_template(route)


def path_template(route: Route) -> str:
    """Return the address of a route with its parameters: `/v1/users/{user_id}`."""
    return re.sub(r"{(\w+):\w+}", r"{\1}", route.path)


def _reply(error: AnalytexError) -> Response:
    status, body, headers = error_reply(error)
    return Response(body, status, headers)


def _refused(deps: Deps) -> Callable[[Request, Exception], Awaitable[Response]]:
    async def answer(request: Request, error: Exception) -> Response:
        assert isinstance(error, AnalytexError)
        refusing.record(deps.quarantine, request, error)
        return _reply(error)

    return answer


def _no_route(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 405:
        reply = _reply(
            MethodNotAllowed(details=f"It answers {(error.headers or {}).get('Allow', '')}.")
        )
        reply.headers.update(error.headers or {})
        return reply
    if error.status_code == 404:
        return _reply(NotFound(details=f"No call is known by {request.url.path!r}."))
    return _reply(BadRequest(error.detail))


def _failed(request: Request, error: Exception) -> Response:
    log.exception('action="request_failed" id=%s', request.state.request_id, exc_info=error)
    reply = _reply(AnalytexError(details="The server's log tells more under this request's id."))
    reply.headers["connection"] = "close"  # uvicorn closes it, because the error goes on to it
    return reply


async def _about(_: Request) -> Response:
    return Response(replies.encode({"name": "analytex", "version": __version__}))
