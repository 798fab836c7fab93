"""`analytex companies`: deleting them, in a running server."""

import click

from analytex.cli import deletions
from analytex.cli.client import Client
from analytex.cli.connection import with_server
from analytex.cli.options import json_option


@click.group()
def companies() -> None:
    """Delete companies of a running server."""


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
