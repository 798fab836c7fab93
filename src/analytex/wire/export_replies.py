"""The JSON of exports (contract 8.1, 8.2): what is asked for, and what is answered."""

import re
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, Final

import msgspec

from analytex.domain.exports import EVENT_TYPES, Export, ExportFormat, ExportRequest
from analytex.domain.history import DAY
from analytex.domain.jobs import JobStatus
from analytex.domain.times import SECOND, FarTime, from_unix, parse_time
from analytex.errors import BadRequest
from analytex.wire.bodies import id_text
from analytex.wire.replies import time_text

JOBS: Final = "/api/v1/analytics/exports/jobs"
TYPE: Final = "export"
MAX_EMAILS: Final = 20  # nobody shall tell the world through this server

Time = str | int | float | None
Ids = list[str | int | float] | str | int | float | None  #: one alone is as good as a list

_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d")
_FORMATS: Final = {"json": ExportFormat.NDJSON, **{str(each): each for each in ExportFormat}}


class ExportBody(msgspec.Struct, kw_only=True):
    """`POST /api/v1/analytics/exports`. Other keys are ignored, as clients send some."""

    from_: Time = msgspec.field(name="from", default=None)  #: no event before it
    to: Time = None  #: no event from it on; a date without a time is part of what is exported
    format: str | None = None  #: ndjson (or json), csv, parquet, avro
    event_type: list[str] | str | None = None  #: only events of these types
    user_id: Ids = None  #: only events of these users
    company_id: Ids = None  #: only events of these companies
    segment_id: str | int | None = None  #: there are no segments: any but an empty one is refused
    emails: list[str] | str | None = None  #: who is told when the files are ready


class CreatedReply(msgspec.Struct, kw_only=True):
    """A new export."""

    job_id: str
    environment_app_token: str
    environment_name: str
    start_time: str
    links: str  #: where to look at it


class FileReply(msgspec.Struct, kw_only=True):
    """A file that is ready."""

    filename: str
    url: str  #: fetched without Authorization, for 2 days after the end of the job


class ExportReply(msgspec.Struct, kw_only=True):
    """An export."""

    job_id: str
    app_token: str
    status: str  #: pending, processing, completed, failed
    type: str  #: export
    progress: str  #: whole percent, 0 to 100
    start_time: str
    end_time: str  #: empty: it has not ended
    current_chunk: str  #: the day (UTC) that is being written; empty: none
    all_chunks: list[str]
    completed_chunks: list[str]
    presigned_urls: list[FileReply]  #: once it is completed
    reason: str  #: ours: why it failed, or why its files are gone; empty otherwise


class ExportItem(msgspec.Struct, kw_only=True):
    """An export in the list."""

    job_id: str
    status: str
    progress: str
    start_time: str
    end_time: str
    elapsed_time: str  #: hours, minutes and seconds, such as 0:01:10
    elapsed_time_seconds: str


_decode_body: Final = msgspec.json.Decoder(ExportBody).decode


def export_request(body: bytes) -> ExportRequest:
    """Return what a body asks for. Raises BadRequest, which names the field."""
    try:
        asked = _decode_body(body) if body.strip() else ExportBody()
    except msgspec.ValidationError as error:
        raise BadRequest(
            "The body does not have the expected fields.", details=f"{error}."
        ) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadRequest("The body is not valid JSON.", details=f"{error}.") from None
    if asked.segment_id not in (None, ""):
        raise BadRequest(
            "`segment_id` is not known.",
            details=f"There is no segment {str(asked.segment_id)[:100]!r}: this server has none.",
        )
    since, until = _time("from", asked.from_), _time("to", asked.to, whole_day=True)
    if since is not None and until is not None and since >= until:
        raise BadRequest("`from` is not before `to`.", details="Between them there is nothing.")
    return ExportRequest(
        format=_format(asked.format),
        since=since,
        until=until,
        event_types=_event_types(asked.event_type),
        user_ids=_ids(asked.user_id),
        company_ids=_ids(asked.company_id),
        emails=_emails(asked.emails),
    )


