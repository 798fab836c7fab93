"""`analytex events`: looking at the events of a running server."""

import click

from analytex.cli.client import Client
from analytex.cli.connection import with_server
from analytex.cli.event_lines import carried, filtered, moment, subject, what
from analytex.cli.options import json_option
from analytex.cli.tables import harmless, json_text, print_table

DEFAULT_LIMIT = 50
MOST_LISTED = 1_000_000
_ID_CHARS = 40
_TEXT_CHARS = 80


@click.group()
def events() -> None:
    """List events of a running server.

    `analytex tail` shows them as they come, and `analytex sql` asks questions of them.
    """


@events.command("list")
@filtered
@click.option("--id", "id", metavar="ID", help="Only this one: the `x-request-id` of the call.")
@click.option(
    "--from", "since", metavar="TIME", help="Only at this time or later, say 2026-01-31T12:00:00Z."
)
@click.option("--to", "until", metavar="TIME", help="Only before this time.")
@click.option(
    "--limit",
    type=click.IntRange(1, MOST_LISTED),
    default=DEFAULT_LIMIT,
    metavar="N",
    show_default=True,
    help="How many at most.",
)
@json_option
@with_server
def list_(
    wanted: dict[str, str],
    id: str | None,
    since: str | None,
    until: str | None,
    limit: int,
    as_json: bool,
    server: Client,
) -> None:
    """List events of the key's environment, newest first.

    With `--json` each line is an object, as the API shows it, and has all that is known.

    \b
        analytex events list --user ada --from 2026-01-01
        analytex events list --name "Plan Upgraded" --limit 5000 --json
    """
    asked = {"id": id, "from": since, "to": until}
    wanted |= {name: value for name, value in asked.items() if value is not None}
    found = server.events(wanted, limit=limit)
    if as_json:
        for event in found:
            click.echo(json_text(event))
        return
    rows = [
        (
            moment(event.inserted_at),
            harmless(event.event_type),
            subject(event, at_most=_ID_CHARS),
            what(event, at_most=_ID_CHARS),
            carried(event, at_most=_TEXT_CHARS),
        )
        for event in found
    ]
    print_table(("time", "type", "user @company", "name", "properties"), rows)
    if len(rows) == limit:
        click.echo(f"There may be older ones: these are {limit:,}, see `--limit`.", err=True)
