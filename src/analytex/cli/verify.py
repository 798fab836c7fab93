"""`analytex verify`: the profiles are what the events give, or it says where they are not."""

import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

import click

from analytex.apply.rebuild import Difference, Rebuild
from analytex.cli.options import json_option, with_settings
from analytex.cli.progress import progress
from analytex.cli.tables import counted, harmless, json_text
from analytex.domain.values import Json
from analytex.history.reading import Engine
from analytex.query.events import AllEvents
from analytex.query.moments import held
from analytex.service.sealing import Retention
from analytex.settings import Loaded, Settings
from analytex.storage.open import open_apply_store, open_key_store, open_read_store

DIFFERENT: Final = 3  # exit code
VALUE_CHARS: Final = 200  # of a value in a line of text; `--json` has all of it


@click.command(
    epilog="Exit codes: 0 the profiles are what the events give; 3 they are not, and standard "
    "output says where; 1 it failed."
)
@click.option(
    "--most",
    type=click.IntRange(min=0),
    metavar="N",
    default=20,
    show_default=True,
    help="How many differences to list; the rest is counted. `--json` always lists all.",
)
@json_option
@with_settings("data")
@click.pass_context
def verify(ctx: click.Context, most: int, as_json: bool, loaded: Loaded) -> None:
    """Fold the events again and compare with the profiles.

    Every user and company is built again from the stored events, in a temporary directory (`TMPDIR`
    names another place for it), and compared with the one that the server answers. What differs is
    listed as environment, user or company, property, what is stored, and what the events give.
    `stamps.NAME` is when and by which call the property NAME was last set. Nothing is changed.

    What a profile has of events that are older than the settings `retention_days` and
    `retention_days_of` say is no difference, as nothing can give it any more. This command must
    find the same settings as the server, or it takes everything for kept.

    The server may run meanwhile: events and profiles are read as they are at one moment. Until the
    end the file store.db-wal grows with what the server writes.

    With `--json` each line is an object: one per difference, `"type": "difference"`, then one
    `"type": "summary"`.
    """
    directory = loaded.settings.directory
    with closing(open_key_store(directory, create=False)) as store:
        tokens = {each.id: each.app_token for each in store.environments()}
    with _rebuild(loaded.settings) as rebuild:
        keep = Retention(loaded.settings)(time.time_ns() // 1000)
        found = rebuild.differences(keep.since)
        count = _print_json(found, tokens) if as_json else _print_text(found, tokens, most)
    if as_json:
        _print_line("summary", _counted(rebuild) | {"differences": count})
    else:
        looked_at = ", ".join(f"{number:,} {what}" for what, number in _counted(rebuild).items())
        differences = counted(count, "difference") if count else "No differences"
        click.echo(f"{differences} ({looked_at}).")
    if count:
        ctx.exit(DIFFERENT)


@contextmanager
def _rebuild(settings: Settings) -> Iterator[Rebuild]:
    """Fold the events of one moment, and hold that moment for the comparison."""
    directory = settings.directory
    with (
        tempfile.TemporaryDirectory(prefix="analytex-verify-") as scratch,
        closing(open_apply_store(Path(scratch))) as folded,
        closing(open_read_store(Path(scratch))) as rebuilt,
        closing(open_read_store(directory)) as stored,
        closing(
            Engine(
                directory,
                spill=Path(scratch) / "spill",
                memory_mib=settings.query_memory // 2**20,
                threads=settings.query_threads,
                timeout_s=settings.query_timeout,
            )
        ) as engine,
        held(stored, directory),
    ):
        rebuild = Rebuild(AllEvents(stored, engine), folded, rebuilt)
        with progress("Folding the events") as advance:
            rebuild.fold(advance)
        yield rebuild


def _counted(rebuild: Rebuild) -> dict[str, int]:
    return {
        "events": rebuild.events,
        "users": rebuild.users,
        "companies": rebuild.companies,
    }


def _print_json(found: Iterator[Difference], tokens: Mapping[int, str]) -> int:
    count = 0
    for count, each in enumerate(found, 1):  # noqa: B007 - the last number is the result
        _print_line(
            "difference",
            {
                "app_token": tokens.get(each.environment_id),
                "kind": each.kind,
                "id": each.id,
                "property": each.property,
                "stored": each.stored,
                "rebuilt": each.rebuilt,
            },
        )
    return count


def _print_line(kind: str, fields: dict[str, Any]) -> None:
    click.echo(json_text({"type": kind} | fields))


def _print_text(found: Iterator[Difference], tokens: Mapping[int, str], most: int) -> int:
    count = 0
    for count, each in enumerate(found, 1):
        if count <= most:
            click.echo(_sentence(each, tokens))
    if count > most:
        click.echo(f"... and {count - most:,} more; `--most` lists more of them, `--json` all.")
    return count


def _sentence(each: Difference, tokens: Mapping[int, str]) -> str:
    subject = f"{tokens.get(each.environment_id, '?')} {each.kind} {_quoted(each.id)}"
    if each.property is not None:
        stored, rebuilt = _value(each.stored), _value(each.rebuilt)
        return f"{subject} {_quoted(each.property)}: stored {stored}, events give {rebuilt}"
    if each.stored is None:
        return f"{subject}: not stored, but events name it"
    return f"{subject}: stored, but no event names it"


def _quoted(text: str) -> str:
    """Return an id or name, in quotes where it is not one plain word."""
    return text if text.isprintable() and " " not in text else f"'{harmless(text)}'"


def _value(value: Json | None) -> str:
    return "nothing" if value is None else harmless(bytes(value).decode(), at_most=VALUE_CHARS)
