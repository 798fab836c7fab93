"""What the console shows of jobs: titles, states, and how their counts add up."""

from typing import Any, Final, NamedTuple

from analytex.domain.held import Held
from analytex.domain.jobs import Family, Job, JobKind, JobStatus
from analytex.errors import AnalytexError
from analytex.settings import Settings

TITLES: Final = {
    JobKind.IMPORT: "Import of events",
    JobKind.BULK_USERS: "Users in bulk",
    JobKind.BULK_COMPANIES: "Companies in bulk",
    JobKind.DELETE_USERS: "Deletion of users",
    JobKind.DELETE_COMPANIES: "Deletion of companies",
    JobKind.EXPORT: "Export of events",
}
#: what the last part of the address of an upload says
UPLOADS: Final = {
    "events": JobKind.IMPORT,
    "users": JobKind.BULK_USERS,
    "companies": JobKind.BULK_COMPANIES,
}
#: where a deletion removes something
PLACES: Final[dict[str, str]] = {
    Held.USERS: "User profiles",
    Held.COMPANIES: "Company profiles",
    Held.EVENTS: "Events, changed or removed",
    Held.LOG_RECORDS: "Records in the event log",
    Held.UNREADABLE: "Records that could not be read",
    Held.FAILED_ROWS: "Failed rows of other jobs",
    Held.REFUSED_REQUESTS: "Refused requests in quarantine",
}

_COUNTED: Final = {JobKind.DELETE_USERS: "user", JobKind.DELETE_COMPANIES: "company"}
_MANY: Final = {"user": "users", "company": "companies", "row": "rows", "event": "events"}
_SECOND: Final = 1_000_000


class State(NamedTuple):
    """A job's state in a word, and how it is coloured."""

    text: str
    kind: str


class Shown(NamedTuple):
    """A job as pages show it. Times are microseconds since 1970-01-01 UTC."""

    job: Job
    title: str
    name: str  #: what it works on
    link: str
    state: State
    total: int
    good: int  #: rows that did not fail
    failed: int
    left: int  #: `good + failed + left = total`
    counted: str  #: what is counted: `rows`
    elapsed_s: float | None  #: None: it has not begun
    can_cancel: bool
    can_retry: bool
    upload: str  #: where its rows can be uploaded once more; empty: they were no upload

    @property
    def moves(self) -> bool:
        """Whether it has not ended."""
        return self.job.finished_at is None

    @property
    def percent(self) -> int:
        """How much is done; 100 only at the end."""
        if self.job.status is JobStatus.COMPLETED:
            return 100
        done = self.good + self.failed
        return min(done * 100 // self.total, 99) if self.total else 0


def shown_job(job: Job, now: int) -> Shown:
    """Return what is shown of a job."""
    counts, total = job.counts, job.file.rows
    family, ended = job.kind.family, job.finished_at
    return Shown(
        job=job,
        title=TITLES[job.kind],
        name=_name(job),
        link=job_link(job),
        state=state(job),
        total=total,
        good=counts.completed,
        failed=counts.failed,
        left=max(total - counts.completed - counts.failed, 0),
        counted=_counted(job, total),
        elapsed_s=None if job.started_at is None else _seconds(job.started_at, ended or now),
        can_cancel=not job.cancelled
        and ended is None
        and (family is not Family.DELETE or job.started_at is None),
        can_retry=ended is not None and job.failed_bytes > 0,
        upload=upload_link(job.kind),
    )


def job_link(job: Job) -> str:
    """Return the address of a job's page."""
    folder = "exports" if job.kind is JobKind.EXPORT else "jobs"
    return f"/console/{folder}/{job.id}"


def upload_link(kind: JobKind) -> str:
    """Return the address of the form for files of that kind; empty if there is none."""
    return next((f"/console/jobs/new/{name}" for name, each in UPLOADS.items() if each is kind), "")


def accepted(kind: JobKind, settings: Settings) -> dict[str, Any]:
    """Return what a form says of the files that are taken; 0 is no limit."""
    if kind is JobKind.IMPORT:
        accepts, formats = ".csv,.ndjson,.jsonl,.json,.gz", "CSV or NDJSON"
        return {"accepts": accepts, "formats": formats, "most_bytes": 0, "most_rows": 0}
    return {
        "accepts": ".ndjson,.jsonl,.json,.gz",
        "formats": "NDJSON",
        "most_bytes": settings.bulk_size_limit,
        "most_rows": settings.bulk_rows_limit,
    }


def said(error: AnalytexError) -> str:
    """Return what an error says, as one text."""
    return f"{error.message} {error.details}".strip()


def state(job: Job) -> State:
    """Return the state in a word that fits what the job does."""
    if job.finished_at is None:
        return State("being cancelled", "warn") if job.cancelled else _now(job)
    if job.status is JobStatus.FAILED:
        return State("cancelled", "") if job.cancelled else State("failed", "bad")
    word = "checked" if job.dry_run else "done"
    if job.counts.failed:
        return State(f"{word}, with errors", "warn")
    return State(word, "good")


def _now(job: Job) -> State:
    if job.status is JobStatus.QUEUED:
        return State("waiting", "")
    if job.status is JobStatus.VALIDATING:
        return State("checking" if job.dry_run else "starting", "accent")
    return State("running" if job.status is JobStatus.PROCESSING else "finishing", "accent")


def removed(job: Job) -> list[tuple[str, int]]:
    """Return where a deletion removed how many, in the order of `PLACES`."""
    known = [name for name in PLACES if name in job.removed]
    others = sorted(set(job.removed) - set(PLACES))
    return [(PLACES.get(name, name), job.removed[name]) for name in [*known, *others]]


def many(word: str, count: int) -> str:
    """Return a word that is counted, for so many."""
    return word if count == 1 else _MANY[word]


def _name(job: Job) -> str:
    if job.kind.family is Family.DELETE:
        return f"{job.file.rows:,} {_counted(job, job.file.rows)}"
    return TITLES[job.kind] if job.kind is JobKind.EXPORT else job.file.name


def _counted(job: Job, count: int) -> str:
    word = "event" if job.kind is JobKind.EXPORT else _COUNTED.get(job.kind, "row")
    return many(word, count)


def _seconds(since: int, until: int) -> float:
    return max(until - since, 0) / _SECOND
