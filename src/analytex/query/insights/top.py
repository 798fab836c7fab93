"""What there was most of: event names, properties of events, values of a property."""

from typing import TYPE_CHECKING, Any, Final

from analytex.query.insights.answers import TopAnswer, TopItem, decode
from analytex.query.insights.asked import Owner, Property, Top, What
from analytex.query.insights.source import Source, Values, between

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection as Connection

EVENT_NAME: Final = Property(Owner.FIELD, "event_name")

_NUMBERS: Final = (
    "coalesce(sum(n), 0) AS events, count(DISTINCT user_id) AS users, "
    "count(DISTINCT company_id) AS companies"
)


def answer(db: "Connection", asked: Top) -> TopAnswer:
    """Answer it from the view `events`."""
    _count(db, asked)
    db.execute(
        "CREATE TEMP TABLE chosen AS SELECT *, "
        f"row_number() OVER (ORDER BY {asked.of} DESC, value NULLS LAST) AS place "
        f"FROM (SELECT value, {_NUMBERS} FROM seen GROUP BY value)"
    )
    (different,) = _row(db, "SELECT count(*) FROM chosen")
    db.execute("DELETE FROM chosen WHERE place > $limit", {"limit": asked.limit})
    items = db.execute(
        "SELECT value, events, users, companies FROM chosen ORDER BY place"
    ).fetchall()
    other = _row(
        db,
        f"SELECT NULL, {_NUMBERS} FROM seen WHERE NOT EXISTS "
        "(FROM chosen WHERE chosen.value IS NOT DISTINCT FROM seen.value)",
    )
    total = _row(db, f"SELECT NULL, {_NUMBERS} FROM seen")
    by = asked.by if asked.what is What.VALUES else EVENT_NAME
    assert by is not None
    return TopAnswer(
        [_item(decode(row[0], by), row) for row in items],
        _item(None, other),
        _item(None, total),
        different - len(items),
    )


def _count(db: "Connection", asked: Top) -> None:
    """Make the table `seen`: counts per value, user and company."""
    values = Values()
    source = Source(values)
    condition = f"{source.selects(asked.events)} AND {between(asked.since, asked.until, values)}"
    if asked.what is What.PROPERTIES:
        # A null is no value, as everywhere. A key that stands twice counts once.
        keys = "(SELECT DISTINCT key FROM json_each(metadata) WHERE type <> 'NULL')"
        relation = f"(SELECT * FROM {source.sql()} WHERE {condition}) AS found, {keys} AS keys"
        value, condition = "keys.key", "true"
    else:
        by = EVENT_NAME if asked.by is None else asked.by
        value = source.value(by)
        relation = source.sql()
    db.execute(
        f"CREATE TEMP TABLE seen AS SELECT CAST({value} AS VARCHAR) AS value, user_id, company_id, "
        f"count(*) AS n FROM {relation} WHERE {condition} GROUP BY ALL",
        values.given,
    )


def _row(db: "Connection", statement: str) -> tuple[Any, ...]:
    row = db.execute(statement).fetchone()
    assert row is not None
    return row


def _item(value: Any, row: tuple[Any, ...]) -> TopItem:
    return TopItem(value, int(row[1]), int(row[2]), int(row[3]))
