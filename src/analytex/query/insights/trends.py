"""Trends: how many events, users or companies there were in each bucket.

First all events become the table `seen`. Where events are counted, it has a row for each bucket and
value. Where users or companies are, it has a row for each of them and value, with a bit for each
bucket (`masks.py`): there are far fewer of them than of their days. Everything else is counted from
that.
"""

from typing import TYPE_CHECKING, Protocol

from analytex.query.insights.answers import Series, TrendsAnswer, decode
from analytex.query.insights.asked import Count, Trends
from analytex.query.insights.masks import Masks
from analytex.query.insights.source import SUBJECTS, Source, Values, bucketed, put_slots

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection as Connection

_IS_CHOSEN = "seen.value IS NOT DISTINCT FROM chosen.value"
_IS_OTHER = f"NOT EXISTS (FROM chosen WHERE {_IS_CHOSEN})"


class _Measure(Protocol):
    """How to count rows of `seen`."""

    columns: str  #: of `seen`, beside the value, made of `bucket` and `subject` of each event
    total_of_value: str  #: how many there are, among the rows of one value

    def per_bucket(self, db: "Connection", where: str) -> tuple[list[int], int]:
        """Return how many there are in each bucket, and in all."""

    def per_place(self, db: "Connection", places: int) -> list[list[int]]:
        """Return how many there are in each bucket, for each value of the table `chosen`."""


def answer(db: "Connection", asked: Trends) -> TrendsAnswer:
    """Answer it from the view `events`, which must have nothing outside the span."""
    buckets = asked.span.buckets
    people = _People(buckets, valued=asked.by is not None)
    measure: _Measure = _Events(buckets) if asked.of is Count.EVENTS else people
    _count(db, asked, measure.columns)
    counts, total = measure.per_bucket(db, "true")
    if asked.by is None:
        return TrendsAnswer([Series(None, False, counts, total)], counts, total, 0)
    series, others = _values(db, asked, measure)
    return TrendsAnswer(series, counts, total, others)


def _count(db: "Connection", asked: Trends, columns: str) -> None:
    """Make the table `seen`."""
    put_slots(db, asked.span)
    values = Values()
    source = Source(values)
    conditions = [source.selects(asked.events)]
    subject = SUBJECTS.get(asked.of, "NULL")
    if asked.of is not Count.EVENTS:
        conditions.append(f"{subject} IS NOT NULL")
    value = ""
    if asked.by is not None:
        value = f", CAST({source.value(asked.by)} AS VARCHAR) AS value"
        columns = f"value, {columns}"
    found = (
        f"(SELECT *, {subject} AS subject{value} FROM {source.sql()} "
        f"WHERE {' AND '.join(conditions)})"
    )
    db.execute(
        f"CREATE TEMP TABLE seen AS SELECT {columns} "
        f"FROM {bucketed(asked.span, found, values)} GROUP BY ALL",
        values.given,
    )


def _values(db: "Connection", asked: Trends, measure: _Measure) -> tuple[list[Series], int]:
    """Return the series of the largest values, then that of the others, and how many those are."""
    assert asked.by is not None
    db.execute(
        "CREATE TEMP TABLE chosen AS SELECT value, total, "
        "row_number() OVER (ORDER BY total DESC, value NULLS LAST) - 1 AS place "
        f"FROM (SELECT value, {measure.total_of_value} AS total FROM seen GROUP BY value)"
    )
    found = db.execute("SELECT count(*) FROM chosen").fetchone()
    assert found is not None
    db.execute("DELETE FROM chosen WHERE place >= $limit", {"limit": asked.limit})
    chosen = db.execute("SELECT value, total FROM chosen ORDER BY place").fetchall()
    lines = measure.per_place(db, len(chosen))
    series = [
        Series(decode(value, asked.by), False, line, total)
        for (value, total), line in zip(chosen, lines, strict=True)
    ]
    others = found[0] - len(chosen)
    if others:
        series.append(Series(None, True, *measure.per_bucket(db, _IS_OTHER)))
    return series, others


class _Events:
    """Events are added up."""

    columns = "bucket, count(*) AS n"
    total_of_value = "CAST(sum(n) AS BIGINT)"

    def __init__(self, buckets: int) -> None:
        self._buckets = buckets

    def per_bucket(self, db: "Connection", where: str) -> tuple[list[int], int]:
        """Return how many there are in each bucket, and in all."""
        counts = [0] * self._buckets
        for bucket, number in db.execute(
            f"SELECT bucket, CAST(sum(n) AS BIGINT) FROM seen WHERE {where} GROUP BY bucket"
        ).fetchall():
            counts[bucket] = number
        return counts, sum(counts)

    def per_place(self, db: "Connection", places: int) -> list[list[int]]:
        """Return how many there are in each bucket, for each value of the table `chosen`."""
        lines = [[0] * self._buckets for _ in range(places)]
        for place, bucket, number in db.execute(
            "SELECT place, bucket, CAST(sum(n) AS BIGINT) "
            f"FROM seen JOIN chosen ON {_IS_CHOSEN} GROUP BY ALL"
        ).fetchall():
            lines[place][bucket] = number
        return lines


class _People:
    """Users and companies count once, in each bucket and in all."""

    def __init__(self, buckets: int, *, valued: bool) -> None:
        """`valued`: somebody may have rows of several values in `seen`."""
        self._masks = Masks(buckets)
        self._valued = valued
        self.columns = f"subject, {self._masks.columns}"
        self.total_of_value = self._masks.subjects

    def per_bucket(self, db: "Connection", where: str) -> tuple[list[int], int]:
        """Return how many there are in each bucket, and in all."""
        rows = f"(FROM seen WHERE {where})"
        if self._valued:
            rows = f"(SELECT subject, {self._masks.together} FROM {rows} GROUP BY ALL)"
        found = db.execute(
            f"SELECT {self._masks.counts}, count(*) FROM {rows} GROUP BY ALL"
        ).fetchall()
        line = self._masks.line((page, counts) for page, counts, _ in found)
        if not self._masks.paged:
            return line, sum(number for _, _, number in found)
        row = db.execute(f"SELECT {self._masks.subjects} FROM {rows}").fetchone()
        assert row is not None
        return line, row[0]

    def per_place(self, db: "Connection", places: int) -> list[list[int]]:
        """Return how many there are in each bucket, for each value of the table `chosen`."""
        pages: list[list[tuple[int, list[int]]]] = [[] for _ in range(places)]
        for place, page, counts in db.execute(
            f"SELECT place, {self._masks.counts} FROM seen JOIN chosen ON {_IS_CHOSEN} GROUP BY ALL"
        ).fetchall():
            pages[place].append((page, counts))
        return [self._masks.line(each) for each in pages]
