"""What the numbers mean, case by case; `tests/laws/test_insights.py` has the general rule."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from analytex.domain.events import Event, EventType
from analytex.domain.history import FOLDER
from analytex.history.engine import HistoryUnreadable, TooSlow
from analytex.query.insights.asked import (
    Count,
    Funnel,
    Retention,
    Selection,
    Top,
    Trends,
    What,
    parse_condition,
    parse_property,
)
from analytex.query.insights.spans import Interval, span
from tests.history.inside import seal
from tests.unit.query.insights import DAY, Asked, event

UTC = ZoneInfo("UTC")
START = 20_000 * DAY


@pytest.fixture
def asked(tmp_path: Path) -> Iterator[Asked]:
    """An empty store."""
    with Asked(tmp_path) as asked:
        yield asked


def trends(days: int = 2, **rest: Any) -> Trends:
    """Ask for some days from START on."""
    return Trends(span(START, START + days * DAY, UTC, Interval.DAY, at_most=100), **rest)


def test_an_event_on_a_border_belongs_to_what_begins_there(asked: Asked) -> None:
    """Buckets have their beginning and not their end, and so has the whole time."""
    borders = [START - 1, START, START + DAY - 1, START + DAY, START + 2 * DAY - 1, START + 2 * DAY]
    asked.store(map(event, borders))

    answer = asked.trends(trends())

    assert [*answer.counts] == [2, 2]
    assert answer.total == 4


def test_an_empty_time_has_a_series_of_zeros(asked: Asked) -> None:
    """A chart has its axis all the same."""
    answer = asked.trends(trends())

    assert [[*each.counts] for each in answer.series] == [[0, 0]]
    assert (answer.total, answer.others) == (0, 0)


def test_with_nothing_there_are_no_values_either(asked: Asked) -> None:
    """Nothing is told apart where nothing is."""
    assert asked.trends(trends(by=parse_property("event.plan"))).series == []


def test_who_is_there_on_two_days_counts_once_in_total(asked: Asked) -> None:
    """Unique users of a time are not the sum of its days."""
    asked.store(
        [event(START), event(START + 1), event(START + DAY), event(START + DAY, user_id="bob")]
    )

    answer = asked.trends(trends(of=Count.USERS))

    assert ([*answer.counts], answer.total) == ([1, 2], 2)


@pytest.mark.parametrize("days", [61, 62, 63, 100])
def test_each_day_of_a_long_time_has_its_users(asked: Asked, days: int) -> None:
    """One whole number has bits for 62 days; what comes behind them is in the next one."""
    asked.store(
        [event(START + day * DAY, user_id=f"u{day % 3}") for day in range(days) if day % 7 != 5]
        + [event(START + (days - 1) * DAY, user_id="last")]
    )

    answer = asked.trends(trends(days, of=Count.USERS))

    assert [*answer.counts] == [(day % 7 != 5) + (day == days - 1) for day in range(days)]
    assert answer.total == 4


def test_users_without_a_company_are_no_company(asked: Asked) -> None:
    """They are missing, and not one that has no name."""
    asked.store([event(START), event(START, company_id="acme"), event(START, company_id="acme")])

    assert asked.trends(trends(of=Count.COMPANIES)).total == 1


def test_identifies_are_nothing_that_users_did(asked: Asked) -> None:
    """They count only where they are asked for."""
    asked.store(
        [
            event(START),
            event(START, "", event_type=EventType.PAGE_VIEW),
            event(START, "", event_type=EventType.IDENTIFY_USER),
            event(START, "", None, event_type=EventType.IDENTIFY_COMPANY, company_id="acme"),
        ]
    )

    assert asked.trends(trends()).total == 2
    assert asked.trends(trends(events=Selection(["@identify_company"]))).total == 1


def test_the_rest_of_the_values_is_one_series(asked: Asked) -> None:
    """A property may have millions of values; who has two of the rest counts once there."""
    plans = ["a", "a", "a", "b", "b", "c", None]
    asked.store([event(START, metadata={"plan": plan}) for plan in plans])
    by = parse_property("event.plan")

    answer = asked.trends(trends(by=by, limit=2))
    users = asked.trends(trends(by=by, limit=1, of=Count.USERS))

    assert [(each.value, each.is_other, each.total) for each in answer.series] == [
        ("a", False, 3),
        ("b", False, 2),
        (None, True, 2),
    ]
    assert answer.others == 2
    assert [each.total for each in users.series] == [1, 1]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["1", "1.0", '"1"', "1e0"], [(1, 3), ("1", 1)]),
        (["null", None, '""'], [(None, 2), ("", 1)]),
        (["true", '"true"'], [("true", 1), (True, 1)]),
        (['{"a": 1}', '{"a":1}', "[ ]"], [({"a": 1}, 2), ([], 1)]),
        (["9" * 30, "9007199254740993"], [(9007199254740993, 1), (int("9" * 30), 1)]),
        (['"\\u0000"', '"\\u00e4\\n"', '"ä\\n"'], [("ä\n", 2), ("\0", 1)]),
        (["-0", "0", "-0.0"], [(0, 3)]),
    ],
)
def test_values_are_told_apart_by_type_and_value(
    asked: Asked, values: list[str | None], expected: list[tuple[object, int]]
) -> None:
    """However they were written."""
    asked.store(
        [event(START, metadata="{}" if each is None else f'{{"x":{each}}}') for each in values]
    )

    answer = asked.trends(trends(by=parse_property("event.x")))

    assert [(each.value, each.total) for each in answer.series] == expected


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("team", ['"team"', '"t\\u0065am"']),
        ("a/b", ['"a/b"', '"a\\/b"']),
        ('a"b', ['"a\\"b"']),
        ("true", ["true", '"true"']),
        ("null", ['"null"']),
        ("", ['""']),
    ],
)
def test_a_text_is_found_however_it_was_escaped(asked: Asked, value: str, found: list[str]) -> None:
    """Most events are left out by a look at their text, which must not leave out these."""
    others = ['"teams"', '{"x":"team"}', "null", "false", "7", '"nu\\u006c"']
    asked.store([event(START, metadata=f'{{"x":{each}}}') for each in [*found, *others]])

    def total(op: str) -> int:
        where = [parse_condition(f"event.x:{op}:{value}")]
        return asked.trends(trends(events=Selection(where=where))).total

    assert (total("eq"), total("ne")) == (len(found), len(others))


def test_profiles_are_as_they_are_now(asked: Asked) -> None:
    """A user who changed the plan is counted with the new one, also for what was before."""
    asked.store(
        [event(START), event(START, user_id="bob"), event(START, company_id="acme")],
        {"ada": {"plan": {"name": "pro"}}},
        {"acme": {"plan": "team"}},
    )

    def by(text: str) -> list[tuple[object, int]]:
        answer = asked.trends(trends(by=parse_property(text)))
        return [(each.value, each.total) for each in answer.series]

    assert by("user./plan/name") == [("pro", 2), (None, 1)]
    assert by("company.plan") == [(None, 2), ("team", 1)]
    where = [parse_condition("user./plan/name:eq:pro"), parse_condition("company.plan:unset")]
    assert asked.trends(trends(events=Selection(where=where))).total == 1


def test_what_a_question_holds_is_a_value_and_never_sql(asked: Asked) -> None:
    """Whatever is written into an address."""
    evil = "'; DROP TABLE events; --$v0"
    asked.store([event(START, evil, metadata={evil: evil})])
    where = [parse_condition(f"event.{evil}:eq:{evil}")]
    selection = Selection([evil], where)

    answer = asked.trends(trends(events=selection, by=parse_property(f"event.{evil}")))

    assert [(each.value, each.total) for each in answer.series] == [(evil, 1)]


def funnel(*names: str, window: int = DAY, days: int = 2) -> Funnel:
    """Ask for steps that are tracks."""
    return Funnel(START, START + days * DAY, [Selection([name]) for name in names], window)


def test_steps_are_taken_in_order_and_in_time(asked: Asked) -> None:
    """The window is that from the first step on; its end still counts."""
    asked.store(
        [
            *(event(START, "one"), event(START + 5, "two"), event(START + DAY, "three")),
            *(event(START, "two", "bob"), event(START + 1, "one", "bob")),
            *(event(START, "one", "cy"), event(START + DAY + 1, "two", "cy")),
        ]
    )

    answer = asked.funnel(funnel("one", "two", "three"))

    assert [step.reached for step in answer] == [3, 1, 1]
    assert [step.from_first for step in answer] == [None, 5, DAY]
    assert [step.from_previous for step in answer] == [None, 5, DAY - 5]


def test_the_shortest_way_counts(asked: Asked) -> None:
    """Who begins twice was as fast as the faster time."""
    times = [(0, "one"), (10, "one"), (13, "two"), (20, "two")]
    asked.store([event(START + at, name) for at, name in times])

    assert asked.funnel(funnel("one", "two"))[1].from_first == 3


def test_one_event_is_never_two_steps(asked: Asked) -> None:
    """Two events of the same time are, in the order in which they were stored."""
    asked.store(
        [
            *(event(START, "one"), event(START, "one", "bob"), event(START, "one", "bob")),
            *(event(START, "two", "cy"), event(START, "one", "cy"), event(START, "two", "cy")),
        ]
    )

    assert [step.reached for step in asked.funnel(funnel("one", "one"))] == [3, 1]
    assert [step.reached for step in asked.funnel(funnel("two", "one", "two"))] == [1, 1, 1]


def test_later_steps_may_come_behind_the_end(asked: Asked) -> None:
    """Else the newest beginners would never have a chance."""
    asked.store([event(START + 2 * DAY - 1, "one"), event(START + 3 * DAY - 1, "two")])

    assert [step.reached for step in asked.funnel(funnel("one", "two"))] == [1, 1]


def retention(**rest: Any) -> Retention:
    """Ask for three days from START on."""
    return Retention(span(START, START + 3 * DAY, UTC, Interval.DAY, at_most=100), **rest)


def test_cohorts_come_back(asked: Asked) -> None:
    """Ada in the same bucket and two later, Bob the next day; the first event is no return."""
    asked.store(
        [
            *(event(START), event(START + 1), event(START + 2 * DAY)),
            *(event(START + DAY, user_id="bob"), event(START + 2 * DAY, user_id="bob")),
        ]
    )

    answer = asked.retention(retention())

    assert [(each.size, [*each.returned]) for each in answer] == [
        (1, [1, 0, 1]),
        (1, [0, 1]),
        (0, [0]),
    ]


def test_who_began_before_is_in_no_cohort(asked: Asked) -> None:
    """The first event of all counts, however long ago."""
    asked.store([event(START - 1), event(START), event(START + DAY)])

    assert sum(each.size for each in asked.retention(retention())) == 0


def test_a_return_may_be_another_event(asked: Asked) -> None:
    """It counts behind the first event only."""
    asked.store([event(START, "paid"), event(START + 1, "opened"), event(START + DAY, "paid")])

    answer = asked.retention(retention(first=Selection(["opened"]), back=Selection(["paid"])))

    assert [*answer[0].returned] == [0, 1, 0]


def top(what: What, **rest: Any) -> Top:
    """Ask for a day."""
    return Top(START, START + DAY, what, **rest)


def test_properties_are_counted_by_their_keys(asked: Asked) -> None:
    """A null is no value, and a key that stands twice is one."""
    asked.store(
        [event(START, metadata='{"a":1,"a":2,"b":null}'), event(START, metadata={"a.b": 1, "a": 0})]
    )

    answer = asked.top(top(What.PROPERTIES))

    assert [(item.value, item.events, item.users) for item in answer.items] == [
        ("a", 2, 1),
        ("a.b", 1, 1),
    ]


@pytest.mark.parametrize(
    ("of", "first"), [(Count.EVENTS, "opened"), (Count.USERS, "saved"), (Count.COMPANIES, "paid")]
)
def test_the_top_is_ordered_by_what_is_counted(asked: Asked, of: Count, first: str) -> None:
    """Each item has all three numbers."""
    make: Callable[..., Event] = event
    asked.store(
        [
            *[make(START, "opened")] * 3,
            *(make(START, "saved"), make(START, "saved", "bob")),
            make(START, "paid", company_id="acme"),
        ]
    )

    answer = asked.top(top(What.EVENTS, of=of, limit=1))

    assert [item.value for item in answer.items] == [first]
    assert answer.others == 2
    assert answer.items[0].events + answer.other.events == answer.total.events == 6
    assert (answer.total.users, answer.total.companies) == (2, 1)


def test_reading_profiles_takes_no_longer_than_it_may(tmp_path: Path) -> None:
    """As the question itself."""
    with Asked(tmp_path, timeout_s=0.0) as asked:
        asked.store([event(START)], {"ada": {"plan": 1}})
        with pytest.raises(TooSlow):
            asked.trends(trends(by=parse_property("user.plan")))


@pytest.mark.parametrize("damage", ["missing", "cut", "holed"])
@pytest.mark.parametrize("by", [None, "event.plan"])
def test_a_damaged_file_is_a_503_that_says_so(tmp_path: Path, damage: str, by: str | None) -> None:
    """Rather than numbers without its events."""
    with Asked(tmp_path) as asked:
        asked.store(event(START + n, metadata={"plan": f"{n % 3}"}) for n in range(30))
        seal(tmp_path)
        (file,) = (tmp_path / FOLDER).rglob("*.parquet")
        if damage == "missing":
            file.unlink()
        else:
            content = file.read_bytes()
            middle = len(content) // 2
            file.write_bytes(content[:middle] if damage == "cut" else b"PAR1" + b"\xff" * middle)

        with pytest.raises(HistoryUnreadable):
            asked.trends(trends(by=by and parse_property(by)))
