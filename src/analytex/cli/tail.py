"""`analytex tail`: the events of a running server as they come."""

import os
import shutil
import sys
import time
from collections.abc import Callable
from typing import Any, Final

import click
import msgspec

from analytex.cli.client import Client
from analytex.cli.connection import with_server
from analytex.cli.event_lines import carried, filtered, subject, what
from analytex.cli.options import json_option
from analytex.cli.sse import Message
from analytex.cli.tables import harmless, json_text
from analytex.domain.events import EventType
from analytex.errors import AnalytexError, Retryable
from analytex.wire.quarantine_replies import GapReply, RefusedReply
from analytex.wire.replies import EventReply

AGAIN_AFTER_S: Final = 0.2  # where a connection broke; twice as long each time it breaks again
LONGEST_PAUSE_S: Final = 5.0
LEAST_COLUMNS: Final = 40  # of a terminal; lines are not cut to fewer
EVENT: Final = "message"  # what a stream calls what it names not
REFUSED: Final = "refused"
GAP: Final = "gap"
_ID_CHARS: Final = 60
_TEXT_CHARS: Final = 2000
_COLOURS: Final = {
    EventType.TRACK: "green",
    EventType.IDENTIFY_USER: "cyan",
    EventType.IDENTIFY_COMPANY: "blue",
    EventType.PAGE_VIEW: "magenta",
}
_WIDTH: Final = max(map(len, EventType))

Part = tuple[str, dict[str, Any]]  #: of a line: a text and its style


@click.command()
@filtered
@click.option("--files", is_flag=True, help="Also events from imports and bulk files.")
@click.option(
    "--refused", is_flag=True, help="Also the requests that are refused, with the reason."
)
@json_option
@with_server
def tail(wanted: dict[str, str], files: bool, refused: bool, as_json: bool, server: Client) -> None:
    """Show events of a running server as they come.

    They are those of the key's environment, and the times are UTC. A connection that breaks is made
    again, and nothing that came meanwhile is missing. On a terminal a long line is cut; into a file
    or pipe it goes whole. With `--json` each line is an object: an event as the API shows it, or
    `{"refused": ...}`, or `{"gap": ...}` where events may be missing. Ctrl-C ends it, with the exit
    code 130.

    \b
        analytex tail --user ada
        analytex tail --type track --name "Plan Upgraded" --json
        analytex tail --refused
    """
    asked = {"files": files, "refused": refused}
    params = wanted | {name: "true" for name, value in asked.items() if value}
    show = _show_json if as_json else _Lines()
    Tail(server, params, show).run()


class Tail:
    """Follows a stream for ever, over as many connections as that takes."""

    def __init__(
        self, server: Client, params: dict[str, str], show: Callable[[Message], None]
    ) -> None:
        self._server = server
        self._params = params
        self._show = show
        self._last_id = ""
        self._failures = 0
        self._note_shown = False

    def run(self) -> None:
        """Show what comes until somebody interrupts.

        Raises AnalytexError if there never was a connection, or the server refuses another one.
        """
        while True:
            try:
                self._follow()
            except Retryable as error:
                if not self._last_id:
                    raise
                self._note(f"{error.message} Trying again.")
            pause = min(AGAIN_AFTER_S * 2**self._failures, LONGEST_PAUSE_S)
            self._failures += 1
            time.sleep(pause)

    def _follow(self) -> None:
        for message in self._server.stream(self._params, after=self._last_id):
            if not self._last_id and sys.stderr.isatty():
                click.secho(f"Events of {self._server.url}; Ctrl-C ends it.", dim=True, err=True)
            self._last_id = message.id or self._last_id
            self._failures = 0
            if self._note_shown:
                click.echo("Connected again.", err=True)
                self._note_shown = False
            if message.data:
                self._show(message)

    def _note(self, sentence: str) -> None:
        """Say once that the connection is gone."""
        if not self._note_shown:
            click.echo(sentence, err=True)
            self._note_shown = True


def _show_json(message: Message) -> None:
    # JSON as it was sent may have line ends between its values, and only there.
    value = msgspec.Raw(" ".join(message.data.split("\n")).encode())
    if message.kind == EVENT:
        click.echo(json_text(value))
    elif message.kind in (REFUSED, GAP):
        click.echo(json_text({message.kind: value}))


class _Lines:
    """Writes a line for each thing that is told."""

    def __init__(self) -> None:
        self._terminal = sys.stdout.isatty()
        self._plain = bool(os.environ.get("NO_COLOR"))  # https://no-color.org

    def __call__(self, message: Message) -> None:
        """Write it; what a newer server may tell besides is left out."""
        try:
            if message.kind == EVENT:
                self._event(msgspec.json.decode(message.data, type=EventReply))
            elif message.kind == REFUSED:
                self._refused(msgspec.json.decode(message.data, type=RefusedReply))
            elif message.kind == GAP:
                gap = msgspec.json.decode(message.data, type=GapReply)
                click.secho(harmless(gap.message), fg="yellow", err=True)
        except msgspec.MsgspecError as error:
            raise AnalytexError(
                "The server tells something that is not what analytex tells.",
                details="A server of another version needs the command of its own version. "
                f"({harmless(str(error), at_most=200)})",
            ) from None

    def _event(self, event: EventReply) -> None:
        parts: list[Part] = [
            (event.event_type.ljust(_WIDTH), {"fg": _COLOURS.get(event.event_type)}),
            (subject(event, at_most=_ID_CHARS), {}),
            (what(event, at_most=_ID_CHARS), {"bold": True}),
            (carried(event, at_most=_TEXT_CHARS), {"dim": True}),
        ]
        self._write(event.inserted_at, parts)

    def _refused(self, refused: RefusedReply) -> None:
        reason = " ".join(filter(None, (refused.message, refused.details)))
        parts: list[Part] = [
            ("refused".ljust(_WIDTH), {"fg": "red"}),
            (harmless(f"{refused.status} {refused.method} {refused.path}", at_most=80), {}),
            (harmless(reason, at_most=_TEXT_CHARS), {"fg": "red"}),
            (harmless(refused.id), {"dim": True}),
        ]
        self._write(refused.refused_at, parts)

    def _write(self, at: str, parts: list[Part]) -> None:
        parts = [(harmless(at)[:23].replace("T", " "), {"dim": True}), *parts]
        if not self._terminal:
            click.echo("  ".join(text for text, _ in parts if text).rstrip())
            return
        from rich.cells import cell_len, set_cell_size  # slow to import, and needed here only

        room = max(shutil.get_terminal_size().columns, LEAST_COLUMNS)
        styled = []
        for text, style in parts:
            if not text or room <= 1:
                continue
            if cell_len(text) > room:
                text = set_cell_size(text, room - 1).rstrip() + "…"
            room -= cell_len(text) + 2
            styled.append(text if self._plain else click.style(text, **style))
        click.echo("  ".join(styled))
