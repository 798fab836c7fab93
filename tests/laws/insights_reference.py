"""What the answers to questions shall be, said in the simplest way: loops over a list of events."""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from analytex.domain.events import Event
from analytex.query.insights.answers import Cohort, Series, StepAnswer, TopAnswer, TopItem
from analytex.query.insights.answers import TrendsAnswer as Answer
from analytex.query.insights.asked import (
    SPECIAL,
    Condition,
    Count,
    Funnel,
    Op,
    Owner,
    Property,
    Retention,
    Selection,
    Top,
    Trends,
    What,
)
from analytex.query.insights.spans import Interval

Document = Mapping[str, Any]


class World(NamedTuple):
    """Events in the order in which they were stored, and the properties that profiles have now."""

    events: Sequence[Event]
    users: Mapping[str, Document]
    companies: Mapping[str, Document]


Clock = tuple[datetime, timedelta | None]


def bucket_start(at: int, zone: ZoneInfo, interval: Interval) -> Clock:
    """Return what clocks showed when the bucket of a time began; of hours, with the offset."""
    clock = datetime.fromtimestamp(at // 1_000_000, zone)
    if interval is Interval.HOUR:
        return clock.replace(minute=0, second=0, tzinfo=None), clock.utcoffset()
    day = clock.replace(hour=0, minute=0, second=0, tzinfo=None)
    if interval is Interval.WEEK:
        day -= timedelta(days=day.weekday())
    return day.replace(day=1) if interval is Interval.MONTH else day, None


def bucket_starts(since: int, until: int, zone: ZoneInfo, interval: Interval) -> list[Clock]:
    """Return those of all buckets, found by looking at every quarter of an hour."""
    times = [*range(since, until, 15 * 60 * 1_000_000), until - 1]
    return list(dict.fromkeys(bucket_start(at, zone, interval) for at in times))


def trends(world: World, asked: Trends, zone: ZoneInfo, interval: Interval) -> Answer:
    """Count them one by one."""
    span = asked.span
    starts = bucket_starts(span.since, span.until, zone, interval)
    found = [
        (starts.index(bucket_start(event.inserted_at, zone, interval)), value, who)
        for _, event in _selected(world, asked.events, span.since, span.until)
        if (who := _subject(event, asked.of)) is not None
        for value in [_shown(world, event, asked.by)]
    ]
    sizes = {value: _number(asked.of, found, value=value) for value in {each[1] for each in found}}
    ranked = sorted(sizes, key=lambda value: (-sizes[value], value is None, value or ""))
    ranked = [None] if asked.by is None else ranked
    rest = ranked[asked.limit :]
    series = [_series(asked, found, len(starts), [value]) for value in ranked[: asked.limit]]
    if rest:
        series.append(_series(asked, found, len(starts), rest)._replace(value=None, is_other=True))
    whole = _series(asked, found, len(starts), None)
    return Answer(series, whole.counts, whole.total, len(rest))


def funnel(world: World, asked: Funnel) -> list[StepAnswer]:
    """Walk every way through the steps that anybody took."""
    lines: dict[str, list[tuple[int, Event]]] = defaultdict(list)
    for place, event in _in_order(world.events):
        who = _subject(event, asked.of)
        if who is not None:
            lines[who].append((place, event))
    from_first: list[list[int]] = [[] for _ in asked.steps]
    from_previous: list[list[int]] = [[] for _ in asked.steps]
    for line in lines.values():
        ways = set(_ways(world, asked, [event for _, event in line]))
        for step in range(len(asked.steps)):
            times = [way for way in ways if way[0] == step]
            if times:
                from_first[step].append(min(way[1] for way in times))
                from_previous[step].append(min(way[2] for way in times))
    return [
        StepAnswer(
            len(from_first[step]),
            median(from_first[step]) if step and from_first[step] else None,
            median(from_previous[step]) if step and from_previous[step] else None,
        )
        for step in range(len(asked.steps))
    ]


def retention(world: World, asked: Retention, zone: ZoneInfo, interval: Interval) -> list[Cohort]:
    """Look for the first event of each, and at all that came behind it."""
    span = asked.span
    starts = bucket_starts(span.since, span.until, zone, interval)
    first: dict[str, tuple[int, Event]] = {}
    for place, event in _selected(world, asked.first, None, span.until):
        who = _subject(event, asked.of)
        if who is not None:
            first.setdefault(who, (place, event))
    came: dict[int, set[str]] = defaultdict(set)
    back: dict[tuple[int, int], set[str]] = defaultdict(set)
    bucket = {
        who: starts.index(bucket_start(event.inserted_at, zone, interval))
        for who, (_, event) in first.items()
        if event.inserted_at >= span.since
    }
    for who, began in bucket.items():
        came[began].add(who)
    for place, event in _selected(world, asked.back, span.since, span.until):
        who = _subject(event, asked.of)
        if who is None or who not in bucket or place <= first[who][0]:
            continue
        now = starts.index(bucket_start(event.inserted_at, zone, interval))
        back[bucket[who], now - bucket[who]].add(who)
    return [
        Cohort(len(came[start]), [len(back[start, n]) for n in range(len(starts) - start)])
        for start in range(len(starts))
    ]


def top(world: World, asked: Top) -> TopAnswer:
    """Count them one by one."""
    found: list[tuple[str | None, Event]] = []
    name = Property(Owner.FIELD, "event_name")
    for _, event in _selected(world, asked.events, asked.since, asked.until):
        if asked.what is What.PROPERTIES:
            keys = [key for key, value in json.loads(event.metadata).items() if value is not None]
            found += [(json.dumps(key), event) for key in keys]
        else:
            found.append((_shown(world, event, asked.by or name), event))
    items = [
        _top_item(value, [event for each, event in found if each == value])
        for value in {value for value, _ in found}
    ]
    items.sort(
        key=lambda item: (-int(getattr(item, asked.of)), item.value is None, item.value or "")
    )
    kept = {item.value for item in items[: asked.limit]}
    return TopAnswer(
        [item._replace(value=_loaded(item.value)) for item in items[: asked.limit]],
        _top_item(None, [event for value, event in found if value not in kept]),
        _top_item(None, [event for _, event in found]),
        max(len(items) - asked.limit, 0),
    )


def _selected(
    world: World, selection: Selection, since: int | None, until: int
) -> Iterator[tuple[int, Event]]:
    for place, event in _in_order(world.events):
        in_time = (since is None or event.inserted_at >= since) and event.inserted_at < until
        if in_time and _is_meant(world, event, selection):
            yield place, event


def _in_order(events: Sequence[Event]) -> Iterator[tuple[int, Event]]:
    """Yield the events by time; of one time in the order in which they were stored."""
    yield from enumerate(sorted(events, key=lambda event: event.inserted_at))


def _is_meant(world: World, event: Event, selection: Selection) -> bool:
    named = any(
        event.event_type in SPECIAL[name]
        if name in SPECIAL
        else (event.event_type == "track" and event.event_name == name)
        for name in selection.names
    )
    return named and all(_fits(world, event, each) for each in selection.where)


def _fits(world: World, event: Event, condition: Condition) -> bool:
    value = _value(world, event, condition.property)
    op, wanted = condition.op, condition.values
    if op is Op.SET:
        return value is not None
    if op is Op.UNSET:
        return value is None
    if op is Op.NE:
        return not _equals(value, wanted[0])
    if op in (Op.EQ, Op.IN):
        return any(_equals(value, each) for each in wanted)
    if op is Op.CONTAINS:
        return isinstance(value, str) and wanted[0] in value
    compare: Callable[[Any, Any], bool] = {
        Op.LT: lambda a, b: a < b,
        Op.LE: lambda a, b: a <= b,
        Op.GT: lambda a, b: a > b,
        Op.GE: lambda a, b: a >= b,
    }[op]
    number = _as_number(wanted[0])
    if number is None:
        return isinstance(value, str) and compare(value, wanted[0])
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and bool(compare(value, number))


def _equals(value: Any, text: str) -> bool:
    if value is None or isinstance(value, str):
        return value is not None and value == text
    if isinstance(value, bool | dict | list):
        return _plain(value) == text
    return bool(value == _as_number(text))


def _as_number(text: str) -> Any:
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _value(world: World, event: Event, property: Property) -> Any:
    """Return the value of a property; None if there is none."""
    if property.owner is Owner.FIELD:
        if property.name == "event_name":
            return event.event_name if event.event_type == "track" else f"@{event.event_type}"
        if hasattr(event, property.name):
            return getattr(event, property.name)
        return json.loads(event.web or "{}").get(property.name)
    document: Any = json.loads(event.metadata)
    if property.owner is Owner.USER:
        document = world.users.get(event.user_id or "", {})
    if property.owner is Owner.COMPANY:
        document = world.companies.get(event.company_id or "", {})
    if not property.name.startswith("/"):
        return document.get(property.name)
    for word in property.name.split("/")[1:]:
        key = word.replace("~1", "/").replace("~0", "~")
        if isinstance(document, list) and key.isdecimal() and int(key) < len(document):
            document = document[int(key)]
        else:
            document = document.get(key) if isinstance(document, dict) else None
    return document


def _shown(world: World, event: Event, property: Property | None) -> str | None:
    """Return JSON that is the same for the same value; of a field that is a text, the text."""
    value = None if property is None else _value(world, event, property)
    return None if value is None else _plain(value, quoted=True)


def _plain(value: Any, *, quoted: bool = False) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, str) and not quoted:
        return value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _loaded(value: str | None) -> Any:
    return None if value is None else json.loads(value)


