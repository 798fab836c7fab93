"""Rows of imports (contract 6.2, 6.3): an event each, from a JSON object or from CSV cells.

The id of such an event: 13 hexadecimal digits of `inserted_at` in microseconds, then 19 of a
BLAKE2b over what the row says (msgpack, keys sorted). So a row has the same id whenever and however
it comes, as JSON or as CSV, spaced otherwise or with its keys in another order. What is derived
from the user agent does not count: the rules for that are renewed.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from hashlib import blake2b
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from analytex.domain.events import Event, EventType, Web
from analytex.domain.times import SECOND, FarTime, from_unix, parse_time
from analytex.domain.values import MAX_EVENT_NAME_CHARS, Json
from analytex.wire import user_agents
from analytex.wire.bodies import Id
from analytex.wire.csv_rows import Columns
from analytex.wire.rows import (
    NO_METADATA,
    UNREADABLE,
    RowProblem,
    check_nesting,
    id_of,
    metadata_of,
    missing,
    read_fields,
    too_long,
)

WEB_CLIENT: Final = "web-client"
SOURCES: Final = (
    WEB_CLIENT,
    "backend-http",
    "backend-hubspot",
    "backend-salesforce",
    "backend-segment",
    "backend-http-import",
)
MAX_AHEAD: Final = 86_400 * SECOND  #: an `inserted_at` may lie so far in the future
MAX_WEB_CHARS: Final = user_agents.MAX_CHARS  #: of each text of `Web` that a row gives
MAX_URL_CHARS: Final = 8192
MAX_SCREEN: Final = 2**31 - 1  #: pixels

_TYPES: Final = {str(type): type for type in EventType}
_SOURCES: Final = {source: source for source in SOURCES}
_IDENTIFY_USER: Final = EventType.IDENTIFY_USER  # looking a member up takes longer than the test
_IDENTIFY_COMPANY: Final = EventType.IDENTIFY_COMPANY
_TRACK: Final = EventType.TRACK
_PAGE_VIEW: Final = EventType.PAGE_VIEW

Number = str | int | float | None  #: also as text


class Row(msgspec.Struct, gc=False):
    """A row as it is given; None or "" is nothing. CSV fills the fields up to `screen_height`."""

    event_type: str | None = None
    source: str | None = None
    inserted_at: Number = None
    user_id: Id = None
    company_id: Id = None
    event_name: str | None = None
    url: str | None = None
    hostname: str | None = None
    pathname: str | None = None
    device_type: str | None = None
    user_agent: str | None = None
    operating_system: str | None = None
    browser: str | None = None
    browser_language: str | None = None
    country_code: str | None = None
    screen_width: Number = None
    screen_height: Number = None
    metadata: Json = NO_METADATA


_FIELDS: Final = {field.name: field.type for field in msgspec.structs.fields(Row)}
_CELLS: Final = tuple(field for field in _FIELDS if field != "metadata")
_DECODERS: Final[dict[str, msgspec.json.Decoder[Any]]] = {
    field: msgspec.json.Decoder(type) for field, type in _FIELDS.items()
}
_COMPANY_FIELDS: Final = ("event_type", "source", "inserted_at", "company_id", "metadata")

_decode_row: Final = msgspec.json.Decoder(Row).decode
_encode_json: Final = msgspec.json.Encoder().encode
_encode_content: Final = msgspec.msgpack.Encoder(order="sorted").encode
_new_hash: Final = blake2b(digest_size=10).copy  # a copy is made faster than a new one


def decoder(environment_id: int, now: int) -> Callable[[bytes, int], Event]:
    """Return what turns a raw JSON row and its number into an event; it raises RowProblem.

    `now`, in microseconds since 1970-01-01 UTC, is what `inserted_at` is compared with.
    """
    latest = now + MAX_AHEAD

    def decode(raw: bytes, number: int) -> Event:
        try:
            try:
                if not raw.isascii():
                    raw.decode()
                row = _decode_row(raw)
            except UNREADABLE:
                row = _look_again(raw)
            else:
                check_nesting("", raw)
            return _event(row, str(row.metadata, "utf-8"), environment_id, latest)
        except RowProblem as problem:
            raise problem.in_json() from None

    return decode


def cells_decoder(
    names: Sequence[str], environment_id: int, now: int
) -> Callable[[list[str], int], Event]:
    """Return what turns a CSV row's cells and its number into an event; it raises RowProblem.

    `names`: of the file's columns (`csv_rows.names`); `now` as of `decoder`.
    """
    columns = Columns(names, _CELLS)
    latest = now + MAX_AHEAD
    fields, metadata, width = columns.fields, columns.metadata, columns.width

    def decode(cells: list[str], number: int) -> Event:
        if len(cells) != width:
            raise _wrong_count(cells, width)
        return _event(Row(*fields(cells)), metadata(cells), environment_id, latest)

    return decode


def _look_again(raw: bytes) -> Row:
    """Read only the fields that the row's type keeps: what the others hold does not matter."""
    first = read_fields(raw, {"event_type": _DECODERS["event_type"]})
    type = first.get("event_type")
    kept: Iterable[str] = _COMPANY_FIELDS if type == _IDENTIFY_COMPANY else _DECODERS
    return Row(
        **read_fields(raw, {f: _DECODERS[f] for f in kept if f != "event_name" or type == _TRACK})
    )


