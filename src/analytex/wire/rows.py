"""What the rows of all files have in common, and what is said of a row that is wrong.

A row is decoded in one go by types that fit the usual row. Only if that fails it is looked at
again, field by field (`read_fields`), to find what is wrong or that it is unusual but right.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from analytex.domain.jobs import MAX_VALUE_CHARS
from analytex.domain.values import MAX_ID_CHARS, MAX_NESTING, Json
from analytex.wire.bodies import Id, id_text, nesting

UNREADABLE: Final = (msgspec.MsgspecError, ValueError, RecursionError)  #: what decoders raise
NO_METADATA: Final = msgspec.Raw()  #: what a row's type has where the row has none

_decode_flat: Final = msgspec.json.Decoder(dict[str, str | int | float | bool | None]).decode
_decode_object: Final = msgspec.json.Decoder(dict[str, Any]).decode
_decode_fields: Final = msgspec.json.Decoder(dict[str, Json]).decode
_encode_json: Final = msgspec.json.Encoder().encode
_NOTHING: Final[dict[str, Any]] = {}  # nobody changes it


class RowProblem(Exception):
    """A row is wrong. It fails alone; the others go on."""

    def __init__(self, place: str, value: object, code: str, reason: str) -> None:
        super().__init__(reason)
        self.place = place  #: the field; "" for the whole row
        self.value = shown(value)  #: what stands there, at most `MAX_VALUE_CHARS`
        self.code = code  #: stable, for programs
        self.reason = reason  #: a sentence for people

    def in_json(self) -> "RowProblem":
        """Return it with the JSON pointer (RFC 6901) to the field as its place."""
        if self.place:
            self.place = "/" + self.place  # no field's name needs escaping
        return self


def shown(value: object) -> str:
    """Return a value as an error shows it: a text as it is, all else as JSON, None as nothing."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value[:MAX_VALUE_CHARS]
    if not isinstance(value, bytes):
        try:
            value = bytes(value) if isinstance(value, msgspec.Raw) else _encode_json(value)
        except OverflowError:  # an integer of more than 64 bits
            return str(value)[:MAX_VALUE_CHARS]
    # A character has at most four bytes.
    return value[: 4 * MAX_VALUE_CHARS].decode(errors="replace").strip()[:MAX_VALUE_CHARS]


def missing(field: str, value: object, expected: str) -> RowProblem:
    """Return what is wrong with a field that has to be given."""
    if value is None:
        return RowProblem(field, None, "missing", f"`{field}` is missing; expected {expected}.")
    return RowProblem(field, value, "empty", f"`{field}` is empty; expected {expected}.")


def too_long(field: str, value: str, limit: int) -> RowProblem:
    """Return what is wrong with a text that has too many characters."""
    reason = f"`{field}` has {len(value)} characters; at most {limit} fit."
    return RowProblem(field, value, "too_long", reason)


def id_of(field: str, value: Id) -> str:
    """Return an id as text; a number becomes its decimal text (contract, conflict C21)."""
    if value is None or value == "":
        raise missing(field, value, "a string that is not empty, or a number")
    text = value if isinstance(value, str) else id_text(value)
    if len(text) > MAX_ID_CHARS:
        raise too_long(field, text, MAX_ID_CHARS)
    return text


def metadata_of(text: str) -> tuple[str, dict[str, Any]]:
    """Return a row's metadata as it is stored, byte for byte, and what it holds.

    None at all and `null` are `{}`. Raises RowProblem.
    """
    if not text:
        return "{}", _NOTHING
    try:
        return text, _decode_flat(text)
    except UNREADABLE:
        return _unusual_metadata(text)


def check_nesting(place: str, raw: bytes, above: int = 0) -> None:
    """Raise RowProblem if a valid JSON text is nested too deeply; `above`: levels around it."""
    # Every opening bracket counted, even those inside strings: a cheap bound that most rows pass.
    deepest = MAX_NESTING - above
    if raw.count(b"{") + raw.count(b"[") > deepest and nesting(raw) > deepest:
        raise _too_deep(place, raw)


def read_fields(raw: bytes, types: Mapping[str, msgspec.json.Decoder[Any]]) -> dict[str, Any]:
    """Return those fields of a row that are named, each of its type; others are ignored.

    Raises RowProblem, which says what is wrong with the row or with a field.
    """
    fields = _fields(raw)
    return {
        field: _field(field, fields[field], decoder)
        for field, decoder in types.items()
        if field in fields
    }


def utf8_text(raw: bytes) -> str:
    """Return bytes of a row as text. Raises RowProblem if they are no UTF-8."""
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        reason = f"The row is not valid UTF-8: byte {error.start + 1} does not belong there."
        raise RowProblem("", raw, "not_utf8", reason) from None


def _fields(raw: bytes) -> dict[str, Json]:
    utf8_text(raw)
    try:
        fields: dict[str, Json] = _decode_fields(raw)
    except msgspec.ValidationError:
        raise RowProblem("", raw, "not_an_object", "The row is not a JSON object.") from None
    except msgspec.DecodeError as error:
        raise _not_json("", raw, error) from None
    except RecursionError:
        raise _too_deep("", raw) from None
    check_nesting("", raw)
    return fields


def _field(field: str, raw: Json, decoder: msgspec.json.Decoder[Any]) -> Any:
    try:
        return decoder.decode(raw)
    except msgspec.ValidationError as error:
        raise _wrong_type(field, raw, error) from None


def _unusual_metadata(text: str) -> tuple[str, dict[str, Any]]:
    if text.strip() == "null":
        return "{}", _NOTHING
    try:
        found = _decode_object(text)
    except msgspec.ValidationError as error:
        raise _wrong_type("metadata", text, error) from None
    except msgspec.DecodeError as error:
        raise _not_json("metadata", text, error) from None
    except RecursionError:
        raise _too_deep("metadata", text) from None
    check_nesting("metadata", text.encode(), above=1)
    return text, found


def _wrong_type(field: str, value: object, error: msgspec.ValidationError) -> RowProblem:
    what = str(error).partition(" - at `$")[0]
    if "out of range" in what:
        reason = f"`{field}` holds a number that is out of range."
        return RowProblem(field, value, "out_of_range", reason)
    if field == "metadata":
        expected = "an object"
    else:
        expected = "a string or a number" if "float" in what else "a string"
    return RowProblem(field, value, "wrong_type", f"`{field}` is not {expected}.")


def _not_json(field: str, value: object, error: msgspec.DecodeError) -> RowProblem:
    subject = f"`{field}`" if field else "The row"
    problem = str(error).removeprefix("JSON is malformed: ").rstrip(".")
    if problem.startswith("Input data"):
        problem = "it ends too early, or has half of a surrogate pair"
    return RowProblem(field, value, "not_json", f"{subject} is not valid JSON: {problem}.")


def _too_deep(field: str, value: object) -> RowProblem:
    reason = f"Objects and arrays lie more than {MAX_NESTING} deep inside each other."
    return RowProblem(field, value, "nested_too_deeply", reason)
