"""`analytex jobs`: looking at a running server's jobs, and ending or repeating them."""

import codecs
import re
import sys
from collections.abc import Iterator
from typing import BinaryIO, Final

import click

from analytex.cli.client import Client
from analytex.cli.connection import with_server
from analytex.cli.following import follow, has_ended, is_deletion, rows_done, seconds, short_id
from analytex.cli.imports import errors_option
from analytex.cli.options import json_option
from analytex.cli.outcomes import EXIT_CODES, Ended, print_ids, report
from analytex.cli.tables import (
    counted,
    harmless,
    json_text,
    print_facts,
    print_table,
    size_text,
)
from analytex.errors import BadRequest, NotFound
from analytex.wire.job_replies import JobReply, RowErrorReply

LEAST_CHARS: Final = 4  # of a job's id that are taken for its beginning
_WHOLE_ID: Final = re.compile(r".*:.*|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_BEGINNING: Final = re.compile(r"[0-9a-fA-F][0-9a-fA-F-]*")
_SHOWN_CHARS: Final = 60

_id: Final = click.argument(
    "id",
    metavar="ID",
    help="The job's id, or the beginning of its UUID, as `jobs list` shows it.",
)


@click.group()
def jobs() -> None:
    """List, watch, cancel and retry the jobs of a running server.

    A job works on a file of rows (`analytex import`, `analytex bulk`) or on a deletion. It runs in
    the server, whether or not anybody watches. An ID is the one that the server answers, its UUID
    alone, or the first characters of the UUID, at least 4.
    """


@jobs.command("list")
@json_option
@with_server
def list_(as_json: bool, server: Client) -> None:
    """List the jobs of the key's environment, newest first."""
    found = server.jobs()
    if as_json:
        click.echo(json_text(found, indent=2))
        return
    print_table(
        ("id", "type", "status", "rows", "failed", "submitted", "elapsed"), list(map(_line, found))
    )


@jobs.command()
@_id
@json_option
@with_server
def show(id: str, as_json: bool, server: Client) -> None:
    """Show all that is known of the job ID."""
    job = server.job(whole_id(server, id))
    if as_json:
        click.echo(json_text(job, indent=2))
        return
    print_facts(_facts(job))
    if job.failed_rows:
        click.echo(f"\n`analytex jobs errors {short_id(job)}` says why rows failed.")


@jobs.command(epilog=EXIT_CODES)
@_id
@errors_option
@json_option
@with_server
@click.pass_context
def watch(
    ctx: click.Context, id: str, errors_to: BinaryIO | None, as_json: bool, server: Client
) -> None:
    """Follow the job ID until it has ended, and say what became of it.

    Ctrl-C ends the command, not the job.
    """
    ended = Ended(follow(server, server.job(whole_id(server, id))))
    ctx.exit(report(server, [ended], as_json=as_json, errors_to=errors_to))


@jobs.command()
@_id
@click.option("--csv", "as_csv", is_flag=True, help="Write CSV.")
@click.option("--rows", "as_rows", is_flag=True, help="Write the failed rows as they came.")
@click.option("--json", "as_json", is_flag=True, help="Write a JSON object on each line.")
@with_server
def errors(id: str, as_csv: bool, as_rows: bool, as_json: bool, server: Client) -> None:
    """Say why rows of the job ID failed.

    The line is the one in the file that was sent, the place the column or the JSON pointer of what
    is wrong, and the value what stands there. With `--rows` the failed rows themselves are
    written, to be mended and sent again:

    \b
        analytex jobs errors 6f1c --rows > mend.ndjson
        analytex import mend.ndjson
    """
    if as_csv + as_rows + as_json > 1:
        raise click.UsageError("Choose one of `--csv`, `--rows` and `--json`.")
    id = whole_id(server, id)
    if as_csv or as_rows:
        _write(server.errors_as(id, "csv" if as_csv else "rows"))
        return
    for page in server.errors(id):
        if as_json:
            click.echo("\n".join(map(json_text, page)) + "\n" * bool(page), nl=False)
        elif page:
            columns = ("row", "line", "place", "value", "code", "reason")
            print_table(columns, list(map(_error_line, page)))
        else:
            click.echo("No row of it failed.")


@jobs.command()
@_id
@json_option
@with_server
def cancel(id: str, as_json: bool, server: Client) -> None:
    """End the job ID early. The rows that are stored stay stored.

    A deletion can be cancelled until it has begun.
    """
    job = server.cancel(whole_id(server, id))
    if as_json:
        click.echo(json_text(job, indent=2))
        return
    sentence = f"Job {short_id(job)} {'is cancelled' if has_ended(job) else 'ends in a moment'}"
    if not (is_deletion(job) or job.dry_run):
        rows = counted(job.total_rows, "row")
        sentence += f": {job.completed_rows:,} of {rows} are stored"
    click.echo(f"{sentence}.")


@jobs.command(epilog=EXIT_CODES)
@_id
@click.option("--no-wait", is_flag=True, help="Print the new job's id, and do not follow it.")
@json_option
@with_server
@click.pass_context
def retry(ctx: click.Context, id: str, no_wait: bool, as_json: bool, server: Client) -> None:
    """Try the failed rows of the job ID again, as a new job.

    It helps where the reason lay outside of the rows, say in a setting of the server. Rows that
    are wrong fail again: `analytex jobs errors ID --rows` writes them, to be mended.
    """
    job = server.retry(whole_id(server, id))
    if no_wait:
        print_ids([job], as_json=as_json)
        return
    ctx.exit(report(server, [Ended(follow(server, job))], as_json=as_json))


def whole_id(server: Client, id: str) -> str:
    """Return the id of the job that is meant.

    Raises NotFound, and BadRequest if it is no id, or the beginning of several.
    """
    id = id.strip()
    if _WHOLE_ID.fullmatch(id):
        return id
    if len(id) < LEAST_CHARS or not _BEGINNING.fullmatch(id):
        raise BadRequest(
            f"{harmless(id, at_most=_SHOWN_CHARS)!r} is not the id of a job.",
            details=f"Expected an id as `analytex jobs list` shows it, or at least {LEAST_CHARS} "
            "characters of its beginning.",
        )
    found = [job for job in server.jobs() if _uuid(job).startswith(id.lower())]
    if not found:
        raise NotFound(
            f"There is no job whose id begins with {id}.",
            details="`analytex jobs list` shows the jobs of the key's environment.",
        )
    if len(found) > 1:
        listed = ", ".join(map(_uuid, found[:5]))
        raise BadRequest(f"{len(found)} jobs begin with {id}.", details=f"They are: {listed}.")
    return found[0].job_id


def _uuid(job: JobReply) -> str:
    return harmless(job.job_id.rpartition(":")[2])


def _line(job: JobReply) -> tuple[str, ...]:
    return (
        harmless(short_id(job)),
        harmless(job.type),
        _status(job),
        f"{rows_done(job):,}/{job.total_rows:,}",
        f"{job.failed_rows:,}",
        _time(job.submitted_at),
        _duration(job),
    )


def _facts(job: JobReply) -> dict[str, str]:
    facts = {
        "id": harmless(job.job_id),
        "type": harmless(job.type),
        "status": _status(job),
        "reason": job.reason or "",
        "file": f"{harmless(job.filename, at_most=255)} ({size_text(job.file_size)})",
        "rows": f"{rows_done(job):,} of {job.total_rows:,}",
        "completed": _completed(job),
        "failed": f"{job.failed_rows:,}",
        "submitted": _time(job.submitted_at),
        "started": _time(job.start_time),
        "ended": _time(job.end_time) if job.end_time else "",
        "elapsed": _duration(job),
        "retry of": job.retry_of or "",
        "due": _time(job.due_at) if job.due_at else "",
        "requested by": f"key {job.requested_by}" if job.requested_by else "",
    }
    for place, number in sorted((job.removed or {}).items()):
        facts[f"removed, {harmless(place, at_most=_SHOWN_CHARS)}"] = f"{number:,}"
    return {name: harmless(value) for name, value in facts.items() if value}


def _status(job: JobReply) -> str:
    return harmless(job.status) + (" (dry run)" if job.dry_run else "")


def _completed(job: JobReply) -> str:
    parts = [
        f"{number:,} {what}"
        for number, what in ((job.duplicate_rows, "duplicate"), (job.erased_rows, "erased"))
        if number
    ]
    return f"{job.completed_rows:,}" + (f", of these {' and '.join(parts)}" if parts else "")


def _error_line(error: RowErrorReply) -> tuple[str, ...]:
    return (
        f"{error.row:,}",
        f"{error.line:,}",
        harmless(error.place, at_most=_SHOWN_CHARS) or "(the row)",
        harmless(error.value, at_most=_SHOWN_CHARS),
        harmless(error.code),
        harmless(error.reason),
    )


def _write(pieces: Iterator[bytes]) -> None:
    """Write what senders wrote: into a file or pipe as it came, on a terminal made harmless."""
    if not _is_terminal():
        for piece in pieces:
            click.echo(piece, nl=False)
        return
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    for piece in pieces:
        text = decoder.decode(piece).replace("\r\n", "\n")
        click.echo("\n".join(map(harmless, text.split("\n"))), nl=False)


def _is_terminal() -> bool:
    return sys.stdout.isatty()


def _time(text: str) -> str:
    return f"{harmless(text):.19}Z"


def _duration(job: JobReply) -> str:
    took = seconds(job)
    if took < 60:
        return f"{took:.1f} s"
    minutes, rest = divmod(round(took), 60)
    return (
        f"{minutes // 60} h {minutes % 60:02} min"
        if minutes >= 60
        else f"{minutes} min {rest:02} s"
    )
