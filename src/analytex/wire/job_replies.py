"""The JSON of jobs: their objects, their errors, what a deletion answers."""

import csv
import io
from collections.abc import Iterable
from typing import Final

import msgspec

from analytex.domain.jobs import Family, Job, RowError
from analytex.wire.csv_cells import harmless
from analytex.wire.replies import time_text

ERROR_COLUMNS: Final = ("row", "line", "place", "value", "code", "reason")


class JobReply(msgspec.Struct, kw_only=True):
    """A job (contract 5.2, 5.3, 6.1); from `failed_rows` on it is ours."""

    job_id: str
    status: str
    type: str
    filename: str
    file_size: int  #: bytes
    total_rows: int
    completed_rows: int
    start_time: str
    end_time: str | None
    elapsed_time: int  #: whole seconds
    links: str  #: where to look at it
    submitted_at: str
    failed_rows: int
    remaining_rows: int
    duplicate_rows: int  #: of the completed: stored before by an earlier import
    erased_rows: int  #: of the completed: of a user or company that was deleted after it
    dry_run: bool
    retry_of: str | None  #: the job whose failed rows it takes up
    reason: str | None  #: why it failed as a whole
    due_at: str | None = None  #: of a deletion: when it runs, and up to when it reaches
    requested_by: str | None = None  #: of a deletion: id of the key that asked for it
    removed: dict[str, int] | None = None  #: of a deletion: where it removed how many


class RowErrorReply(msgspec.Struct, kw_only=True):
    """Why a row failed."""

    row: int
    line: int
    place: str
    value: str
    code: str
    reason: str


class DeletionReply(msgspec.Struct, kw_only=True):
    """What a deletion answers (contract 7), and the job that runs it."""

    message: str
    job_id: str
    links: str


def job_reply(job: Job, app_token: str, now: int) -> JobReply:
    """Return what is shown of a job; `now` is in microseconds since 1970-01-01 UTC."""
    counts, total = job.counts, job.file.rows
    started = job.started_at or job.submitted_at
    reply = JobReply(
        job_id=public_id(job, app_token),
        status=job.status,
        type=job.kind,
        filename=job.file.name,
        file_size=job.file.size,
        total_rows=total,
        completed_rows=counts.completed,
        start_time=time_text(started),
        end_time=None if job.finished_at is None else time_text(job.finished_at),
        elapsed_time=max((job.finished_at or now) - started, 0) // 1_000_000,
        links=_link(public_id(job, app_token)),
        submitted_at=time_text(job.submitted_at),
        failed_rows=counts.failed,
        remaining_rows=total - counts.completed - counts.failed,
        duplicate_rows=counts.duplicates,
        erased_rows=counts.erased,
        dry_run=job.dry_run,
        retry_of=job.retry_of,
        reason=job.reason,
    )
    if job.kind.family is Family.DELETE:
        reply.due_at = time_text(job.due_at)
        reply.requested_by = job.key_id
        reply.removed = job.removed
    return reply


def public_id(job: Job, app_token: str) -> str:
    """Return the id that senders see (contract 5.2)."""
    return f"{job.kind.family}:jobs:{app_token}:{job.id}"


def _link(public_id: str) -> str:
    return f"/v1/background_jobs/{public_id}"


def row_error_reply(error: RowError) -> RowErrorReply:
    """Return what is shown of a row that failed."""
    return RowErrorReply(**error._asdict())


def deletion_reply(job: Job, app_token: str, empty: int) -> DeletionReply:
    """Return the answer to a deletion; `empty` ids were empty and do not count."""
    what = "user" if job.kind == "delete_users" else "company"
    ids = job.file.rows
    many = what if ids == 1 else {"user": "users", "company": "companies"}[what]
    message = f"{ids} {many} {'is' if ids == 1 else 'are'} scheduled for deletion."
    if empty:
        message += f" Empty ids were ignored: {empty}."
    id = public_id(job, app_token)
    return DeletionReply(message=message, job_id=id, links=_link(id))


def errors_csv(errors: Iterable[RowError], *, header: bool) -> str:
    """Return errors as CSV (RFC 4180), with no cell that a spreadsheet would run as a formula."""
    text = io.StringIO()
    writer = csv.writer(text)
    if header:
        writer.writerow(ERROR_COLUMNS)
    for error in errors:
        writer.writerow([harmless(cell) if isinstance(cell, str) else cell for cell in error])
    return text.getvalue()
