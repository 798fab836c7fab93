"""What questions are answered with."""

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from analytex.query.insights.asked import Property
from analytex.query.insights.source import is_text


class Series(NamedTuple):
    """One line of a chart."""

    value: Any  #: of the property, as JSON; None: it has none, or nothing was broken down
    is_other: bool  #: all values together that are not told apart
    counts: Sequence[int]  #: per bucket
    total: int


class TrendsAnswer(NamedTuple):
    """How many there were over time."""

    series: Sequence[Series]  #: the largest total first, what is left over last
    counts: Sequence[int]  #: of all series together, per bucket
    total: int
    others: int  #: how many values are not told apart


class StepAnswer(NamedTuple):
    """How many got to a step, and how fast."""

    reached: int
    from_first: float | None  #: median of the shortest times from the first step; microseconds
    from_previous: float | None  #: and from the step before


class Cohort(NamedTuple):
    """Those who began in one bucket."""

    size: int
    returned: Sequence[int]  #: how many came back so many buckets later, from 0 on


class TopItem(NamedTuple):
    """Something, and how much there is of it."""

    value: Any
    events: int
    users: int
    companies: int


class TopAnswer(NamedTuple):
    """What there was most of."""

    items: Sequence[TopItem]  #: the most first
    other: TopItem  #: everything that is not among them; its value is None
    total: TopItem
    others: int  #: how many different ones that is


def decode(value: str | None, property: Property) -> Any:
    """Return the value that `Source.value` stands for, as JSON shows it."""
    return value if value is None or is_text(property) else json.loads(value)
