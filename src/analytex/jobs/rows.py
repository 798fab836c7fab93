"""A job over a file of rows: each chunk, and how far the job has come, in one transaction."""

import logging
import os
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import msgspec

from analytex.apply.burials import Burials
from analytex.apply.fold import fold
from analytex.apply.memberships import Memberships
from analytex.domain.events import Event
from analytex.domain.jobs import Chunk, Counts, FileFormat, Job, JobKind, JobStatus
from analytex.errors import Conflict
from analytex.jobs.loading import LoaderDied, Loading, LoadOrders, load
from analytex.jobs.reading import FileProblem, read_header
from analytex.storage.files import JobFiles
from analytex.storage.interface import ApplyStore, Changes
from analytex.storage.jobs import Advance, Seen

MAX_STARTS: Final = 20  # without getting on in between; then the job fails
PACED_ROWS: Final = 30  # a second: the published 1,800 rows a minute (contract 5.1)

log = logging.getLogger(__name__)

NOTHING: Final = Changes((), (), (), ())


class Tools(NamedTuple):
    """What every job works with; one of each in the applier's process."""

    store: ApplyStore
    memberships: Memberships
    burials: Burials
    files: JobFiles
    now: Callable[[], int]  #: microseconds since 1970-01-01 UTC
    clock: Callable[[], float]  #: seconds, never runs backwards
    row_bytes: int  #: longest row
    paced: bool  #: bulk jobs at the published speed


class RowsTask:
    """One job over rows, from where the store says it is, to its end."""

    def __init__(self, job: Job, tools: Tools) -> None:
        self.job = job
        self._tools = tools
        self._paced = tools.paced and job.kind is not JobKind.IMPORT
        self._not_before = 0.0
        self._loading: Loading | None = None
        self._failed: _FailedRows | None = None

    def step(self) -> bool:
        """Store the next chunk; False if it is not ready.

        Sets `job.finished_at` when this was the last.
        """
        if self.job.cancelled:
            self._end(JobStatus.FAILED, "It was cancelled.")
            return True
        if self.job.status is JobStatus.PENDING_REFRESH:  # a crash came before its end
            self._end(JobStatus.COMPLETED, None)
            return True
        if self.wait_s() > 0:
            return False
        try:
            chunk = self._next_chunk()
            if chunk is None:
                return False
            self._store(chunk)
        except FileProblem as problem:
            self._end(JobStatus.FAILED, str(problem))
        except LoaderDied as death:
            log.error('action="loader_died" job=%s cause="%s"', self.job.id, death)
            self._close()  # and begin again from where the store is
        except OSError as error:
            log.error('action="job_file_failed" job=%s cause="%s"', self.job.id, error)
            self._end(JobStatus.FAILED, f"Its file cannot be read: {error}.")
        return True

    def fileno(self) -> int | None:
        """Return what to wait on if a step was not ready."""
        if self._loading is None or self.wait_s() > 0:  # its own pace, not the reader's
            return None
        return self._loading.fileno()

    def wait_s(self) -> float:
        """Return how long to wait before the next step."""
        return max(self._not_before - self._tools.clock(), 0.0)

    def close(self) -> None:
        """Stop, and leave the job where it is."""
        self._close()

    def _next_chunk(self) -> Chunk | None:
        if self._loading is None and not self._begin():
            return None
        assert self._loading is not None
        return self._loading.next()

    def _begin(self) -> bool:
        job, tools = self.job, self._tools
        starts = tools.store.begin_job(job.number, at=tools.now())
        if starts > MAX_STARTS:
            self._end(JobStatus.FAILED, f"It was begun {MAX_STARTS} times and never got on.")
            return False
        orders = LoadOrders(
            kind=job.kind,
            file=job.file,
            path=str(tools.files.rows(job.id)),
            environment_id=job.environment_id,
            at=job.submitted_at,
            process=job.id[:7],
            now=tools.now(),
            row_bytes=tools.row_bytes,
            start=job.mark,
        )
        if self._paced:
            orders = msgspec.structs.replace(orders, rows=PACED_ROWS)
        self._loading = load(orders)
        self._failed = _FailedRows(job, tools.files, tools.row_bytes)
        return True

    def _store(self, chunk: Chunk) -> None:
        job, tools = self.job, self._tools
        assert self._failed is not None
        self._failed.add(chunk.failed)
        sifted = self._sift(chunk.events)
        failed = len(chunk.errors)
        counts = Counts(
            completed=job.counts.completed + len(chunk.events),
            failed=job.counts.failed + failed,
            duplicates=job.counts.duplicates + sifted.duplicates,
            erased=job.counts.erased + sifted.erased,
        )
        done = counts.completed + counts.failed
        step = Advance(
            job=job,
            start=chunk.start,
            next=chunk.next,
            status=self._status(chunk),
            counts=counts,
            rows=done if chunk.last else max(job.file.rows, done),
            failed_bytes=self._failed.size,
            errors=chunk.errors,
            seen=sifted.seen,
        )
        changes = NOTHING
        if not job.dry_run:
            changes = fold(tools.store, tools.memberships, sifted.events, ())
        try:
            tools.store.advance(changes, step)
        except Conflict:  # it was cancelled, or somebody else works on it
            self._look_again()
            return
        tools.memberships.stored(changes.users)
        job.counts, job.mark, job.failed_bytes = counts, chunk.next, step.failed_bytes
        job.file = msgspec.structs.replace(job.file, rows=step.rows)
        if self._paced:
            self._not_before = tools.clock() + (len(chunk.events) + failed) / PACED_ROWS
        if chunk.last:
            self._end(JobStatus.COMPLETED, None)

    def _look_again(self) -> None:
        """Go on from where the store says the job is."""
        self._close()
        for job in self._tools.store.open_jobs():
            if job.number == self.job.number:
                self.job = job
                return
        self.job.finished_at = self._tools.now()  # it was ended

    def _status(self, chunk: Chunk) -> JobStatus:
        if chunk.last:
            return JobStatus.PENDING_REFRESH
        return JobStatus.VALIDATING if self.job.dry_run else JobStatus.PROCESSING

    def _sift(self, events: list[Event]) -> "_Sifted":
        kept, erased = self._tools.burials.sift(events)
        if self.job.kind is not JobKind.IMPORT or self.job.dry_run:
            return _Sifted(kept, 0, erased, {})
        new, seen = _occurrences(self._tools.store, self.job, kept)
        return _Sifted(new, len(kept) - len(new), erased, seen)

    def _end(self, status: JobStatus, reason: str | None) -> None:
        job, tools = self.job, self._tools
        self._close()
        tools.store.sync()  # before its rows go, what they became must survive a power cut
        try:  # before the job ends: a deletion does not look for the rows of one that has
            tools.files.remove_rows(job.id)
            tools.files.cut_failed(job.id, job.failed_bytes)
        except OSError as error:
            log.error('action="job_file_left" job=%s cause="%s"', job.id, error)
        job.finished_at = tools.now()
        tools.store.end_job(job.number, status, at=job.finished_at, reason=reason)
        log.info(
            'action="job_ended" job=%s kind=%s status=%s completed=%d failed=%d',
            *(job.id, job.kind, status, job.counts.completed, job.counts.failed),
        )

    def _close(self) -> None:
        if self._loading is not None:
            self._loading.close()
            self._loading = None
        if self._failed is not None:
            self._failed.close()
            self._failed = None


