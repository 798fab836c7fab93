"""Jobs in `store.db`, as the runner sees them: part of the applier's side of the store."""

import sqlite3
from collections.abc import Iterator
from typing import Final

import msgspec

from analytex import sqlite
from analytex.domain.jobs import Counts, Job, JobStatus
from analytex.errors import Conflict
from analytex.storage.embedded import job_rows
from analytex.storage.embedded.job_rows import SQL, text
from analytex.storage.jobs import Advance

MAX_ERRORS: Final = 100_000  # kept of one job; about 20 MB


class EmbeddedRunStore:
    """Knows and notes how jobs get on (see `RunStore`)."""

    _db: sqlite3.Connection

    def open_jobs(self) -> list[Job]:
        """Return the jobs that have not ended, oldest first."""
        return [job_rows.job(row) for row in self._db.execute(SQL["open"])]

    def job_ids(self) -> list[str]:
        """Return the ids of all jobs, of every environment."""
        return [row[0] for row in self._db.execute(SQL["ids"])]

    def begin_job(self, number: int, *, at: int) -> int:
        """Note that a job is begun, or begun again; return how often since it last got on."""
        return int(self._db.execute(SQL["begin"], {"number": number, "at": at}).fetchall()[0][0])

    def _advance_job(self, step: Advance) -> None:
        """Note how far a job has come, inside a transaction that stores the rows.

        Raises Conflict if it was elsewhere.
        """
        job = step.job
        moved = self._db.execute(
            SQL["advance"],
            {
                "number": job.number,
                "start": text(step.start),
                "mark": text(step.next),
                "status": step.status,
                "counts": text(step.counts),
                "file": text(msgspec.structs.replace(job.file, rows=step.rows)),
                "failed_bytes": step.failed_bytes,
            },
        )
        if moved.rowcount != 1:
            raise Conflict(f"Job {job.number} is not at {step.start}, or was ended.")
        room = max(MAX_ERRORS - (step.counts.failed - len(step.errors)), 0)
        self._db.executemany(
            SQL["add_error"], ((job.number, *error) for error in step.errors[:room])
        )
        self._db.executemany(
            SQL["put_seen"],
            ((job.environment_id, key, *seen) for key, seen in sorted(step.seen.items())),
        )

    def end_job(self, number: int, status: JobStatus, *, at: int, reason: str | None) -> None:
        """End a job."""
        self._db.execute(
            SQL["end"], {"number": number, "status": status, "at": at, "reason": reason}
        )

    def jobs_ended_before(self, at: int) -> list[Job]:
        """Return jobs that ended before a time, at most 100 of them."""
        return [job_rows.job(row) for row in self._db.execute(SQL["ended_before"], (at,))]

    def remove_job(self, number: int) -> None:
        """Forget a job and its errors."""
        with sqlite.transaction(self._db):
            self._db.execute(SQL["remove_errors"], (number,))
            self._db.execute(SQL["remove"], (number,))

    def next_ended(self, environment_id: int, *, after: int) -> Job | None:
        """Return the first job behind a number that has ended."""
        row = self._db.execute(SQL["next_ended"], (environment_id, after)).fetchone()
        return None if row is None else job_rows.job(row)

    def rename_file(self, job: Job, *, name: str) -> None:
        """Give the file of a job another name."""
        file = text(msgspec.structs.replace(job.file, name=name))
        self._db.execute(SQL["set_file"], {"number": job.number, "file": file})

    def error_values(self, number: int) -> Iterator[str]:
        """Yield the values in the errors of a job."""
        return (row[0] for row in self._db.execute(SQL["error_values"], (number,)))

    def forget_errors(self, number: int, *, failed_bytes: int) -> None:
        """Empty the values in the errors of a job, and note how long its failed rows are now."""
        values = {"number": number, "failed_bytes": failed_bytes}
        with sqlite.transaction(self._db):
            self._db.execute(SQL["forget_errors"], {"number": number})
            self._db.execute(SQL["set_failed_bytes"], values)

    def note_removed(
        self, number: int, status: JobStatus, counts: Counts, removed: dict[str, int]
    ) -> None:
        """Note how far a deletion has come."""
        values = {"counts": text(counts), "removed": text(removed)}
        self._db.execute(SQL["set_removed"], {"number": number, "status": status, **values})
