"""Exports as jobs of the runner: a process beside writes files, and here is noted which are ready.

Files that are ready stay ready: after a crash a new process goes on with the first day that has no
file. A deletion may not leave anybody in a file. So once it begins, the files of its environment
that there are go, an export that is under way begins anew behind it, and one that names users or
companies ends, so that their ids are not kept either.
"""

import logging
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from analytex.domain.exports import KEPT, Export
from analytex.domain.jobs import Job, JobStatus
from analytex.errors import Unavailable
from analytex.jobs.export_pipe import (
    Chunks,
    Done,
    ExporterDied,
    Made,
    Message,
    Orders,
    Problem,
    Run,
    Written,
)
from analytex.jobs.rows import Tools
from analytex.jobs.runner import Task
from analytex.storage.export_files import ExportFiles
from analytex.storage.exports import ExportStore

LOOK_EVERY_S: Final = 0.05  # for what the process says
AGAIN_AFTER_S: Final = 1.0  # where something failed
MAX_STARTS: Final = 5  # without a new file or count
CANCELLED: Final = "It was cancelled."
BEHIND_DELETION: Final = (
    "A deletion began, and whom the export names is not to be kept. Ask for it again."
)
_TROUBLE: Final = (Unavailable, OSError, sqlite3.Error)

Ready = Callable[[Export], None]  #: is told of an export whose files are ready

log = logging.getLogger(__name__)


class Exporting:
    """All exports of one server, as the runner sees them."""

    def __init__(
        self, directory: Path, tools: Tools, store: ExportStore, *, ready: Ready | None = None
    ) -> None:
        self.directory = directory
        self.tools = tools
        self.store = store
        self.files = ExportFiles(directory)
        self.ready = ready
        self._tasks: dict[int, ExportTask] = {}  # by environment: one at a time
        self._deleting: set[int] = set()  # environments

    def task(self, job: Job) -> "ExportTask":
        """Return the task of an export."""
        task = self._tasks[job.environment_id] = ExportTask(job, self)
        return task

    def deletion(self, task: Task) -> "DeletionFirst":
        """Return the task of a deletion, which first of all sees to the exports."""
        return DeletionFirst(task, self)

    def must_wait(self, environment_id: int) -> bool:
        """Tell whether a deletion is under way."""
        return environment_id in self._deleting

    def begin_deletion(self, environment_id: int) -> None:
        """Remove the files of an environment; until the end of the deletion none are made."""
        self._deleting.add(environment_id)
        task = self._tasks.get(environment_id)
        if task is not None:
            task.close()
        for export in self.store.of_environment(environment_id):
            self.files.remove(export.job.id)
            if export.job.finished_at is None and not export.request.names_somebody:
                self.store.begin_again(export.job.number)
            elif not export.gone:
                self.store.forget(export.job.number)

    def end_deletion(self, environment_id: int) -> None:
        """Let exports go on."""
        self._deleting.discard(environment_id)

    def ended(self, task: "ExportTask") -> None:
        """Note that a task is at its end."""
        if self._tasks.get(task.job.environment_id) is task:
            del self._tasks[task.job.environment_id]

    def keep_house(self) -> None:
        """Remove what is kept no longer, and what a crash left."""
        with suppress(*_TROUBLE):  # again in a minute
            self.files.sweep(self.store.remove_ended_before(self.tools.now() - KEPT))

    def close(self) -> None:
        """Let go of the store."""
        self.store.close()


