"""Deleting users or companies of a running server: the question, the job, the receipt."""

import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final

import click

from analytex.cli.client import Client
from analytex.cli.following import follow, short_id
from analytex.cli.outcomes import Ended, print_ids, report
from analytex.cli.tables import counted, harmless

EXIT_CODES: Final = (
    "Exit codes: 0 they are deleted, or will be at the time that is printed; 3 the deletion "
    "failed; 1 it was not begun; 2 the command line was not understood."
)
_NAMED: Final = 10  # ids in the question
_NAME_CHARS: Final = 60

ids_argument: Final[Callable[[Callable[..., object]], Callable[..., object]]] = click.argument(
    "ids", metavar="ID...", nargs=-1, required=True, help="Ids, as the sender chose them."
)
yes_option: Final = click.option(
    "--yes", is_flag=True, help="Do not ask; needed where there is no terminal to ask at."
)
no_wait_option: Final = click.option(
    "--no-wait", is_flag=True, help="Print the job's id, and do not wait for its end."
)


def delete(
    ctx: click.Context,
    server: Client,
    what: str,
    ids: Sequence[str],
    *,
    yes: bool,
    no_wait: bool,
    as_json: bool,
) -> None:
    """Delete `users` or `companies`, after asking, and print where how much was removed."""
    one, many = {"users": ("user", "users"), "companies": ("company", "companies")}[what]
    if not yes:
        _ask(counted(len(ids), one, many), ids)
    reply = server.delete(what, ids)
    click.echo(harmless(reply.message), err=as_json or no_wait)
    job = server.job(reply.job_id)
    due = datetime.fromisoformat(job.due_at) if job.due_at else None
    later = due is not None and due > datetime.now(UTC)
    if later and not no_wait:
        click.echo(
            f"It runs at {due:%Y-%m-%d %H:%M} UTC; `analytex jobs show {short_id(job)}` then has "
            f"its receipt, and until then `analytex jobs cancel {short_id(job)}` calls it off.",
            err=as_json,
        )
    if no_wait or (later and as_json):
        print_ids([job], as_json=as_json)
    elif not later:
        ctx.exit(report(server, [Ended(follow(server, job))], as_json=as_json))


def _ask(counted_ids: str, ids: Sequence[str]) -> None:
    if not _can_ask():
        raise click.UsageError("There is no terminal to ask at; say `--yes` to delete them.")
    named = ", ".join(harmless(id, at_most=_NAME_CHARS) for id in ids[:_NAMED])
    if len(ids) > _NAMED:
        named += ", ..."
    click.confirm(
        f"Delete {counted_ids} and all that is known of them, for good: {named}?",
        abort=True,
        err=True,
    )


def _can_ask() -> bool:
    return sys.stdin.isatty()
