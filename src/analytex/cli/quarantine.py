"""`analytex quarantine`: the requests that a running server refused, and sending them again."""

import base64
import sys
from collections.abc import Callable
from functools import wraps
from typing import Any, BinaryIO, Final

import click

from analytex.cli.client import Client
from analytex.cli.connection import with_server
from analytex.cli.options import Command, json_option
from analytex.cli.tables import counted, harmless, json_text, print_facts, print_table, size_text
from analytex.wire.quarantine_replies import RefusedReply

DEFAULT_LIMIT: Final = 50
MOST_LISTED: Final = 1000
_SHOWN_CHARS: Final = 80

_id: Final = click.argument(
    "id", metavar="ID", help="The `x-request-id` of the refusal, as `quarantine list` shows it."
)


def _filtered(command: Command) -> Command:
    """Give a command the options of a filter, and the argument `wanted`."""

    @wraps(command)
    def run(
        *args: Any,
        status: int | None,
        code: str | None,
        path: str | None,
        since: str | None,
        until: str | None,
        **given: Any,
    ) -> Any:
        asked = {"status": status, "code": code, "path": path, "from": since, "to": until}
        wanted = {name: str(value) for name, value in asked.items() if value is not None}
        return command(*args, wanted=wanted, **given)

    decorated: Command = run
    for option in reversed(_FILTERS):
        decorated = option(decorated)
    return decorated


_FILTERS: Final[tuple[Callable[[Command], Command], ...]] = (
    click.option("--status", type=int, metavar="STATUS", help="Only with this status, say 400."),
    click.option("--code", metavar="CODE", help="Only with this error code, say `bad_request`."),
    click.option("--path", metavar="PATH", help="Only of this call, say `/v1/track`."),
    click.option("--from", "since", metavar="TIME", help="Only refused at this time or later."),
    click.option("--to", "until", metavar="TIME", help="Only refused before this time."),
)


@click.group()
def quarantine() -> None:
    """Look at the refused requests of a running server, and send them again.

    A call, a file or a deletion that carries a valid key and is wrong is answered 400, 413 or 415,
    and kept for a while with the reason and the beginning of its body. Mended, it can be sent
    again. Rows that failed inside a file are not among them: `analytex jobs errors` has those.
    """


@quarantine.command("list")
@_filtered
@click.option(
    "--limit",
    type=click.IntRange(1, MOST_LISTED),
    default=DEFAULT_LIMIT,
    metavar="N",
    show_default=True,
    help="How many at most.",
)
@json_option
@with_server
def list_(wanted: dict[str, str], limit: int, as_json: bool, server: Client) -> None:
    """List refused requests of the key's environment, newest first."""
    page = server.refused({**wanted, "limit": str(limit)})
    if as_json:
        click.echo(json_text(page, indent=2))
        return
    columns = ("id", "refused", "call", "status", "bytes", "replayed", "reason")
    print_table(columns, list(map(_line, page.data)))
    total, dropped = page.metadata.total_count or 0, page.metadata.dropped_count
    if total > len(page.data):
        click.echo(f"\n{total - len(page.data):,} older ones are not shown: see `--limit`.")
    if dropped:
        click.echo(f"\n{counted(dropped, 'other')} had no room, and were only counted.")


@quarantine.command()
@_id
@click.option("--body", "only_body", is_flag=True, help="Write the kept body, and nothing else.")
@json_option
@with_server
def show(id: str, only_body: bool, as_json: bool, server: Client) -> None:
    """Show all that is kept of the refused request ID.

    \b
        analytex quarantine show 64bf4b4a9d2c01a2b3c4 --body > mend.json
        analytex quarantine replay 64bf4b4a9d2c01a2b3c4 --body mend.json
    """
    refused = server.refused_request(id)
    if as_json:
        click.echo(json_text(refused, indent=2))
        return
    body = _body(refused)
    if only_body and not sys.stdout.isatty():
        click.echo(body, nl=False)
        return
    if not only_body:
        print_facts(_facts(refused))
        click.echo("\n" * bool(body), nl=False)
    if body:
        text = body.decode("utf-8", "replace").replace("\r\n", "\n")
        click.echo("\n".join(map(harmless, text.split("\n"))))


@quarantine.command()
@_id
@click.option(
    "--body",
    type=click.File("rb"),
    metavar="FILE",
    help="The mended body; `-` reads it from standard input. Without it the kept one is sent.",
)
@with_server
def replay(id: str, body: BinaryIO | None, server: Client) -> None:
    """Send the refused request ID again, as it was or mended.

    It is accepted or refused like any other; its time is the time of the replay. One that was
    accepted is not accepted a second time. Only a request that was kept whole can be sent again as
    it was.
    """
    if body is None:
        accepted_as = server.replay(id, None)
    else:  # what it is, a form or JSON, is as it was
        accepted_as = server.replay(id, body.read(), server.refused_request(id).content_type)
    click.echo(f"Accepted as {accepted_as}.")


@quarantine.command()
@_filtered
@click.option(
    "-o",
    "--output",
    type=click.File("wb"),
    default="-",
    metavar="FILE",
    help="Where to write them.  [default: standard output]",
)
@with_server
def export(wanted: dict[str, str], output: BinaryIO, server: Client) -> None:
    """Write refused requests, a JSON object on each line, newest first."""
    for piece in server.export_refused(wanted):
        output.write(piece)


def _body(refused: RefusedReply) -> bytes:
    if refused.body_base64 is not None:
        return base64.b64decode(refused.body_base64)
    return (refused.body or "").encode()


def _line(refused: RefusedReply) -> tuple[str, ...]:
    return (
        harmless(refused.id),
        _time(refused.refused_at),
        harmless(f"{refused.method} {refused.path}", at_most=_SHOWN_CHARS),
        f"{refused.status}",
        f"{refused.body_size:,}",
        "yes" if refused.replayed_at else "",
        harmless(refused.message, at_most=_SHOWN_CHARS),
    )


def _facts(refused: RefusedReply) -> dict[str, str]:
    query = f"?{refused.query}" if refused.query else ""
    facts = {
        "id": refused.id,
        "call": f"{refused.method} {refused.path}{query}",
        "refused": _time(refused.refused_at),
        "status": f"{refused.status} {refused.error}",
        "reason": refused.message,
        "details": refused.details,
        "key": refused.key_id,
        "content type": refused.content_type,
        "body": size_text(refused.body_size)
        + (", of which this is the beginning" if refused.body_cut else ""),
        "replayed": _time(refused.replayed_at) if refused.replayed_at else "",
        "replayed as": refused.replayed_as or "",
    }
    return {name: harmless(value) for name, value in facts.items() if value}


def _time(text: str) -> str:
    return f"{harmless(text):.19}Z"
