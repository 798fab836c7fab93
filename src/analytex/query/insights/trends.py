"""Trends: how many events, users or companies there were in each bucket.

First all events become the table `seen`: a row for each bucket and value, and where users or
companies are counted for each of them. Everything else is counted from that.
"""

from typing import TYPE_CHECKING, Final, NamedTuple

from analytex.query.insights.answers import Series, TrendsAnswer, decode
from analytex.query.insights.asked import Count, Trends
from analytex.query.insights.source import SUBJECTS, Source, Values, between, put_slots, slot

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection as Connection


class _Measure(NamedTuple):
    """How to count rows of `seen`."""

    any: str  #: whatever rows they are
    one: str  #: where no bucket and value stands twice for one who is counted: much faster


_EVENTS: Final = _Measure("CAST(coalesce(sum(n), 0) AS BIGINT)", "CAST(sum(n) AS BIGINT)")
_PEOPLE: Final = _Measure("count(DISTINCT subject)", "count(*)")


def answer(db: "Connection", asked: Trends) -> TrendsAnswer:
    """Answer it from the view `events`."""
    measure = _EVENTS if asked.of is Count.EVENTS else _PEOPLE
    _count(db, asked)
    series: list[Series] = []
    others = 0
    if asked.by is not None:
        series, others = _values(db, asked, measure)
    # Without values there is one row for each bucket and subject.
    counts = _buckets(db, asked, measure.any if asked.by else measure.one, "seen")
    total = _total(db, measure, "seen")
    if asked.by is None:
        series = [Series(None, False, counts, total)]
    return TrendsAnswer(series, counts, total, others)


def _count(db: "Connection", asked: Trends) -> None:
    """Make the table `seen`."""
    put_slots(db, asked.span)
    values = Values()
    source = Source(values)
    conditions = [
        source.selects(asked.events),
        between(asked.span.since, asked.span.until, values),
    ]
    subject = SUBJECTS.get(asked.of, "NULL")
    if asked.of is not Count.EVENTS:
        conditions.append(f"{subject} IS NOT NULL")
    value = "NULL" if asked.by is None else source.value(asked.by)
    columns = f"CAST({value} AS VARCHAR) AS value, CAST({subject} AS VARCHAR) AS subject"
    db.execute(
        f"CREATE TEMP TABLE seen AS SELECT bucket, value, subject, count(*) AS n "
        f"FROM (SELECT {slot(asked.span, values)} AS slot, {columns} FROM {source.sql()} "
        f"WHERE {' AND '.join(conditions)}) JOIN slots USING (slot) GROUP BY ALL",
        values.given,
    )


def _values(db: "Connection", asked: Trends, measure: _Measure) -> tuple[list[Series], int]:
    """Return the series of the largest values, that of the others, and how many those are."""
    assert asked.by is not None
    db.execute(
        "CREATE TEMP TABLE chosen AS SELECT value, total, "
        "row_number() OVER (ORDER BY total DESC, value NULLS LAST) - 1 AS place "
        f"FROM (SELECT value, {measure.any} AS total FROM seen GROUP BY value)"
    )
    found = db.execute("SELECT count(*) FROM chosen").fetchone()
    assert found is not None
    db.execute("DELETE FROM chosen WHERE place >= $limit", {"limit": asked.limit})
    chosen = db.execute("SELECT value, total FROM chosen ORDER BY place").fetchall()
    lines = [[0] * asked.span.buckets for _ in chosen]
    for place, bucket, number in db.execute(
        f"SELECT place, bucket, {measure.one} FROM seen JOIN chosen "
        "ON seen.value IS NOT DISTINCT FROM chosen.value GROUP BY ALL"
    ).fetchall():
        lines[place][bucket] = number
    series = [
        Series(decode(value, asked.by), False, line, total)
        for (value, total), line in zip(chosen, lines, strict=True)
    ]
    others = found[0] - len(chosen)
    if others:
        rest = (
            "seen WHERE NOT EXISTS (FROM chosen WHERE chosen.value IS NOT DISTINCT FROM seen.value)"
        )
        counts = _buckets(db, asked, measure.any, rest)
        series.append(Series(None, True, counts, _total(db, measure, rest)))
    return series, others


def _buckets(db: "Connection", asked: Trends, measure: str, relation: str) -> list[int]:
    """Return how many there are in each bucket."""
    counts = [0] * asked.span.buckets
    rows = db.execute(f"SELECT bucket, {measure} FROM {relation} GROUP BY bucket").fetchall()
    for bucket, number in rows:
        counts[bucket] = number
    return counts


def _total(db: "Connection", measure: _Measure, relation: str) -> int:
    row = db.execute(f"SELECT {measure.any} FROM {relation}").fetchone()
    assert row is not None
    return int(row[0])
