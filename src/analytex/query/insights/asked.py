"""What a question consists of: which events, which properties, whom to count."""

import math
import re
from collections.abc import Sequence
from enum import StrEnum
from typing import Final, NamedTuple

from analytex.domain.events import EventType
from analytex.domain.values import pointer_to
from analytex.query.insights.spans import Span


class Count(StrEnum):
    """What is counted."""

    EVENTS = "events"
    USERS = "users"
    COMPANIES = "companies"


class Owner(StrEnum):
    """Whose a property is."""

    FIELD = ""  #: a field of the event itself
    EVENT = "event"
    USER = "user"
    COMPANY = "company"


#: Fields of events that are asked for by their names alone; the last two are numbers.
FIELDS: Final = (
    *("event_name", "event_type", "user_id", "company_id", "source", "hostname", "pathname"),
    *("device_type", "user_agent", "operating_system", "browser", "browser_language"),
    *("country_code", "screen_width", "screen_height"),
)
NUMBERS: Final = frozenset(("screen_width", "screen_height"))


class Property(NamedTuple):
    """A field of events, or a property of events, users or companies."""

    owner: Owner
    name: str  #: a key, or if it begins with a slash a JSON pointer (RFC 6901)

    @property
    def pointer(self) -> str:
        """The JSON pointer to the value."""
        if self.name.startswith("/"):
            return self.name
        return pointer_to(self.name)

    @property
    def key(self) -> str:
        """The property that holds the value."""
        return self.pointer.split("/")[1].replace("~1", "/").replace("~0", "~")

    def __str__(self) -> str:
        return f"{self.owner}.{self.name}" if self.owner else self.name


def parse_property(text: str) -> Property:
    """Return the property that `user.plan`, `event./address/city`, `browser` means.

    Raises ValueError, which says what was expected.
    """
    owner, dot, name = text.partition(".")
    if dot and name and owner in (Owner.EVENT, Owner.USER, Owner.COMPANY):
        if re.search(r"~(?![01])", name) and name.startswith("/"):
            raise ValueError("In a JSON pointer `~` is written `~0`, and `/` in a key `~1`.")
        return Property(Owner(owner), name)
    if text in FIELDS:
        return Property(Owner.FIELD, text)
    raise ValueError(
        "Expected `event.`, `user.` or `company.` and a property, such as user.plan, or one of "
        f"{', '.join(FIELDS)}."
    )


class Op(StrEnum):
    """How a property is compared."""

    EQ = "eq"
    NE = "ne"  #: everything that `eq` does not fit
    IN = "in"
    LT = "lt"
    LE = "le"
    GT = "gt"
    GE = "ge"
    CONTAINS = "contains"
    SET = "set"
    UNSET = "unset"


class Condition(NamedTuple):
    """A property compared with values: with exactly one, unless `op` is in, set or unset."""

    property: Property
    op: Op
    values: Sequence[str]


_CONDITION: Final = re.compile(rf"(.+?):({'|'.join(Op)})(?::(.*))?", re.DOTALL)


def parse_condition(text: str) -> Condition:
    """Return the condition that `user.plan:eq:team` means. Raises ValueError."""
    found = _CONDITION.fullmatch(text)
    if found is None:
        raise ValueError(
            "Expected a property, how to compare, and a value, with colons between, such as "
            f"user.plan:eq:team; how to compare is one of {', '.join(Op)}."
        )
    name, op, value = found[1], Op(found[2]), found[3]
    if (value is None) != (op in (Op.SET, Op.UNSET)):
        raise ValueError(f"`{op}` takes {'a' if value is None else 'no'} value.")
    values = [] if value is None else value.split(",") if op is Op.IN else [value]
    return Condition(parse_property(name), op, values)


#: Instead of an event's name; `@any` is what users did.
SPECIAL: Final = {
    "@any": (EventType.TRACK, EventType.PAGE_VIEW),
    "@track": (EventType.TRACK,),
    "@page_view": (EventType.PAGE_VIEW,),
    "@identify_user": (EventType.IDENTIFY_USER,),
    "@identify_company": (EventType.IDENTIFY_COMPANY,),
}
ANY: Final = "@any"


class Selection(NamedTuple):
    """Which events are meant: those with one of the names that fit all conditions."""

    names: Sequence[str] = (ANY,)  #: of tracked events, or out of `SPECIAL`
    where: Sequence[Condition] = ()


class Trends(NamedTuple):
    """How many there were over time."""

    span: Span
    events: Selection = Selection()
    of: Count = Count.EVENTS
    by: Property | None = None
    limit: int = 10  #: so many values of `by` are told apart


class Funnel(NamedTuple):
    """How many took these steps one after the other."""

    since: int  #: the first step is not before this time; microseconds since 1970-01-01 UTC
    until: int  #: and before this one
    steps: Sequence[Selection]
    window: int  #: all steps are taken within so many microseconds
    of: Count = Count.USERS


class Retention(NamedTuple):
    """How many of those who began in a period came back in later ones."""

    span: Span
    first: Selection = Selection()
    back: Selection = Selection()
    of: Count = Count.USERS


class What(StrEnum):
    """Of what there can be most."""

    EVENTS = "events"
    PROPERTIES = "properties"
    VALUES = "values"


class Top(NamedTuple):
    """What there was most of."""

    since: int
    until: int
    what: What = What.EVENTS
    by: Property | None = None  #: whose values; of `VALUES` only
    events: Selection = Selection()
    of: Count = Count.EVENTS
    limit: int = 10


_NUMBER: Final = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?")
EXACT: Final = 2**53  # whole numbers below it are exact as 64-bit floats


def number(text: str) -> float | None:
    """Return the number that a text is in JSON, or None."""
    value = float(text) if _NUMBER.fullmatch(text) else math.inf
    return value if math.isfinite(value) else None


def number_text(text: str) -> str | None:
    """Return how a number is shown: `7` for `7.0`; None if it is no number."""
    value = number(text)
    if value is None:
        return None
    if text.lstrip("-").isdecimal():
        return "0" if value == 0 else text
    return str(int(value)) if value == int(value) and abs(value) < EXACT else repr(value)