def created_reply(export: Export) -> CreatedReply:
    """Return the answer to a request for an export."""
    return CreatedReply(
        job_id=export.job.id,
        environment_app_token=export.app_token,
        environment_name=export.environment_name,
        start_time=time_text(export.job.submitted_at),
        links=f"{JOBS}/{export.job.id}",
    )


def export_reply(export: Export, *, now: int, link: Callable[[str, int], str]) -> ExportReply:
    """Return an export; `link` makes the address of a file from its name and when it ends."""
    job, until = export.job, export.links_until
    files = []
    if job.status is JobStatus.COMPLETED and until is not None and now < until:
        files = [
            FileReply(filename=file.name, url=link(file.name, until // SECOND))
            for file in export.files
        ]
    left = [] if job.status.is_final else export.left
    return ExportReply(
        job_id=job.id,
        app_token=export.app_token,
        status=_status(export),
        type=TYPE,
        progress=_progress(export),
        start_time=time_text(job.submitted_at),
        end_time=_end_time(export),
        current_chunk=left[0] if left else "",
        all_chunks=export.chunks or [],
        completed_chunks=[file.chunk for file in export.files],
        presigned_urls=files,
        reason=job.reason or (_GONE if export.gone else ""),
    )


def export_item(export: Export, *, now: int) -> ExportItem:
    """Return an export as it stands in the list."""
    end = export.job.finished_at or now
    seconds = max(end - export.job.submitted_at, 0) // SECOND
    return ExportItem(
        job_id=export.job.id,
        status=_status(export),
        progress=_progress(export),
        start_time=time_text(export.job.submitted_at),
        end_time=_end_time(export),
        elapsed_time=str(timedelta(seconds=seconds)),
        elapsed_time_seconds=str(seconds),
    )


_GONE: Final = "The files are gone: users or companies were deleted. Ask for the export again."
_STATUS: Final = {
    JobStatus.QUEUED: "pending",
    JobStatus.COMPLETED: "completed",
    JobStatus.FAILED: "failed",
}


def _status(export: Export) -> str:
    return _STATUS.get(export.job.status, "processing")


def _progress(export: Export) -> str:
    if export.job.status is JobStatus.COMPLETED:
        return "100"
    rows = export.job.file.rows
    return str(min(export.job.counts.completed * 100 // rows, 99)) if rows else "0"


def _end_time(export: Export) -> str:
    return "" if export.job.finished_at is None else time_text(export.job.finished_at)


def _format(name: str | None) -> ExportFormat:
    found = _FORMATS.get((name or ExportFormat.NDJSON).lower())
    if found is None:
        raise BadRequest("`format` is not valid.", details=f"Expected {', '.join(_FORMATS)}.")
    return found


def _event_types(names: list[str] | str | None) -> list[str]:
    found = _listed(names)
    for name in found:
        if name not in EVENT_TYPES:
            raise BadRequest(
                "`event_type` is not valid.", details=f"Expected some of {', '.join(EVENT_TYPES)}."
            )
    return found


def _ids(ids: Ids) -> list[str]:
    return [id_text(each) for each in _listed(ids)]


def _emails(addresses: list[str] | str | None) -> list[str]:
    found = [each.strip() for each in _listed(addresses) if each.strip()]
    if len(found) > MAX_EMAILS:
        raise BadRequest("`emails` has too many.", details=f"Expected at most {MAX_EMAILS}.")
    return found


def _listed(values: Any) -> list[Any]:
    """One value may stand where a list is expected; nothing, and an empty text, is an empty one."""
    if values is None or values == "":
        return []
    return (
        list(values) if isinstance(values, Sequence) and not isinstance(values, str) else [values]
    )


def _time(field: str, value: Time, *, whole_day: bool = False) -> int | None:
    if value is None or value == "":
        return None
    try:
        at = parse_time(value) if isinstance(value, str) else from_unix(value)
    except (FarTime, ValueError, OverflowError):
        raise BadRequest(
            f"`{field}` is not a time.",
            details="Expected ISO 8601, such as 2026-03-01 or 2026-03-01T10:00:00Z.",
        ) from None
    if whole_day and isinstance(value, str) and _DATE.fullmatch(value.strip()):
        at += DAY
    return at
