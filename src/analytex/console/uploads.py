"""The pages on which a file of rows is uploaded: checked first, then stored."""

from typing import Final, NamedTuple

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from analytex.console.gate import needs
from analytex.console.job_shown import (
    TITLES,
    UPLOADS,
    accepted,
    job_link,
    said,
    upload_link,
)
from analytex.console.pages import Console
from analytex.domain.environments import Permission
from analytex.domain.jobs import JobKind
from analytex.errors import AnalytexError, BadRequest, JobRunning, NotFound
from analytex.http.errors import error_reply
from analytex.http.jobs import take_rows
from analytex.http.uploads import is_multipart

NEW: Final = "/console/jobs/new"


class Example(NamedTuple):
    """What a file of a kind looks like."""

    title: str
    text: str


EXAMPLES: Final = {
    JobKind.IMPORT: [
        Example(
            "CSV",
            "event_type,inserted_at,source,user_id,event_name,metadata.plan\n"
            "identify_user,2025-02-17T08:03:11Z,backend-http,ada,,team\n"
            "track,2025-02-17T08:05:40Z,backend-http,ada,signed up,team",
        ),
        Example(
            "NDJSON",
            '{"event_type": "track", "inserted_at": "2025-02-17T08:05:40Z",'
            ' "source": "backend-http", "user_id": "ada", "event_name": "signed up",'
            ' "metadata": {"plan": "team"}}',
        ),
    ],
    JobKind.BULK_USERS: [
        Example(
            "NDJSON",
            '{"user_id": "ada", "company_id": "acme", "metadata": {"plan": "team"}}\n'
            '{"user_id": "bob", "metadata": {"plan": null}}',
        )
    ],
    JobKind.BULK_COMPANIES: [
        Example("NDJSON", '{"company_id": "acme", "metadata": {"name": "Acme", "seats": 12}}')
    ],
}
LEADS: Final = {
    JobKind.IMPORT: "Brings in events that happened earlier, from a CSV or NDJSON file. "
    "A row that is stored already is not stored twice.",
    JobKind.BULK_USERS: "Creates users, or changes their properties, from an NDJSON file.",
    JobKind.BULK_COMPANIES: "Creates companies, or changes their properties, from an NDJSON file.",
}
TABS: Final = {
    JobKind.IMPORT: "Events",
    JobKind.BULK_USERS: "Users",
    JobKind.BULK_COMPANIES: "Companies",
}


def routes(console: Console) -> list[Route]:
    """Return the pages; they stand before `/console/jobs/{id}`."""
    uploads = _Uploads(console)
    one = f"{NEW}/{{what}}"
    return [
        Route(NEW, needs(Permission.INGEST, uploads.begin)),
        Route(one, needs(Permission.INGEST, uploads.form)),
        Route(one, needs(Permission.INGEST, uploads.take), methods=["POST"]),
    ]


class _Uploads:
    def __init__(self, console: Console) -> None:
        self._console = console

    async def begin(self, request: Request) -> Response:
        """Answer `GET /console/jobs/new`: the form for events."""
        return await self._begin(request, JobKind.IMPORT)

    async def form(self, request: Request) -> Response:
        """Answer `GET /console/jobs/new/{what}`."""
        return await self._begin(request, _kind(request))

    async def _begin(self, request: Request, kind: JobKind) -> Response:
        scope = self._console.scope(request)
        busy: AnalytexError | None = None
        try:
            await self._console.deps.jobs.check_free(scope, kind.family)
        except JobRunning as error:
            busy = error
        return self._form(request, kind, busy=busy)

    async def take(self, request: Request) -> Response:
        """Answer `POST /console/jobs/new/{what}`: put the file on disk, and the job in the queue.

        A script, which asks for JSON, is told the address of the job, or what is wrong.
        """
        kind, scope = _kind(request), self._console.scope(request)
        by_script = "application/json" in request.headers.get("accept", "")
        try:
            if not is_multipart(request):
                raise BadRequest("No file was sent.")
            job = await take_rows(request, self._console.deps, scope, kind)
        except AnalytexError as error:
            if by_script:
                status = error_reply(error).status
                return JSONResponse({"message": error.message, "details": error.details}, status)
            return self._form(request, kind, error=error)
        if by_script:
            return JSONResponse({"address": job_link(job)})
        return self._console.redirect(request, job_link(job))

    def _form(
        self,
        request: Request,
        kind: JobKind,
        *,
        error: AnalytexError | None = None,
        busy: AnalytexError | None = None,
    ) -> Response:
        settings = self._console.deps.settings
        values = {
            "title": TITLES[kind],
            "lead": LEADS[kind],
            "tabs": [(upload_link(each), TABS[each], each is kind) for each in UPLOADS.values()],
            "family": kind.family,
            "upload": upload_link(kind),
            "examples": EXAMPLES[kind],
            **accepted(kind, settings),
            "row_bytes": settings.row_limit,
            "error": said(error) if error else "",
            "busy": said(busy) if busy else "",
            "is_import": kind is JobKind.IMPORT,
        }
        status = error_reply(error).status if error else 200
        return self._console.render(request, "job_new.html", values, status=status)


def _kind(request: Request) -> JobKind:
    kind = UPLOADS.get(request.path_params["what"])
    if kind is None:
        raise NotFound("There is no such page.", details=f"Address: {request.url.path}")
    return kind
