"""Rows of the table `jobs` ⇄ domain types."""

from typing import Any, Final

import msgspec

from analytex import sqlite
from analytex.domain.jobs import Counts, Job, JobKind, JobStatus, Mark, RowsFile

_encode: Final = msgspec.json.Encoder().encode
_decode_file: Final = msgspec.json.Decoder(RowsFile).decode
_decode_counts: Final = msgspec.json.Decoder(Counts).decode
_decode_mark: Final = msgspec.json.Decoder(Mark).decode
_decode_removed: Final = msgspec.json.Decoder(dict[str, int]).decode

_RAW: Final = sqlite.queries(__package__, "jobs.sql")
COLUMNS: Final = _RAW["columns"].replace("\n", " ").split(", ")

SQL: Final = {name: query.replace("%s", _RAW["columns"]) for name, query in _RAW.items()}


def values(job: Job) -> dict[str, Any]:
    """Return what a new row of a job holds."""
    return {
        "id": job.id,
        "environment_id": job.environment_id,
        "family": job.kind.family,
        "kind": job.kind,
        "status": job.status,
        "file": text(job.file),
        "dry_run": job.dry_run,
        "retry_of": job.retry_of,
        "key_id": job.key_id,
        "submitted_at": job.submitted_at,
        "due_at": job.due_at,
        "counts": text(job.counts),
        "mark": text(job.mark),
    }


def job(row: tuple[Any, ...]) -> Job:
    """Return the job that a row holds."""
    values = dict(zip(COLUMNS, row, strict=True))
    return Job(
        **values
        | {
            "kind": JobKind(values["kind"]),
            "status": JobStatus(values["status"]),
            "file": _decode_file(values["file"]),
            "dry_run": bool(values["dry_run"]),
            "counts": _decode_counts(values["counts"]),
            "mark": _decode_mark(values["mark"]),
            "cancelled": bool(values["cancelled"]),
            "removed": _decode_removed(values["removed"]),
        }
    )


def text(value: object) -> str:
    """Return a value as JSON."""
    return _encode(value).decode()
