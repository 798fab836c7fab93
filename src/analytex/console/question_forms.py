"""What the form of a question shows: the four kinds, and what stands in the fields."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from analytex.console import answers
from analytex.console.addresses import (
    ConditionField,
    Last,
    Pairs,
    condition_fields,
    day_fields,
)
from analytex.console.reader import named_zone
from analytex.http import questions as api
from analytex.query.insights.asked import Count, Op
from analytex.query.insights.spans import Interval

Choices = Sequence[tuple[str, str]]

#: Zones that a form offers; any other can be typed, and the browser's own is added by its script.
ZONES: Final = (
    *("UTC", "Africa/Cairo", "Africa/Johannesburg", "Africa/Lagos", "Africa/Nairobi"),
    *("America/Bogota", "America/Chicago", "America/Denver", "America/Los_Angeles"),
    *("America/Mexico_City", "America/New_York", "America/Sao_Paulo", "America/Toronto"),
    *("Asia/Bangkok", "Asia/Dubai", "Asia/Hong_Kong", "Asia/Jakarta", "Asia/Kolkata"),
    *("Asia/Manila", "Asia/Seoul", "Asia/Shanghai", "Asia/Singapore", "Asia/Tokyo"),
    *("Australia/Sydney", "Europe/Amsterdam", "Europe/Berlin", "Europe/Istanbul"),
    *("Europe/Lisbon", "Europe/London", "Europe/Madrid", "Europe/Paris", "Europe/Rome"),
    *("Europe/Stockholm", "Europe/Warsaw", "Europe/Zurich", "Pacific/Auckland"),
)
OPS: Final[Choices] = (
    (Op.EQ, "is"),
    (Op.NE, "is not"),
    (Op.CONTAINS, "contains"),
    (Op.IN, "is one of (a,b,c)"),
    (Op.LT, "<"),
    (Op.LE, "≤"),
    (Op.GT, ">"),
    (Op.GE, "≥"),
    (Op.SET, "is set"),
    (Op.UNSET, "is not set"),
)
TIMES: Final[Choices] = (
    (Last.DAY, "Last 24 hours"),
    (Last.WEEK, "Last 7 days"),
    (Last.MONTH, "Last 30 days"),
    (Last.QUARTER, "Last 90 days"),
    (Last.YEAR, "Last 12 months"),
    ("", "Chosen days"),
)
_PEOPLE: Final[Choices] = ((Count.USERS, "Users"), (Count.COMPANIES, "Companies"))
_ALL: Final[Choices] = ((Count.EVENTS, "Events"), *_PEOPLE)
_AUTOMATIC: Final = ("", "Automatic")
_LONG: Final[Choices] = tuple((each, each.capitalize()) for each in list(Interval)[1:])


class Question(NamedTuple):
    """A kind of question: its page, and what its form needs."""

    name: str  #: in the address: `/console/trends`
    call: str  #: and in that of the API: `/v1/insights/trends`
    title: str
    says: str  #: what it answers
    ask: answers.Ask
    known: Sequence[str]  #: parameters that the API takes
    groups: Sequence[str]  #: of them, those that are conditions
    counts: Choices
    intervals: Choices = ()
    needs: str = ""  #: the parameter without which nothing is asked
    begin: str = ""  #: what to do to begin


QUESTIONS: Final = (
    Question(
        name="trends",
        call="trends",
        title="Trends",
        says="How many there were over time.",
        ask=answers.trends,
        known=api.TRENDS,
        groups=("where",),
        counts=_ALL,
        intervals=(_AUTOMATIC, (Interval.HOUR, "Hour"), *_LONG),
    ),
    Question(
        name="funnels",
        call="funnel",
        title="Funnels",
        says="How many took some steps one after the other, and where the others left.",
        ask=answers.funnels,
        known=api.FUNNEL,
        groups=("where", *api.STEP_WHERE),
        counts=_PEOPLE,
        needs="step",
        begin="Choose two events or more, in the order in which people should get to them.",
    ),
    Question(
        name="retention",
        call="retention",
        title="Retention",
        says="How many of those who began came back later.",
        ask=answers.retention,
        known=api.RETENTION,
        groups=("where", "where.start", "where.return"),
        counts=_PEOPLE,
        intervals=(_AUTOMATIC, *_LONG),
    ),
    Question(
        name="top",
        call="top",
        title="Top lists",
        says="What there was most of.",
        ask=answers.top,
        known=api.TOP,
        groups=("where",),
        counts=_ALL,
    ),
)


class Form:
    """What stands in the fields of a form, as the address has it."""

    def __init__(self, pairs: Pairs, zone: ZoneInfo) -> None:
        self._pairs = pairs
        self._given: Mapping[str, str] = dict(pairs)
        self._zone = zone

    def one(self, name: str) -> str:
        """Return the value of a field, or nothing."""
        return self._given.get(name, "")

    def many(self, name: str, *, at_least: int = 0) -> list[str]:
        """Return the values of a field that may be repeated; with one more that is empty."""
        found = [value for each, value in self._pairs if each == name]
        if at_least:
            found += [""] * max(at_least - len(found), 1)
        return found

    def conditions(self, group: str) -> list[ConditionField]:
        """Return the conditions of a group."""
        return condition_fields(self._pairs, group)

    @property
    def last(self) -> str:
        """Return which time is chosen: one that ends now, or nothing for days."""
        if any(name in self._given for name in ("from", "to")):
            return ""
        return self._given.get("last", Last.MONTH)

    @property
    def days(self) -> tuple[str, str]:
        """Return the first and the last day, if days are chosen."""
        return day_fields(self._given, self._zone)


def zone_of(pairs: Pairs) -> ZoneInfo:
    """Return the time zone of an address; UTC if it names none, or one that does not exist."""
    return named_zone(dict(pairs).get("tz")) or ZoneInfo("UTC")
