"""What jobs hold of a user or company: whoever asks for everything gets it from here.

Deletions remove the same (`jobs/forgetting.py`). Files are read in a thread, a few milliseconds at
a time with as long a rest in between, so that calls are answered meanwhile. Memory: some of the
longest rows.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

from analytex.domain.environments import Scope
from analytex.domain.jobs import Family, FileFormat, Job, RowError
from analytex.errors import Unavailable
from analytex.jobs.intake import Jobs
from analytex.jobs.lines import FileProblem, Lines, content
from analytex.jobs.reading import TOO_LONG
from analytex.jobs.sought import Sought, failed_rows_of, rows_of

STEP_S: Final = 0.01
JOBS: Final = 100  # read at a time
ERRORS: Final = 1000  # likewise

Item = TypeVar("Item")
Steps = Generator[Item | None, None, None]  #: None: nothing was found, but time went by


class HeldRow(NamedTuple):
    """A row of a job's file that mentions whom one looks for."""

    job: Job
    text: bytes | None  #: without its line end; None: it was too long to be kept
    number: int | None = None  #: from 1; None: after a deletion from the file it is not known
    error: RowError | None = None  #: why it failed, if that is known
    header: bytes | None = None  #: of a CSV file


async def jobs_of(jobs: Jobs, scope: Scope) -> AsyncIterator[Job]:
    """Yield all jobs of an environment, oldest first."""
    after = 0
    while found := await jobs.jobs_behind(scope, after=after, limit=JOBS):
        for job in found:
            yield job
        after = found[-1].number


# Rows that failed


async def failed_rows(
    jobs: Jobs, scope: Scope, sought: Sought, row_bytes: int
) -> AsyncIterator[HeldRow]:
    """Yield the failed rows that mention them, of all jobs, with why they failed."""
    async for job in jobs_of(jobs, scope):
        if job.counts.failed:
            async for row in _failed_rows(jobs, job, sought, row_bytes):
                yield row


async def _failed_rows(
    jobs: Jobs, job: Job, sought: Sought, row_bytes: int
) -> AsyncIterator[HeldRow]:
    kept = found = 0  # rows of the file, and those that mention them
    async for seen in in_steps(_seen(jobs, job, sought, row_bytes)):
        kept, found = seen
    if not found and kept == job.counts.failed:
        return  # every error has its row
    too_long = values = 0  # errors without a row, and those whose value mentions them
    async for error, is_theirs in _errors(jobs, job, sought):
        too_long += error.code == TOO_LONG
        values += is_theirs
    if found or values:
        is_whole = kept == job.counts.failed - too_long  # nothing was deleted from the file
        async for row in _with_errors(jobs, job, sought, row_bytes, is_whole=is_whole):
            yield row


async def _with_errors(
    jobs: Jobs, job: Job, sought: Sought, row_bytes: int, *, is_whole: bool
) -> AsyncIterator[HeldRow]:
    """Yield the rows that mention them, each with its error where the two still go together."""
    rows = aiter(in_steps(_matching(jobs, job, sought, row_bytes)))
    row = await anext(rows, None)
    place = 0  # of the error's row in the file
    async for error, is_theirs in _errors(jobs, job, sought):
        has_row = error.code != TOO_LONG
        if is_whole and has_row and row is not None and row.number == place:
            yield row._replace(number=error.row, error=error)
            row = await anext(rows, None)
        elif is_theirs:
            yield HeldRow(job, None, error.row, error)
        place += has_row
    while row is not None:
        yield row._replace(number=None)
        row = await anext(rows, None)


async def _errors(jobs: Jobs, job: Job, sought: Sought) -> AsyncIterator[tuple[RowError, bool]]:
    """Yield the errors of the rows that the job had come to, and whether a value mentions them."""
    after = 0
    while found := await jobs.errors(job, after=after, limit=ERRORS):
        for each in await asyncio.to_thread(_with_mentions, found, sought):
            if each[0].row > job.mark.row:
                return
            yield each
        after = found[-1].row


def _with_mentions(errors: list[RowError], sought: Sought) -> list[tuple[RowError, bool]]:
    return [(error, sought.is_in(error.value.encode())) for error in errors]


