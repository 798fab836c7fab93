"""`analytex companies`: looking at them and deleting them, in a running server."""

import click

from analytex.cli import deletions
from analytex.cli.client import Client
from analytex.cli.connection import with_server
from analytex.cli.event_lines import moment
from analytex.cli.options import json_option
from analytex.cli.profiles import (
    ID_CHARS,
    id_argument,
    limit_option,
    more,
    print_profile,
    properties_text,
)
from analytex.cli.tables import harmless, json_text, print_table


@click.group()
def companies() -> None:
    """List, show and delete companies of a running server."""


@companies.command("list")
@limit_option
@json_option
@with_server
def list_(limit: int, as_json: bool, server: Client) -> None:
    """List companies of the key's environment, in the order of their ids.

    With `--json` each line is an object, as the API shows it.
    """
    found = server.companies(limit=limit)
    if as_json:
        for each in found:
            click.echo(json_text(each))
        return
    rows = [
        (
            harmless(each.company_id, at_most=ID_CHARS),
            moment(each.first_seen_at),
            moment(each.last_seen_at),
            properties_text(each.metadata),
        )
        for each in found
    ]
    print_table(("company", "first seen", "last seen", "properties"), rows)
    more(len(rows), limit)


@companies.command()
@id_argument
@json_option
@with_server
def show(id: str, as_json: bool, server: Client) -> None:
    """Show all that is known of the company ID.

    `analytex events list --company ID` lists the events.
    """
    company = server.company(id)
    if as_json:
        click.echo(json_text(company, indent=2))
        return
    print_profile(company)


@companies.command(epilog=deletions.EXIT_CODES)
@deletions.ids_argument
@deletions.yes_option
@deletions.no_wait_option
@json_option
@with_server
@click.pass_context
def delete(
    ctx: click.Context,
    ids: tuple[str, ...],
    yes: bool,
    no_wait: bool,
    as_json: bool,
    server: Client,
) -> None:
    """Delete companies, for good; their users stay, without a company.

    What is printed at the end says where how much was removed. Rows of older events that are
    imported later on do not bring them back, while a new identify starts afresh. It runs at once,
    or at the time of day that the server's setting `delete_at` says.
    """
    deletions.delete(ctx, server, "companies", ids, yes=yes, no_wait=no_wait, as_json=as_json)
