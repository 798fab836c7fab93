"""The pages of jobs: all of them, one with its errors, what can be downloaded and done."""

import time
from collections.abc import Awaitable, Callable
from typing import Final
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import FileResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from analytex.console.gate import needs
from analytex.console.job_shown import accepted, job_link, removed, said, shown_job
from analytex.console.pages import Console
from analytex.domain.environments import Permission
from analytex.domain.jobs import Family, FileFormat, Job, JobKind
from analytex.errors import JobRunning, JobState, NotFound
from analytex.http.jobs import errors_csv
from analytex.jobs.intake import MAX_LISTED
from analytex.query import cursors
from analytex.wire import job_replies

PER_PAGE: Final = 50  #: jobs of the list, and errors of a job
ERRORS_KEPT: Final = 100_000  #: of a job
FAMILIES: Final = (
    ("", "All"),
    (Family.IMPORT, "Imports"),
    (Family.BULK, "Bulk"),
    (Family.DELETE, "Deletions"),
    (Family.EXPORT, "Exports"),
)


def routes(console: Console) -> list[Route]:
    """Return the pages."""
    jobs, one = _Jobs(console), "/console/jobs/{id}"
    return [
        Route("/console/jobs", jobs.all),
        Route(one, jobs.show),
        Route(f"{one}/errors.csv", jobs.errors),
        Route(f"{one}/failed-rows", jobs.failed_rows),
        Route(f"{one}/cancel", needs(Permission.INGEST, jobs.cancel), methods=["POST"]),
        Route(f"{one}/retry", needs(Permission.INGEST, jobs.retry), methods=["POST"]),
    ]


class _Jobs:
    def __init__(self, console: Console) -> None:
        self._console = console

    async def all(self, request: Request) -> Response:
        """Answer `GET /console/jobs`."""
        scope, asked = self._console.scope(request), request.query_params
        family = asked.get("family", "")
        wanted = Family(family) if family in set(Family) else None
        page = page_number(asked.get("page"), at_most=MAX_LISTED // PER_PAGE)
        limit = min(page * PER_PAGE + 1, MAX_LISTED)
        found = await self._console.deps.jobs.list_jobs(scope, wanted, limit=limit)
        now = time.time_ns() // 1000
        jobs = [shown_job(job, now) for job in found[(page - 1) * PER_PAGE : page * PER_PAGE]]

        def address(to: int) -> str:
            given = {"family": wanted or "", "page": str(to) if to > 1 else ""}
            query = urlencode({name: text for name, text in given.items() if text})
            return "/console/jobs" + (f"?{query}" if query else "")

        values = {
            "jobs": jobs,
            "moves": any(job.moves for job in jobs),
            "family": wanted or "",
            "families": FAMILIES,
            "first": address(1) if page > 1 else "",
            "next": address(page + 1) if len(found) > page * PER_PAGE else "",
        }
        return self._console.render(request, "jobs.html", values)

    async def show(self, request: Request) -> Response:
        """Answer `GET /console/jobs/{id}`."""
        deps, scope = self._console.deps, self._console.scope(request)
        job = await self._find(request)
        if job.kind is JobKind.EXPORT:
            return RedirectResponse(job_link(job), 303)
        cursor = request.query_params.get("after_cursor")
        after = cursors.decode(cursor, int) if cursor else 0
        errors = []
        if job.counts.failed:
            errors = await deps.jobs.errors(job, after=after, limit=PER_PAGE + 1)
        here = job_link(job)
        more = cursors.encode(errors[PER_PAGE - 1].row) if len(errors) > PER_PAGE else ""
        values = {
            "each": shown_job(job, time.time_ns() // 1000),
            "job": job,
            "public_id": job_replies.public_id(job, scope.app_token),
            "errors": errors[:PER_PAGE],
            "errors_kept": ERRORS_KEPT,
            "first": f"{here}#errors" if cursor else "",
            "next": f"{here}?{urlencode({'after_cursor': more})}#errors" if more else "",
            "removed": removed(job),
            "is_csv": job.file.format is FileFormat.CSV,
            "is_deletion": job.kind.family is Family.DELETE,
            **accepted(job.kind, deps.settings),
        }
        return self._console.render(request, "job.html", values)

    async def errors(self, request: Request) -> Response:
        """Answer `GET /console/jobs/{id}/errors.csv`: all errors that are kept."""
        job = await self._find(request)
        lines = errors_csv(self._console.deps, job)
        reply = StreamingResponse(lines, media_type="text/csv; charset=utf-8")
        reply.headers["content-disposition"] = f'attachment; filename="errors-{job.id[:8]}.csv"'
        return reply

    async def failed_rows(self, request: Request) -> Response:
        """Answer `GET /console/jobs/{id}/failed-rows`: the rows as they came, to be mended."""
        job = await self._find(request)
        if not job.failed_bytes:
            raise NotFound("No row of this job is kept as failed.")
        is_csv = job.file.format is FileFormat.CSV
        return FileResponse(
            self._console.deps.jobs.files.failed(job.id),
            media_type=f"{'text/csv' if is_csv else 'application/x-ndjson'}; charset=utf-8",
            filename=f"failed-rows-{job.id[:8]}.{'csv' if is_csv else 'ndjson'}",
        )

    async def cancel(self, request: Request) -> Response:
        """Answer `POST /console/jobs/{id}/cancel`."""
        scope, id = self._console.scope(request), request.path_params["id"]
        job = await self._find(request)
        return await self._done(request, job, lambda: self._console.deps.jobs.cancel(scope, id))

    async def retry(self, request: Request) -> Response:
        """Answer `POST /console/jobs/{id}/retry`."""
        scope, id = self._console.scope(request), request.path_params["id"]
        job = await self._find(request)
        return await self._done(
            request,
            job,
            lambda: self._console.deps.jobs.retry(scope, id),
            "The failed rows are tried again, in this job.",
        )

    async def _done(
        self, request: Request, job: Job, act: Callable[[], Awaitable[Job]], message: str = ""
    ) -> Response:
        """Do it and show the job that comes of it; or the old one, and why it could not be done."""
        try:
            job = await act()
        except (JobRunning, JobState) as error:
            return self._console.redirect(request, job_link(job), said(error), kind="bad")
        return self._console.redirect(request, job_link(job), message)

    async def _find(self, request: Request) -> Job:
        scope = self._console.scope(request)
        return await self._console.deps.jobs.get(scope, request.path_params["id"])


def page_number(text: str | None, *, at_most: int) -> int:
    """Return the number of a page; the first one if that is no number."""
    number = int(text[:6]) if text and text.isascii() and text.isdecimal() else 1
    return min(max(number, 1), at_most)