def _event(row: Row, metadata: str, environment_id: int, latest: int) -> Event:
    event_type = _TYPES.get(row.event_type or "")
    if event_type is None:
        raise _not_one_of("event_type", row.event_type, _TYPES)
    source = _SOURCES.get(row.source or "")
    if source is None:
        raise _not_one_of("source", row.source, _SOURCES)
    at = _time(row.inserted_at, latest)
    user_id = company = web = None
    name = ""
    if event_type is _IDENTIFY_COMPANY:
        company_id: str | None = id_of("company_id", row.company_id)
    else:
        user_id = id_of("user_id", row.user_id)
        company_id = _optional_id(row.company_id)
        if event_type is _TRACK:
            name = _event_name(row.event_name)
        elif event_type is _IDENTIFY_USER and company_id is not None:
            company = "{}"
        web = _web(row, event_type is _PAGE_VIEW, source == WEB_CLIENT)
    metadata, properties = metadata_of(metadata)
    content = (row.event_type, name, user_id, company_id, source, properties, web)
    return Event(
        id=_id(at, content, metadata),
        environment_id=environment_id,
        event_type=event_type,
        event_name=name,
        user_id=user_id,
        company_id=company_id,
        source=source,
        inserted_at=at,
        metadata=metadata,
        company=company,
        web=None if web is None else _web_text(web),
    )


def _id(at: int, content: tuple[Any, ...], metadata: str) -> str:
    hash = _new_hash()
    try:
        hash.update(_encode_content(content))
    except OverflowError:  # an integer of more than 64 bits in the metadata: its text then
        hash.update(_encode_content((*content[:5], metadata, content[6])))
    return f"{at:013x}{hash.hexdigest()[:19]}"


def _optional_id(company_id: Id) -> str | None:
    return None if company_id is None or company_id == "" else id_of("company_id", company_id)


def _event_name(name: str | None) -> str:
    if not name:
        raise missing("event_name", name, "the name of what was tracked")
    if len(name) > MAX_EVENT_NAME_CHARS:
        raise too_long("event_name", name, MAX_EVENT_NAME_CHARS)
    return name


def _time(value: Number, latest: int) -> int:
    try:
        if isinstance(value, str):
            at = parse_time(value)
        elif value is None:
            raise missing("inserted_at", None, _TIME)
        else:
            at = from_unix(value)
    except FarTime:
        at = -1 if str(value).startswith("-") else latest + 1
    except ValueError:
        if not value:
            raise missing("inserted_at", value, _TIME) from None
        reason = f"`inserted_at` is not a time; expected {_TIME}."
        raise RowProblem("inserted_at", value, "not_a_time", reason) from None
    if 0 <= at <= latest:
        return at
    raise _out_of_range(value, at, latest)


_TIME: Final = (
    "ISO 8601, `YYYY-MM-DD`, `YYYY-MM-DD HH:MM:SS.ffffff`, or seconds since 1970-01-01 UTC"
)


