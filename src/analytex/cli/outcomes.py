"""What became of one job or several: sums, why rows failed, the exit code."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, BinaryIO, Final, NamedTuple

import click
import msgspec

from analytex.cli.client import ERRORS_AT_A_TIME, Client
from analytex.cli.following import is_deletion, rows_done, seconds, short_id
from analytex.cli.tables import counted, harmless, json_text, print_table
from analytex.domain.jobs import JobStatus, RowError
from analytex.errors import AnalytexError, Unauthorized
from analytex.wire.job_replies import JobReply, RowErrorReply, errors_csv

ROWS_FAILED: Final = 3  # exit code
EXIT_CODES: Final = (
    "Exit codes: 0 every row is stored; 3 rows failed, or the job did, and the output says why; "
    "1 it was not done; 2 the command line was not understood; 130 interrupted with Ctrl-C."
)
COUNTED_ERRORS: Final = 200_000  # of a job; more do not change what is wrong with a file
SHOWN_VALUE_CHARS: Final = 60
SHOWN_GROUPS: Final = 20
TIMED_FROM_S: Final = 0.1  # the speed of a shorter job says nothing


class Ended(NamedTuple):
    """A job that has ended, and where its rows stand in the file that was given."""

    job: JobReply
    rows_before: int = 0
    lines_before: int = 0


class Group(msgspec.Struct, kw_only=True):
    """Errors of one kind at one place; line, value and reason are the first one's."""

    code: str
    place: str
    count: int
    line: int
    value: str
    reason: str


def report(
    server: Client, ended: Sequence[Ended], *, as_json: bool, errors_to: BinaryIO | None = None
) -> int:
    """Print what became of the jobs, save all errors as CSV if asked to; return the exit code."""
    jobs = [each.job for each in ended]
    groups: list[Group] = []
    complete = True
    try:
        groups, complete = _groups(server, ended, errors_to)
    except OSError as error:
        raise AnalytexError("The errors cannot be saved.", details=f"{error}.") from error
    except Unauthorized as error:
        click.echo(f"Why rows failed cannot be read: {error.message} {error.details}", err=True)
    if as_json:
        click.echo(json_text(_json(jobs, groups), indent=2))
    else:
        _print_sums(jobs)
        _print_groups(jobs, groups, complete)
    good = all(job.status == JobStatus.COMPLETED and not job.failed_rows for job in jobs)
    return 0 if good else ROWS_FAILED


def print_ids(jobs: Sequence[JobReply], *, as_json: bool) -> None:
    """Print the ids of jobs that are not waited for, one a line; or all of them as JSON."""
    if as_json:
        click.echo(json_text(_json(jobs, []), indent=2))
        return
    for job in jobs:
        click.echo(harmless(job.job_id))


