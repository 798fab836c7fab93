"""Addresses of questions: what the forms of the console send, as the parameters of the HTTP API.

The address of a page holds its question in the API's own parameters (docs/http-api.md), so that it
can be shared and asked by a program. A form cannot send those: its fields may be empty, a condition
is three of them, and the last day of a time belongs to it. So what a form sends is put in order,
and the browser is sent to the address that comes of it. Two parameters are the console's own:
`last`, a time that ends now, and `chart`, how the answer is drawn.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from analytex.query.insights.asked import Op

Pairs = list[tuple[str, str]]

WHERE: Final = ("where",)
_STEP_WHERE: Final = re.compile(r"where\.([1-9][0-9]?)(\.property|\.op|\.value)?")
_CONDITION: Final = re.compile(rf"(.+?):({'|'.join(Op)})(?::(.*))?", re.DOTALL)
_PARTS: Final = (".property", ".op", ".value")


class Last(StrEnum):
    """A time that ends now."""

    DAY = "24h"
    WEEK = "7d"
    MONTH = "30d"
    QUARTER = "90d"
    YEAR = "12m"


class ConditionField(NamedTuple):
    """A condition as three fields of a form."""

    property: str = ""
    op: str = Op.EQ
    value: str = ""


def in_order(given: Iterable[tuple[str, str]], *, groups: Sequence[str] = WHERE) -> Pairs:
    """Return the parameters that a form, or an address, means; in order, they stay as they are.

    `groups` are the names under which there are conditions. Steps that are empty are left out, with
    their conditions, and those behind them move up.
    """
    pairs = _without_empty_steps(list(given))
    found: Pairs = []
    for name, value in pairs:
        if not value.strip() or name.endswith(_PARTS) or name in ("day", "from", "to"):
            continue
        found.append((name, value))
    for group in groups:
        found += [(group, text) for text in _conditions(pairs, group)]
    return found + _times(pairs)


def api_parameters(
    given: Iterable[tuple[str, str]], zone: ZoneInfo, now: int, *, interval: bool = True
) -> Pairs:
    """Return the parameters that the API takes: a time that ends now as the times it means now.

    `now` is in Unix seconds. With a time that ends now comes an `interval` that fits it, unless one
    is given or the question has none.
    """
    given = list(given)
    found = [(name, value) for name, value in given if name not in ("last", "chart")]
    last = dict(given).get("last")
    if last not in set(Last):
        return found
    since, until, bucket = _ending_now(Last(last), datetime.fromtimestamp(now, zone))
    found += [("from", since), ("to", until)]
    if interval and "interval" not in dict(found):
        found.append(("interval", bucket))
    return found


def condition_fields(given: Iterable[tuple[str, str]], group: str) -> list[ConditionField]:
    """Return the conditions of an address as fields; one that is not valid stays as typed."""
    found = []
    for name, text in given:
        if name == group:
            parts = _CONDITION.fullmatch(text)
            found.append(
                ConditionField(parts[1], parts[2], parts[3] or "")
                if parts
                else ConditionField(property=text)
            )
    return found


def day_fields(given: Mapping[str, str], zone: ZoneInfo) -> tuple[str, str]:
    """Return the first and the last day of an address's times, as fields; empty where it has none.

    A time within a day counts as that day.
    """
    since, until = (_local(given.get(name, ""), zone) for name in ("from", "to"))
    first = since.date().isoformat() if since else ""
    last = (until - timedelta(microseconds=1)).date().isoformat() if until else ""
    return first, last


def _conditions(pairs: Pairs, group: str) -> list[str]:
    columns = [[value for name, value in pairs if name == group + part] for part in _PARTS]
    found = []
    for property, op, value in zip(*columns, strict=False):
        if property.strip():
            ends = "" if op in (Op.SET, Op.UNSET) else f":{value}"
            found.append(f"{property.strip()}:{op or Op.EQ}{ends}")
    return found


def _times(pairs: Pairs) -> Pairs:
    """Return the times: `last` stands alone, and a last day ends with the beginning of the next."""
    given = {name: value.strip() for name, value in pairs}
    if given.get("last"):
        return []
    found = [(name, given[name]) for name in ("from", "to") if given.get(name)]
    if given.get("day"):
        try:
            until = (date.fromisoformat(given["day"]) + timedelta(days=1)).isoformat()
        except (ValueError, OverflowError):
            until = given["day"]  # the question says what is wrong with it
        found = [(name, value) for name, value in found if name != "to"] + [("to", until)]
    return found


def _without_empty_steps(pairs: Pairs) -> Pairs:
    steps = [value for name, value in pairs if name == "step"]
    places = [place for place, value in enumerate(steps, 1) if value.strip()]
    moved = {old: new for new, old in enumerate(places, 1)}
    found: Pairs = []
    for name, value in pairs:
        step = _STEP_WHERE.fullmatch(name)
        if step is None or not steps:
            found.append((name, value))
        elif int(step[1]) in moved:
            found.append((f"where.{moved[int(step[1])]}{step[2] or ''}", value))
        elif int(step[1]) > len(steps):
            found.append((name, value))  # of no step at all: the question says so
    return found


def _ending_now(last: Last, now: datetime) -> tuple[str, str, str]:
    """Return from, to and interval of a time that ends now."""
    today = now.date()
    tomorrow = (today + timedelta(days=1)).isoformat()
    if last is Last.DAY:
        hour = now.replace(minute=0, second=0, microsecond=0).timestamp()
        return f"{int(hour) - 23 * 3600}", f"{int(hour) + 3600}", "hour"
    if last is Last.YEAR:
        months = today.year * 12 + today.month - 1 - 11
        return date(months // 12, months % 12 + 1, 1).isoformat(), tomorrow, "month"
    days = {Last.WEEK: 7, Last.MONTH: 30, Last.QUARTER: 90}[last]
    bucket = "week" if last is Last.QUARTER else "day"
    return (today - timedelta(days=days - 1)).isoformat(), tomorrow, bucket


def _local(text: str, zone: ZoneInfo) -> datetime | None:
    try:
        if text.replace(".", "", 1).isdecimal():
            return datetime.fromtimestamp(float(text), zone)
        found = datetime.fromisoformat(text)
    except (ValueError, OverflowError, OSError):
        return None
    return found.replace(tzinfo=zone) if found.tzinfo is None else found.astimezone(zone)
