"""SQL for the events that a question means, with the properties that it asks for.

Whatever a question holds is bound as a value; the text of the SQL is made of our own words only.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

from analytex.query.insights.asked import (
    EXACT,
    NUMBERS,
    SPECIAL,
    Condition,
    Count,
    Op,
    Owner,
    Property,
    Selection,
    number,
    number_text,
)
from analytex.query.insights.spans import Span
from analytex.query.relation import Extract

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection as Connection

AT: Final = "epoch_us(inserted_at)"
#: Who did it, as a column of the events.
SUBJECTS: Final = {Count.USERS: "user_id", Count.COMPANIES: "company_id"}
#: The temporary tables with current properties (`profiles.py`), and the column that names the id.
PROFILES: Final = {
    Owner.USER: ("user_values", "user_id"),
    Owner.COMPANY: ("company_values", "company_id"),
}

_NAME: Final = "CASE event_type WHEN 'track' THEN event_name ELSE '@' || event_type END"
_IS_NUMBER: Final = "json_type({0}) IN ('UBIGINT', 'BIGINT', 'DOUBLE')"


class Values:
    """The values of one statement: gives each a name, and is what `execute` is handed."""

    def __init__(self) -> None:
        self.given: dict[str, Any] = {}

    def __call__(self, value: Any) -> str:
        """Return SQL that stands for a value."""
        name = f"v{len(self.given)}"
        self.given[name] = value
        return f"${name}"


class Source:
    """Builds a FROM clause, while it is asked for properties and conditions."""

    def __init__(self, values: Values) -> None:
        self._values = values
        self._columns: dict[Property, str] = {}

    def column(self, property: Property) -> str:
        """Return the column that holds a property: a text, or JSON (see `is_text`)."""
        if property.owner is Owner.EVENT:
            return _extract(property).column
        return self._columns.setdefault(property, f"p{len(self._columns)}")

    def value(self, property: Property) -> str:
        """Return SQL for what tells values of a property apart: a text, or JSON; NULL: it has none.

        `decode` makes of it what JSON shows.
        """
        column = self.column(property)
        return column if is_text(property) else f"({_key(column)})"

    def selects(self, selection: Selection) -> str:
        """Return SQL for whether an event is meant: true or false."""
        names = " OR ".join(map(self._named, selection.names))
        return " AND ".join([f"({names})", *map(self.holds, selection.where)])

    def holds(self, condition: Condition) -> str:
        """Return SQL for whether an event fits a condition: true or false."""
        if condition.op is Op.NE:
            return f"NOT {self.holds(condition._replace(op=Op.EQ))}"
        if condition.property.owner is Owner.EVENT:
            column = _extract_for(condition).column
        else:
            column = self.column(condition.property)
        holds = self._text_holds if is_text(condition.property) else self._json_holds
        return f"coalesce({holds(column, condition)}, false)"

    def sql(self) -> str:
        """Return the relation with everything that was asked for so far, beside the events' own."""
        joins = ""
        for owner, (table, id) in PROFILES.items():
            if any(property.owner is owner for property in self._columns):
                joins += f" LEFT JOIN {table} ON {table}.id = events.{id}"
        columns = [f"{self._extracted(each)} AS {name}" for each, name in self._columns.items()]
        return f"(SELECT {', '.join(['events.*', *columns])} FROM events{joins})"

    def _extracted(self, property: Property) -> str:
        if property.owner is Owner.FIELD:
            name = _NAME if property.name == "event_name" else f"events.{property.name}"
            return f"to_json({name})" if property.name in NUMBERS else name
        document = f"{PROFILES[property.owner][0]}.properties"
        return f"json_extract({document}, {self._values(property.pointer)})"

    def _named(self, name: str) -> str:
        if name in SPECIAL:
            return f"event_type IN ({', '.join(self._values(str(kind)) for kind in SPECIAL[name])})"
        return f"(event_type = 'track' AND event_name = {self._values(name)})"

    def _text_holds(self, text: str, condition: Condition) -> str:
        op, values = condition.op, condition.values
        if op is Op.SET:
            return f"{text} IS NOT NULL"
        if op is Op.UNSET:
            return f"{text} IS NULL"
        if op in (Op.EQ, Op.IN):
            return f"{text} IN ({', '.join(map(self._values, values))})"
        if op is Op.CONTAINS:
            return f"contains({text}, {self._values(values[0])})"
        if number(values[0]) is not None:  # numbers are compared with numbers only
            return "false"
        return f"{text} {_SIGNS[op]} {self._values(values[0])}"

    def _json_holds(self, json: str, condition: Condition) -> str:
        op, values = condition.op, condition.values
        if op is Op.SET:
            return f"json_type({json}) <> 'NULL'"
        if op is Op.UNSET:
            return f"coalesce(json_type({json}), 'NULL') = 'NULL'"
        if op in (Op.EQ, Op.IN):
            return f"({' OR '.join(self._equal(json, value) for value in values)})"
        value = number(values[0])
        if value is not None and op is not Op.CONTAINS:
            comparison = (
                f"TRY_CAST({json} AS DOUBLE) {_SIGNS[op]} CAST({self._values(value)} AS DOUBLE)"
            )
            return f"({_IS_NUMBER.format(json)} AND {comparison})"
        return f"(json_type({json}) = 'VARCHAR' AND {self._text_holds(_text(json), condition)})"

    def _equal(self, json: str, value: str) -> str:
        if _is_plain(value):
            return f"{_text(json)} = {self._values(value)}"
        other = self._values(number_text(value) or value)
        return (
            f"CASE json_type({json}) WHEN 'VARCHAR' THEN {_text(json)} = {self._values(value)} "
            f"WHEN 'NULL' THEN false ELSE {_key(json)} = {other} END"
        )


