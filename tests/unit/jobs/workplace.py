"""A data directory in which jobs are done, in this process and step by step."""

import gzip
import json
import select
import shutil
from pathlib import Path
from typing import Any, Final

from analytex.apply.burials import Burials
from analytex.apply.memberships import Memberships
from analytex.domain.events import Event
from analytex.domain.jobs import FileFormat, Job, JobKind, RowError, RowsFile
from analytex.domain.profiles import User
from analytex.jobs.rows import RowsTask, Tools
from analytex.storage.files import JobFiles
from analytex.storage.interface import ApplyStore, ReadStore
from analytex.storage.jobs import JobStore
from analytex.storage.open import open_apply_store, open_job_store, open_read_store

ENVIRONMENT: Final = 7
NOW: Final = 1_800_000_000_000_000  #: microseconds
ALL: Final = 1_000_000
STEPS: Final = 10_000  #: after so many, a job does not end any more
BAD: Final = '{"user_id":7}'  #: a row of no kind of job
USERS: Final = JobKind.BULK_USERS
CSV: Final = FileFormat.CSV
HEADER: Final = b"event_type,source,inserted_at,user_id,event_name\n"  #: of a CSV file


class Clock:
    """Clocks that a test moves."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def now(self) -> int:
        """Return microseconds since 1970-01-01 UTC."""
        return NOW + round(self.seconds * 1_000_000)

    def __call__(self) -> float:
        return self.seconds


class Workplace:
    """A store from all sides, files of jobs, and a clock."""

    def __init__(self, folder: Path, *, paced: bool = False, row_bytes: int = 1024 * 1024) -> None:
        self.clock = Clock()
        self._paced = paced
        self._row_bytes = row_bytes
        self._submitted = 0
        self._open(folder)

    def _open(self, folder: Path) -> None:
        self.folder = folder
        self.files = JobFiles(folder)
        self.jobs: JobStore = open_job_store(folder)
        self.store: ApplyStore = open_apply_store(folder)
        self.read: ReadStore = open_read_store(folder)
        self.tools = self._tools()

    def _tools(self) -> Tools:
        return Tools(
            store=self.store,
            memberships=Memberships(self.store),
            burials=Burials(self.store),
            files=self.files,
            now=self.clock.now,
            clock=self.clock,
            row_bytes=self._row_bytes,
            paced=self._paced,
        )

    def submit(
        self,
        data: bytes,
        kind: JobKind = JobKind.IMPORT,
        format: FileFormat = FileFormat.NDJSON,
        *,
        packed: bool = False,
        rows: int = 0,
        environment_id: int = ENVIRONMENT,
        **rest: Any,
    ) -> Job:
        """Put a file on disk and take a job for it."""
        self._submitted += 1
        id = rest.pop("id", f"{self._submitted:08x}-0000-4000-8000-000000000000")
        path = self.files.make(id)
        path.write_bytes(gzip.compress(data) if packed else data)
        file = RowsFile(name="x", format=format, packed=packed, size=path.stat().st_size, rows=rows)
        given = {"submitted_at": self.clock.now(), "due_at": self.clock.now(), **rest}
        job = Job(id=id, environment_id=environment_id, kind=kind, file=file, key_id="k", **given)
        return self.jobs.create_job(job, at_most=ALL)

    def task(self) -> RowsTask:
        """Return the oldest job that has not ended, as one finds it after a start."""
        return RowsTask(self.store.open_jobs()[0], self.tools)

    def work(self, task: RowsTask) -> Job:
        """Do a job to its end; return it as it is then stored."""
        for _ in range(STEPS):
            worked = task.step()
            if task.job.finished_at is not None:
                task.close()
                return self.stored(task.job)
            if not worked and (file := task.fileno()) is not None:
                select.select([file], [], [], 10.0)
            self.clock.seconds += task.wait_s()
        raise AssertionError("the job does not end")

    def do(self, data: bytes, kind: JobKind = JobKind.IMPORT, **rest: Any) -> Job:
        """Do a job with this file to its end; return it as it is then stored."""
        self.submit(data, kind, **rest)
        return self.work(self.task())

    def stored(self, job: Job) -> Job:
        """Return what the store says of a job."""
        found = self.jobs.job(job.environment_id, job.id)
        assert found is not None
        return found

    def errors(self, job: Job) -> list[RowError]:
        """Return why rows failed."""
        return self.jobs.list_errors(job.number, after=0, limit=ALL)

    def failed(self, job: Job) -> bytes:
        """Return what counts of a job's file of failed rows."""
        path = self.files.failed(job.id)
        return path.read_bytes()[: self.stored(job).failed_bytes] if path.exists() else b""

    def events(self) -> list[Event]:
        """Return all events in the order in which they were stored."""
        return [event for batch in self.read.scan_events(batch=1000) for event in batch]

    def user(self, id: str) -> User | None:
        """Return a user."""
        return self.read.user(ENVIRONMENT, id)

    def crash(self, image: Path | None = None) -> None:
        """Begin anew with what is on disk now, as after kill -9; `image` was taken before."""
        image = image or self.picture()
        self.close()
        self._open(image)

    def picture(self) -> Path:
        """Return a copy of what is on disk, in the middle of whatever is going on."""
        image = self.folder.with_name(self.folder.name + "+")
        shutil.copytree(self.folder, image, ignore=shutil.ignore_patterns("*-shm"))
        return image

    def close(self) -> None:
        """Let go of all files."""
        for each in (self.jobs, self.store, self.read):
            each.close()


def names(place: Workplace) -> list[str]:
    """Return the names of all events, in their order."""
    return [event.event_name for event in place.events()]


def lines(*rows: object) -> bytes:
    """Return NDJSON; what is a text stands there as it is."""
    return b"".join(
        (row if isinstance(row, str) else json.dumps(row)).encode() + b"\n" for row in rows
    )


def track(user: str = "ada", at: object = "2025-01-01", name: str = "opened", **rest: Any) -> Any:
    """A row of an import."""
    return {
        "event_type": "track",
        "source": "backend-http",
        "inserted_at": at,
        "user_id": user,
        "event_name": name,
        **rest,
    }


def identify(user: str = "ada", at: object = "2025-01-01", **metadata: Any) -> Any:
    """Another one."""
    return {
        "event_type": "identify_user",
        "source": "backend-http",
        "inserted_at": at,
        "user_id": user,
        "metadata": metadata,
    }


def bulk(user: str, **metadata: Any) -> Any:
    """A row of a bulk identify."""
    return {"user_id": user, "metadata": metadata}
