"""`analytex insights`: questions asked of the events of a running server, as tables."""

from collections.abc import Callable, Sequence
from typing import Any, Final

import click
import msgspec

from analytex.cli.client import Client
from analytex.cli.connection import with_server
from analytex.cli.options import Command, json_option
from analytex.cli.sparklines import bar, sparkline
from analytex.cli.tables import counted, harmless, json_text, print_table
from analytex.query.insights.asked import ANY
from analytex.wire.insight_replies import (
    FunnelReply,
    RetentionReply,
    TopItemReply,
    TopReply,
    TrendsReply,
)

_SHOWN_CHARS: Final = 40
_WIDTH: Final = 60  # characters of a sparkline, at most
_BAR: Final = 20
_EPILOG: Final = (
    "A property is `event.plan`, `user.plan`, `company.plan` or a field such as `browser`; a "
    "condition is a property, how to compare, and a value, such as `user.plan:eq:team`. How is one "
    "of eq, ne, in, lt, le, gt, ge, contains, set, unset. docs/http-api.md says more."
)


def _asked(*names: str) -> Callable[[Command], Command]:
    """Give a command these options; it receives them as the parameters of the question."""

    def decorate(command: Command) -> Command:
        for name in reversed(names):  # click shows first what was added last
            text, metavar, repeated = _OPTIONS[name]
            name, _, _ = name.partition(" ")
            flag = "--" + name.replace(".", "-")
            command = click.option(
                flag, _argument(name), metavar=metavar, multiple=repeated, help=text
            )(command)
        return command

    return decorate


def _argument(name: str) -> str:
    return "asked_" + name.replace(".", "_")


#: By parameter: help, value, whether it may be repeated. What stands behind a blank tells questions
#: apart that take other values.
_OPTIONS: Final = {
    "event": ("Only events with this name; may be repeated.", "NAME", True),
    "step": ("Event of the next step; repeated, in order.", "NAME", True),
    "start": ("Event with which somebody begins.  [default: any]", "NAME", False),
    "return": ("Event that is a return.  [default: the same]", "NAME", False),
    "where": ("Only events that fit this; may be repeated.", "CONDITION", True),
    "where.start": ("As --where, for the first event alone.", "CONDITION", True),
    "where.return": ("As --where, for returns alone.", "CONDITION", True),
    "what": ("Of what: events, properties; `--by` lists values.  [default: events]", "WHAT", False),
    "by": ("Property whose values are told apart.", "PROPERTY", False),
    "window": ("Time for all steps, such as 90m, 7d.  [default: 7d]", "TIME", False),
    "from": ("From this time on.  [default: so that there are 30 days]", "TIME", False),
    "to": ("Before this time.  [default: the end of today]", "TIME", False),
    "tz": ("Time zone, such as Europe/Berlin.  [default: UTC]", "ZONE", False),
    "interval": ("hour, day, week, month.  [default: day]", "INTERVAL", False),
    "interval of cohorts": ("day, week, month.  [default: day]", "INTERVAL", False),
    "count": ("events, users, companies.  [default: events]", "WHAT", False),
    "count whom": ("users, companies.  [default: users]", "WHAT", False),
    "limit": ("How many values are listed.  [default: 10]", "NUMBER", False),
}
_TIMES: Final = ("from", "to", "tz")


@click.group()
def insights() -> None:
    """Ask questions of the events of a running server.

    How many there were, how far people got, who came back, what there was most of.
    """


@insights.command(epilog=_EPILOG)
@_asked("event", "where", "by", "count", "interval", *_TIMES, "limit")
@json_option
@with_server
def trends(as_json: bool, server: Client, **given: Any) -> None:
    """Count events, users or companies over time.

    \b
        analytex insights trends --event 'report exported' --by user.plan --count users
    """
    answer = server.insight("trends", _parameters(given), TrendsReply)
    if as_json:
        click.echo(json_text(answer, indent=2))
        return
    if answer.by is None:
        _print_buckets(answer)
        _say_if_nothing(answer.total)
        return
    rows = [
        (
            f"({counted(answer.others, 'other value')})" if each.other else _value(each.value),
            f"{each.total:,}",
            sparkline(each.counts, width=_WIDTH),
        )
        for each in answer.series
    ]
    rows.append(("(all)", f"{answer.total:,}", sparkline(answer.counts, width=_WIDTH)))
    print_table((answer.by, answer.count, f"by {answer.interval}"), _harmless(rows))
    click.echo(f"\n{_range(answer)}")


@insights.command(epilog=_EPILOG)
@_asked("step", "window", "where", "count whom", *_TIMES)
@click.option(
    "--where-step",
    "of_steps",
    type=(int, str),
    metavar="N CONDITION",
    multiple=True,
    help="As --where, for step N alone.",
)
@json_option
@with_server
def funnel(
    of_steps: Sequence[tuple[int, str]], as_json: bool, server: Client, **given: Any
) -> None:
    """Count who took some steps one after the other.

    \b
        analytex insights funnel --step 'signed up' --step 'report exported' --window 14d
    """
    asked = [*_parameters(given), *((f"where.{step}", text) for step, text in of_steps)]
    answer = server.insight("funnel", asked, FunnelReply)
    if as_json:
        click.echo(json_text(answer, indent=2))
        return
    rows = [
        (
            f"{step.step}",
            step.event,
            f"{step.count:,}",
            _percent(step.conversion),
            _percent(step.step_conversion),
            _duration(step.median_step_time),
            bar(step.conversion or 0, width=_BAR),
        )
        for step in answer.steps
    ]
    columns = ("step", "event", answer.count, "of first", "of previous", "median time", "")
    print_table(columns, _harmless(rows))
    click.echo(f"\n{_range(answer)}; all steps within {_duration(answer.window)}")
    _say_if_nothing(answer.steps[0].count)


