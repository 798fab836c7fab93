"""`analytex sql`: questions in SQL on the data directory, while the server runs or not."""

import csv
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import chain, count, islice
from pathlib import Path
from typing import Any, Final

import click
import msgspec

from analytex.cli.options import app_option, choose_environment, with_settings
from analytex.cli.tables import harmless, json_text, print_table
from analytex.service.sql import Answer, Limits, ask
from analytex.settings import Loaded
from analytex.storage.open import open_key_store

MOST_ROWS: Final = 1000  # in a table, which is measured before it is printed
CELL_CHARS: Final = 200
_LARGEST_INT: Final = 2**63


@click.command()
@click.argument(
    "question",
    metavar="SQL",
    help="One statement that reads; `-` takes it from standard input.",
)
@app_option
@click.option("--csv", "as_csv", is_flag=True, help="Write CSV.")
@click.option("--json", "as_json", is_flag=True, help="Write a JSON object on each line.")
@with_settings("data", "query_memory", "query_threads")
def sql(question: str, app_token: str | None, as_csv: bool, as_json: bool, loaded: Loaded) -> None:
    """Ask the data a question in SQL.

    The SQL is that of DuckDB. There are three views, over all environments unless `--app` names
    one. They show what is applied at the moment when the command begins; the server may run:

    \b
      events     id, app_token, event_type, event_name, user_id, company_id,
                 source, inserted_at, hostname, ..., metadata, company, day
      users      app_token, user_id, company_id, metadata, first_seen_at,
                 last_seen_at
      companies  app_token, company_id, metadata, first_seen_at, last_seen_at

    `metadata` and `company` are JSON, read with `->>`. All times are UTC. A question only reads:
    it reaches no other file and no network, and changes nothing.

    \b
        analytex sql "SELECT day, count(*) FROM events GROUP BY ALL ORDER BY ALL"
        analytex sql "SELECT metadata->>'plan' AS plan, count(*) FROM users GROUP BY ALL"
        analytex sql "DESCRIBE events"
    """
    if as_csv and as_json:
        raise click.UsageError("Choose one of `--csv` and `--json`.")
    text = sys.stdin.read() if question == "-" else question
    settings = loaded.settings
    with closing(open_key_store(settings.directory, create=False)) as store:
        environments = store.environments()
    if app_token is not None:
        environments = [choose_environment(environments, app_token)]
    write = _writer(as_csv=as_csv, as_json=as_json)
    with tempfile.TemporaryDirectory(prefix="analytex-sql-") as spill:
        limits = Limits(settings.query_memory, settings.query_threads, Path(spill))
        with ask(settings.directory, environments, text, limits) as answer:
            write(answer)


def _writer(*, as_csv: bool, as_json: bool) -> Callable[[Answer], None]:
    if as_csv:
        return _write_csv
    return _write_json if as_json else _write_table


def _write_table(answer: Answer) -> None:
    rows = list(islice(answer.rows, MOST_ROWS + 1))
    names = [harmless(name, at_most=CELL_CHARS) for name in answer.columns]
    print_table(names, [[*map(_cell, row)] for row in rows[:MOST_ROWS]])
    if len(rows) > MOST_ROWS:
        click.echo(
            f"Only the first {MOST_ROWS:,} rows are shown; `--csv` and `--json` write all.",
            err=True,
        )


def _write_json(answer: Answer) -> None:
    names = _different(answer.columns)
    for row in answer.rows:
        click.echo(json_text(dict(zip(names, map(_plain, row), strict=True))))


def _write_csv(answer: Answer) -> None:
    at_terminal = sys.stdout.isatty()

    def show(text: str) -> str:
        return harmless(text) if at_terminal else text

    output = csv.writer(sys.stdout, lineterminator="\n")
    output.writerow([*map(show, answer.columns)])
    for row in answer.rows:
        output.writerow(["" if value is None else show(_text(value)) for value in row])


def _cell(value: Any) -> str:
    return "NULL" if value is None else harmless(_text(value), at_most=CELL_CHARS)


def _text(value: Any) -> str:
    """Return a value as people read it."""
    plain = _plain(value)
    if isinstance(plain, str):
        return plain
    return msgspec.json.encode(plain).decode()


def _plain(value: Any) -> Any:
    """Return a value of DuckDB as JSON has it. Times are texts, as in the API."""
    match value:
        case None | bool() | str() | float():
            return value
        case int():
            return value if -_LARGEST_INT <= value < _LARGEST_INT else msgspec.Raw(b"%d" % value)
        case Decimal():
            return msgspec.Raw(format(value, "f").encode())
        case datetime():
            return _moment(value)
        case date():
            return value.isoformat()
        case bytes():
            return value.hex()
        case list() | tuple():
            return [*map(_plain, value)]
        case dict():
            return {_text(key): _plain(each) for key, each in value.items()}
        case _:
            return str(value)


def _moment(value: datetime) -> str:
    if value.tzinfo is None:
        return value.isoformat()
    return f"{value.astimezone(UTC).replace(tzinfo=None).isoformat()}Z"


def _different(names: Sequence[str]) -> list[str]:
    """Return names of which none is there twice, since an object would lose one."""
    found: dict[str, None] = {}
    for name in names:
        candidates = chain([name], (f"{name}_{number}" for number in count(1)))
        found[next(each for each in candidates if each not in found)] = None
    return [*found]
