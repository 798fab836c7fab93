"""The pages of exports: all of them, a new one, and one with its files."""

import time
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from analytex.console.gate import Form, needs
from analytex.console.job_shown import said, shown_job
from analytex.console.jobs import page_number
from analytex.console.links import LONGEST
from analytex.console.pages import Console
from analytex.domain.environments import Permission
from analytex.domain.events import EventType
from analytex.domain.exports import Export, ExportFile, ExportFormat
from analytex.domain.history import DAY
from analytex.domain.jobs import JobStatus
from analytex.domain.times import SECOND
from analytex.errors import AnalytexError, BadRequest, JobRunning, JobState
from analytex.http.errors import error_reply
from analytex.wire import export_links, export_replies

HERE: Final = "/console/exports"
PER_PAGE: Final = 50  #: exports of the list
FILES: Final = 60  #: of one export on a page
FORMATS: Final = (
    (ExportFormat.NDJSON, "NDJSON, packed with gzip"),
    (ExportFormat.CSV, "CSV, for spreadsheets"),
    (ExportFormat.PARQUET, "Parquet, for databases and notebooks"),
    (ExportFormat.AVRO, "Avro"),
)
TYPES: Final = (
    (EventType.TRACK, "Tracked events"),
    (EventType.PAGE_VIEW, "Page views"),
    (EventType.IDENTIFY_USER, "Users identified"),
    (EventType.IDENTIFY_COMPANY, "Companies identified"),
)
_SHORT: Final = {
    ExportFormat.NDJSON: "NDJSON",
    ExportFormat.CSV: "CSV",
    ExportFormat.PARQUET: "Parquet",
    ExportFormat.AVRO: "Avro",
}
_LISTS: Final = {"user_id": "user_ids", "company_id": "company_ids", "emails": "emails"}


def routes(console: Console) -> list[Route]:
    """Return the pages."""
    exports, one = _Exports(console), f"{HERE}/{{id}}"
    return [
        Route(HERE, exports.all),
        Route(HERE, exports.create, methods=["POST"]),
        Route(f"{HERE}/new", exports.form),
        Route(one, exports.show),
        Route(f"{one}/links.txt", exports.links),
        Route(f"{one}/cancel", needs(Permission.INGEST, exports.cancel), methods=["POST"]),
    ]


