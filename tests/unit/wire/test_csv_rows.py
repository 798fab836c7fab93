"""CSV: cells, columns, and what cells hold."""

import json

import pytest

from analytex.errors import BadRequest
from analytex.wire import csv_rows
from analytex.wire.csv_rows import Columns
from analytex.wire.rows import RowProblem


@pytest.mark.parametrize(
    ("row", "cells"),
    [
        pytest.param("a,b", ["a", "b"], id="plain"),
        pytest.param("a,,", ["a", "", ""], id="empty cells"),
        pytest.param('"a,b",c', ["a,b", "c"], id="a comma in quotes"),
        pytest.param('"a ""b""",c', ['a "b"', "c"], id="quotes in quotes"),
        pytest.param('"a\nb","c\r\nd"', ["a\nb", "c\r\nd"], id="line breaks in quotes"),
        pytest.param('"",""', ["", ""], id="quoted and empty"),
        pytest.param(" a , b ", [" a ", " b "], id="spaces stay"),
        pytest.param('5" pipe,x', ['5" pipe', "x"], id="a quote inside a cell without quotes"),
        pytest.param("żółw,\u2028", ["żółw", "\u2028"], id="any letters"),
        pytest.param('"' + "x" * 300_000 + '"', ["x" * 300_000], id="a long cell"),
    ],
)
def test_cells_of_a_row(row: str, cells: list[str]) -> None:
    """RFC 4180, and a little more."""
    assert csv_rows.parse(row.encode()) == cells


@pytest.mark.parametrize(
    ("row", "code"),
    [
        pytest.param(b'"a', "quote", id="an open quote"),
        pytest.param(b'"a"b,c', "quote", id="text after a quote"),
        pytest.param(b"a\rb,c", "line_break", id="a carriage return"),
        pytest.param(b'"a\xff', "quote", id="an open quote, and not UTF-8"),
        pytest.param(b'a\rb,"c"', "line_break", id="a carriage return beside quotes"),
        pytest.param(b"a\0,b", "nul", id="a NUL byte"),
        pytest.param(b'"a\0","b"', "nul", id="a NUL byte in quotes"),
        pytest.param(b"a\xff,b", "not_utf8", id="not UTF-8"),
        pytest.param(b'"a\xff",b', "not_utf8", id="not UTF-8 in quotes"),
    ],
)
def test_a_row_that_is_no_csv(row: bytes, code: str) -> None:
    """The row as a whole is wrong, no single column."""
    with pytest.raises(RowProblem) as caught:  # noqa: PT012 - either may find it
        csv_rows.parse(row)
        csv_rows.check_bytes(row)
    assert (caught.value.place, caught.value.code) == ("", code)


@pytest.mark.parametrize(
    "header",
    [
        pytest.param(b"event_type,user_id\r\n", id="with its line end"),
        pytest.param(b' event_type ,"user_id "', id="with spaces"),
        pytest.param(b"other,event_type,metadata,metadata.plan", id="metadata of both kinds"),
        pytest.param(b"event_type,,,", id="columns without a name"),
        pytest.param(b",".join([b"event_type", *(b"c%d" % n for n in range(999))]), id="1000"),
    ],
)
def test_a_good_header(header: bytes) -> None:
    """Columns may come in any order, beside others."""
    csv_rows.check_header(header)


@pytest.mark.parametrize(
    ("header", "says"),
    [
        pytest.param(b"user_id,source", "no column `event_type`", id="no event type"),
        pytest.param(b"", "no column `event_type`", id="empty"),
        pytest.param(b"event_type;user_id", "no column `event_type`", id="semicolons"),
        pytest.param(b"event_type,a,b,a", "`a` twice", id="a column twice"),
        pytest.param(b"event_type,event_type", "`event_type` twice", id="the event type twice"),
        pytest.param(b"event_type,metadata.", "names no property", id="metadata without a name"),
        pytest.param(b"event_type," + b"," * 1000, "too many columns", id="too many"),
        pytest.param(b'"event_type', "cannot be read", id="an open quote"),
        pytest.param(b"event_type\xff", "cannot be read", id="not UTF-8"),
        pytest.param(b"event_type\ruser_id", "cannot be read", id="carriage returns alone"),
    ],
)
def test_a_bad_header(header: bytes, says: str) -> None:
    """Refused as a whole, before any row is read."""
    with pytest.raises(BadRequest, match=says):
        csv_rows.check_header(header)


def test_fields_come_in_their_order() -> None:
    """An empty cell is an empty text, a column that is not there is None."""
    columns = Columns(["b", "other", "a"], ["a", "b", "c"])
    assert columns.width == 3
    assert columns.fields(["1", "2", ""]) == ("", "1", None)


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("text", '"text"'),
        ('say "hi"', r'"say \"hi\""'),
        ("żółw", '"żółw"'),
        ("12", "12"),
        ("-12.50", "-12.50"),
        ("0", "0"),
        ("0.001", "0.001"),
        ("1e5", "1e5"),
        ("1E-10", "1E-10"),
        ("true", "true"),
        ("false", "false"),
        ("123456789012345", "123456789012345"),
        ("1234567890123456", '"1234567890123456"'),
        ("0.123456789012345", "0.123456789012345"),
        ("0.1234567890123456", '"0.1234567890123456"'),
        ("007", '"007"'),
        ("+1", '"+1"'),
        (" 1", '" 1"'),
        ("1 ", '"1 "'),
        ("1.", '"1."'),
        (".5", '".5"'),
        ("-", '"-"'),
        ("1e400", '"1e400"'),
        ("1,5", '"1,5"'),
        ("1_000", '"1_000"'),
        ("0x10", '"0x10"'),
        ("١٢", '"١٢"'),
        ("True", '"True"'),
        ("null", '"null"'),
        ("NaN", '"NaN"'),
        ("{}", '"{}"'),
        ("2025-03-01", '"2025-03-01"'),
    ],
)
def test_a_cell_of_a_property_is_what_json_reads_it_as(cell: str, value: str) -> None:
    """Only where nothing is lost; all else is text, to the last space."""
    text = Columns(["metadata.p"], ["x", "y"]).metadata([cell])
    assert text == '{"p":' + value + "}"
    json.loads(text)


@pytest.mark.parametrize(
    ("names", "cells", "metadata"),
    [
        pytest.param(["a"], ["1"], "", id="no metadata"),
        pytest.param(["metadata"], [""], "", id="an empty cell"),
        pytest.param(["metadata"], ['{"a": 1}'], '{"a": 1}', id="as it stands"),
        pytest.param(["metadata.a", "metadata.b"], ["", ""], "", id="empty cells"),
        pytest.param(["metadata.a", "metadata.b"], ["x", ""], '{"a":"x"}', id="one of two"),
        pytest.param(['metadata.a"b', "metadata.c.d"], ["1", "2"], r'{"a\"b":1,"c.d":2}', id="any"),
        pytest.param(
            ["metadata.a", "metadata"],
            ["1", '{"b": 2.50, "a": 3}'],
            '{"b":2.50,"a":1}',
            id="a column of its own wins",
        ),
        pytest.param(["metadata.a", "metadata"], ["1", "null"], '{"a":1}', id="beside null"),
        pytest.param(["metadata.a", "metadata"], ["", '{"a":3}'], '{"a":3}', id="empty: no value"),
    ],
)
def test_metadata_of_a_row(names: list[str], cells: list[str], metadata: str) -> None:
    """An object in its cell, columns of its properties, or both."""
    assert Columns(names, ["x", "y"]).metadata(cells) == metadata
