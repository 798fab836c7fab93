"""The runner: takes the jobs that wait in the store, and does a little of each in turn.

It lives in the applier's process, between two runs of the log, so there is one writer of profiles
and events, and what is live never waits longer than one chunk of a job takes.
"""

from collections.abc import Callable
from typing import Final, Protocol

from analytex.domain.jobs import Family, Job, JobKind
from analytex.jobs.rows import RowsTask, Tools

LOOK_EVERY_S: Final = 0.02  # for new jobs, cancelled ones and those that fall due, while busy
HOUSEKEEPING_S: Final = 60.0
ABANDONED_S: Final = 3600.0  # nothing was written to an upload for so long

Line = tuple[int, Family]  #: jobs of one environment and family follow each other


class Task(Protocol):
    """A job that is being done."""

    job: Job

    def step(self) -> bool:
        """Do a little, at most about 30 ms; False if there was nothing to do yet.

        Sets `job.finished_at` at the end.
        """

    def fileno(self) -> int | None:
        """Return what to wait on if a step had nothing to do."""

    def wait_s(self) -> float:
        """Return how long to wait before the next step."""

    def close(self) -> None:
        """Stop, and leave the job where it is."""


class Exporting(Protocol):
    """What the runner needs to export (jobs/exports.py)."""

    def task(self, job: Job) -> Task:
        """Return the task of an export."""

    def keep_house(self) -> None:
        """Remove what is kept no longer."""


class Runner:
    """All jobs of one server."""

    def __init__(
        self,
        tools: Tools,
        *,
        deletion: Callable[[Job], Task],
        keep_s: float,
        exporting: Exporting | None = None,
    ) -> None:
        """`deletion` makes the task of a deletion; jobs are forgotten `keep_s` after their end."""
        self._tools = tools
        self._deletion = deletion
        self._exporting = exporting
        self._keep_us = round(keep_s * 1_000_000)
        self._tasks: dict[Line, Task] = {}
        self._waiting: list[Job] = []  # due later
        self._looked_at = self._kept_house_at = float("-inf")

    def step(self) -> bool:
        """Do a little of the job whose turn it is; False if no job could do anything."""
        self._keep_house()
        self._look()
        for line, task in list(self._tasks.items()):
            # To the end of the queue: the next step belongs to another one.
            self._tasks[line] = self._tasks.pop(line)
            worked = task.step()
            if task.job.finished_at is not None:
                task.close()
                del self._tasks[line]
                self._looked_at = float("-inf")  # the next in this line may begin
            if worked:
                return True
        return False

    def woken(self) -> None:
        """Look for new jobs at the next step."""
        self._looked_at = float("-inf")

    def files(self) -> list[int]:
        """Return what to wait on after a step that had nothing to do."""
        found = [task.fileno() for task in self._tasks.values()]
        return [each for each in found if each is not None]

    def wait_s(self, longest: float) -> float:
        """Return how long to wait at most after a step that had nothing to do."""
        waits = [task.wait_s() for task in self._tasks.values() if task.fileno() is None]
        waits += [(job.due_at - self._tools.now()) / 1_000_000 for job in self._waiting]
        return min(max(min(waits, default=longest), LOOK_EVERY_S), longest)

    def close(self) -> None:
        """Stop all jobs; they go on from where they are at the next start."""
        for task in self._tasks.values():
            task.close()
        self._tasks.clear()

    def _look(self) -> None:
        if self._tools.clock() - self._looked_at < LOOK_EVERY_S:
            return
        self._looked_at = self._tools.clock()
        self._waiting = []
        for job in self._tools.store.open_jobs():
            line = (job.environment_id, job.kind.family)
            task = self._tasks.get(line)
            if task is not None:
                if task.job.number == job.number:
                    task.job.cancelled = job.cancelled
                elif job.cancelled:
                    self._task(job).step()  # which ends it
            elif job.due_at > self._tools.now() and not job.cancelled:
                self._waiting.append(job)
            else:
                self._tasks[line] = self._task(job)

    def _task(self, job: Job) -> Task:
        if job.kind in (JobKind.DELETE_USERS, JobKind.DELETE_COMPANIES):
            return self._deletion(job)
        if job.kind is JobKind.EXPORT and self._exporting is not None:
            return self._exporting.task(job)
        return RowsTask(job, self._tools)

    def _keep_house(self) -> None:
        if self._tools.clock() - self._kept_house_at < HOUSEKEEPING_S:
            return
        self._kept_house_at = self._tools.clock()
        for job in self._tools.store.jobs_ended_before(self._tools.now() - self._keep_us):
            self._tools.files.remove(job.id)
            self._tools.store.remove_job(job.number)
        if self._exporting is not None:
            self._exporting.keep_house()
        # Of workers that died in an upload; the start sweeps too.
        self._tools.files.sweep(self._tools.store.job_ids(), untouched_s=ABANDONED_S)
