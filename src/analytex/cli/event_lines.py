"""Events as people read them, and the options that say which ones are wanted."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Final

import click

from analytex.cli.options import Command
from analytex.cli.tables import harmless
from analytex.domain.events import EventType
from analytex.wire.replies import EventReply

_options: Final[tuple[Callable[[Command], Command], ...]] = (
    click.option("--user", "user_id", metavar="ID", help="Only of this user."),
    click.option("--company", "company_id", metavar="ID", help="Only of this company."),
    click.option(
        "--type",
        "event_type",
        type=click.Choice([str(kind) for kind in EventType]),
        help="Only of this type.",
    ),
    click.option("--name", "event_name", metavar="NAME", help="Only with this event name."),
)


def filtered(command: Command) -> Command:
    """Give a command the options of a filter, and the argument `wanted`: query parameters."""

    @wraps(command)
    def run(
        *args: Any,
        user_id: str | None,
        company_id: str | None,
        event_type: str | None,
        event_name: str | None,
        **given: Any,
    ) -> Any:
        asked = {
            "user_id": user_id,
            "company_id": company_id,
            "event_type": event_type,
            "event_name": event_name,
        }
        wanted = {name: value for name, value in asked.items() if value is not None}
        return command(*args, wanted=wanted, **given)

    decorated: Command = run
    for option in reversed(_options):
        decorated = option(decorated)
    return decorated


def subject(event: EventReply, *, at_most: int) -> str:
    """Return whom an event is about: `ada @acme`, `@acme`."""
    parts = []
    if event.user_id is not None:
        parts.append(harmless(event.user_id, at_most=at_most))
    if event.company_id is not None:
        parts.append(f"@{harmless(event.company_id, at_most=at_most)}")
    return " ".join(parts)


def what(event: EventReply, *, at_most: int) -> str:
    """Return what happened: the name of a track, the address of a page view."""
    text = event.event_name or event.pathname or event.hostname or ""
    return harmless(text, at_most=at_most)


def carried(event: EventReply, *, at_most: int) -> str:
    """Return the properties that came with an event, as JSON; empty if there are none."""
    texts = [bytes(each).decode() for each in (event.metadata, event.company)]
    shown = [text for text in texts if text not in ("{}", "null")]
    return " ".join(harmless(" ".join(text.split("\n")), at_most=at_most) for text in shown)


def moment(text: str) -> str:
    """Return a time to the second."""
    return f"{harmless(text):.19}Z"
