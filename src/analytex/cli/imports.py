"""`analytex import`: a file of historical events, into a running server."""

from typing import BinaryIO, Final

import click

from analytex.cli.client import IMPORTS, Client
from analytex.cli.connection import with_server
from analytex.cli.following import follow, leave
from analytex.cli.options import json_option
from analytex.cli.outcomes import EXIT_CODES, Ended, print_ids, report
from analytex.cli.progress import Rate, live
from analytex.cli.tables import size_text
from analytex.cli.uploads import Upload, file_name, file_size
from analytex.wire.job_replies import JobReply

dry_run_option: Final = click.option(
    "--dry-run", is_flag=True, help="Check every row and store nothing."
)
no_wait_option: Final = click.option(
    "--no-wait",
    is_flag=True,
    help="Print the job's id once the file is sent, and do not follow it.",
)
errors_option: Final = click.option(
    "--errors",
    "errors_to",
    type=click.File("wb", lazy=False),
    metavar="FILE",
    help="Save why each failed row failed, as CSV.",
)


@click.command("import", epilog=EXIT_CODES)
@click.argument(
    "file", type=click.File("rb"), help="CSV or NDJSON, also packed with gzip; - is standard input."
)
@dry_run_option
@no_wait_option
@errors_option
@json_option
@with_server
@click.pass_context
def import_(
    ctx: click.Context,
    file: BinaryIO,
    dry_run: bool,
    no_wait: bool,
    errors_to: BinaryIO | None,
    as_json: bool,
    server: Client,
) -> None:
    """Import a file of historical events into a running server.

    Each row is an event with the time at which it happened. Its `event_type` is identify_user,
    identify_company, page_view or track:

    \b
        event_type,user_id,event_name,source,inserted_at,metadata.amount
        track,u-1,invoice paid,backend-http-import,2025-02-17 08:03:11.25,99.5

    In NDJSON each line is an object with the same names, and `metadata` an object in it. The file
    may be as long as the server's disk allows.

    Once it is sent, the server works through it on its own, and this command shows how far it is;
    Ctrl-C then ends the command, not the job. Rows that fail do not stop the others. A file that is
    imported again changes nothing: rows that are stored already count as duplicates.
    """
    refuse_both(no_wait, errors_to)
    job = send(server, file, dry_run=dry_run)
    if no_wait:
        print_ids([job], as_json=as_json)
        return
    ended = Ended(follow(server, job))
    ctx.exit(report(server, [ended], as_json=as_json, errors_to=errors_to))


def send(server: Client, file: BinaryIO, *, dry_run: bool) -> JobReply:
    """Send the file with a bar that shows how far it is, and return its job."""
    server.check()  # before a long file is read for nothing
    name, size, rate = file_name(file), file_size(file), Rate()
    try:
        with live("Sending") as show:

            def sent(done: int) -> None:
                of = f" of {size_text(size)}" if size is not None else ""
                show(done, size, f"{size_text(done)}{of}, {size_text(rate.at(done))}/s")

            return server.upload(IMPORTS, Upload(name, file, size, sent=sent), dry_run=dry_run)
    except KeyboardInterrupt:
        leave("The file was not sent to its end, so nothing of it is stored.")


def refuse_both(no_wait: bool, errors_to: BinaryIO | None) -> None:
    """Raise UsageError for `--no-wait` with `--errors`: errors are known at the end only."""
    if no_wait and errors_to is not None:
        raise click.UsageError("`--errors` needs the job's end, and `--no-wait` does not wait.")
