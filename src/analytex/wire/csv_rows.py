"""CSV (RFC 4180): the cells of a row, the columns of a file, and what the cells hold.

`metadata` is a column with a JSON object in its cells, or `metadata.<property>` is one with the
property's value, or both: a column of its own wins over the same property in `metadata`. Such a
cell is a number or a boolean if it reads exactly so in JSON (and a number has at most 15 digits,
which every reader keeps), else a string: `007`, `+1` and ` 1` stay what they are. An empty cell is
no value. Columns with other names are ignored.
"""

import csv
import re
from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any, Final

import msgspec

from analytex.domain.values import Json
from analytex.errors import BadRequest
from analytex.wire.rows import RowProblem, metadata_of, utf8_text

MAX_COLUMNS: Final = 1000
REQUIRED: Final = "event_type"  #: a column that every file has
METADATA: Final = "metadata"
_PROPERTY: Final = "metadata."

# Not more than 15 digits, and an exponent that no double is too small for.
_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,2})?").fullmatch
_MAX_DIGITS: Final = 15
_MAY_BE_OTHER: Final = frozenset("-0123456789tf")  # first characters of what is not a string

_encode_json: Final = msgspec.json.Encoder().encode
_decode_fields: Final = msgspec.json.Decoder(dict[str, Json]).decode


# A cell may be as long as a row, and who reads rows bounds them. One limit for the whole process.
csv.field_size_limit(2**31 - 1)


def parse(row: bytes) -> list[str]:
    """Return the cells of a whole row, which comes without its line end.

    Raises RowProblem where quotes or line breaks are wrong; for all else see `check_bytes`.
    """
    text = row.decode(errors="surrogateescape")
    if '"' not in text and "\r" not in text and "\n" not in text:
        return text.split(",")
    try:
        return next(csv.reader((text,), strict=True))
    except csv.Error as error:
        if "new-line character" in str(error):
            reason = "A line break stands outside quotes."
            raise RowProblem("", row, "line_break", reason) from None
        reason = "A quote is not closed, or something else than a comma follows it."
        raise RowProblem("", row, "quote", reason) from None


def check_bytes(row: bytes) -> None:
    """Raise RowProblem if a row holds what no text may hold."""
    if 0 in row:
        raise RowProblem("", row, "nul", "The row holds a NUL byte.")
    if not row.isascii():
        utf8_text(row)


def check_header(row: bytes) -> None:
    """Raise BadRequest if a file cannot begin with this row, which may have its line end."""
    names(row.removesuffix(b"\n").removesuffix(b"\r"))


def names(header: bytes) -> list[str]:
    """Return the names of a file's columns from its first row, which comes without its line end.

    Raises BadRequest if it is not CSV, names a column twice, has none of the name `REQUIRED`, or
    has more than `MAX_COLUMNS`.
    """
    try:
        names = [name.strip() for name in parse(header)]
        check_bytes(header)
    except RowProblem as problem:
        raise BadRequest("The CSV file's header cannot be read.", details=problem.reason) from None
    _check(names)
    return names


class Columns:
    """The columns of a file, by their names: those of fields, and those of metadata."""

    def __init__(self, names: Sequence[str], fields: Sequence[str]) -> None:
        self.width = len(names)
        places = [names.index(field) if field in names else -1 for field in fields]
        self._fields: Callable[[list[str | None]], tuple[Any, ...]] = itemgetter(*places)
        self._metadata = names.index(METADATA) if METADATA in names else None
        self._properties = [
            (place, name.removeprefix(_PROPERTY))
            for place, name in enumerate(names)
            if name.startswith(_PROPERTY)
        ]

    def fields(self, cells: list[str]) -> tuple[Any, ...]:
        """Return what stands in the columns of the fields, in their order; None: no such column."""
        return self._fields([*cells, None])

    def metadata(self, cells: list[str]) -> str:
        """Return the metadata as JSON text, "" if there is none. Raises RowProblem."""
        text = "" if self._metadata is None else cells[self._metadata]
        if not self._properties:
            return text
        found: dict[str, str | Json] = {
            key: _value(cells[place]) for place, key in self._properties if cells[place]
        }
        if not found:
            return text
        if text:
            text, _ = metadata_of(text)
            found = {**_decode_fields(text), **found}
        return str(_encode_json(found), "utf-8")


def _check(names: list[str]) -> None:
    if len(names) > MAX_COLUMNS:
        raise BadRequest(
            "The CSV file has too many columns.",
            details=f"Its header names {len(names)}; at most {MAX_COLUMNS} are read.",
        )
    if REQUIRED not in names:
        raise BadRequest(
            f"The CSV file has no column `{REQUIRED}`.",
            details="Its first line is expected to name the columns, separated by commas.",
        )
    named = [name for name in names if name]  # spreadsheets end lines with columns of no name
    if len(set(named)) < len(named):
        twice = next(name for place, name in enumerate(named) if name in named[:place])
        raise BadRequest(
            f"The CSV file names the column `{twice[:100]}` twice.",
            details="Each column is expected to have a name of its own.",
        )
    if _PROPERTY in names:
        raise BadRequest(
            f"The CSV file's column `{_PROPERTY}` names no property.",
            details=f"Expected a name after the dot, such as `{_PROPERTY}plan`.",
        )


def _value(cell: str) -> str | Json:
    """Return what a cell that is not empty holds: a string, or JSON that is none."""
    if cell[0] in _MAY_BE_OTHER and (
        cell in ("true", "false") or (_NUMBER(cell) and _digits(cell) <= _MAX_DIGITS)
    ):
        return msgspec.Raw(cell)
    return cell


def _digits(number: str) -> int:
    mantissa = number.lower().partition("e")[0]
    return len(mantissa.lstrip("-0.").replace(".", ""))
