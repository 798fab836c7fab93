"""Lists as people and programs read them, harmless on a terminal whatever they hold."""

import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final

import click
import msgspec

_BACKSLASH_U_END: Final = 0xFFFF  # JSON writes a character above it as two


def harmless(text: str, *, at_most: int | None = None) -> str:
    """Return text that a sender chose, safe to print: what a terminal might obey is escaped.

    Longer than `at_most` characters, it is cut, and `...` says so.
    """
    if not text.isprintable():
        text = "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)
    if at_most is not None and len(text) > at_most:
        return f"{text[:at_most]}..."
    return text


def json_text(value: Any, *, indent: int = 0) -> str:
    """Return JSON, on one line unless `indent` is given.

    Characters that a terminal might obey are escaped, which JSON allows.
    """
    text = msgspec.json.encode(value).decode()
    if not text.isprintable():
        text = "".join(char if char.isprintable() else _escaped(char) for char in text)
    return msgspec.json.format(text, indent=indent) if indent else text


def print_json(rows: Sequence[Mapping[str, Any]]) -> None:
    """Write a JSON array of objects."""
    click.echo(json_text(rows, indent=2))


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


def print_facts(facts: Mapping[str, str]) -> None:
    """Write names and values, a line each, aligned."""
    width = max(map(len, facts))
    for name, value in facts.items():
        click.echo(f"{name.ljust(width)}  {value}".rstrip())


def counted(number: int, one: str, many: str = "") -> str:
    """Return `1 row`, `2,000 rows`; `many` is needed where it is not `one` and an s."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def size_text(size: float) -> str:
    """Return a number of bytes as people read it: `412 B`, `49.2 MB` (a million bytes each)."""
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:,.2f} GB"


def _escaped(char: str) -> str:
    number = ord(char)
    if number <= _BACKSLASH_U_END:
        return f"\\u{number:04x}"
    units = char.encode("utf-16-be")
    return f"\\u{units[:2].hex()}\\u{units[2:].hex()}"


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
