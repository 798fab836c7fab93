"""Lists as people and programs read them."""

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import click
import msgspec


def print_json(rows: Sequence[Mapping[str, Any]]) -> None:
    """Write a JSON array of objects."""
    click.echo(msgspec.json.format(msgspec.json.encode(rows), indent=2))


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Write a table: drawn on a terminal, plain aligned columns into a file or pipe."""
    if sys.stdout.isatty():
        _draw(columns, rows)
        return
    lines = [[name.upper() for name in columns], *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        click.echo("  ".join(cells).rstrip())


def _draw(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.console import Console  # slow to import, and needed here only
    from rich.table import Table
    from rich.text import Text

    table = Table()
    for name in columns:
        table.add_column(name, overflow="fold")  # a narrow terminal wraps, and cuts nothing off
    for row in rows:
        table.add_row(*map(Text, row))  # Text: a name may hold what rich takes for markup
    Console().print(table)
