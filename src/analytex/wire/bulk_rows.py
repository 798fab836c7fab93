"""Rows of bulk identify (contract 5.1): a JSON object each, which becomes an identify.

The id of such an event: 13 hexadecimal digits of the time when the job was submitted, 7 that name
the process that took it, 12 of the row's number. So of two rows for one user the later one wins.
"""

from collections.abc import Callable
from typing import Any, Final

import msgspec

from analytex.domain.events import SOURCE_HTTP, Event, EventType
from analytex.domain.jobs import JobKind
from analytex.domain.values import Json
from analytex.wire.bodies import Id
from analytex.wire.rows import (
    NO_METADATA,
    UNREADABLE,
    RowProblem,
    check_nesting,
    id_of,
    metadata_of,
    read_fields,
)


class Row(msgspec.Struct, gc=False):
    """A row of either kind; of companies, `user_id` is not looked at."""

    user_id: Id = None
    company_id: Id = None
    metadata: Json = NO_METADATA


class _CompanyRow(msgspec.Struct, gc=False):
    company_id: Id = None
    metadata: Json = NO_METADATA


_TYPES: Final[dict[str, msgspec.json.Decoder[Any]]] = {
    "user_id": msgspec.json.Decoder(Id),
    "company_id": msgspec.json.Decoder(Id),
    "metadata": msgspec.json.Decoder(Json),
}
_COMPANY_TYPES: Final = {field: _TYPES[field] for field in ("company_id", "metadata")}

_decode_user: Final = msgspec.json.Decoder(Row).decode
_decode_company: Final = msgspec.json.Decoder(_CompanyRow).decode


def decoder(
    kind: JobKind, environment_id: int, at: int, process: str
) -> Callable[[bytes, int], Event]:
    """Return what turns a raw row and its number, from 1, into an event; it raises RowProblem.

    `at`: when the job was submitted, microseconds since 1970-01-01 UTC; `process`: 7 hexadecimal
    digits.
    """
    to_event = {JobKind.BULK_USERS: _user, JobKind.BULK_COMPANIES: _company}[kind]
    prefix = f"{at:013x}{process}"

    def decode(raw: bytes, number: int) -> Event:
        try:
            return to_event(raw, f"{prefix}{number:012x}", environment_id, at)
        except RowProblem as problem:
            raise problem.in_json() from None

    return decode


def _user(raw: bytes, id: str, environment_id: int, at: int) -> Event:
    try:
        if not raw.isascii():
            raw.decode()
        row = _decode_user(raw)
    except UNREADABLE:
        row = Row(**read_fields(raw, _TYPES))
    else:
        check_nesting("", raw)
    user_id = id_of("user_id", row.user_id)
    company_id = None
    if row.company_id is not None and row.company_id != "":
        company_id = id_of("company_id", row.company_id)
    return Event(
        id=id,
        environment_id=environment_id,
        event_type=EventType.IDENTIFY_USER,
        event_name="",
        user_id=user_id,
        company_id=company_id,
        source=SOURCE_HTTP,
        inserted_at=at,
        metadata=metadata_of(str(row.metadata, "utf-8"))[0],
        company=None if company_id is None else "{}",
    )


def _company(raw: bytes, id: str, environment_id: int, at: int) -> Event:
    try:
        if not raw.isascii():
            raw.decode()
        row = _decode_company(raw)
    except UNREADABLE:
        row = _CompanyRow(**read_fields(raw, _COMPANY_TYPES))
    else:
        check_nesting("", raw)
    return Event(
        id=id,
        environment_id=environment_id,
        event_type=EventType.IDENTIFY_COMPANY,
        event_name="",
        user_id=None,
        company_id=id_of("company_id", row.company_id),
        source=SOURCE_HTTP,
        inserted_at=at,
        metadata=metadata_of(str(row.metadata, "utf-8"))[0],
    )
