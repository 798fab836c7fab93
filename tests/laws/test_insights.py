"""Questions are answered with the numbers of the plain reference, wherever the events lie."""

import os
import random
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytex.domain.events import Event, EventType
from analytex.query.insights.asked import (
    ANY,
    Condition,
    Count,
    Funnel,
    Op,
    Retention,
    Selection,
    Top,
    Trends,
    What,
    parse_property,
)
from analytex.query.insights.spans import Interval, span
from tests.laws import insights_reference as reference
from tests.laws.insights_reference import World
from tests.unit.query.insights import DAY, PLACES, Asked, event

EXAMPLES: Final = int(os.environ.get("ANALYTEX_EXAMPLES") or 40)  # of each question, in each place
HOUR: Final = DAY // 24
START: Final = reference.utc("2026-03-26")
#: Clocks change in Berlin on 29 March, on Lord Howe by half an hour on 5 April, in Kathmandu never.
ZONES: Final = [ZoneInfo(name) for name in ("UTC", "Europe/Berlin", "Australia/Lord_Howe")]
ZONES.append(ZoneInfo("Asia/Kathmandu"))

#: Where hours and days begin in some of the zones, the moments around, and some within.
TIMES: Final = sorted(
    {
        START + day * DAY + hour * HOUR // 4 + around
        for day in range(13)
        for hour in (0, 2, 4, 8, 73, 88, 90, 92)
        for around in (-1, 0, 1, 1_000_000)
    }
)
VALUES: Final[tuple[object, ...]] = (
    *("a", "b", "7", "", "tä", 'a"b', "A", "ä", "2026-01-31", 7, 7.0, 8.5, -1, 0, 10**17, 10**25),
    *(True, False, None, {"x": 1, "y": ["b", None]}, ["a", "b"], {}),
)
PROPERTIES: Final = [
    parse_property(text)
    for text in (
        *("event.plan", "event.a.b", "event./plan/x", "event./plan/y/0", "event./a~1b/0"),
        *("user.tier", "user./tier/x", "company.plan", "event_name", "user_id", "company_id"),
        *("event_type", "browser", "screen_width", "source"),
    )
]
OPERANDS: Final = (
    "a",
    "tä",
    "null",
    'a"b',
    "b",
    "7",
    "7.0",
    "true",
    "2026-01-30",
    "opened",
    "u1",
    '{"x":1}',
    "-1",
    "",
)


def made_up(seed: int, number: int) -> World:
    """Return a world that has something of everything."""
    chance = random.Random(seed)
    values = chance.choices(VALUES, k=6)

    def document() -> dict[str, object]:
        keys = chance.sample(["plan", "a.b", "a/b", "other"], k=chance.randint(0, 3))
        return {key: chance.choice(values) for key in keys}

    def made(place: int) -> Event:
        kind = chance.choice([EventType.TRACK, EventType.TRACK, EventType.TRACK, *EventType])
        web = '{"browser":"Firefox","screen_width":800}' if chance.random() < 0.3 else None
        return event(
            chance.choice(TIMES),
            chance.choice(["opened", "closed", "saved"]) if kind is EventType.TRACK else "",
            None if kind is EventType.IDENTIFY_COMPANY else f"u{chance.randint(1, 5)}",
            id=f"{place:020x}",
            event_type=kind,
            company_id=chance.choice([None, "c1", "c2"]),
            metadata=document(),
            web=web,
        )

    def profile(key: str) -> dict[str, object]:
        value = chance.choice(VALUES)
        return {} if value is None else {key: value}

    return World(
        [made(place) for place in range(number)],
        {f"u{n}": profile("tier") for n in range(1, 4)},
        {"c1": profile("plan")},
    )


CONDITIONS = st.builds(
    lambda property, op, values: Condition(
        property,
        op,
        [] if op in (Op.SET, Op.UNSET) else values if op is Op.IN else values[:1],
    ),
    st.sampled_from(PROPERTIES),
    st.sampled_from(Op),
    st.lists(st.sampled_from(OPERANDS), min_size=1, max_size=3),
)
NAMES = st.sampled_from([ANY, "opened", "closed", "saved", "@page_view", "@identify_user", "none"])
SELECTIONS = st.builds(
    Selection,
    st.lists(NAMES, min_size=1, max_size=2) | st.just([ANY]),
    st.just([]) | st.lists(CONDITIONS, max_size=2),
)
STEPS = st.builds(
    Selection,
    st.lists(NAMES, min_size=1, max_size=1),
    st.just([]) | st.lists(CONDITIONS, max_size=1),
)
RANGES = st.tuples(st.sampled_from(TIMES), st.sampled_from(TIMES)).map(
    lambda pair: (min(pair), max(pair) + 1)
)
PEOPLE = st.sampled_from([Count.USERS, Count.COMPANIES])


class Place(NamedTuple):
    """A store, and what is in it."""

    asked: Asked
    world: World


