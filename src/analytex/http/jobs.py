"""Background jobs over HTTP: bulk identify, imports, deletions, and looking at jobs."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final

from starlette.requests import Request
from starlette.responses import FileResponse, Response, StreamingResponse

from analytex.domain.environments import Permission, Scope
from analytex.domain.jobs import Family, FileFormat, Job, JobKind
from analytex.errors import BadRequest, NotFound
from analytex.http.body import read_body
from analytex.http.deps import Deps
from analytex.http.paging import json_reply, list_reply, paging
from analytex.http.scope import authorise
from analytex.http.uploads import Received, is_multipart, receive_file, receive_list
from analytex.jobs.intake import MAX_LISTED
from analytex.query import cursors
from analytex.query.reads import Page
from analytex.wire import job_replies
from analytex.wire.deletions import ids_to_delete

Handler = Callable[[Request], Awaitable[Response]]

_LIST_KEY: Final = {JobKind.BULK_USERS: "users", JobKind.BULK_COMPANIES: "companies"}
_IDS_KEY: Final = {JobKind.DELETE_USERS: "users", JobKind.DELETE_COMPANIES: "companies"}
_CSV_PAGE: Final = 1000  # errors read at a time


def bulk_identify(deps: Deps, kind: JobKind) -> Handler:
    """Return the handler of a bulk identify: 202 once its rows are on disk (contract 5)."""

    async def handle(request: Request) -> Response:
        scope = authorise(request, deps.keyring, Permission.INGEST)
        job = await take_rows(request, deps, scope, kind)
        return _job(job, scope, 202)

    return handle


def create_import(deps: Deps) -> Handler:
    """Return the handler of `POST /v1/imports`: 200 once the file is on disk (contract 6)."""

    async def handle(request: Request) -> Response:
        scope = authorise(request, deps.keyring, Permission.INGEST)
        if not is_multipart(request):
            raise BadRequest(
                "The request is not multipart/form-data.",
                details="Expected a form with the part `file`, a CSV or NDJSON file.",
            )
        job = await take_rows(request, deps, scope, JobKind.IMPORT)
        return _job(job, scope, 200)

    return handle


def delete(deps: Deps, kind: JobKind) -> Handler:
    """Return the handler of `DELETE /v1/users` or `/v1/companies` (contract 7)."""

    async def handle(request: Request) -> Response:
        scope = authorise(request, deps.keyring, Permission.INGEST)
        body = await read_body(request, limit=deps.settings.body_limit)
        ids, empty = ids_to_delete(body, _IDS_KEY[kind])
        deps.limiter(scope.environment_id, Family.DELETE)
        job = await deps.jobs.delete(scope, kind, ids)
        return json_reply(job_replies.deletion_reply(job, scope.app_token, empty), 202)

    return handle


def list_jobs(deps: Deps, family: Family | None) -> Handler:
    """Return the handler of a list of jobs: a bare array, newest first (contract 5.3)."""

    async def handle(request: Request) -> Response:
        scope = authorise(request, deps.keyring, None)
        limit, _ = paging(request, default=MAX_LISTED)
        jobs = await deps.jobs.list_jobs(scope, family, limit=limit)
        now = time.time_ns() // 1000
        return json_reply([job_replies.job_reply(job, scope.app_token, now) for job in jobs])

    return handle


def get_job(deps: Deps, family: Family | None) -> Handler:
    """Return the handler of one job."""

    async def handle(request: Request) -> Response:
        scope = authorise(request, deps.keyring, None)
        return _job(await _find(request, deps, scope, family), scope, 200)

    return handle


def list_errors(deps: Deps) -> Handler:
    """Return the handler of a job's errors: a page, all of them as CSV, or the rows themselves."""

    async def handle(request: Request) -> Response:
        scope = authorise(request, deps.keyring, Permission.READ)
        job = await _find(request, deps, scope, None)
        form = request.query_params.get("format", "json")
        if form == "csv":
            return StreamingResponse(errors_csv(deps, job), media_type="text/csv; charset=utf-8")
        if form == "rows":
            return _failed_rows(deps, job)
        if form != "json":
            raise BadRequest("`format` is not valid.", details="Expected json, csv or rows.")
        limit, cursor = paging(request)
        after = 0 if cursor is None else cursors.decode(cursor, int)
        found = await deps.jobs.errors(job, after=after, limit=limit + 1)
        more = cursors.encode(found[limit - 1].row) if len(found) > limit else None
        items = [job_replies.row_error_reply(error) for error in found[:limit]]
        return list_reply(Page(items, more, job.counts.failed), items, limit)

    return handle


