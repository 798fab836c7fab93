"""Questions asked of the events."""

from typing import Any, Final

from analytex.http.asking import MOST_CONDITIONS, MOST_EVENTS
from analytex.http.described.operation import Content, Operation, Query, Schema, Section
from analytex.http.questions import (
    DEFAULT_LIMIT,
    DEFAULT_WINDOW,
    MOST_ITEMS,
    MOST_SERIES,
    MOST_STEPS,
    STEP_WHERE,
)
from analytex.query.insights.asked import Count, What
from analytex.query.insights.spans import Interval
from analytex.wire import insight_replies


def _words(*words: str) -> Schema:
    return {"type": "string", "enum": list(words), "default": words[0]}


def _many(at_most: int, at_least: int = 0) -> Schema:
    return {
        "type": "array",
        "items": {"type": "string"},
        "minItems": at_least,
        "maxItems": at_most,
    }


def _limit(text: str, at_most: int) -> Query:
    schema = {"type": "integer", "minimum": 1, "maximum": at_most, "default": DEFAULT_LIMIT}
    return Query("limit", text, schema)


_WHERE: Final = Query(
    "where",
    "Only events that fit this, such as `user.plan:eq:team`; may be repeated.",
    _many(MOST_CONDITIONS),
)
_EVENT: Final = Query(
    "event",
    "Only events with this name; may be repeated. Without it, all tracks and page views.",
    _many(MOST_EVENTS),
)
_TIMES: Final = (
    Query("from", "From this time on. Without it, so that there are 30 days."),
    Query("to", "Before this time. Without it, the end of today."),
    Query("tz", "The time zone of days, and of times that name none, such as `Europe/Berlin`."),
)
_EVENTS: Final = Query(
    "count", "What is counted.", _words(Count.EVENTS, Count.USERS, Count.COMPANIES)
)
_PEOPLE: Final = Query("count", "Who is counted.", _words(Count.USERS, Count.COMPANIES))
_BY: Final = Query("by", "The property whose values are told apart, such as `user.plan`.")
_DAYS: Final = (Interval.DAY, Interval.WEEK, Interval.MONTH)
_SPAN: Final[dict[str, Any]] = {
    "start": "2026-03-01T00:00:00.000000Z",
    "end": "2026-03-03T00:00:00.000000Z",
    "tz": "UTC",
}
_BUCKETS: Final = ["2026-03-01T00:00:00+00:00", "2026-03-02T00:00:00+00:00"]


def _amount(value: Any, events: int, users: int) -> dict[str, Any]:
    return {"value": value, "events": events, "users": users, "companies": 1}


_TRENDS: Final = {
    **_SPAN,
    "interval": "day",
    "count": "events",
    "by": "user.plan",
    "buckets": _BUCKETS,
    "series": [
        {"value": "team", "other": False, "counts": [3, 4], "total": 7},
        {"value": None, "other": False, "counts": [0, 1], "total": 1},
    ],
    "counts": [3, 5],
    "total": 8,
    "others": 0,
}
_FUNNEL: Final = {
    **_SPAN,
    "count": "users",
    "window": 604800,
    "steps": [
        {
            "step": 1,
            "event": "signed up",
            "count": 40,
            "conversion": 1.0,
            "step_conversion": 1.0,
            "median_time": None,
            "median_step_time": None,
        },
        {
            "step": 2,
            "event": "report_exported",
            "count": 10,
            "conversion": 0.25,
            "step_conversion": 0.25,
            "median_time": 5400.0,
            "median_step_time": 5400.0,
        },
    ],
    "conversion": 0.25,
}
_RETENTION: Final = {
    **_SPAN,
    "interval": "day",
    "count": "users",
    "first_event": "signed up",
    "return_event": "@any",
    "cohorts": [
        {"start": _BUCKETS[0], "size": 8, "returned": [8, 4]},
        {"start": _BUCKETS[1], "size": 2, "returned": [1]},
    ],
    "periods": [
        {"period": 0, "size": 10, "returned": 9, "rate": 0.9},
        {"period": 1, "size": 8, "returned": 4, "rate": 0.5},
    ],
    "total": 10,
}
_TOP: Final = {
    **_SPAN,
    "what": "values",
    "by": "user.plan",
    "count": "events",
    "items": [_amount("team", 7, 2)],
    "other": _amount(None, 1, 1),
    "total": _amount(None, 8, 3),
    "others": 1,
}

SECTION: Final = Section(
    "Insights",
    "Questions asked of the events: how many, how far, who came back, what most.",
    (
        Operation(
            "GET /v1/insights/trends",
            "Count events, users or companies over time.",
            key="read",
            query=(
                _EVENT,
                _WHERE,
                *_TIMES,
                Query(
                    "interval",
                    "How long a bucket is.",
                    {
                        **_words(*Interval),
                        "default": Interval.DAY,
                    },
                ),
                _EVENTS,
                _BY,
                _limit("How many values of `by` are told apart.", MOST_SERIES),
            ),
            gives={200: (Content(insight_replies.TrendsReply, example=_TRENDS),)},
            lag=True,
        ),
        Operation(
            "GET /v1/insights/funnel",
            "Count who took some steps one after the other.",
            key="read",
            query=(
                Query(
                    "step",
                    "The name of a step's event, repeated in the order of the steps. Required.",
                    _many(MOST_STEPS, 2),
                ),
                Query(
                    "window",
                    "In which all steps are taken: a number and `s`, `m`, `h` or `d`.",
                    {"type": "string", "default": DEFAULT_WINDOW},
                ),
                _WHERE,
                *(
                    Query(name, f"As `where`, for step {number} alone.", _many(MOST_CONDITIONS))
                    for number, name in enumerate(STEP_WHERE, 1)
                ),
                *_TIMES,
                _PEOPLE,
            ),
            gives={200: (Content(insight_replies.FunnelReply, example=_FUNNEL),)},
            lag=True,
        ),
        Operation(
            "GET /v1/insights/retention",
            "Count who came back, by when they began.",
            key="read",
            query=(
                Query("start", "The event with which somebody begins. Without it, any."),
                Query("return", "The event that is a return. Without it, that of `start`."),
                _WHERE,
                Query("where.start", "As `where`, for the first event alone.", _many(10)),
                Query("where.return", "As `where`, for returns alone.", _many(10)),
                *_TIMES,
                Query("interval", "How long a bucket is.", _words(*_DAYS)),
                _PEOPLE,
            ),
            gives={200: (Content(insight_replies.RetentionReply, example=_RETENTION),)},
            lag=True,
        ),
        Operation(
            "GET /v1/insights/top",
            "List what there was most of.",
            key="read",
            query=(
                Query("what", "Of what; `values` if there is a `by`.", _words(*What)),
                _BY._replace(text="The property whose values are counted."),
                _EVENT,
                _WHERE,
                *_TIMES,
                _EVENTS._replace(text="What they are ordered by."),
                _limit("How many are listed.", MOST_ITEMS),
            ),
            gives={200: (Content(insight_replies.TopReply, example=_TOP),)},
            lag=True,
        ),
    ),
)
