"""A deletion as a job of the runner: its ids, its progress, its receipt, its end."""

import logging
import sqlite3
from collections.abc import Callable
from typing import Final

import msgspec

from analytex.domain.held import Held
from analytex.domain.jobs import Counts, Job, JobStatus
from analytex.errors import Unavailable
from analytex.eventlog.interface import LogEraser, LogReader
from analytex.jobs.deletes import Deletion
from analytex.jobs.forgetting import Forgetting
from analytex.jobs.forgetting_refused import ForgettingRefused
from analytex.jobs.history_deletion import HistoryDeletion
from analytex.jobs.rows import Tools
from analytex.storage.erasing import EraseStore
from analytex.storage.quarantine import QuarantineStore

AGAIN_AFTER_S: Final = 1.0  # where something failed
JOBS_AT_ONCE: Final = 10  # looked at for rows that failed
PAUSE_S: Final = 0.02  # where it has to wait for others
_TROUBLE: Final = (Unavailable, OSError, sqlite3.Error)

log = logging.getLogger(__name__)

_decode_id: Final = msgspec.json.Decoder(str).decode


class DeletionTask:
    """One deletion. It never gives up: what was promised to be gone must go."""

    def __init__(
        self,
        job: Job,
        tools: Tools,
        *,
        open_store: Callable[[], EraseStore],
        open_quarantine: Callable[[], QuarantineStore],
        log: LogReader,
        eraser: LogEraser,
        history: Callable[[], HistoryDeletion] | None = None,
    ) -> None:
        """The two stores are opened when it begins, and closed at the end.

        `history` makes its part in history, if there is any.
        """
        self.job = job
        self._tools = tools
        self._open_store = open_store
        self._open_quarantine = open_quarantine
        self._log = log
        self._eraser = eraser
        self._history = history
        self._store: EraseStore | None = None
        self._deletion: Deletion | None = None
        self._forgetting: Forgetting | None = None
        self._refused: ForgettingRefused | None = None
        self._forgotten = 0  # failed rows that were removed before it began again
        self._not_before = 0.0

    def step(self) -> bool:
        """Do a little; False if it has to wait."""
        if self.wait_s() > 0:
            return False
        if self.job.cancelled and self.job.started_at is None:
            self._end(JobStatus.FAILED, "It was cancelled.")
            return True
        try:
            deletion = self._deletion or self._begin()
            if deletion is None:
                self._end(JobStatus.COMPLETED, None)
                return True
            more = deletion.step()
            self._note(deletion)
        except _TROUBLE as error:
            log.error('action="deletion_failed" job=%s cause="%s"', self.job.id, error)
            self.close()
            self._not_before = self._tools.clock() + AGAIN_AFTER_S
            return False
        if not more:
            self._end(JobStatus.COMPLETED, None)
        elif deletion.waiting:
            self._not_before = self._tools.clock() + PAUSE_S
            return False
        return True

    def fileno(self) -> int | None:
        """Return None: it waits for nothing that can be watched."""
        return None

    def wait_s(self) -> float:
        """Return how long to wait before the next step."""
        return max(self._not_before - self._tools.clock(), 0.0)

    def close(self) -> None:
        """Stop; what was done is found done when it begins again."""
        if self._deletion is not None:
            self._deletion.close()
            self._deletion = None
        if self._forgetting is not None:
            self._forgetting.close()
            self._forgetting = None
        if self._refused is not None:
            self._refused.close()
            self._refused = None
        if self._store is not None:
            self._store.close()
            self._store = None

    def _begin(self) -> Deletion | None:
        """Return the deletion; None if there is nobody to delete (any more)."""
        job, tools = self.job, self._tools
        tools.store.begin_job(job.number, at=tools.now())
        job.started_at = job.started_at or tools.now()
        rows = tools.files.rows(job.id)
        ids = [_decode_id(line) for line in rows.read_bytes().splitlines()]
        if not ids:
            return None
        names = frozenset(ids)
        self._store = self._open_store()
        self._refused = ForgettingRefused(
            self._open_quarantine(), job.environment_id, names, at=job.due_at
        )
        self._deletion = Deletion(
            job,
            ids,
            self._store,
            self._log,
            self._eraser,
            tools.memberships,
            history=None if self._history is None else self._history(),
            forget_rows=self._forget_rows,
            refused=self._refused,
            now=tools.now,
        )
        self._forgotten = job.removed.get(Held.FAILED_ROWS, 0)
        self._deletion.removed[Held.FAILED_ROWS] = self._forgotten
        self._forgetting = Forgetting(job.environment_id, names, tools, at=job.due_at)
        return self._deletion

    def _forget_rows(self, *_: object) -> bool:
        """Look at some more rows that failed; False while there are more."""
        assert self._forgetting is not None
        assert self._deletion is not None
        if self._forgetting.must_wait():
            return False
        more = all(self._forgetting.step() for _ in range(JOBS_AT_ONCE))
        self._deletion.removed[Held.FAILED_ROWS] = self._forgotten + self._forgetting.rows
        return not more

    def _note(self, deletion: Deletion) -> None:
        counts = Counts(completed=deletion.done)
        noted = (counts, deletion.status, deletion.removed)
        if noted != (self.job.counts, self.job.status, self.job.removed):
            self._tools.store.note_removed(
                self.job.number, deletion.status, counts, deletion.removed
            )
            self.job.counts, self.job.status = counts, deletion.status
            self.job.removed = dict(deletion.removed)

    def _end(self, status: JobStatus, reason: str | None) -> None:
        job, tools = self.job, self._tools
        self.close()
        # Before the job ends, or the ids of one that has might stay; begun again, it ends at once.
        tools.files.empty_rows(job.id)
        job.finished_at = tools.now()
        tools.store.end_job(job.number, status, at=job.finished_at, reason=reason)
        tools.store.sync()  # before the file goes, without which it would wait for ever
        tools.files.remove(job.id)
        log.info('action="job_ended" job=%s kind=%s status=%s', job.id, job.kind, status)
