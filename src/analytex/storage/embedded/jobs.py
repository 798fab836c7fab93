"""Jobs in `store.db`, as those see them who submit them."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from analytex import sqlite
from analytex.domain.jobs import Family, Job, RowError
from analytex.errors import JobRunning, Unavailable
from analytex.storage.embedded import FILE, job_rows
from analytex.storage.embedded.job_rows import SQL


class EmbeddedJobStore:
    """Takes jobs and tells of them (see `JobStore`); any number of processes may, at any time.

    Methods wait up to `sqlite.BUSY_TIMEOUT_S` for another writer, and raise Unavailable if the
    file cannot be read or written.
    """

    def __init__(self, path: Path) -> None:
        """Open or create the file. Raises sqlite3.Error if it cannot be opened."""
        self._db = sqlite.connect(path, __package__)

    def create_job(self, job: Job, *, at_most: int) -> Job:
        """Store a job and return it with its number (see `JobStore.create_job`)."""
        with _using(), sqlite.transaction(self._db) as db:
            if self.count_open(job.environment_id, job.kind.family) >= at_most:
                raise JobRunning
            number = db.execute(SQL["add"], job_rows.values(job)).lastrowid
        assert number is not None
        return msgspec.structs.replace(job, number=number)

    def count_open(self, environment_id: int, family: Family) -> int:
        """Return how many jobs of a family have not ended."""
        with _using():
            found = self._db.execute(SQL["count_open"], (environment_id, family))
            return int(found.fetchone()[0])

    def job(self, environment_id: int, id: str) -> Job | None:
        """Return a job, or None."""
        with _using():
            row = self._db.execute(SQL["job"], (environment_id, id)).fetchone()
            return None if row is None else job_rows.job(row)

    def list_jobs(self, environment_id: int, family: Family | None, *, limit: int) -> list[Job]:
        """Return jobs, newest first."""
        wanted = {"environment_id": environment_id, "family": family, "limit": limit}
        with _using():
            return [job_rows.job(row) for row in self._db.execute(SQL["list"], wanted)]

    def jobs_behind(self, environment_id: int, *, after: int, limit: int) -> list[Job]:
        """Return jobs behind a number, oldest first."""
        with _using():
            found = self._db.execute(SQL["behind"], (environment_id, after, limit))
            return [job_rows.job(row) for row in found]

    def job_ids(self) -> list[str]:
        """Return the ids of all jobs."""
        with _using():
            return [row[0] for row in self._db.execute(SQL["ids"])]

    def list_errors(self, number: int, *, after: int, limit: int) -> list[RowError]:
        """Return errors of a job in the order of its rows, behind the row `after`."""
        with _using():
            found = self._db.execute(SQL["errors"], (number, after, limit))
            return list(map(RowError._make, found))

    def cancel_job(self, number: int) -> bool:
        """Ask for the end of a job; False if it has ended."""
        with _using():
            return self._db.execute(SQL["cancel"], (number,)).rowcount == 1

    def close(self) -> None:
        """Close the file."""
        self._db.close()


@contextmanager
def _using() -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, msgspec.MsgspecError) as error:
        raise Unavailable(f"{FILE} cannot be used.", details=f"{error}.") from error
