"""Counting rows while a file comes in."""

import csv
import io
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytex.domain.jobs import FileFormat
from analytex.jobs.counting import RowCounter

EXAMPLES = settings(derandomize=True, database=None, deadline=None, max_examples=300)
BOM: Final = b"\xef\xbb\xbf"


def count(format: FileFormat, data: bytes, *, piece: int) -> int:
    """Return how many rows are counted if so many bytes come at a time."""
    counter = RowCounter(format)
    for start in range(0, len(data), piece):
        counter.feed(data[start : start + piece])
    return counter.finish()


NDJSON: Final = [
    ("nothing", b"", 0),
    ("a line", b"{}\n", 1),
    ("no line end", b"{}", 1),
    ("two", b"{}\n{}", 2),
    ("CRLF", b"{}\r\n{}\r\n", 2),
    ("blank lines", b"\n\n{}\n\n \t\n\r\n{}\n \n", 2),
    ("only blank lines", b"\n \n\r\n\t\v\f\n  ", 0),
    ("a byte-order mark", BOM + b"{}\n{}\n", 2),
    ("a byte-order mark alone", BOM + b"\n{}\n", 1),
    ("nothing but a mark", BOM, 0),
    ("part of a mark", BOM[:2], 1),
    ("a line that begins with spaces", b"  {}\n  {}\n", 2),
    ("what is no JSON", b"x\n\0\n\xff\n", 3),
    ("a quote", b'"\n"\n', 2),
]
CSV: Final = [
    ("nothing", b"", 0),
    ("a header", b"a,b\n", 0),
    ("a header without line end", b"a,b", 0),
    ("a row", b"a\n1\n", 1),
    ("a row without line end", b"a\n1", 1),
    ("CRLF", b"a\r\n1\r\n2\r\n", 2),
    ("blank lines", b"\n \na\n\n1\n\t\n2\n\n", 2),
    ("a byte-order mark", BOM + b"a\n1\n", 1),
    ("a line break in quotes", b'a\n"1\n2"\n3\n', 2),
    ("a blank line in quotes", b'a\n"1\n\n\n2"\n3\n', 2),
    ("quotes in quotes", b'a\n"1""\n""2"\n3\n', 2),
    ("a line break in the header", b'"a\nb",c\n1,2\n', 1),
    ("only quotes", b'a\n""\n""\n', 2),
    ("blank inside quotes", b'a\n"\n"\n" "\n', 2),
    ("a blank line after quotes", b'a\n"1"\n\n"2"\n', 2),
    ("quotes to the end", b'a\n"1\n2', 1),
    ("comma only", b"a,b\n,\n", 1),
]


@pytest.mark.parametrize("piece", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize(
    ("format", "data", "rows"),
    [
        pytest.param(format, data, rows, id=f"{format}: {name}")
        for format, cases in ((FileFormat.NDJSON, NDJSON), (FileFormat.CSV, CSV))
        for name, data, rows in cases
    ],
)
def test_rows_are_counted(format: FileFormat, data: bytes, rows: int, piece: int) -> None:
    """Lines that are not blank, outside quotes, wherever the pieces end."""
    assert count(format, data, piece=piece) == rows


@EXAMPLES
@given(st.binary() | st.text(' \n\r\ta"{}').map(str.encode), st.integers(1, 9))
def test_ndjson_is_counted_exactly(data: bytes, piece: int) -> None:
    """Whatever it is."""
    lines = data.removeprefix(BOM).split(b"\n")
    assert count(FileFormat.NDJSON, data, piece=piece) == sum(bool(line.strip()) for line in lines)


CELLS: Final = st.text('a,"\n\r é', max_size=5)


@EXAMPLES
@given(
    st.lists(st.lists(CELLS, min_size=1, max_size=3)),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    st.integers(1, 9),
)
def test_csv_as_programs_write_it_is_counted_exactly(
    rows: list[list[str]], line_end: str, quoting: int, piece: int
) -> None:
    """Whatever the cells hold; a row that is a blank line is none."""
    lines = []
    for row in (["h"], *rows):
        line = io.StringIO()
        csv.writer(line, lineterminator=line_end, quoting=quoting).writerow(row)  # type: ignore[arg-type]
        lines.append(line.getvalue().encode())
    # Some releases of Python write a lone carriage return without quotes: a blank line.
    blank = sum(line.isspace() for line in lines)
    counted = count(FileFormat.CSV, b"".join(lines), piece=piece)
    assert counted == len(rows) - blank


def test_rows_are_known_while_the_file_comes() -> None:
    """So that a file of too many is refused before all of it came."""
    counter = RowCounter(FileFormat.CSV)
    counter.feed(b"a\n1\n2")
    assert counter.rows == 1
    counter.feed(b"\n")
    assert counter.rows == 2
    assert counter.finish() == 2
