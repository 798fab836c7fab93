"""Users and companies as people read them."""

from collections.abc import Callable, Mapping
from typing import Final

import click

from analytex.cli.event_lines import moment
from analytex.cli.tables import harmless, print_facts
from analytex.domain.values import Json
from analytex.wire.replies import CompanyReply, UserReply

DEFAULT_LIMIT: Final = 50
MOST_LISTED: Final = 1_000_000
ID_CHARS: Final = 60
PROPERTIES_CHARS: Final = 100
_VALUE_CHARS: Final = 1000

limit_option: Final = click.option(
    "--limit",
    type=click.IntRange(1, MOST_LISTED),
    default=DEFAULT_LIMIT,
    metavar="N",
    show_default=True,
    help="How many at most.",
)
id_argument: Final[Callable[[Callable[..., object]], Callable[..., object]]] = click.argument(
    "id", metavar="ID", help="The id, as the sender chose it."
)


def properties_text(metadata: Mapping[str, Json]) -> str:
    """Return properties on one line: `plan: "pro", seats: 5`."""
    parts = (f"{name}: {_value(value)}" for name, value in metadata.items())
    return harmless(", ".join(parts), at_most=PROPERTIES_CHARS)


def print_profile(profile: UserReply | CompanyReply) -> None:
    """Write all that is known of a user or company, a line each."""
    if isinstance(profile, UserReply):
        facts = {"user": profile.user_id, "company": profile.company_id or ""}
    else:
        facts = {"company": profile.company_id}
    facts["first seen"] = moment(profile.first_seen_at)
    facts["last seen"] = moment(profile.last_seen_at)
    print_facts({name: harmless(value) for name, value in facts.items() if value})
    if profile.metadata:
        click.echo("\nProperties:")
        for name, value in profile.metadata.items():
            shown = harmless(name, at_most=ID_CHARS)
            click.echo(f"  {shown}: {harmless(_value(value), at_most=_VALUE_CHARS)}")


def more(listed: int, limit: int) -> None:
    """Say that there may be more than were listed."""
    if listed == limit:
        click.echo(f"There may be more: these are {limit:,}, see `--limit`.", err=True)


def _value(value: Json) -> str:
    return " ".join(bytes(value).decode().split("\n"))