_WORDS: Final = frozenset(("", "true", "false", "null"))
_SIGNS_OF_JSON: Final = frozenset('-0123456789{["')  # how all other JSON begins that is no word
_SIGNS: Final = {Op.LT: "<", Op.LE: "<=", Op.GT: ">", Op.GE: ">="}


def _is_plain(value: str) -> bool:
    """Tell whether a value of a condition can only be a text, and no other JSON."""
    return value not in _WORDS and value[0] not in _SIGNS_OF_JSON


def is_text(property: Property) -> bool:
    """Tell whether a property is always a text, and no JSON."""
    return property.owner is Owner.FIELD and property.name not in NUMBERS


def slot(span: Span, values: Values) -> str:
    """Return SQL for the slot that an event lies in: a bucket, or see `put_slots`."""
    return f"({AT} - {values(span.edges[0])}) // {values(span.width)}"


def put_slots(db: "Connection", span: Span) -> None:
    """Make the temporary table `slots`: which bucket each slot belongs to.

    Buckets can differ in length, as months and days with a change of clocks do.
    """
    starts = [(edge - span.edges[0]) // span.width for edge in span.edges]
    db.execute("CREATE TEMP TABLE slots (slot BIGINT, bucket BIGINT)")
    db.execute(
        "INSERT INTO slots SELECT unnest(range(first, behind)), bucket FROM (SELECT unnest($first) "
        "AS first, unnest($behind) AS behind, unnest($bucket) AS bucket)",
        {"first": starts[:-1], "behind": starts[1:], "bucket": list(range(span.buckets))},
    )


def bucketed(span: Span, relation: str, values: Values) -> str:
    """Return a relation of events in the span with their `bucket`; needs `put_slots`."""
    numbered = slot(span, values)
    if span.slots == span.buckets:  # all are as long, and so each is a slot
        return f"(SELECT *, {numbered} AS bucket FROM {relation})"
    return f"(SELECT *, {numbered} AS slot FROM {relation}) JOIN slots USING (slot)"


def between(since: int, until: int, values: Values) -> str:
    """Return SQL for whether an event is not before `since`, and before `until`."""
    return f"{AT} >= {values(since)} AND {AT} < {values(until)}"


def properties(selections: Iterable[Selection], by: Property | None) -> Sequence[Property]:
    """Return all properties that these ask for."""
    found = [condition.property for each in selections for condition in each.where]
    return found if by is None else [*found, by]


def extracts(selections: Iterable[Selection], by: Property | None) -> Collection[Extract]:
    """Return what a question about these needs out of the events' `metadata`."""
    conditions = [condition for each in selections for condition in each.where]
    found = {_extract_for(each) for each in conditions if each.property.owner is Owner.EVENT}
    if by is not None and by.owner is Owner.EVENT:
        found.add(_extract(by))
    return found


def _extract(property: Property) -> Extract:
    return Extract(property.pointer)


def _extract_for(condition: Condition) -> Extract:
    """Return what is enough to tell whether a condition holds."""
    if condition.op in (Op.EQ, Op.NE):
        (value,) = condition.values
        if _is_plain(value):
            return Extract(condition.property.pointer, value)
    return _extract(condition.property)


def _text(json: str) -> str:
    return f"json_extract_string({json}, '$')"


def _key(json: str) -> str:
    """Return SQL for JSON text that is the same for the same value: `7` for 7 and for 7.0."""
    number = f"TRY_CAST({json} AS DOUBLE)"
    return (
        f"CASE json_type({json}) WHEN 'NULL' THEN NULL "
        f"WHEN 'DOUBLE' THEN CASE WHEN NOT regexp_matches({json}, '[.eE]') "
        f"THEN CAST({json} AS VARCHAR) "
        f"WHEN {number} = trunc({number}) AND abs({number}) < {EXACT} "
        f"THEN CAST(CAST({number} AS BIGINT) AS VARCHAR) ELSE CAST({number} AS VARCHAR) END "
        f"ELSE CAST({json} AS VARCHAR) END"
    )