def _seen(jobs: Jobs, job: Job, sought: Sought, row_bytes: int) -> Steps[tuple[int, int]]:
    """Yield, at the end, how many rows the file has, and how many of them mention them."""
    kept = found = 0
    for _, row in _kept(jobs, job, row_bytes):
        kept += row.endswith(b"\n")
        found += sought.is_in(row)
        yield None
    yield kept, found


def _matching(jobs: Jobs, job: Job, sought: Sought, row_bytes: int) -> Steps[HeldRow]:
    """Yield the rows that mention them; for now `number` is their place in the file, from 0."""
    place = 0
    for header, row in _kept(jobs, job, row_bytes):
        yield HeldRow(job, content(row), place, None, header) if sought.is_in(row) else None
        place += row.endswith(b"\n")


def _kept(jobs: Jobs, job: Job, row_bytes: int) -> Iterator[tuple[bytes | None, bytes]]:
    """Yield the header and each row of what counts of a job's failed rows."""
    rows = failed_rows_of(jobs.files.failed(job.id), job.file.format, row_bytes)
    left, header = job.failed_bytes, None
    with suppress(FileNotFoundError):  # it is too old, and gone meanwhile
        for row in rows:
            left -= len(row)
            if left < 0:
                return
            if job.file.format is FileFormat.CSV and header is None:
                header = content(row)
            else:
                yield header, row


# Rows that wait


class Waiting:
    """Files under way, as they are at one moment: their rows up to there are stored, or failed."""

    def __init__(self, sought: Sought) -> None:
        self._files: list[tuple[Job, Lines]] = []
        self._sought = sought

    async def add(self, job: Job, path: Path, row_bytes: int) -> None:
        """Open the file of a job, unless it has just ended. Raises Unavailable."""
        try:
            lines = await asyncio.to_thread(
                lambda: Lines(path, packed=job.file.packed, row_bytes=row_bytes)
            )
        except FileNotFoundError:
            return
        except OSError as error:
            raise _unavailable(error) from error
        self._files.append((job, lines))

    async def rows(self) -> AsyncIterator[HeldRow]:
        """Yield the rows that mention them, and of deletions their ids."""
        for job, lines in self._files:
            async for row in in_steps(_waiting(job, lines, self._sought)):
                yield row

    def close(self) -> None:
        """Let go of the files."""
        for _, lines in self._files:
            lines.close()


async def waiting(jobs: Jobs, scope: Scope, sought: Sought, row_bytes: int) -> Waiting:
    """Return the files under way, opened: a job that ends then takes nothing away from them.

    What is stored after this can be read as events, and in these rows too. Raises Unavailable.
    """
    files = Waiting(sought)
    try:
        async for job in jobs_of(jobs, scope):
            if job.finished_at is None and job.kind.family is not Family.EXPORT:
                await files.add(job, jobs.files.rows(job.id), row_bytes)
    except BaseException:
        files.close()
        raise
    return files


def _waiting(job: Job, lines: Lines, sought: Sought) -> Steps[HeldRow]:
    is_csv = job.file.format is FileFormat.CSV
    end, number, header = lines.begin(), 0, None
    with suppress(FileProblem):  # whose job will say it
        for row in rows_of(lines, job.file.format):
            end += len(row)
            is_row = not row.isspace()
            if is_csv and is_row and header is None:
                header = content(row)
                continue
            number += is_row
            wanted = end > job.mark.offset and is_row and sought.is_in(row)
            yield HeldRow(job, content(row), number, None, header) if wanted else None


# Both


async def in_steps(work: Steps[Item]) -> AsyncIterator[Item]:
    """Yield what work in a thread yields, which rests as long as it works. Raises Unavailable."""
    try:
        more = True
        while more:
            began = time.monotonic()
            found, more = await asyncio.to_thread(lambda: _some(work))
            for each in found:
                yield each
            if more:
                await asyncio.sleep(min(time.monotonic() - began, STEP_S))
    except OSError as error:
        raise _unavailable(error) from error
    finally:
        with suppress(ValueError):  # a step is under way; when it ends, all of it is let go
            work.close()


def _unavailable(error: OSError) -> Unavailable:
    return Unavailable(details=f"A job's file cannot be read: {error}.")


def _some(work: Steps[Item]) -> tuple[list[Item], bool]:
    """Do a step; return what it found, and whether there may be more."""
    found: list[Item] = []
    end = time.monotonic() + STEP_S
    for each in work:
        if each is not None:
            found.append(each)
        if time.monotonic() >= end:
            return found, True
    return found, False
