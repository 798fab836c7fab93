"""Following a job until it has ended: a bar on a terminal, and patience with the server."""

import time
from collections.abc import Callable
from datetime import datetime
from typing import Final, NoReturn

import click

from analytex.cli.client import Client
from analytex.cli.main import INTERRUPTED
from analytex.cli.progress import Rate, live
from analytex.domain.jobs import JobKind, JobStatus
from analytex.errors import Retryable
from analytex.wire.job_replies import JobReply

LOOK_EVERY_S: Final = 0.1  # at first; a long job is looked at less often
LOOK_SELDOM_S: Final = 0.5
SELDOM_AFTER_S: Final = 5.0
GIVE_UP_S: Final = 60.0  # without an answer: a server takes less to start again

Tick = Callable[[JobReply], None]  #: is told how far the job is


def follow(server: Client, job: JobReply) -> JobReply:
    """Show a job's progress until it has ended, and return it as it ended.

    Ctrl-C leaves it alone and says so.
    """
    rate = Rate()
    try:
        with live(_title(job)) as show:

            def tick(now: JobReply) -> None:
                show(rows_done(now), now.total_rows or None, progress_words(now, rate))

            return wait_for_end(server, job, tick)
    except KeyboardInterrupt:
        leave(f"The job goes on without us. {how_to_go_on(job)}")


def wait_for_end(server: Client, job: JobReply, tick: Tick) -> JobReply:
    """Return the job once it has ended.

    A server that is stopped and started again meanwhile goes on with the job, and so do we.
    Raises Retryable if it does not answer for `GIVE_UP_S`.
    """
    started = answered = time.monotonic()
    while True:
        tick(job)
        if has_ended(job):
            return job
        now = time.monotonic()
        time.sleep(LOOK_EVERY_S if now - started < SELDOM_AFTER_S else LOOK_SELDOM_S)
        try:
            job = server.job(job.job_id)
            answered = time.monotonic()
        except Retryable as error:
            if time.monotonic() - answered > GIVE_UP_S:
                error.details += f" The job goes on when the server runs. {how_to_go_on(job)}"
                raise
            time.sleep(min(error.retry_after_s, GIVE_UP_S))


def leave(sentence: str) -> NoReturn:
    """End the command after Ctrl-C, with a sentence about what it leaves behind."""
    click.echo(f"\n{sentence}", err=True)  # the line's beginning holds the terminal's ^C
    raise click.exceptions.Exit(INTERRUPTED)


def how_to_go_on(job: JobReply) -> str:
    """Return what to type to see a job again, or to end it."""
    id = short_id(job)
    watch = f"`analytex jobs watch {id}` shows it again"
    return f"{watch}." if is_deletion(job) else f"{watch}, `analytex jobs cancel {id}` ends it."


def has_ended(job: JobReply) -> bool:
    """Tell whether a job's state is its last one."""
    return job.status in (JobStatus.COMPLETED, JobStatus.FAILED)


def is_deletion(job: JobReply) -> bool:
    """Tell whether a job deletes."""
    return job.type in (JobKind.DELETE_USERS, JobKind.DELETE_COMPANIES)


def short_id(job: JobReply) -> str:
    """Return what people call a job: the beginning of its UUID, which commands understand."""
    return job.job_id.rpartition(":")[2][:8]


def rows_done(job: JobReply) -> int:
    """Return how many rows are stored or have failed."""
    return job.completed_rows + job.failed_rows


def seconds(job: JobReply) -> float:
    """Return how long a job that has ended took, without its time in the queue."""
    if job.end_time is None:
        return float(job.elapsed_time)
    return max((_time(job.end_time) - _time(job.start_time)).total_seconds(), 0.0)


def progress_words(job: JobReply, rate: Rate) -> str:
    """Return how far a job is: `12,000 of 50,000 rows, 40,100 rows/s, 3 failed`."""
    if job.status == JobStatus.QUEUED:
        return "waiting for its turn"
    done = rows_done(job)
    unit = "ids" if is_deletion(job) else "rows"
    words = f"{done:,} of {job.total_rows:,} {unit}, {rate.at(done):,.0f} {unit}/s"
    return f"{words}, {job.failed_rows:,} failed" if job.failed_rows else words


def _title(job: JobReply) -> str:
    if is_deletion(job):
        return "Deleting"
    if job.type == JobKind.EXPORT:
        return "Exporting"
    return "Checking" if job.dry_run else "Storing"


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