@pytest.fixture(scope="module", params=PLACES)
def place(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Place]:
    """The same events, in each of the places."""
    world = made_up(4, 240)
    with Asked(tmp_path_factory.mktemp("asked")) as asked:
        asked.put(request.param, world)
        yield Place(asked, world)


@pytest.mark.slow  # 3 s
@settings(max_examples=EXAMPLES)
@given(
    RANGES,
    SELECTIONS,
    st.sampled_from(Count),
    st.none() | st.sampled_from(PROPERTIES),
    st.integers(1, 4),
    st.sampled_from(ZONES),
    st.sampled_from(Interval),
)
def test_trends_are_the_counts_of_the_reference(
    place: Place,
    times: tuple[int, int],
    events: Selection,
    of: Count,
    by: object,
    limit: int,
    zone: ZoneInfo,
    interval: Interval,
) -> None:
    """By any property and interval, in any zone, with the rest as one series."""
    buckets = span(*times, zone, interval, at_most=1000)
    asked = Trends(buckets, events, of, by, limit)  # type: ignore[arg-type]

    assert place.asked.trends(asked) == reference.trends(place.world, asked, zone, interval)


@pytest.mark.slow  # 4 s
@settings(max_examples=EXAMPLES)
@given(
    RANGES,
    st.lists(STEPS, min_size=2, max_size=4),
    st.sampled_from([1, HOUR, 2 * DAY, 30 * DAY]),
    PEOPLE,
)
def test_funnels_are_those_of_the_reference(
    place: Place, times: tuple[int, int], steps: list[Selection], window: int, of: Count
) -> None:
    """The reference walks every way; the question finds the shortest without."""
    asked = Funnel(*times, steps, window, of)

    assert place.asked.funnel(asked) == reference.funnel(place.world, asked)


@pytest.mark.slow  # 4 s
@settings(max_examples=EXAMPLES)
@given(
    RANGES,
    SELECTIONS,
    st.none() | SELECTIONS,
    PEOPLE,
    st.sampled_from(ZONES),
    st.sampled_from([Interval.DAY, Interval.WEEK, Interval.MONTH]),
)
def test_retention_is_that_of_the_reference(
    place: Place,
    times: tuple[int, int],
    first: Selection,
    back: Selection | None,
    of: Count,
    zone: ZoneInfo,
    interval: Interval,
) -> None:
    """Cohorts are those of the first event of all, also of those before the range."""
    asked = Retention(span(*times, zone, interval, at_most=1000), first, back or first, of)

    assert place.asked.retention(asked) == reference.retention(place.world, asked, zone, interval)


@pytest.mark.slow  # 3 s
@settings(max_examples=EXAMPLES)
@given(
    RANGES,
    st.sampled_from(What),
    st.sampled_from(PROPERTIES),
    SELECTIONS,
    st.sampled_from(Count),
    st.integers(1, 5),
)
def test_the_top_is_that_of_the_reference(
    place: Place,
    times: tuple[int, int],
    what: What,
    by: object,
    events: Selection,
    of: Count,
    limit: int,
) -> None:
    """Names, keys and values, ordered by any of the three counts."""
    values = by if what is What.VALUES else None
    asked = Top(*times, what, values, events, of, limit)  # type: ignore[arg-type]

    assert place.asked.top(asked) == reference.top(place.world, asked)


@pytest.mark.slow  # 4 s
def test_other_worlds_agree_too(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The same questions of many small worlds, from no event on."""
    zone, interval = ZONES[1], Interval.DAY
    for seed in range(25):
        world = made_up(seed, seed * 2)
        buckets = span(TIMES[0], TIMES[-1] + 1, zone, interval, at_most=1000)
        limits = (buckets.since, buckets.until)
        trends = Trends(buckets, of=Count.USERS, by=PROPERTIES[seed % len(PROPERTIES)], limit=3)
        funnel = Funnel(*limits, [Selection(["opened"]), Selection(["closed"])], DAY)
        retention = Retention(buckets)
        top = Top(*limits, What.VALUES, PROPERTIES[0])
        with Asked(tmp_path_factory.mktemp("asked")) as asked:
            asked.put("hot", world)

            assert asked.trends(trends) == reference.trends(world, trends, zone, interval)
            assert asked.funnel(funnel) == reference.funnel(world, funnel)
            assert asked.retention(retention) == reference.retention(
                world, retention, zone, interval
            )
            assert asked.top(top) == reference.top(world, top)


def test_the_reference_knows_the_hours_of_a_long_day() -> None:
    """It is trusted, so it is looked at: the day on which clocks go back has 25 hours."""
    start = int(datetime(2026, 10, 24, 22, tzinfo=UTC).timestamp()) * 1_000_000
    hours = reference.bucket_starts(start, start + 25 * HOUR, ZONES[1], Interval.HOUR)

    assert len(hours) == 25
    assert len({clock for clock, _ in hours}) == 24