def _subject(event: Event, count: Count) -> str | None:
    if count is Count.USERS:
        return event.user_id
    return event.company_id if count is Count.COMPANIES else ""


def _number(
    count: Count,
    found: Iterable[tuple[int, str | None, str]],
    *,
    value: str | None,
) -> int:
    whose = [who for _, each, who in found if each == value]
    return len(whose) if count is Count.EVENTS else len(set(whose))


def _series(
    asked: Trends,
    found: Sequence[tuple[int, str | None, str]],
    buckets: int,
    values: Sequence[str | None] | None,
) -> Series:
    rows = [each for each in found if values is None or each[1] in values]
    of_bucket: dict[int, list[str]] = defaultdict(list)
    for bucket, _, who in rows:
        of_bucket[bucket].append(who)
    size = len if asked.of is Count.EVENTS else lambda whose: len(set(whose))
    return Series(
        _loaded(values[0]) if values else None,
        False,
        [size(of_bucket[bucket]) for bucket in range(buckets)],
        size([who for _, _, who in rows]),
    )


def _ways(world: World, asked: Funnel, line: Sequence[Event]) -> Iterator[tuple[int, int, int]]:
    """Yield each step that ends a way, and the times since the first and since the one before."""

    def walk(step: int, at: int, began: int) -> Iterator[tuple[int, int, int]]:
        if step == len(asked.steps):
            return
        for later in range(at + 1, len(line)):
            time = line[later].inserted_at
            if time - began > asked.window:
                return
            if _is_meant(world, line[later], asked.steps[step]):
                yield step, time - began, time - line[at].inserted_at
                yield from walk(step + 1, later, began)

    for place, event in enumerate(line):
        in_time = asked.since <= event.inserted_at < asked.until
        if in_time and _is_meant(world, event, asked.steps[0]):
            yield 0, 0, 0
            yield from walk(1, place, event.inserted_at)


def _top_item(value: str | None, events: Sequence[Event]) -> TopItem:
    return TopItem(
        value,
        len(events),
        len(Counter(event.user_id for event in events if event.user_id is not None)),
        len(Counter(event.company_id for event in events if event.company_id is not None)),
    )


def utc(text: str) -> int:
    """Return microseconds since 1970-01-01 UTC."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000_000