def _groups(
    server: Client, ended: Sequence[Ended], errors_to: BinaryIO | None
) -> tuple[list[Group], bool]:
    """Count errors by what is wrong, most frequent first; False if not all were looked at."""
    groups: dict[tuple[str, str], Group] = {}
    complete = True
    if errors_to is not None:
        errors_to.write(errors_csv([], header=True).encode())
    for each in ended:
        if not each.job.failed_rows:
            continue
        pages: Iterator[list[RowErrorReply]] = server.errors(each.job.job_id)
        if errors_to is None and each.job.failed_rows > COUNTED_ERRORS:
            pages, complete = islice(pages, COUNTED_ERRORS // ERRORS_AT_A_TIME), False
        for page in pages:
            errors = [_as_given(error, each) for error in page]
            if errors_to is not None:
                errors_to.write(errors_csv(errors, header=False).encode())
            _count(groups, errors)
    if errors_to is not None:
        errors_to.flush()
    return sorted(groups.values(), key=lambda group: -group.count), complete


def _as_given(error: RowErrorReply, ended: Ended) -> RowError:
    found = RowError(**msgspec.structs.asdict(error))
    return found._replace(row=found.row + ended.rows_before, line=found.line + ended.lines_before)


def _count(groups: dict[tuple[str, str], Group], errors: Sequence[RowError]) -> None:
    for error in errors:
        group = groups.get((error.code, error.place))
        if group is None:
            groups[error.code, error.place] = Group(
                code=error.code,
                place=error.place,
                count=1,
                line=error.line,
                value=error.value,
                reason=error.reason,
            )
        else:
            group.count += 1


def _json(jobs: Sequence[JobReply], groups: Sequence[Group]) -> dict[str, Any]:
    return {
        "jobs": jobs,
        "total_rows": sum(job.total_rows for job in jobs),
        "completed_rows": sum(job.completed_rows for job in jobs),
        "duplicate_rows": sum(job.duplicate_rows for job in jobs),
        "erased_rows": sum(job.erased_rows for job in jobs),
        "failed_rows": sum(job.failed_rows for job in jobs),
        "seconds": round(sum(seconds(job) for job in jobs), 3),
        "errors": groups,
    }


def _print_sums(jobs: Sequence[JobReply]) -> None:
    done, took = sum(map(rows_done, jobs)), sum(map(seconds, jobs))
    deletion = is_deletion(jobs[0])
    total = sum(job.total_rows for job in jobs)
    what = counted(total, "id") if deletion else counted(total, "row")
    timed = took >= TIMED_FROM_S and not deletion
    speed = f", {done / took:,.0f} rows/s" if timed else ""
    click.echo(f"{_headline(jobs)}: {what} in {took:,.{1 if took >= 10 else 2}f} s{speed}.")
    for name, number, words in _deleted(jobs) if deletion else _sums(jobs):
        click.echo(f"  {name:<12}{number:>12,}  {words}".rstrip())
    for job in jobs:
        if job.reason:
            click.echo(f"It ended early: {harmless(job.reason, at_most=500)}")


def _headline(jobs: Sequence[JobReply]) -> str:
    last = jobs[-1]
    if len(jobs) > 1 and last.status == JobStatus.COMPLETED:
        return f"{len(jobs)} jobs have completed"
    name = f"Job {short_id(last)}" if len(jobs) == 1 else f"The last of {len(jobs)} jobs"
    return f"{name} has {harmless(last.status)}"


def _sums(jobs: Sequence[JobReply]) -> Iterator[tuple[str, int, str]]:
    dry = any(job.dry_run for job in jobs)
    yield (
        "completed",
        sum(job.completed_rows for job in jobs),
        "a dry run: they are valid, and nothing was stored" if dry else "",
    )
    duplicates = sum(job.duplicate_rows for job in jobs)
    if duplicates:
        yield "  duplicate", duplicates, "stored before, by an earlier import"
    erased = sum(job.erased_rows for job in jobs)
    if erased:
        yield "  erased", erased, "left out: of users or companies that were deleted later on"
    yield "failed", sum(job.failed_rows for job in jobs), ""
    remaining = sum(job.remaining_rows for job in jobs)
    if remaining:
        yield "not reached", remaining, ""


def _deleted(jobs: Sequence[JobReply]) -> Iterator[tuple[str, int, str]]:
    for job in jobs:
        for place, number in sorted((job.removed or {}).items()):
            yield harmless(place, at_most=SHOWN_VALUE_CHARS).replace("_", " "), number, "removed"


def _print_groups(jobs: Sequence[JobReply], groups: Sequence[Group], complete: bool) -> None:
    if not groups:
        return
    click.echo("\nWhy rows failed, and the first row of each kind:")
    print_table(
        ("rows", "code", "place", "line", "value", "reason"),
        [
            (
                f"{group.count:,}",
                harmless(group.code),
                harmless(group.place, at_most=SHOWN_VALUE_CHARS) or "(the row)",
                f"{group.line:,}",
                harmless(group.value, at_most=SHOWN_VALUE_CHARS),
                harmless(group.reason, at_most=300),
            )
            for group in groups[:SHOWN_GROUPS]
        ],
    )
    if len(groups) > SHOWN_GROUPS:
        click.echo(f"... and {counted(len(groups) - SHOWN_GROUPS, 'other kind')}.")
    if not complete:
        click.echo(f"Counted in the first {COUNTED_ERRORS:,} of a job's errors.")
    failed = [short_id(job) for job in jobs if job.failed_rows]
    click.echo(
        f"`analytex jobs errors {failed[0]}` lists every one; with `--rows` it writes the failed "
        "rows as they came, to mend and send them again."
    )
    if len(failed) > 1:
        click.echo(f"The other jobs with failed rows: {', '.join(failed[1:])}.")