@insights.command(epilog=_EPILOG)
@_asked(
    *("start", "return", "where", "where.start", "where.return"),
    *("count whom", "interval of cohorts", *_TIMES),
)
@json_option
@with_server
def retention(as_json: bool, server: Client, **given: Any) -> None:
    """Count who came back, by when they began.

    \b
        analytex insights retention --start 'signed up' --return @any --interval week
    """
    answer = server.insight("retention", _parameters(given), RetentionReply)
    if as_json:
        click.echo(json_text(answer, indent=2))
        return
    rows = [
        (
            each.start[:10],
            f"{each.size:,}",
            sparkline(each.returned, width=_WIDTH, most=each.size),
            *_columns([_percent(_part(number, each.size)) for number in each.returned]),
        )
        for each in answer.cohorts
        if each.size
    ]
    rates = [period.rate for period in answer.periods]
    whole = [round((rate or 0) * 1000) for rate in rates]
    rows.append(
        (
            "(all)",
            f"{answer.total:,}",
            sparkline(whole, width=_WIDTH, most=1000),
            *_columns([_percent(rate) for rate in rates]),
        )
    )
    columns = ("began", answer.count, "came back", *map(str, range(_SHOWN_PERIODS)))
    print_table(columns, _harmless(rows))
    click.echo(
        f"\n{_event(answer.first_event)}, then {_event(answer.return_event)}, so many "
        f"{answer.interval}s later; {_range(answer)}"
    )
    _say_if_nothing(answer.total)


@insights.command(epilog=_EPILOG)
@_asked("what", "by", "event", "where", "count", *_TIMES, "limit")
@json_option
@with_server
def top(as_json: bool, server: Client, **given: Any) -> None:
    """List what there was most of: event names, properties, values of a property.

    \b
        analytex insights top --by event.format --event 'report exported'
    """
    answer = server.insight("top", _parameters(given), TopReply)
    if as_json:
        click.echo(json_text(answer, indent=2))
        return
    most = max((getattr(item, answer.count) for item in answer.items), default=0)
    rows = [
        (
            *_amounts(_value(item.value), item),
            bar(_part(getattr(item, answer.count), most) or 0, width=_BAR),
        )
        for item in answer.items
    ]
    if answer.others:
        rows.append((*_amounts(f"({answer.others:,} more)", answer.other), ""))
    rows.append((*_amounts("(all)", answer.total), ""))
    columns = (answer.by or answer.what, "events", "users", "companies", "")
    print_table(columns, _harmless(rows))
    click.echo(f"\n{_range(answer)}")


_SHOWN_PERIODS: Final = 8


def _parameters(given: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the options that were given as the parameters of the question."""
    found = []
    for name in dict.fromkeys(name.partition(" ")[0] for name in _OPTIONS):
        value = given.get(_argument(name))
        values = [] if value is None else [value] if isinstance(value, str) else value
        found += [(name, each) for each in values]
    return found


def _print_buckets(answer: TrendsReply) -> None:
    most = max(answer.counts, default=0)
    length = 16 if answer.interval == "hour" else 10
    rows = [
        (start[:length].replace("T", " "), f"{number:,}", bar(_part(number, most) or 0, width=_BAR))
        for start, number in zip(answer.buckets, answer.counts, strict=True)
    ]
    print_table((answer.interval, answer.count, ""), rows)
    click.echo(
        f"\n{sparkline(answer.counts, width=_WIDTH)}  {answer.total:,} {answer.count} in all; "
        f"{_range(answer)}"
    )


def _say_if_nothing(total: int) -> None:
    """Help those who asked for an event by a name that it does not have."""
    if not total:
        click.echo(
            "Nothing fits. Names are compared exactly: `analytex insights top` lists those that "
            "there are.",
            err=True,
        )


def _event(name: str) -> str:
    return "any event" if name == ANY else harmless(name)


def _range(answer: TrendsReply | FunnelReply | RetentionReply | TopReply) -> str:
    zone = harmless(answer.tz)
    return f"{answer.start[:16]}Z to {answer.end[:16]}Z" + (f", {zone}" if zone != "UTC" else "")


def _amounts(name: str, item: TopItemReply) -> tuple[str, str, str, str]:
    return name, f"{item.events:,}", f"{item.users:,}", f"{item.companies:,}"


def _value(value: Any) -> str:
    """Return a value as a table shows it: a text as it is, what has none in brackets."""
    decoded = msgspec.json.decode(value)
    if decoded is None:
        return "(none)"
    return decoded if isinstance(decoded, str) else bytes(value).decode()


def _columns(cells: list[str]) -> list[str]:
    return [*cells[:_SHOWN_PERIODS], *[""] * (_SHOWN_PERIODS - len(cells))]


def _part(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _percent(rate: float | None) -> str:
    return "" if rate is None else f"{rate:.1%}"


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return ""
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.1f}".removesuffix(".0") + f" {unit}"
    return f"{seconds:.1f} s"


def _harmless(rows: Sequence[Sequence[str]]) -> list[list[str]]:
    return [[harmless(cell, at_most=_WIDTH) for cell in row] for row in rows]
