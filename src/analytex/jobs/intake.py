"""Submitting jobs, and looking at them: what HTTP asks for."""

import os
import shutil
import time
import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from analytex.domain.environments import Scope
from analytex.domain.jobs import Family, FileFormat, Job, JobKind, RowError, RowsFile
from analytex.errors import JobRunning, JobState, NotFound, Unavailable
from analytex.storage.files import JobFiles, sync_directory
from analytex.storage.jobs import JobStore
from analytex.storage.threads import StoreThreads

THREADS: Final = 2
MAX_LISTED: Final = 1000  # jobs in a list
_CANCEL_WAIT_S: Final = 2.0
_LOOK_EVERY_S: Final = 0.01

Result = TypeVar("Result")


class Jobs:
    """One server's jobs, as those see them who submit them."""

    def __init__(
        self,
        open_store: Callable[[], JobStore],
        files: JobFiles,
        *,
        at_most: int,
        delete_at: str,
        wake: Callable[[], None],
    ) -> None:
        """`at_most` jobs of a family and app may be under way; `wake` tells the runner of new ones.

        `delete_at` is `now`, or the time of day (UTC, `02:00`) at which deletions run.
        """
        self._stores = StoreThreads(open_store, threads=THREADS, name="jobs")
        self.files = files
        self._at_most = at_most
        self._delete_at = delete_at
        self._wake = wake

    async def check_free(self, scope: Scope, family: Family) -> None:
        """Raise JobRunning if no job of the family may begin now."""
        running = await self._run(lambda store: store.count_open(scope.environment_id, family))
        if running >= self._at_most:
            raise _running(family, self._at_most)

    async def new_file(self) -> tuple[str, Path]:
        """Return the id of a new job and where its rows shall be written."""
        id = str(uuid.uuid4())
        return id, await self._run(lambda _: self.files.make(id))

    async def discard(self, id: str) -> None:
        """Remove what was written of a job that was refused."""
        await self._run(lambda _: self.files.remove(id))

    async def submit(
        self, scope: Scope, id: str, kind: JobKind, file: RowsFile, *, dry_run: bool
    ) -> Job:
        """Take a job whose rows are on disk; it is on disk too when this returns.

        Raises JobRunning.
        """
        job = _job(scope, id, kind, file, dry_run=dry_run)
        return await self._create(job, self._at_most)

    async def delete(self, scope: Scope, kind: JobKind, ids: Sequence[str]) -> Job:
        """Take a deletion of users or companies; as many as there are may be under way."""
        id, path = await self.new_file()
        rows = b"".join(msgspec.json.encode(each) + b"\n" for each in ids)
        file = RowsFile(
            name="request", format=FileFormat.NDJSON, packed=False, size=len(rows), rows=len(ids)
        )
        job = _job(scope, id, kind, file, dry_run=False)
        job.due_at = next_due(job.submitted_at, self._delete_at)
        try:
            await self._run(lambda _: _write(path, rows))
            return await self._create(job, 2**31)
        except BaseException:
            await self.discard(id)
            raise

    async def get(self, scope: Scope, name: str) -> Job:
        """Return a job by its public id or the UUID alone. Raises NotFound."""
        job = await self._run(lambda store: store.job(scope.environment_id, _uuid(scope, name)))
        if job is None:
            raise NotFound("There is no such job.", details=f"job_id: {name!r}")
        return job

    async def list_jobs(self, scope: Scope, family: Family | None, *, limit: int) -> list[Job]:
        """Return jobs, newest first."""
        return await self._run(
            lambda store: store.list_jobs(scope.environment_id, family, limit=limit)
        )

    async def jobs_behind(self, scope: Scope, *, after: int, limit: int) -> list[Job]:
        """Return jobs behind a number, oldest first."""
        return await self._run(
            lambda store: store.jobs_behind(scope.environment_id, after=after, limit=limit)
        )

    async def errors(self, job: Job, *, after: int, limit: int) -> list[RowError]:
        """Return errors of a job behind a row."""
        return await self._run(
            lambda store: store.list_errors(job.number, after=after, limit=limit)
        )

    async def cancel(self, scope: Scope, name: str) -> Job:
        """Ask for the end of a job, and wait a little for it.

        Rows that are stored stay. Raises NotFound, and JobState if it has ended or is a deletion.
        """
        job = await self.get(scope, name)
        if job.kind.family is Family.DELETE and job.started_at is not None:
            raise JobState("A deletion that has begun cannot be cancelled.")
        if not await self._run(lambda store: store.cancel_job(job.number)):
            raise JobState("The job has ended already.", details=f"Its status is {job.status}.")
        self._wake()
        return await self._ended(scope, name)

    async def retry(self, scope: Scope, name: str) -> Job:
        """Begin a job with the failed rows of another one.

        Raises NotFound, JobRunning, and JobState if it has not ended or no row of it failed.
        """
        job = await self.get(scope, name)
        if job.finished_at is None:
            raise JobState("The job has not ended yet.", details=f"Its status is {job.status}.")
        rows = job.counts.failed
        if not job.failed_bytes:
            raise JobState("The job has no failed rows to try again.")
        await self.check_free(scope, job.kind.family)
        id, path = await self.new_file()
        try:
            await self._run(lambda _: _copy(self.files.failed(job.id), path))
            file = msgspec.structs.replace(
                job.file, packed=False, size=path.stat().st_size, rows=rows
            )
            again = _job(scope, id, job.kind, file, dry_run=job.dry_run, retry_of=job.id)
            return await self._create(again, self._at_most)
        except OSError as error:
            await self.discard(id)
            raise Unavailable(details=f"The failed rows cannot be copied: {error}.") from error
        except BaseException:
            await self.discard(id)
            raise

    def close(self) -> None:
        """Stop the threads."""
        self._stores.close()

    async def _create(self, job: Job, at_most: int) -> Job:
        try:
            created = await self._run(lambda store: store.create_job(job, at_most=at_most))
        except JobRunning:
            raise _running(job.kind.family, at_most) from None
        self._wake()
        return created

    async def _ended(self, scope: Scope, name: str) -> Job:
        def wait(store: JobStore) -> Job | None:
            deadline = time.monotonic() + _CANCEL_WAIT_S
            while True:
                job = store.job(scope.environment_id, _uuid(scope, name))
                if job is None or job.finished_at or time.monotonic() > deadline:
                    return job
                time.sleep(_LOOK_EVERY_S)

        job = await self._run(wait)
        if job is None:
            raise NotFound("There is no such job.", details=f"job_id: {name!r}")
        return job

    async def _run(self, call: Callable[[JobStore], Result]) -> Result:
        try:
            return await self._stores.run(call)
        except OSError as error:
            raise Unavailable(details=f"The data directory cannot be written: {error}.") from error