def _out_of_range(value: Number, at: int, latest: int) -> RowProblem:
    if at < 0:
        reason = "`inserted_at` is before 1970."
    else:
        reason = "`inserted_at` is more than a day in the future."
        try:
            number = abs(float(value or 0))
        except (ValueError, OverflowError):  # a date; hundreds of digits
            number = 0.0
        for unit, factor in (("milliseconds", 1e3), ("microseconds", 1e6), ("nanoseconds", 1e9)):
            if latest / SECOND / 10 < number / factor <= latest / SECOND:
                reason += f" It looks like {unit}; expected seconds."
    return RowProblem("inserted_at", value, "out_of_range", reason)


def _web(row: Row, page_view: bool, web_client: bool) -> Web | None:
    """Return where and with what it happened as the row says it; None if it says nothing."""
    if not (
        page_view
        or web_client
        or row.url
        or row.user_agent
        or row.hostname
        or row.pathname
        or row.device_type
        or row.operating_system
        or row.browser
        or row.browser_language
        or row.country_code
        or row.screen_width
        or row.screen_width == 0
        or row.screen_height
        or row.screen_height == 0
    ):
        return None
    web = Web(
        device_type=_web_string("device_type", row.device_type),
        user_agent=_web_string("user_agent", row.user_agent),
        operating_system=_web_string("operating_system", row.operating_system),
        browser=_web_string("browser", row.browser),
        browser_language=_web_string("browser_language", row.browser_language),
        screen_width=_screen("screen_width", row.screen_width),
        screen_height=_screen("screen_height", row.screen_height),
        country_code=_web_string("country_code", row.country_code),
    )
    if row.url:
        web.hostname, web.pathname = _address(row.url)
    else:
        web.hostname = _web_string("hostname", row.hostname)
        web.pathname = _web_string("pathname", row.pathname)
    if page_view or web_client:
        if web.hostname is None:
            raise missing("hostname", row.hostname, _PAGE)
        if web.pathname is None:
            raise missing("pathname", row.pathname, _PAGE)
    if web_client and web.user_agent is None:
        raise missing("user_agent", row.user_agent, f"a text: source `{WEB_CLIENT}` needs it")
    return web


_PAGE: Final = f"a text, or `url`: a page_view needs it, and source `{WEB_CLIENT}` does"


def _web_text(web: Web) -> str:
    if web.user_agent is not None:
        browser, operating_system = user_agents.families(web.user_agent)
        web.browser = browser or web.browser
        web.operating_system = operating_system or web.operating_system
    return str(_encode_json(web), "utf-8")


def _web_string(field: str, value: str | None) -> str | None:
    if not value:
        return None
    if len(value) > MAX_WEB_CHARS:
        raise too_long(field, value, MAX_WEB_CHARS)
    return value


def _screen(field: str, value: Number) -> int | None:
    if value is None or value == "":
        return None
    number = value
    if isinstance(number, str):
        number = float(number) if _WHOLE(number.strip()) else 0.5
    if number != number // 1:
        reason = f"`{field}` is not a whole number of pixels."
        raise RowProblem(field, value, "wrong_type", reason)
    if not 0 <= number <= MAX_SCREEN:
        reason = f"`{field}` is out of range; expected 0 to {MAX_SCREEN} pixels."
        raise RowProblem(field, value, "out_of_range", reason)
    return int(number)


_WHOLE: Final = re.compile(r"-?[0-9]{1,300}(?:\.0+)?").fullmatch  # some writers add a fraction


def _address(url: str) -> tuple[str, str]:
    if len(url) > MAX_URL_CHARS:
        raise too_long("url", url, MAX_URL_CHARS)
    address = _split(url)
    if address is None:
        reason = "`url` names no host; expected such as `https://app.example.org/reports`."
        raise RowProblem("url", url, "not_a_url", reason)
    return address


@lru_cache(1024)
def _split(url: str) -> tuple[str, str] | None:
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:  # brackets that hold no IPv6 address
        return None
    return (host, parts.path or "/") if host else None


def _not_one_of(field: str, value: str | None, allowed: Iterable[str]) -> RowProblem:
    words = ", ".join(f"`{word}`" for word in allowed)
    if not value:
        return missing(field, value, f"one of {words}")
    reason = f"`{field}` is not one of {words}."
    return RowProblem(field, value, "not_allowed", reason)


def _wrong_count(cells: list[str], width: int) -> RowProblem:
    reason = f"The row has {len(cells)} cells; the header names {width} columns."
    return RowProblem("", ",".join(cells[:width]), "wrong_column_count", reason)