class _Exports:
    def __init__(self, console: Console) -> None:
        self._console = console

    async def all(self, request: Request) -> Response:
        """Answer `GET /console/exports`."""
        found = await self._console.deps.exports.list_exports(self._console.scope(request))
        page = page_number(request.query_params.get("page"), at_most=len(found) // PER_PAGE + 1)
        now = _now()
        rows = [_shown(each, now) for each in found[(page - 1) * PER_PAGE : page * PER_PAGE]]
        values = {
            "exports": rows,
            "moves": any(row["job"].moves for row in rows),
            "first": HERE if page > 1 else "",
            "next": f"{HERE}?page={page + 1}" if len(found) > page * PER_PAGE else "",
        }
        return self._console.render(request, "exports.html", values)

    async def form(self, request: Request) -> Response:
        """Answer `GET /console/exports/new`; parameters of the API fill the form."""
        return self._form(request, Form(request.query_params.multi_items()))

    async def create(self, request: Request) -> Response:
        """Answer `POST /console/exports`."""
        deps, given = self._console.deps, self._console.form(request)
        try:
            wanted = export_replies.export_request(_body(given))
            # So that the files hold what was acknowledged before.
            request.state.lag = await deps.reads.caught_up()
            export = await deps.exports.create(self._console.scope(request), wanted)
        except (BadRequest, JobRunning) as error:
            return self._form(request, given, error=error)
        return self._console.redirect(request, f"{HERE}/{export.job.id}")

    async def show(self, request: Request) -> Response:
        """Answer `GET /console/exports/{id}`."""
        export = await self._find(request)
        files = await self._files(export, "")
        page = page_number(request.query_params.get("page"), at_most=len(files) // FILES + 1)
        here, now = f"{HERE}/{export.job.id}", _now()
        until = export.links_until
        values = {
            **_shown(export, now),
            "files": files[(page - 1) * FILES : page * FILES],
            "bytes": sum(file.bytes for file in export.files),
            "linked": until is not None and now < until,
            "until": until,
            "current": export.left[0] if export.left and not export.job.status.is_final else "",
            "again": f"{HERE}/new?{_query(export)}",
            "first": f"{here}#files" if page > 1 else "",
            "next": f"{here}?page={page + 1}#files" if len(files) > page * FILES else "",
        }
        return self._console.render(request, "export.html", values)

    async def links(self, request: Request) -> Response:
        """Answer `GET /console/exports/{id}/links.txt`: all addresses, one on each line."""
        export = await self._find(request)
        files = await self._files(export, self._console.base_url(request))
        text = "".join(f"{link}\n" for _, link in files if link)
        reply = Response(text, media_type="text/plain; charset=utf-8")
        name = f"links-{export.job.id[:8]}.txt"
        reply.headers["content-disposition"] = f'attachment; filename="{name}"'
        return reply

    async def cancel(self, request: Request) -> Response:
        """Answer `POST /console/exports/{id}/cancel`."""
        scope, export = self._console.scope(request), await self._find(request)
        here = f"{HERE}/{export.job.id}"
        try:
            await self._console.deps.jobs.cancel(scope, export.job.id)
        except JobState as error:
            return self._console.redirect(request, here, said(error), kind="bad")
        return self._console.redirect(request, here)

    async def _find(self, request: Request) -> Export:
        scope = self._console.scope(request)
        return await self._console.deps.exports.get(scope, request.path_params["id"])

    async def _files(self, export: Export, base: str) -> list[tuple[ExportFile, str]]:
        """Return the files that are ready, each with its link; empty: there is none (any more)."""
        until = export.links_until
        if export.job.status is not JobStatus.COMPLETED or until is None or until <= _now():
            return [(file, "") for file in export.files if not export.gone]
        secret = await self._console.deps.exports.secret()
        id, ends = export.job.id, until // SECOND
        return [
            (file, base + export_links.link(secret, id, file.name, expires=ends))
            for file in export.files
        ]

    def _form(
        self, request: Request, given: Form, *, error: AnalytexError | None = None
    ) -> Response:
        texts = ("format", "from", "to", *_LISTS)
        values = {
            "given": {name: "\n".join(given.getlist(name)) for name in texts},
            "chosen": given.getlist("event_type"),
            "formats": FORMATS,
            "types": TYPES,
            "mails": bool(self._console.deps.settings.smtp_host),
            "error": said(error) if error else "",
        }
        status = error_reply(error).status if error else 200
        return self._console.render(request, "export_new.html", values, status=status)


def _shown(export: Export, now: int) -> dict[str, Any]:
    """Return what list and page show of an export."""
    asked = export.request
    return {
        "export": export,
        "job": shown_job(export.job, now),
        "format": _SHORT[asked.format],
        "types": [title for type, title in TYPES if type in asked.event_types],
        "only": [
            (what, ids)
            for what, ids in (("Users", asked.user_ids), ("Companies", asked.company_ids))
            if ids
        ],
    }


def _body(given: Form) -> bytes:
    """Return what the API is sent for what a form holds."""
    body: dict[str, Any] = {name: given.get(name, "") for name in ("format", "from", "to")}
    body["event_type"] = given.getlist("event_type")
    for name in _LISTS:
        lines = given.get(name, "").splitlines()
        body[name] = [line.strip() for line in lines if line.strip()]
    return msgspec.json.encode({name: value for name, value in body.items() if value})


def _query(export: Export) -> str:
    """Return the parameters that fill the form as it was for this export.

    Without whose events they are, if the address would be too long.
    """
    asked = export.request
    pairs = [("format", str(asked.format)), *(("event_type", each) for each in asked.event_types)]
    for name, at in (("from", asked.since), ("to", asked.until and asked.until - DAY)):
        if at is not None and at % DAY == 0:
            pairs.append((name, f"{datetime.fromtimestamp(at // SECOND, UTC):%Y-%m-%d}"))
    whose = [(name, each) for name, field in _LISTS.items() for each in getattr(asked, field)]
    query = urlencode([*pairs, *whose])
    return query if len(query) <= LONGEST else urlencode(pairs)


def _now() -> int:
    return time.time_ns() // 1000