def next_due(at: int, delete_at: str) -> int:
    """Return when a deletion that is asked for at a time runs; both in microseconds."""
    if delete_at == "now":
        return at
    hour, _, minute = delete_at.partition(":")
    now = datetime.fromtimestamp(at / 1_000_000, UTC)
    due = now.replace(hour=int(hour), minute=int(minute), second=0, microsecond=0)
    if due < now:
        due += timedelta(days=1)
    return int(due.timestamp()) * 1_000_000


def _job(
    scope: Scope,
    id: str,
    kind: JobKind,
    file: RowsFile,
    *,
    dry_run: bool,
    retry_of: str | None = None,
) -> Job:
    at = time.time_ns() // 1000
    return Job(
        id=id,
        environment_id=scope.environment_id,
        kind=kind,
        file=file,
        dry_run=dry_run,
        retry_of=retry_of,
        key_id=scope.key_id,
        submitted_at=at,
        due_at=at,
    )


def _running(family: Family, at_most: int) -> JobRunning:
    return JobRunning(
        details=f"At most {at_most} {family} job{'s' * (at_most > 1)} of an app may be under way "
        "(the setting `job_limit`). Send it again when one has ended."
    )


def _uuid(scope: Scope, name: str) -> str:
    """Return the UUID in a public id of this environment, or the name itself."""
    front, colon, id = name.rpartition(":")
    if colon and front in {f"{family}:jobs:{scope.app_token}" for family in Family}:
        return id.lower()
    return name.lower()


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    sync_directory(path.parent)


def _copy(source: Path, target: Path) -> None:
    with source.open("rb") as old, target.open("wb") as new:
        shutil.copyfileobj(old, new)
        new.flush()
        os.fsync(new.fileno())
    sync_directory(target.parent)
