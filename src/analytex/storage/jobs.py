"""What a storage engine promises about jobs, to those who submit them and to the runner."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol

from analytex.domain.jobs import Counts, Family, Job, JobStatus, Mark, RowError


class JobStore(Protocol):
    """What those need who submit jobs and look at them. Changes are on disk on return."""

    def create_job(self, job: Job, *, at_most: int) -> Job:
        """Store a job and return it with its number.

        Raises JobRunning (without details) if `at_most` jobs of its family and environment have
        not ended.
        """

    def count_open(self, environment_id: int, family: Family) -> int:
        """Return how many jobs of a family have not ended."""

    def job(self, environment_id: int, id: str) -> Job | None:
        """Return a job, or None."""

    def list_jobs(self, environment_id: int, family: Family | None, *, limit: int) -> list[Job]:
        """Return jobs, newest first."""

    def jobs_behind(self, environment_id: int, *, after: int, limit: int) -> list[Job]:
        """Return jobs behind a number, oldest first."""

    def job_ids(self) -> list[str]:
        """Return the ids of all jobs, of every environment."""

    def list_errors(self, number: int, *, after: int, limit: int) -> list[RowError]:
        """Return errors of a job in the order of its rows, behind the row `after`."""

    def cancel_job(self, number: int) -> bool:
        """Ask for the end of a job; False if it has ended."""

    def close(self) -> None:
        """Let go of the engine."""


class Seen(NamedTuple):
    """What is known of a row that was imported, by its content."""

    stored: int  #: how many such rows are stored
    job: int  #: number of the last job that had such a row
    seen: int  #: how many that job had so far


class Advance(NamedTuple):
    """How far a job has come with a run of rows; all but `job` and `start` is what is true then."""

    job: Job
    start: Mark  #: where it was
    next: Mark
    status: JobStatus
    counts: Counts
    rows: int  #: how many rows its file has
    failed_bytes: int
    errors: Sequence[RowError]  #: of this run
    seen: Mapping[bytes, Seen]  #: imports: rows by key, as `ApplyStore.seen` shall return them


class RunStore(Protocol):
    """What the runner needs to know and to note of jobs; the applier's store is one."""

    def open_jobs(self) -> list[Job]:
        """Return the jobs that have not ended, oldest first."""

    def job_ids(self) -> list[str]:
        """Return the ids of all jobs, of every environment."""

    def begin_job(self, number: int, *, at: int) -> int:
        """Note that a job is begun, or begun again; return how often since it last got on."""

    def end_job(self, number: int, status: JobStatus, *, at: int, reason: str | None) -> None:
        """End a job."""

    def next_ended(self, environment_id: int, *, after: int) -> Job | None:
        """Return the first job behind a number that has ended."""

    def rename_file(self, job: Job, *, name: str) -> None:
        """Give the file of a job another name."""

    def error_values(self, number: int) -> Iterator[str]:
        """Yield the values in the errors of a job."""

    def forget_errors(self, number: int, *, failed_bytes: int) -> None:
        """Empty the values in the errors of a job, and note how long its failed rows are now."""

    def note_removed(
        self, number: int, status: JobStatus, counts: Counts, removed: dict[str, int]
    ) -> None:
        """Note how far a deletion has come."""

    def jobs_ended_before(self, at: int) -> list[Job]:
        """Return jobs that ended before a time."""

    def remove_job(self, number: int) -> None:
        """Forget a job that has ended, and its errors."""
