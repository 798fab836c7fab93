"""Log records: what the log keeps of an accepted call, and the event it becomes.

Layout of a record, version 1:

    offset  bytes  what
    0       1      version of this layout, 1
    1       1      the call (`domain.calls.Call`)
    2       4      environment id, unsigned, big-endian
    6       20     record id, ASCII: 13 hexadecimal digits of the receive time in microseconds since
                   1970-01-01 UTC, then 7 that name the server process that took the call
    26      ...    the request's body, byte for byte as it came

A record of somebody who was deleted is overwritten where it lies: call 0, its environment, and
zeros up to its old length (`erased`). It says nothing any more, and is not applied.

The log flushes records whole, so a record has neither a length nor a checksum of its own.
"""

from typing import Final

import msgspec

from analytex.domain.calls import Call
from analytex.domain.events import SOURCE_HTTP, Event, EventType
from analytex.domain.values import MAX_ID_CHARS, NULL, Json
from analytex.wire.bodies import Id, id_text

VERSION: Final = 1
ID_CHARS: Final = 20
TIME_DIGITS: Final = 13
ID_AT: Final = 6
BODY_AT: Final = ID_AT + ID_CHARS
_NULL: Final = msgspec.Raw(NULL)

# Plain numbers: looking up a member of an enumeration takes as long as decoding a body.
_IDENTIFY_CALL: Final = int(Call.IDENTIFY)
_IDENTIFY_COMPANY_CALL: Final = int(Call.IDENTIFY_COMPANY)
_TRACK_CALL: Final = int(Call.TRACK)
_TRACK_EVENT: Final = EventType.TRACK

_ERASED: Final = bytes((VERSION, 0))


class UnreadableRecord(ValueError):
    """A record that this version cannot read."""


def head(call: Call, environment_id: int) -> bytes:
    """Return the first bytes of a record, which are the same for all calls of that kind."""
    return bytes((VERSION, call)) + environment_id.to_bytes(4, "big")


def record_id(at: int, process: str) -> str:
    """Return the id of a record received at that time (microseconds) by that process."""
    return f"{at:013x}{process}"


def received_at(record_id: str) -> int:
    """Return the receive time that an id holds, in microseconds since 1970-01-01 UTC."""
    return int(record_id[:TIME_DIGITS], 16)


def encode(head: bytes, record_id: str, body: bytes) -> bytes:
    """Return the record of an accepted call."""
    return head + record_id.encode("ascii") + body


def decode(record: bytes, *, company_from_metadata: bool) -> Event:
    """Return the event that an accepted call is.

    `company_from_metadata`: an identify that names no company, but whose `metadata.company` is an
    object with an `id`, names that one. Raises UnreadableRecord.
    """
    try:
        if record[0] != VERSION:
            raise UnreadableRecord(f"layout {record[0]}, this version reads {VERSION}")
        call = record[1]
        environment_id = int.from_bytes(record[2:ID_AT], "big")
        id = record[ID_AT:BODY_AT].decode("ascii")
        body = record[BODY_AT:]
        if call == _TRACK_CALL:
            return _track(environment_id, id, body)
        if call == _IDENTIFY_COMPANY_CALL:
            return _identify_company(environment_id, id, body)
        if call == _IDENTIFY_CALL:
            return _identify(environment_id, id, body, company_from_metadata)
        raise UnreadableRecord(f"call {call}, this version knows {[*map(int, Call)]}")
    except UnreadableRecord:
        raise
    except (msgspec.MsgspecError, ValueError, IndexError, RecursionError) as error:
        raise UnreadableRecord(f"{type(error).__name__}: {error}") from error


def names(record: bytes) -> tuple[int, str | None, str | None]:
    """Return the environment, and the user and company that the call itself names.

    Read as `decode` reads them: escaped, or as numbers. Raises UnreadableRecord.
    """
    event = decode(record, company_from_metadata=True)
    return event.environment_id, event.user_id, event.company_id


def is_of(record: bytes, environment_id: int) -> bool:
    """Tell whether a record, even one that cannot be decoded, is certain to be of an environment.

    That of another layout is not: it may be of any.
    """
    return record[:1] == _ERASED[:1] and record[2:ID_AT] == environment_id.to_bytes(4, "big")