class ExportTask:
    """One export."""

    def __init__(self, job: Job, exporting: Exporting) -> None:
        self.job = job
        self._exporting = exporting
        self._tools = exporting.tools
        self._run: Run | None = None
        self._ready_rows = 0  # in files that are ready
        self._not_before = 0.0

    def step(self) -> bool:
        """Take what the process says; False if it said nothing."""
        if self.wait_s() > 0:
            return False
        try:
            if self.job.cancelled:
                self._end(JobStatus.FAILED, CANCELLED)
                return True
            if self._exporting.must_wait(self.job.environment_id):
                return self._later(LOOK_EVERY_S)
            if self._run is None:
                return self._begin()
            message = self._run.next()
            return self._later(LOOK_EVERY_S) if message is None else self._take(message)
        except ExporterDied as error:
            log.error('action="exporter_died" job=%s cause="%s"', self.job.id, error)
        except _TROUBLE as error:
            log.error('action="export_failed" job=%s cause="%s"', self.job.id, error)
        self.close()
        return self._later(AGAIN_AFTER_S)

    def fileno(self) -> int | None:
        """Return None: the process has time, and what else the applier does goes on meanwhile."""
        return None

    def wait_s(self) -> float:
        """Return how long to wait before the next step."""
        return max(self._not_before - self._tools.clock(), 0.0)

    def close(self) -> None:
        """End the process; the next one goes on with the files that are not ready."""
        if self._run is not None:
            self._run.close()
            self._run = None

    def _begin(self) -> bool:
        export = self._exporting.store.find(self.job.number)
        if export is None or export.gone:
            self._end(JobStatus.FAILED, BEHIND_DELETION)
            return True
        starts = self._tools.store.begin_job(self.job.number, at=self._tools.now())
        self.job.started_at = self.job.started_at or self._tools.now()
        if starts > MAX_STARTS:
            self._end(
                JobStatus.FAILED, f"The process that exports ended {MAX_STARTS} times before it."
            )
            return True
        folder = self._exporting.files.make(self.job.id)
        self._ready_rows = sum(file.rows for file in export.files)
        self._run = Run(
            Orders(
                directory=str(self._exporting.directory),
                folder=str(folder),
                environment_id=self.job.environment_id,
                app_token=export.app_token,
                request=export.request,
                chunks=None if export.chunks is None else export.left,
            )
        )
        return True

    def _take(self, message: Message) -> bool:
        store, number = self._exporting.store, self.job.number
        match message:
            case Chunks():
                store.note_chunks(number, message.chunks, rows=message.rows)
            case Written():
                store.note_rows(number, self._ready_rows + message.rows)
            case Made():
                store.add_file(number, message.file)
                self._ready_rows += message.file.rows
            case Done():
                self.close()
                self._exporting.files.clean(self.job.id)
                store.complete(number)
                self._end(JobStatus.COMPLETED, None)
            case Problem():
                self._end(JobStatus.FAILED, message.reason)
        return True

    def _later(self, seconds: float) -> bool:
        self._not_before = self._tools.clock() + seconds
        return False

    def _end(self, status: JobStatus, reason: str | None) -> None:
        job, exporting = self.job, self._exporting
        self.close()
        if status is JobStatus.FAILED:
            exporting.files.remove(job.id)
        at = self._tools.now()
        self._tools.store.end_job(job.number, status, at=at, reason=reason)
        job.finished_at = at
        exporting.ended(self)
        log.info('action="job_ended" job=%s kind=%s status=%s', job.id, job.kind, status)
        if status is JobStatus.COMPLETED and exporting.ready is not None:
            export = exporting.store.find(job.number)
            if export is not None:
                exporting.ready(export)


class DeletionFirst:
    """A deletion, with what it means for exports."""

    def __init__(self, task: Task, exporting: Exporting) -> None:
        self._task = task
        self._exporting = exporting
        self._begun = False
        self._not_before = 0.0

    @property
    def job(self) -> Job:
        """The deletion's job."""
        return self._task.job

    @job.setter
    def job(self, job: Job) -> None:
        self._task.job = job

    def step(self) -> bool:
        """See to the exports, then do a little of the deletion."""
        if self.wait_s() > 0:
            return False
        if not self._begun and not (self.job.cancelled and self.job.started_at is None):
            try:
                self._exporting.begin_deletion(self.job.environment_id)
            except _TROUBLE as error:
                log.error('action="export_files_stay" job=%s cause="%s"', self.job.id, error)
                self._not_before = self._exporting.tools.clock() + AGAIN_AFTER_S
                return False
            self._begun = True
        worked = self._task.step()
        if self._begun and self.job.finished_at is not None:
            self._exporting.end_deletion(self.job.environment_id)
        return worked

    def fileno(self) -> int | None:
        """Return what the deletion waits on."""
        return self._task.fileno()

    def wait_s(self) -> float:
        """Return how long to wait before the next step."""
        own = self._not_before - self._exporting.tools.clock()
        return max(own, self._task.wait_s(), 0.0)

    def close(self) -> None:
        """Stop the deletion."""
        self._task.close()
