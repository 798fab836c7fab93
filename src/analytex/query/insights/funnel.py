"""Funnels: how many took some steps one after the other, within a time.

Who counts for a step took it and all steps before, in this order, with no more than the window
between the first and this one. Of several ways to do so the shortest time counts.
"""

from typing import TYPE_CHECKING

from analytex.query.insights.answers import StepAnswer
from analytex.query.insights.asked import Funnel
from analytex.query.insights.source import AT, SUBJECTS, Source, Values, between

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection as Connection

_BEFORE = (
    "(PARTITION BY subject ORDER BY happened, sequence "
    "ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)"
)


def answer(db: "Connection", asked: Funnel) -> list[StepAnswer]:
    """Answer it from the view `events`, which must reach to a window behind `until`."""
    values = Values()
    walked = _steps(asked, values)
    numbers = range(1, len(asked.steps) + 1)
    fastest = ", ".join(
        f"min(happened - first{n}) AS first{n}, min(happened - previous{n}) AS previous{n}"
        for n in numbers
    )
    medians = ", ".join(f"count(first{n}), median(first{n}), median(previous{n})" for n in numbers)
    row = db.execute(
        f"SELECT {medians} FROM (SELECT {fastest} FROM {walked} GROUP BY subject)", values.given
    ).fetchone()
    assert row is not None
    answers = [StepAnswer(*row[start : start + 3]) for start in range(0, len(row), 3)]
    return [answers[0]._replace(from_first=None, from_previous=None), *answers[1:]]


def _steps(asked: Funnel, values: Values) -> str:
    """Return a relation of all events that are steps.

    Of an event that ends a valid way to step n, `firstN` is when the latest such way began, and
    `previousN` when its step before was. Every shortest time is found so: a later beginning is
    always at least as good, and the latest step before has the latest beginning.
    """
    source = Source(values)
    matches = [source.selects(step) for step in asked.steps]
    first = between(asked.since, asked.until, values)
    marks = [f"{matches[0]} AND {first} AS step1"]
    marks += [f"{match} AS step{n}" for n, match in enumerate(matches[1:], 2)]
    any_step = " OR ".join(f"step{n}" for n in range(1, len(matches) + 1))
    subject = SUBJECTS[asked.of]
    relation = (
        f"(SELECT *, CASE WHEN step1 THEN happened END AS first1, first1 AS previous1 FROM "
        f"(SELECT {subject} AS subject, {AT} AS happened, sequence, {', '.join(marks)} "
        f"FROM {source.sql()} WHERE {subject} IS NOT NULL) WHERE {any_step})"
    )
    for n in range(2, len(matches) + 1):
        relation = _follow(relation, n, values(asked.window))
    return relation


def _follow(relation: str, n: int, window: str) -> str:
    """Return the relation with the columns of step n, from those of the step before."""
    reached = f"step{n} AND happened - begun <= {window}"
    return (
        f"(SELECT * EXCLUDE (begun, came), CASE WHEN {reached} THEN begun END AS first{n}, "
        f"CASE WHEN {reached} THEN came END AS previous{n} FROM (SELECT *, "
        f"max(first{n - 1}) OVER before AS begun, "
        f"max(CASE WHEN first{n - 1} IS NOT NULL THEN happened END) OVER before AS came "
        f"FROM {relation} WINDOW before AS {_BEFORE}))"
    )
