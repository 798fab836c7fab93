"""`analytex environments`: separate worlds of users, companies and events in one server."""

from contextlib import closing

import click

from analytex.auth.environments import create_environment
from analytex.auth.keys import now
from analytex.cli.options import checked_name, json_option, with_settings
from analytex.cli.tables import print_json, print_table
from analytex.settings import Loaded
from analytex.storage.open import open_key_store
from analytex.wire.replies import time_text


@click.group()
def environments() -> None:
    """Create and list environments.

    An environment (production, staging, ...) has its own users, companies, events and keys, and
    sees nothing of the others. Its app token names it. The first start of the server makes one.
    """


@environments.command()
@click.argument("name", callback=checked_name, help="What people call it.")
@click.option(
    "--app-token", metavar="TOKEN", help="App token to give it.  [default: NX- and 8 random digits]"
)
@with_settings("data")
def create(name: str, app_token: str | None, loaded: Loaded) -> None:
    """Create the environment NAME and print its app token.

    It has no key yet: `analytex keys create --app TOKEN` makes one. A running server learns of
    both by itself.
    """
    with closing(open_key_store(loaded.settings.directory)) as store:
        made = create_environment(store, name=name, app_token=app_token, at=now())
    click.echo(made.app_token)


@environments.command("list")
@json_option
@with_settings("data")
def list_(as_json: bool, loaded: Loaded) -> None:
    """List the environments, oldest first."""
    with closing(open_key_store(loaded.settings.directory, create=False)) as store:
        found = store.environments()
    if as_json:
        print_json(
            [
                {
                    "app_token": each.app_token,
                    "name": each.name,
                    "created_at": time_text(each.created_at),
                }
                for each in found
            ]
        )
    else:
        print_table(
            ("app token", "name", "created"),
            [(each.app_token, each.name, f"{time_text(each.created_at):.19}Z") for each in found],
        )
