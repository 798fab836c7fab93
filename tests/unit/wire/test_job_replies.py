"""What is said of jobs: their objects, the errors of their rows, the answer to a deletion."""

import csv
import io
import json
from typing import Any, Final

import msgspec
import pytest

from analytex.domain.jobs import Counts, FileFormat, Job, JobKind, JobStatus, RowError, RowsFile
from analytex.wire.job_replies import (
    ERROR_COLUMNS,
    deletion_reply,
    errors_csv,
    job_reply,
    public_id,
    row_error_reply,
)

APP: Final = "NX-one"
SECOND: Final = 1_000_000
SUBMITTED: Final = 1_700_000_000 * SECOND + 5
ID: Final = "0b0b0b0b-0000-4000-8000-000000000000"
ERROR: Final = RowError(2, 5, "/user_id", "7x", "missing", "`user_id` is missing.")


def job(kind: JobKind = JobKind.BULK_USERS, *, rows: int = 10, **rest: Any) -> Job:
    """A job."""
    file = RowsFile(name="a.ndjson", format=FileFormat.NDJSON, packed=False, size=123, rows=rows)
    given: dict[str, Any] = {"submitted_at": SUBMITTED, "due_at": SUBMITTED, **rest}
    return Job(id=ID, environment_id=1, kind=kind, file=file, key_id="k1", **given)


def reply(job: Job, *, after_s: float = 0) -> dict[str, Any]:
    """Return what is shown of a job so long after it was submitted."""
    shown = job_reply(job, APP, SUBMITTED + round(after_s * SECOND))
    found: dict[str, Any] = json.loads(msgspec.json.encode(shown))
    return found


def test_a_job_is_shown_with_all_fields_of_the_contract() -> None:
    """And with ours behind them."""
    assert reply(job()) == {
        "job_id": f"bulk:jobs:NX-one:{ID}",
        "status": "queued",
        "type": "bulk_identify_users",
        "filename": "a.ndjson",
        "file_size": 123,
        "total_rows": 10,
        "completed_rows": 0,
        "start_time": "2023-11-14T22:13:20.000005Z",
        "end_time": None,
        "elapsed_time": 0,
        "links": f"/v1/background_jobs/bulk:jobs:NX-one:{ID}",
        "submitted_at": "2023-11-14T22:13:20.000005Z",
        "failed_rows": 0,
        "remaining_rows": 10,
        "duplicate_rows": 0,
        "erased_rows": 0,
        "dry_run": False,
        "retry_of": None,
        "reason": None,
        "due_at": None,
        "requested_by": None,
        "removed": None,
    }


@pytest.mark.parametrize(
    ("kind", "family"),
    [
        (JobKind.BULK_USERS, "bulk"),
        (JobKind.BULK_COMPANIES, "bulk"),
        (JobKind.IMPORT, "import"),
        (JobKind.DELETE_USERS, "delete"),
        (JobKind.DELETE_COMPANIES, "delete"),
    ],
)
def test_a_public_id_begins_with_the_family(kind: JobKind, family: str) -> None:
    """As the contract shows it (5.2)."""
    assert public_id(job(kind), APP) == f"{family}:jobs:{APP}:{ID}"


@pytest.mark.parametrize("rows", [10, 500])
@pytest.mark.parametrize("counts", [Counts(), Counts(3, 2, 1, 1), Counts(8, 2)])
def test_totals_add_up(rows: int, counts: Counts) -> None:
    """Duplicates and erased rows are among the completed ones."""
    shown = reply(job(rows=rows, counts=counts))

    assert shown["completed_rows"] + shown["failed_rows"] + shown["remaining_rows"] == rows
    assert shown["duplicate_rows"] + shown["erased_rows"] <= shown["completed_rows"]


def test_the_time_runs_from_the_start_to_the_end() -> None:
    """In whole seconds; a job that waits has not begun, and its start is when it came."""
    waiting = job()
    running = job(started_at=SUBMITTED + 10 * SECOND)
    ended = job(started_at=SUBMITTED + 10 * SECOND, finished_at=SUBMITTED + 12 * SECOND - 1)
    early = job(started_at=SUBMITTED + 10 * SECOND)

    assert reply(waiting, after_s=3.9)["elapsed_time"] == 3
    assert reply(running, after_s=15)["elapsed_time"] == 5
    assert reply(ended, after_s=99)["elapsed_time"] == 1
    assert reply(early, after_s=5)["elapsed_time"] == 0  # clocks of two processes
    assert reply(running)["start_time"] == "2023-11-14T22:13:30.000005Z"
    assert reply(ended)["end_time"] == "2023-11-14T22:13:32.000004Z"