class _Sifted(NamedTuple):
    events: list[Event]
    duplicates: int
    erased: int
    seen: dict[bytes, Seen]


def _occurrences(
    store: ApplyStore, job: Job, events: Sequence[Event]
) -> tuple[list[Event], dict[bytes, Seen]]:
    """Return those of the events that are not stored yet, and what is then known of all.

    The n-th row of some content in a file is the n-th such event: so a file that comes again
    changes nothing, and rows that are alike inside one file all count.
    """
    keys = [bytes.fromhex(event.id) for event in events]
    seen = store.seen(job.environment_id, set(keys))
    new = []
    for key, event in zip(keys, events, strict=True):
        stored, last_job, times = seen.get(key, (0, 0, 0))
        times = times + 1 if last_job == job.number else 1
        if times > stored:
            stored = times
            if times > 1:
                event.id = f"{event.id}.{times}"
            new.append(event)
        seen[key] = Seen(stored, job.number, times)
    return new, seen


class _FailedRows:
    """A job's file of failed rows. Written before the store counts them, cut back to that first."""

    def __init__(self, job: Job, files: JobFiles, row_bytes: int) -> None:
        self._job = job
        self._files = files
        self._row_bytes = row_bytes
        self.size = job.failed_bytes  #: bytes
        self._file: int | None = None

    def add(self, rows: Sequence[bytes]) -> None:
        """Add rows; they are on disk when this returns."""
        if not rows:
            return
        if self._file is None:
            self._open()
        assert self._file is not None
        text = b"".join(row + b"\n" for row in rows)
        if self.size == 0:
            text = self._header() + text
        os.pwrite(self._file, text, self.size)
        os.fdatasync(self._file)
        self.size += len(text)

    def _header(self) -> bytes:
        """Return what rows of a CSV file mean nothing without."""
        if self._job.file.format is not FileFormat.CSV:
            return b""
        rows = self._files.rows(self._job.id)
        header = read_header(self._job.file, rows, row_bytes=self._row_bytes)
        return b"" if header is None else header.raw + b"\n"

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _open(self) -> None:
        path = self._files.failed(self._job.id)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        os.ftruncate(self._file, self.size)
