"""Retention: of those whose first event was in a period, how many came back in later ones."""

from typing import TYPE_CHECKING, Final

from analytex.query.insights.answers import Cohort
from analytex.query.insights.asked import Retention
from analytex.query.insights.source import (
    AT,
    SUBJECTS,
    Source,
    Values,
    between,
    put_slots,
    slot,
)

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection as Connection

#: One number for the place of an event in the order of time, then of storing.
_MOMENT: Final = f"CAST({AT} AS HUGEINT) * 9223372036854775808 + sequence"


def answer(db: "Connection", asked: Retention) -> list[Cohort]:
    """Answer it from the view `events`, which must reach back to the first of all events."""
    put_slots(db, asked.span)
    _begin(db, asked)
    buckets = asked.span.buckets
    cohorts = [Cohort(0, [0] * (buckets - bucket)) for bucket in range(buckets)]
    for bucket, size in db.execute("SELECT bucket, count(*) FROM began GROUP BY bucket").fetchall():
        cohorts[bucket] = cohorts[bucket]._replace(size=size)
    for bucket, later, number in _returned(db, asked):
        cohort = cohorts[bucket]
        returned = [*cohort.returned]
        returned[later] = number
        cohorts[bucket] = cohort._replace(returned=returned)
    return cohorts


def _begin(db: "Connection", asked: Retention) -> None:
    """Make the table `began`: who began in the span, exactly when, and in which bucket."""
    values = Values()
    source = Source(values)
    subject = SUBJECTS[asked.of]
    selected = source.selects(asked.first)
    slotted = slot(asked.span, values).replace(AT, "happened")
    db.execute(
        "CREATE TEMP TABLE began AS SELECT subject, moment, bucket FROM "
        f"(SELECT subject, moment, {slotted} AS slot FROM (SELECT {subject} AS subject, "
        f"min({_MOMENT}) AS moment, min({AT}) AS happened FROM {source.sql()} "
        f"WHERE {subject} IS NOT NULL AND {selected} AND {AT} < {values(asked.span.until)} "
        f"GROUP BY subject) WHERE happened >= {values(asked.span.since)}) JOIN slots USING (slot)",
        values.given,
    )


def _returned(db: "Connection", asked: Retention) -> list[tuple[int, int, int]]:
    """Return how many of each cohort came back how many buckets later."""
    values = Values()
    source = Source(values)
    selected = source.selects(asked.back)
    span = asked.span
    return db.execute(
        "SELECT began.bucket, slots.bucket - began.bucket, count(DISTINCT subject) FROM "
        f"(SELECT {SUBJECTS[asked.of]} AS subject, {_MOMENT} AS moment, "
        f"{slot(span, values)} AS slot FROM {source.sql()} "
        f"WHERE {selected} AND {between(span.since, span.until, values)}) AS back "
        "JOIN began USING (subject) JOIN slots USING (slot) "
        "WHERE back.moment > began.moment GROUP BY ALL",
        values.given,
    ).fetchall()
