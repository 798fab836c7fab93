"""The pages of the quarantine: requests that were refused, mending and sending them again."""

from typing import Any, Final
from urllib.parse import urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from analytex.console import quarantine_chosen
from analytex.console.gate import needs
from analytex.console.job_shown import Shown, shown_job
from analytex.console.live_lines import call_name, of_refused
from analytex.console.pages import Console
from analytex.console.quarantine_chosen import HERE
from analytex.domain.environments import Permission, Scope
from analytex.domain.quarantine import Refused
from analytex.errors import AlreadyReplayed, AnalytexError, BadRequest
from analytex.http.asgi import taken_in
from analytex.http.errors import error_reply
from analytex.http.quarantine import lines, refused_filter, replay_with
from analytex.http.refusing import RECORDED
from analytex.wire.quarantine_replies import refused_reply

PER_PAGE: Final = 25
JOBS: Final = 5  #: with refused rows, that are named
JOBS_LOOKED_AT: Final = 50

_STATUSES: Final = ("400", "413", "415")
_FILTERS: Final = ("status", "path")


def routes(console: Console) -> list[Route]:
    """Return the pages."""
    pages = _Quarantine(console)
    one, ingest = f"{HERE}/{{id}}", Permission.INGEST
    return [
        Route(HERE, pages.index),
        Route(f"{HERE}.ndjson", pages.export),
        *quarantine_chosen.routes(console),
        Route(one, pages.show),
        Route(f"{one}/replay", needs(ingest, pages.replay), methods=["POST"]),
    ]


class _Quarantine:
    def __init__(self, console: Console) -> None:
        self._console = console
        self._handlers = taken_in(console.deps)

    async def index(self, request: Request) -> Response:
        """Answer `GET /console/quarantine`."""
        deps, scope = self._console.deps, self._console.scope(request)
        asked = request.query_params
        given = {name: asked[name] for name in _FILTERS if asked.get(name, "").strip()}
        if given.keys() != asked.keys() - {"after_cursor", "all"}:
            return RedirectResponse(_address(given), 303)  # without empty fields
        cursor = asked.get("after_cursor") or None
        found, dropped = await deps.quarantine.find(
            scope, refused_filter(request), cursor=cursor, limit=PER_PAGE
        )
        values = {
            "rows": [(each, of_refused(each)) for each in found.items],
            "total": found.total,
            "dropped": dropped,
            "given": {name: given.get(name, "") for name in _FILTERS},
            "is_filtered": bool(given),
            "statuses": _STATUSES,
            "paths": sorted({path for _, path in RECORDED}),
            "first": _address(given) if cursor else "",
            "here": _address({**given, **({"after_cursor": cursor} if cursor else {})}),
            "all_chosen": "all" in asked,
            "next": _address({**given, "after_cursor": found.after}) if found.after else "",
            "file": f"{HERE}.ndjson" + (f"?{urlencode(given)}" if given else ""),
            "jobs": [] if cursor else await self._jobs(scope),
        }
        return self._console.render(request, "quarantine.html", values)

    async def export(self, request: Request) -> Response:
        """Answer `GET /console/quarantine.ndjson`: all that fit, as the API shows them."""
        deps, scope = self._console.deps, self._console.scope(request)
        return StreamingResponse(
            lines(deps, scope, refused_filter(request)),
            media_type="application/x-ndjson; charset=utf-8",
            headers={"content-disposition": 'attachment; filename="quarantine.ndjson"'},
        )

    async def show(self, request: Request) -> Response:
        """Answer `GET /console/quarantine/{id}`."""
        refused = await self._find(request)
        return self._page(request, refused, _field(refused), None)

    async def replay(self, request: Request) -> Response:
        """Answer `POST /console/quarantine/{id}/replay`: what it says of a refusal is shown."""
        deps, scope = self._console.deps, self._console.scope(request)
        refused = await self._find(request)
        sent = self._console.form(request).get("body", "")
        try:
            body = _body(refused, sent)
            await replay_with(request, deps, self._handlers, refused, body, scope)
        except AlreadyReplayed:
            raise
        except AnalytexError as error:
            return self._page(request, refused, sent, error)
        return self._console.redirect(request, f"{HERE}/{refused.id}")  # which says it

    async def _find(self, request: Request) -> Refused:
        scope = self._console.scope(request)
        return await self._console.deps.quarantine.get(scope, request.path_params["id"])

    async def _jobs(self, scope: Scope) -> list[Shown]:
        """Return the newest jobs some of whose rows were refused."""
        found = await self._console.deps.jobs.list_jobs(scope, None, limit=JOBS_LOOKED_AT)
        return [shown_job(each, 0) for each in found if each.counts.failed][:JOBS]

    def _page(
        self, request: Request, refused: Refused, text: str | None, error: AnalytexError | None
    ) -> Response:
        status = 200 if error is None else error_reply(error).status
        values: dict[str, Any] = {
            "refused": refused,
            "reply": refused_reply(refused),
            "call": call_name(refused.method, refused.path),
            "json": _pretty(refused),
            "text": text or "",
            "lines": min(max((text or "").count("\n") + 2, 5), 24),
            "is_text": text is not None,
            "error": error,
            "error_status": status,
            "deletes": refused.method == "DELETE",
            "is_call": refused.path in ("/v1/track", "/v1/identify", "/v1/companies/identify"),
        }
        return self._console.render(request, "refused.html", values, status=status)


def _body(refused: Refused, sent: str) -> bytes:
    """Return what is sent again: the kept bytes if nothing was mended. Raises BadRequest.

    Browsers send every line end of a field as CR LF.
    """
    text = sent.replace("\r\n", "\n")
    kept = _field(refused)
    if kept is not None and text == kept.replace("\r\n", "\n").replace("\r", "\n"):
        if not refused.whole:
            raise BadRequest(
                "The request was not kept whole.", details="Put the whole body into the field."
            )
        return refused.body
    is_form = refused.content_type.startswith("multipart/")  # whose line ends are CR LF
    return (sent if is_form else text).encode()


def _field(refused: Refused) -> str | None:
    """Return the kept body as it stands in the field, JSON indented; None if it is no text."""
    text = _pretty(refused) or refused_reply(refused).body
    return None if text is None or "\0" in text else text


def _pretty(refused: Refused) -> str | None:
    """Return the kept body indented, its numbers as they came; None if it is not JSON."""
    try:
        msgspec.json.decode(refused.body, type=msgspec.Raw)
        return msgspec.json.format(refused.body, indent=2).decode()
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def _address(given: dict[str, str]) -> str:
    return HERE + (f"?{urlencode(given)}" if given else "")
