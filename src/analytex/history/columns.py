"""The columns of the table, and events as its rows.

A file holds the events of one environment and one day (UTC), sorted by user, time and sequence, so
that one user's events lie together and a reader skips the rest by the file's own statistics. What
all events of a file have in common, `environment_id` and `day`, is not in it: the table's log has
it, as for every Delta Lake table with partitions.
"""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import msgspec

from analytex.domain.events import Event, EventType, Web


class Column(NamedTuple):
    """A column of the table."""

    name: str
    kind: str  #: type in DuckDB
    delta: str  #: type in Delta Lake


_TEXT: Final = ("VARCHAR", "string")
_WHOLE: Final = ("BIGINT", "long")

WEB: Final = tuple(Web.__struct_fields__)
_WEB_KINDS: Final = {"screen_width": _WHOLE, "screen_height": _WHOLE}

#: In the files, in this order.
COLUMNS: Final = (
    Column("id", *_TEXT),
    Column("app_token", *_TEXT),
    Column("event_type", *_TEXT),
    Column("event_name", *_TEXT),
    Column("user_id", *_TEXT),
    Column("company_id", *_TEXT),
    Column("source", *_TEXT),
    Column("inserted_at", "TIMESTAMPTZ", "timestamp"),
    *(Column(name, *_WEB_KINDS.get(name, _TEXT)) for name in WEB),
    Column("metadata", *_TEXT),
    Column("company", *_TEXT),
    Column("sequence", *_WHOLE),
)
#: In the table's log.
PARTITIONS: Final = (
    Column("environment_id", "INTEGER", "integer"),
    Column("day", "DATE", "date"),
)
NAMES: Final = ", ".join(column.name for column in COLUMNS)
ORDER: Final = "user_id, inserted_at, sequence"

#: A row of the store, as `storage.sealing.Row`, by DuckDB's types.
STORED: Final = (
    ("sequence", "BIGINT"),
    ("id", "VARCHAR"),
    ("environment_id", "BIGINT"),
    ("event_type", "VARCHAR"),
    ("event_name", "VARCHAR"),
    ("user_id", "VARCHAR"),
    ("company_id", "VARCHAR"),
    ("source", "VARCHAR"),
    ("inserted_at", "BIGINT"),
    ("metadata", "VARCHAR"),
    ("company", "VARCHAR"),
    ("web", "VARCHAR"),
)
_WEB_TYPES: Final = ", ".join(f'"{name}": "{_WEB_KINDS.get(name, _TEXT)[0]}"' for name in WEB)
_FROM_STORED: Final = {
    "app_token": "CAST(NULL AS VARCHAR) AS app_token",
    "inserted_at": "make_timestamptz(inserted_at) AS inserted_at",
    **{name: f"web.{name}" for name in WEB},
}
#: Turns a relation `stored` into rows of the table, with `environment_id` and the day's number.
FROM_STORED: Final = (
    f"SELECT {', '.join(_FROM_STORED.get(column.name, column.name) for column in COLUMNS)}, "
    "environment_id, inserted_at // 86400000000 AS day_number "
    f"FROM (SELECT * REPLACE (from_json(web, '{{{_WEB_TYPES}}}') AS web) FROM stored)"
)

#: Of a table in memory that takes such rows.
DEFINITION: Final = (
    f"{', '.join(f'{column.name} {column.kind}' for column in COLUMNS)}, "
    "environment_id BIGINT, day_number BIGINT"
)

#: What `event` takes.
EVENT: Final = (
    "sequence, id, event_type, event_name, user_id, company_id, source, epoch_us(inserted_at), "
    f"metadata, company, {', '.join(WEB)}"
)

_EVENT_TYPES: Final = {str(kind): kind for kind in EventType}
_NO_WEB: Final = (None,) * len(WEB)
_encode: Final = msgspec.json.Encoder().encode


def event(row: Sequence[Any], environment_id: int) -> tuple[int, Event]:
    """Return the sequence and the event that a row of the table holds, selected by `EVENT`."""
    sequence, id, kind, name, user_id, company_id, source, at, metadata, company, *web = row
    return sequence, Event(
        id=id,
        environment_id=environment_id,
        event_type=_EVENT_TYPES[kind],
        event_name=name,
        user_id=user_id,
        company_id=company_id,
        source=source,
        inserted_at=at,
        metadata=metadata,
        company=company,
        web=_web(web),
    )


def stored(sequence: int, event: Event) -> tuple[Any, ...]:
    """Return the row of the store that would hold an event."""
    return (
        *(sequence, event.id, event.environment_id, event.event_type.value, event.event_name),
        *(event.user_id, event.company_id, event.source, event.inserted_at, event.metadata),
        *(event.company, event.web),
    )


def _web(values: Sequence[Any]) -> str | None:
    if tuple(values) == _NO_WEB:
        return None
    return str(_encode(Web(**dict(zip(WEB, values, strict=True)))), "utf-8")