def test_why_a_job_failed_is_shown() -> None:
    """A sentence for people."""
    shown = reply(job(status=JobStatus.FAILED, reason="It was cancelled.", dry_run=True))

    assert (shown["status"], shown["reason"]) == ("failed", "It was cancelled.")
    assert shown["dry_run"] is True


def test_a_deletion_shows_its_receipt() -> None:
    """Up to when, by whose key, and what was removed from where."""
    removed = {"users": 1, "events": 5}
    shown = reply(job(JobKind.DELETE_USERS, due_at=SUBMITTED + SECOND, removed=removed))

    assert shown["due_at"] == "2023-11-14T22:13:21.000005Z"
    assert (shown["requested_by"], shown["removed"]) == ("k1", removed)


@pytest.mark.parametrize(
    ("kind", "ids", "empty", "message"),
    [
        (JobKind.DELETE_USERS, 0, 0, "0 users are scheduled for deletion."),
        (JobKind.DELETE_USERS, 1, 0, "1 user is scheduled for deletion."),
        (JobKind.DELETE_USERS, 2, 0, "2 users are scheduled for deletion."),
        (JobKind.DELETE_COMPANIES, 1, 0, "1 company is scheduled for deletion."),
        (JobKind.DELETE_COMPANIES, 3, 0, "3 companies are scheduled for deletion."),
        (
            JobKind.DELETE_COMPANIES,
            3,
            2,
            "3 companies are scheduled for deletion. Empty ids were ignored: 2.",
        ),
    ],
)
def test_a_deletion_says_how_many(kind: JobKind, ids: int, empty: int, message: str) -> None:
    """The contract's message counts (7)."""
    answer = deletion_reply(job(kind, rows=ids), APP, empty)

    assert answer.message == message
    assert answer.links == f"/v1/background_jobs/{answer.job_id}"


# Errors of rows


def test_an_error_is_shown_with_its_place() -> None:
    """Row, line, column or pointer, value, and why, for programs and for people."""
    assert json.loads(msgspec.json.encode(row_error_reply(ERROR))) == {
        "row": 2,
        "line": 5,
        "place": "/user_id",
        "value": "7x",
        "code": "missing",
        "reason": "`user_id` is missing.",
    }


def read(text: str) -> list[list[str]]:
    """Return the cells of CSV."""
    return list(csv.reader(io.StringIO(text, newline="")))


def test_errors_as_csv() -> None:
    """With a header once; lines end as RFC 4180 has it."""
    text = errors_csv([ERROR], header=True)

    assert text.endswith("\r\n")
    assert read(text) == [list(ERROR_COLUMNS), [str(cell) for cell in ERROR]]
    assert read(errors_csv([ERROR], header=False)) == read(text)[1:]
    assert errors_csv([], header=False) == ""
    assert read(errors_csv([], header=True)) == [list(ERROR_COLUMNS)]


@pytest.mark.parametrize(
    "value", ['=HYPERLINK("http://x")', "+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", "="]
)
@pytest.mark.parametrize("column", ["place", "value", "reason"])
def test_no_cell_is_run_as_a_formula(column: str, value: str) -> None:
    """Whoever opens the file in a spreadsheet did not write the rows."""
    error = RowError(**{**ERROR._asdict(), column: value})
    text = errors_csv([error], header=False)

    assert read(text)[0][ERROR_COLUMNS.index(column)] == "'" + value


@pytest.mark.parametrize("value", ["", 'a","b', "a\nb", "a\r\n=1", "ü", "1", " =1", "a=1", "'=1"])
def test_what_does_no_harm_stays_as_it_is(value: str) -> None:
    """Quoted where it needs to be."""
    text = errors_csv([ERROR._replace(value=value)], header=False)

    assert read(text) == [["2", "5", "/user_id", value, "missing", "`user_id` is missing."]]
