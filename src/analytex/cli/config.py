"""`analytex config`: the settings, and where each comes from."""

from typing import Any

import click

from analytex.cli.options import json_option, value_text, with_settings
from analytex.cli.tables import print_json
from analytex.settings import MASK, SECRET, Loaded, Setting, table


@click.group()
def config() -> None:
    """Look at the settings.

    A value comes from the first of: command line, environment variable, TOML file, default.
    """


@config.command()
@json_option
@with_settings("data")
def show(as_json: bool, loaded: Loaded) -> None:
    """Show each setting: value, unit, where the value comes from, and what it does.

    Secrets are masked. A server that is running goes on with the values that it started with.
    """
    if as_json:
        print_json([_json(row, loaded) for row in table()])
        return
    for row in table():
        value = value_text(_value(row, loaded))
        unit = f" {row.unit}" if row.unit else ""
        click.echo(f"{row.name} = {value}{unit}  ({loaded.origins[row.name]})")
        click.echo(click.wrap_text(row.sentence, 78, "    ", "    "))


def _value(row: Setting, loaded: Loaded) -> Any:
    value = getattr(loaded.settings, row.name)
    return MASK if value is not None and row.name in SECRET else value


def _json(row: Setting, loaded: Loaded) -> dict[str, Any]:
    return {
        "name": row.name,
        "value": _value(row, loaded),
        "origin": loaded.origins[row.name],
        "unit": row.unit or None,
        "variable": row.variable,
        "default": row.default,
        "description": row.sentence,
    }
