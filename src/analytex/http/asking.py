"""Questions as they stand in an address: every parameter that is wrong is a 400 that names it."""

import re
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from starlette.requests import Request

from analytex.domain.times import SECOND, parse_time
from analytex.domain.values import MAX_EVENT_NAME_CHARS
from analytex.errors import BadRequest
from analytex.query.insights.asked import (
    ANY,
    SPECIAL,
    Condition,
    Count,
    Property,
    Selection,
    parse_condition,
    parse_property,
)
from analytex.query.insights.spans import (
    Interval,
    Span,
    TooManyBuckets,
    default_since,
    end_of_day,
    span,
)

DAYS: Final = 30  # of which an answer is, unless `from` and `to` say otherwise
MOST_EVENTS: Final = 20
MOST_CONDITIONS: Final = 10  # of one selection
MOST_VALUES: Final = 100  # of one condition

_EARLIEST: Final = 0  # 1970: no event is older
_LATEST: Final = 4_102_444_800 * SECOND  # 2100
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}

Parsed = TypeVar("Parsed")
Word = TypeVar("Word", bound=StrEnum)


class Parameters:
    """The parameters of one request."""

    def __init__(self, request: Request, known: Sequence[str]) -> None:
        """`known` are all that are understood: a misspelt one must not be left out silently."""
        self._given = request.query_params
        for name in self._given:
            if name not in known:
                raise BadRequest(
                    f"`{name}` is no parameter of this question.",
                    details=f"Those are {', '.join(known)}.",
                )

    def one(self, name: str) -> str | None:
        """Return a parameter that may stand once."""
        values = self._given.getlist(name)
        if len(values) > 1:
            raise wrong(name, "It stands several times.")
        return values[0] if values else None

    def many(self, name: str, *, at_most: int) -> list[str]:
        """Return a parameter that may be repeated."""
        values = self._given.getlist(name)
        if len(values) > at_most:
            raise wrong(name, f"It may stand {at_most} times.")
        return values

    def word(self, name: str, default: Word, *allowed: Word) -> Word:
        """Return one of the words of an enumeration, of those that are allowed if any are named."""
        text = self.one(name)
        words = allowed or tuple(type(default))
        if text is not None and text not in words:
            raise wrong(name, f"Expected one of {', '.join(words)}.")
        return default if text is None else type(default)(text)

    def whole(self, name: str, default: int, *, at_most: int) -> int:
        """Return a number from 1 on."""
        text = self.one(name)
        if text is None:
            return default
        if not (text.isascii() and text.isdecimal() and 1 <= int(text[:9]) <= at_most):
            raise wrong(name, f"Expected a whole number from 1 to {at_most}.")
        return int(text)

    def property(self, name: str) -> Property | None:
        """Return a property."""
        text = self.one(name)
        return None if text is None else _parsed(name, text, parse_property)

    def event(self, name: str, default: str) -> str:
        """Return an event's name, or what stands for some."""
        text = self.one(name)
        return default if text is None else event_name(name, text)

    def where(self, name: str = "where") -> list[Condition]:
        """Return conditions."""
        texts = self.many(name, at_most=MOST_CONDITIONS)
        found = [_parsed(name, text, parse_condition) for text in texts]
        if any(len(condition.values) > MOST_VALUES for condition in found):
            raise wrong(name, f"`in` takes at most {MOST_VALUES} values.")
        return found

    def selection(self) -> Selection:
        """Return the events that `event` and `where` mean."""
        texts = self.many("event", at_most=MOST_EVENTS)
        return Selection([event_name("event", text) for text in texts] or [ANY], self.where())

    def count(self, default: Count) -> Count:
        """Return what is to be counted: no events where users are the default."""
        people = () if default is Count.EVENTS else (Count.USERS, Count.COMPANIES)
        count: Count = self.word("count", default, *people)
        return count

    def zone(self) -> ZoneInfo:
        """Return the time zone."""
        name = self.one("tz") or "UTC"
        try:
            return ZoneInfo(name)
        except (ValueError, OSError, ZoneInfoNotFoundError):
            raise wrong(
                "tz", "Expected a name of the IANA time zone database, such as Europe/Berlin."
            ) from None

    def duration(self, name: str, default: str, *, at_most_days: int) -> int:
        """Return a duration such as `90m` or `7d` in microseconds."""
        text = self.one(name)
        found = re.fullmatch(r"([1-9][0-9]{0,8})([smhd])", default if text is None else text)
        seconds = int(found[1]) * _UNITS[found[2]] if found else 0
        if not 0 < seconds <= at_most_days * _UNITS["d"]:
            raise wrong(
                name,
                f"Expected a number and s, m, h or d, such as 7d, of at most {at_most_days} days.",
            )
        return seconds * SECOND

    def times(self, zone: ZoneInfo) -> tuple[int, int]:
        """Return from when and until when: the last 30 days, unless they say otherwise."""
        until = self._time("to", zone)
        since = self._time("from", zone)
        if until is None:
            until = end_of_day(time.time_ns() // 1000, zone)
        if since is None:
            since = max(default_since(until, zone, days=DAYS), _EARLIEST)
        if since >= until:
            name = "from" if self.one("to") is None else "to"
            raise wrong(name, "`from` must be before `to`, which is the end of today if absent.")
        return since, until

    def span(self, zone: ZoneInfo, interval: Interval, *, at_most: int) -> Span:
        """Return the buckets of that time."""
        since, until = self.times(zone)
        try:
            return span(since, until, zone, interval, at_most=at_most)
        except TooManyBuckets:
            raise wrong(
                "interval",
                f"There would be more than {at_most}: ask for longer ones, or for less time.",
            ) from None

    def _time(self, name: str, zone: ZoneInfo) -> int | None:
        text = self.one(name)
        if not text:
            return None
        try:
            at = parse_local_time(text, zone)
        except (ValueError, OverflowError):
            raise BadRequest(
                f"`{name}` is not a time.",
                details="Expected ISO 8601 such as 2026-01-31T12:00:00Z, a day, or Unix seconds.",
            ) from None
        if not _EARLIEST <= at <= _LATEST:
            raise wrong(name, "Expected a time from 1970 to 2100.")
        return at


def wrong(name: str, details: str) -> BadRequest:
    """Return the refusal of a parameter."""
    return BadRequest(f"`{name}` is not valid.", details=details)


def event_name(name: str, text: str) -> str:
    """Return the name of an event that a parameter holds. Raises BadRequest."""
    if not 1 <= len(text) <= MAX_EVENT_NAME_CHARS:
        raise wrong(name, f"An event's name has 1 to {MAX_EVENT_NAME_CHARS} characters.")
    if text.startswith("@") and text not in SPECIAL:
        raise wrong(name, f"With `@` there are only {', '.join(SPECIAL)}.")
    return text


def parse_local_time(text: str, zone: ZoneInfo) -> int:
    """Return a time as `parse_time` does, but that of a zone if the text names none."""
    text = text.strip()
    if text[4:5] == "-":
        clock = datetime.fromisoformat(text)
        if clock.tzinfo is None:
            clock = clock.replace(tzinfo=zone)
        return (clock - _EPOCH) // timedelta(microseconds=1)
    return parse_time(text)


def _parsed(name: str, text: str, parse: Callable[[str], Parsed]) -> Parsed:
    try:
        return parse(text)
    except ValueError as error:
        raise wrong(name, str(error)) from None
