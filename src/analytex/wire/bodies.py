"""The bodies of the three real-time calls: one type each, which decodes and validates.

`check` runs before a call is accepted and refuses what is not valid; `wire/records.py` reads the
same bytes again when the record is applied.
"""

import re
from collections.abc import Callable
from typing import Any, Final

import msgspec

from analytex.domain.calls import Call
from analytex.domain.values import MAX_EVENT_NAME_CHARS, MAX_ID_CHARS, MAX_NESTING
from analytex.errors import BadRequest

Id = str | int | float | None  #: a number is turned into its decimal text


class IdentifyBody(msgspec.Struct):
    """`POST /v1/identify` (contract 4.1)."""

    user_id: Id = None
    metadata: dict[str, Any] | None = None
    company: dict[str, Any] | None = None


class IdentifyCompanyBody(msgspec.Struct):
    """`POST /v1/companies/identify` (contract 4.2)."""

    company_id: Id = None
    metadata: dict[str, Any] | None = None


class TrackBody(msgspec.Struct):
    """`POST /v1/track` (contract 4.3)."""

    user_id: Id = None
    event_name: str | None = None
    metadata: dict[str, Any] | None = None


_decode_identify = msgspec.json.Decoder(IdentifyBody).decode
_decode_identify_company = msgspec.json.Decoder(IdentifyCompanyBody).decode
_decode_track = msgspec.json.Decoder(TrackBody).decode


def check(call: Call, body: bytes) -> None:
    """Return if the body is a valid one for the call.

    Raises BadRequest, which names the field and what is wrong with it.
    """
    try:
        if not body.isascii():
            body.decode()
        _CHECKS[call](body)
    except UnicodeDecodeError as error:
        raise BadRequest(
            "The body is not valid UTF-8.",
            details=f"The byte at offset {error.start} does not belong there.",
        ) from None
    except msgspec.ValidationError as error:
        raise _wrong_type(str(error)) from None
    except (msgspec.DecodeError, ValueError) as error:
        raise _not_json(body, str(error)) from None
    except RecursionError:
        raise _too_deep() from None
    # Every opening bracket counted, even those inside strings: a cheap bound that most bodies pass.
    if body.count(b"{") + body.count(b"[") > MAX_NESTING and nesting(body) > MAX_NESTING:
        raise _too_deep()


def id_text(value: str | float) -> str:
    """Return an id as text: `12` and `12.0` are both `"12"`, as JavaScript writes them."""
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def nesting(body: bytes) -> int:
    """Return how deep objects and arrays lie inside each other in a valid JSON text."""
    depth = deepest = 0
    for token in _BRACKETS_OR_STRING.finditer(body):
        first = token[0][0]
        if first in b"{[":
            depth += 1
            deepest = max(deepest, depth)
        elif first in b"}]":
            depth -= 1
    return deepest


_BRACKETS_OR_STRING: Final = re.compile(rb'"(?:[^"\\]|\\.)*"|[{}\[\]]', re.DOTALL)


def _check_identify(body: bytes) -> None:
    call = _decode_identify(body)
    _check_id("user_id", call.user_id)
    if call.company:
        _check_company(call.company)


def _check_identify_company(body: bytes) -> None:
    _check_id("company_id", _decode_identify_company(body).company_id)


def _check_track(body: bytes) -> None:
    call = _decode_track(body)
    _check_id("user_id", call.user_id)
    name = call.event_name
    if not name:
        raise _missing("event_name", "a string that is not empty", name)
    if len(name) > MAX_EVENT_NAME_CHARS:
        raise _too_long("event_name", len(name), MAX_EVENT_NAME_CHARS)


def _check_company(company: dict[str, Any]) -> None:
    field = "id" if company.get("id") is not None else "company_id"
    value = company.get(field)
    if value is None:
        raise BadRequest(
            "`company.id` is missing.",
            details="A company that is not empty needs `id` (or `company_id`): a string or number.",
        )
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise BadRequest(
            f"`company.{field}` has the wrong type.", details="Expected a string or a number."
        )
    _check_id(f"company.{field}", value)


def _check_id(field: str, value: Id) -> None:
    if value is None or value == "":
        raise _missing(field, "a string that is not empty, or a number", value)
    # A number's digits may be too many as well, but fewer than 512 fit in 64 bits many times over.
    length = len(value) if isinstance(value, str) else len(id_text(value))
    if length > MAX_ID_CHARS:
        raise _too_long(field, length, MAX_ID_CHARS)


_CHECKS: Final[dict[Call, Callable[[bytes], None]]] = {
    Call.IDENTIFY: _check_identify,
    Call.IDENTIFY_COMPANY: _check_identify_company,
    Call.TRACK: _check_track,
}


def _missing(field: str, expected: str, value: object) -> BadRequest:
    state = "is missing" if value is None else "is empty"
    return BadRequest(f"`{field}` {state}.", details=f"Expected {expected}.")


def _too_long(field: str, length: int, limit: int) -> BadRequest:
    return BadRequest(
        f"`{field}` is too long.", details=f"It has {length} characters; at most {limit} fit."
    )


def _too_deep() -> BadRequest:
    return BadRequest(
        "The body is nested too deeply.",
        details=f"Objects and arrays may lie at most {MAX_NESTING} deep inside each other.",
    )


def _wrong_type(problem: str) -> BadRequest:
    """Turn msgspec's sentence (`Expected ..., got ... - at `$.field``) into ours."""
    what, _, where = problem.partition(" - at `$")
    field = where.rstrip("`").lstrip(".")
    subject = f"`{field}`" if field else "The body"
    if what == "Number out of range":
        return BadRequest(f"{subject} holds a number that is out of range.", details=what + ".")
    return BadRequest(f"{subject} has the wrong type.", details=_plain(what) + ".")


def _plain(what: str) -> str:
    for theirs, ours in (
        ("`int | float | str | null`", "a string or a number"),
        ("`object | null`", "an object"),
        ("`str | null`", "a string"),
        ("`object`", "an object"),
        ("`str`", "a string"),
        ("`bool`", "a boolean"),
        ("`int`", "a number"),
        ("`float`", "a number"),
        ("`array`", "an array"),
    ):
        what = what.replace(theirs, ours)
    return what


def _not_json(body: bytes, problem: str) -> BadRequest:
    if not body.strip():
        return BadRequest("The body is empty.", details="Expected a JSON object.")
    return BadRequest("The body is not valid JSON.", details=f"{problem.rstrip('.')}.")
