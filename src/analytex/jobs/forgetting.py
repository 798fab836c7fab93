"""What other jobs still hold of people and companies that were deleted: failed rows and errors."""

import os
import time
from collections.abc import Generator, Iterable, Set
from contextlib import closing
from pathlib import Path
from typing import Final

from analytex.domain.jobs import Family, FileFormat, Job
from analytex.jobs.rows import Tools
from analytex.jobs.sought import Sought, failed_rows_of
from analytex.storage.files import sync_directory

NAMELESS: Final = "erased"  #: of an uploaded file whose name held an id
STEP_S: Final = 0.02
ROWS: Final = 100  # looked at before it looks at the clock

Steps = Generator[None, None, None]  #: gives way


class Forgetting:
    """Goes through the jobs of an environment, a part of one at each step."""

    def __init__(self, environment_id: int, ids: Set[str], tools: Tools, *, at: int) -> None:
        """`at` is the deletion's time: files that came later are worked through as they come."""
        self._environment_id = environment_id
        self._sought = Sought(ids)
        self._tools = tools
        self._at = at
        self._work = self._jobs()
        self.rows = 0  #: how many failed rows were removed

    def must_wait(self) -> bool:
        """Tell whether a file that came before the deletion is still being worked through."""
        return any(
            job.environment_id == self._environment_id
            and job.kind.family not in (Family.DELETE, Family.EXPORT)
            # A retry came later, but has rows that came before.
            and (job.submitted_at <= self._at or job.retry_of is not None)
            for job in self._tools.store.open_jobs()
        )

    def step(self) -> bool:
        """Look at some rows, at most about 30 ms; False once none are left."""
        end = time.monotonic() + STEP_S
        return any(time.monotonic() >= end for _ in self._work)

    def close(self) -> None:
        """Stop; begun again, it looks at every job again."""
        self._work.close()

    def _jobs(self) -> Steps:
        store, last = self._tools.store, 0
        while (job := store.next_ended(self._environment_id, after=last)) is not None:
            last = job.number
            if self._sought.is_in(job.file.name.encode()):
                store.rename_file(job, name=NAMELESS)
            old = self._tools.files.failed(job.id)
            new = old.with_name("failed.new")
            removed = (yield from self._copy_others(job, old, new)) if old.exists() else 0
            if removed or self._holds_any(store.error_values(job.number)):
                size = new.stat().st_size if new.exists() else 0
                store.forget_errors(job.number, failed_bytes=size)
                _take_its_place(new, old)
                self.rows += removed
            else:
                new.unlink(missing_ok=True)
            yield

    def _copy_others(self, job: Job, old: Path, new: Path) -> Generator[None, None, int]:
        """Copy the failed rows that may stay; return how many may not."""
        rows = failed_rows_of(old, job.file.format, self._tools.row_bytes)
        kept = removed = 0
        with closing(rows), new.open("wb") as rest:
            if job.file.format is FileFormat.CSV:
                rest.write(next(rows, b""))  # the header names nobody
            for row in rows:
                if self._sought.is_in(row):
                    removed += 1
                else:
                    kept += 1
                    rest.write(row)
                if (kept + removed) % ROWS == 0:
                    yield
            if kept == 0:
                rest.truncate(0)
            rest.flush()
            os.fsync(rest.fileno())
        return removed

    def _holds_any(self, values: Iterable[str]) -> bool:
        return any(self._sought.is_in(value.encode()) for value in values)


def _take_its_place(new: Path, old: Path) -> None:
    if new.exists():
        new.replace(old)
        sync_directory(old.parent)