def cancel(deps: Deps) -> Handler:
    """Return the handler of `POST .../cancel`."""

    async def handle(request: Request) -> Response:
        scope = authorise(request, deps.keyring, Permission.INGEST)
        return _job(await deps.jobs.cancel(scope, request.path_params["job_id"]), scope, 200)

    return handle


def retry(deps: Deps) -> Handler:
    """Return the handler of `POST .../retry`."""

    async def handle(request: Request) -> Response:
        scope = authorise(request, deps.keyring, Permission.INGEST)
        return _job(await deps.jobs.retry(scope, request.path_params["job_id"]), scope, 202)

    return handle


async def take_rows(request: Request, deps: Deps, scope: Scope, kind: JobKind) -> Job:
    """Put the rows on disk, and then the job; nothing is left of one that is refused.

    Raises JobRunning, what `receive_file` and `receive_list` raise, and BadRequest.
    """
    await deps.jobs.check_free(scope, kind.family)
    id, path = await deps.jobs.new_file()
    try:
        settings = deps.settings
        if kind is JobKind.IMPORT:
            received = await receive_file(
                request, path, bytes_limit=None, rows_limit=None, formats=frozenset(FileFormat)
            )
        elif is_multipart(request):
            received = await receive_file(
                request,
                path,
                bytes_limit=settings.bulk_size_limit,
                rows_limit=settings.bulk_rows_limit,
                formats=frozenset({FileFormat.NDJSON}),
            )
        else:
            received = await receive_list(
                request,
                path,
                key=_LIST_KEY[kind],
                bytes_limit=settings.bulk_size_limit,
                rows_limit=settings.bulk_rows_limit,
            )
        dry_run = _is_dry_run(request, received)
        return await deps.jobs.submit(scope, id, kind, received.file, dry_run=dry_run)
    except BaseException:
        await deps.jobs.discard(id)
        raise


def _is_dry_run(request: Request, received: Received) -> bool:
    text = request.query_params.get("dry_run", received.fields.get("dry_run", "false")).lower()
    if text not in ("true", "1", "false", "0", ""):
        raise BadRequest("`dry_run` is not valid.", details="Expected true or false.")
    return text in ("true", "1")


async def _find(request: Request, deps: Deps, scope: Scope, family: Family | None) -> Job:
    job = await deps.jobs.get(scope, request.path_params["job_id"])
    if family not in (None, job.kind.family):
        raise NotFound(f"The job is not an {family} job.", details=f"It is {job.kind}.")
    return job


def _job(job: Job, scope: Scope, status: int) -> Response:
    return json_reply(job_replies.job_reply(job, scope.app_token, time.time_ns() // 1000), status)


async def errors_csv(deps: Deps, job: Job) -> AsyncIterator[str]:
    """Yield the errors of a job as CSV, with a header."""
    after, header = 0, True
    while True:
        errors = await deps.jobs.errors(job, after=after, limit=_CSV_PAGE)
        yield job_replies.errors_csv(errors, header=header)
        if len(errors) < _CSV_PAGE:
            return
        after, header = errors[-1].row, False


def _failed_rows(deps: Deps, job: Job) -> Response:
    if not job.failed_bytes:
        raise NotFound("No row of this job failed.")
    kind = "application/x-ndjson" if job.file.format is FileFormat.NDJSON else "text/csv"
    return FileResponse(deps.jobs.files.failed(job.id), media_type=f"{kind}; charset=utf-8")
