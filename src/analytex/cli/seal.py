"""`analytex seal`: move events into history now."""

import click

from analytex.cli.options import with_settings
from analytex.service.sealing import seal as seal_now
from analytex.settings import Loaded


@click.command()
@with_settings("data")
def seal(loaded: Loaded) -> None:
    """Move events into history now.

    All that there are. The server does so by itself, when there are enough of them (settings
    `hot_events` and `seal_after`). By hand it is of use before the table in `history/` is read by
    other tools. A server that uses the data directory does the work; else it is done here.
    """
    sequence = seal_now(loaded.settings)
    click.echo(f"Events up to number {sequence:,} are in history.")