def erased(record: bytes) -> bytes:
    """Return what is left of a record: as many bytes, which name nobody."""
    known = record[:1] == _ERASED[:1]  # another layout may hold anything there
    start = _ERASED + (record[2:ID_AT] if known else b"")
    return start.ljust(len(record), b"\0")[: len(record)]


def is_erased(record: bytes) -> bool:
    """Tell whether nothing is left of a record."""
    return record.startswith(_ERASED)


class _Identify(msgspec.Struct, gc=False):
    user_id: Id = None
    metadata: Json = msgspec.Raw()
    company: dict[str, Json] | None = None


class _IdentifyCompany(msgspec.Struct, gc=False):
    company_id: Id = None
    metadata: Json = msgspec.Raw()


class _Track(msgspec.Struct, gc=False):
    user_id: Id = None
    event_name: str = ""
    metadata: Json = msgspec.Raw()


class _Metadata(msgspec.Struct, gc=False):
    company: Json = msgspec.Raw()


_decode_identify = msgspec.json.Decoder(_Identify).decode
_decode_identify_company = msgspec.json.Decoder(_IdentifyCompany).decode
_decode_track = msgspec.json.Decoder(_Track).decode
_decode_metadata = msgspec.json.Decoder(_Metadata).decode
_decode_object = msgspec.json.Decoder(dict[str, Json]).decode
_decode_id = msgspec.json.Decoder(Id).decode
_encode_json = msgspec.json.Encoder().encode


def _track(environment_id: int, id: str, body: bytes) -> Event:
    call = _decode_track(body)
    return Event(
        id=id,
        environment_id=environment_id,
        event_type=_TRACK_EVENT,
        event_name=call.event_name,
        user_id=_required_id(call.user_id),
        company_id=None,
        source=SOURCE_HTTP,
        inserted_at=received_at(id),
        metadata=_object_text(call.metadata),
    )


def _identify_company(environment_id: int, id: str, body: bytes) -> Event:
    call = _decode_identify_company(body)
    return Event(
        id=id,
        environment_id=environment_id,
        event_type=EventType.IDENTIFY_COMPANY,
        event_name="",
        user_id=None,
        company_id=_required_id(call.company_id),
        source=SOURCE_HTTP,
        inserted_at=received_at(id),
        metadata=_object_text(call.metadata),
    )


def _identify(environment_id: int, id: str, body: bytes, company_from_metadata: bool) -> Event:
    call = _decode_identify(body)
    company = call.company
    if not company and company_from_metadata:
        company = _company_in(call.metadata)
    company_id = None
    if company:
        company_id = _required_id(named_company(company))
        company = {k: v for k, v in company.items() if k not in ("id", "company_id")}
    return Event(
        id=id,
        environment_id=environment_id,
        event_type=EventType.IDENTIFY_USER,
        event_name="",
        user_id=_required_id(call.user_id),
        company_id=company_id,
        source=SOURCE_HTTP,
        inserted_at=received_at(id),
        metadata=_object_text(call.metadata),
        company=None if company_id is None else str(_encode_json(company), "utf-8"),
    )


def named_company(company: dict[str, Json]) -> Id:
    """Return the id of an identify's company: `id`, else `company_id` (contract, conflict C1)."""
    for key in ("id", "company_id"):
        found: Id = _decode_id(company.get(key, _NULL))
        if found is not None:
            return found
    return None


def _company_in(metadata: Json) -> dict[str, Json] | None:
    """The company that Segment nests in a user's metadata, if it has a usable `id`."""
    text = bytes(metadata)
    if b'"company"' not in text and b"\\u" not in text:  # a letter of the key may be escaped
        return None
    found = bytes(_decode_metadata(metadata).company)
    if not found.startswith(b"{"):
        return None
    company = _decode_object(found)
    try:
        id = id_text(_decode_id(company.get("id", _NULL)) or "")
    except msgspec.ValidationError:
        return None
    return company if 0 < len(id) <= MAX_ID_CHARS else None


def _object_text(metadata: Json) -> str:
    text = str(metadata, "utf-8")
    return text if text and text != "null" else "{}"


def _required_id(value: Id) -> str:
    if value is None:
        raise UnreadableRecord("a required id is missing")
    return id_text(value)
