"""Events as rows of a file: the same in every format, and as they were sent."""

import csv
import gzip
import io
import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import duckdb
import fastavro
import pytest

from analytex.domain.exports import ExportFormat, ExportRequest
from analytex.history.columns import COLUMNS as STORED
from analytex.jobs.export_rows import COLUMNS, write

AT: Final = 1_772_359_200_123_456  # 2026-03-01T10:00:00.123456Z
STRANGE: Final = 'é "quoted", \\ \t\r\n\u2028\x00 💙'


def event(number: int, **changes: Any) -> dict[str, Any]:
    """A row of the table."""
    return {
        **dict.fromkeys(column.name for column in STORED),
        "id": f"{number:020x}",
        "event_type": "track",
        "event_name": "opened",
        "user_id": f"u-{number}",
        "source": "backend-http",
        "inserted_at": AT + number,
        "metadata": "{}",
        "sequence": number,
        **changes,
    }


EVENTS: Final = [
    event(1, metadata='{"a": 1.0, "b": 12345678901234567890123,\n "c":\r\n[{"d": "x\\ny"}]}'),
    event(2, event_name=STRANGE, user_id=STRANGE, hostname=STRANGE, screen_width=1920),
    event(3, event_type="identify_company", user_id=None, company_id="acme", event_name=""),
    event(4, event_type="identify_user", company_id="acme", company='{"name": "=A1"}'),
    event(5, event_name="=HYPERLINK(1)", user_id="+1", company_id="@x", hostname="-2"),
]


@pytest.fixture
def db() -> Iterator["duckdb.DuckDBPyConnection"]:
    """A connection with the view `events`."""
    with closing(duckdb.connect()) as db:
        db.execute("SET TimeZone = 'UTC'")
        columns = ", ".join(f"{each.name} {each.kind}" for each in STORED)
        db.execute(f"CREATE TABLE events ({columns})")
        for row in EVENTS:
            marks = ", ".join(
                "make_timestamptz(?::BIGINT)" if name == "inserted_at" else "?" for name in row
            )
            db.execute(f"INSERT INTO events VALUES ({marks})", list(row.values()))  # noqa: S608
        yield db


def expected(row: dict[str, Any]) -> dict[str, Any]:
    """What an exported event says, with its metadata as text."""
    shown = {name: row.get(name) for name in COLUMNS}
    micros = row["inserted_at"] % 1_000_000
    return shown | {
        "app_token": "NX-'1",
        "internal_event_id": row["id"],
        "inserted_at": f"2026-03-01T10:00:00.{micros:06d}Z",
    }


def export(db: Any, path: Path, format: ExportFormat, **rest: Any) -> Path:
    """Write a file."""
    told: list[int] = []
    request = ExportRequest(format=format, **rest)
    count = write(db, request, path, app_token="NX-'1", tell=told.append)
    assert format is ExportFormat.PARQUET or told == ([count] if count else [])
    return path


def ndjson(path: Path) -> list[dict[str, Any]]:
    """The objects of an NDJSON file."""
    return [json.loads(line) for line in gzip.decompress(path.read_bytes()).split(b"\n")[:-1]]


def test_ndjson_has_metadata_as_an_object(db: Any, tmp_path: Path) -> None:
    """One line for each event, whatever is in it, and the fields in their order."""
    rows = ndjson(export(db, tmp_path / "f", ExportFormat.NDJSON))

    assert [list(row) for row in rows] == [list(COLUMNS)] * len(EVENTS)
    for row, sent in zip(rows, map(expected, EVENTS), strict=True):
        company = sent["company"]
        assert row == sent | {
            "metadata": json.loads(sent["metadata"]),
            "company": None if company is None else json.loads(company),
        }


def test_metadata_goes_through_as_it_was_sent(db: Any, tmp_path: Path) -> None:
    """A number keeps its text; line ends between values become blanks."""
    path = export(db, tmp_path / "f", ExportFormat.NDJSON)

    first = gzip.decompress(path.read_bytes()).splitlines()[0]
    assert b'{"a": 1.0, "b": 12345678901234567890123,  "c":  [{"d": "x\\ny"}]}' in first


def test_csv_has_no_cell_that_a_spreadsheet_would_run(db: Any, tmp_path: Path) -> None:
    """Event names come from anybody who has the key of a web page."""
    path = export(db, tmp_path / "f", ExportFormat.CSV)
    rows = list(csv.DictReader(io.StringIO(path.read_text("utf-8"), newline="")))

    assert list(rows[0]) == list(COLUMNS)
    cells = {
        name: "" if value is None else str(value) for name, value in expected(EVENTS[4]).items()
    }
    for name in ("event_name", "user_id", "company_id", "hostname"):
        cells[name] = "'" + cells[name]
    assert rows[4] == cells


def test_csv_says_what_was_sent(db: Any, tmp_path: Path) -> None:
    """With null as an empty cell."""
    path = export(db, tmp_path / "f", ExportFormat.CSV)
    content = path.read_bytes().decode()
    rows = list(csv.DictReader(io.StringIO(content, newline="")))

    for row, sent in zip(rows[:4], map(expected, EVENTS), strict=False):
        assert row == {k: "" if v is None else str(v) for k, v in sent.items()}
    assert content.endswith("\r\n")


def test_parquet_has_types(db: Any, tmp_path: Path) -> None:
    """A time is a time, also in a column that is empty."""
    path = export(db, tmp_path / "f", ExportFormat.PARQUET)
    columns = ", ".join(
        "strftime(inserted_at, '%Y-%m-%dT%H:%M:%S.%fZ')" if name == "inserted_at" else name
        for name in COLUMNS
    )
    found = db.execute(f"SELECT {columns} FROM read_parquet(?)", [str(path)])  # noqa: S608
    rows = [dict(zip(COLUMNS, row, strict=True)) for row in found.fetchall()]
    kinds = dict(
        db.execute(
            "SELECT column_name, column_type FROM (DESCRIBE FROM read_parquet(?))", [str(path)]
        ).fetchall()
    )

    assert rows == list(map(expected, EVENTS))
    assert kinds["inserted_at"] == "TIMESTAMP WITH TIME ZONE"
    assert (kinds["screen_width"], kinds["session"]) == ("BIGINT", "VARCHAR")


def test_avro_has_types(db: Any, tmp_path: Path) -> None:
    """The same."""
    path = export(db, tmp_path / "f", ExportFormat.AVRO)
    with path.open("rb") as file:
        rows: list[Any] = list(fastavro.reader(file))

    for row, sent in zip(rows, map(expected, EVENTS), strict=True):
        at = row["inserted_at"].isoformat(timespec="microseconds").replace("+00:00", "Z")
        assert row | {"inserted_at": at} == sent


@pytest.mark.parametrize(
    ("wanted", "numbers"),
    [
        ({}, [1, 2, 3, 4, 5]),
        ({"event_types": ["track", "page_view"]}, [1, 2, 5]),
        ({"event_types": ["interaction"]}, []),
        ({"user_ids": ["u-1", STRANGE, "nobody"]}, [1, 2]),
        ({"company_ids": ["acme"]}, [3, 4]),
        ({"company_ids": ["acme"], "user_ids": ["u-4"]}, [4]),
        ({"user_ids": ["' OR true --"]}, []),
    ],
)
@pytest.mark.parametrize("format", list(ExportFormat))
def test_filters(
    db: Any, tmp_path: Path, format: ExportFormat, wanted: dict[str, Any], numbers: list[int]
) -> None:
    """All of them must hold; a file without events is one that can be read."""
    path = export(db, tmp_path / "f", format, **wanted)
    found: list[str]
    if format is ExportFormat.NDJSON:
        found = [row["internal_event_id"] for row in ndjson(path)]
    elif format is ExportFormat.CSV:
        text = io.StringIO(path.read_text("utf-8"), newline="")
        found = [row["internal_event_id"] for row in csv.DictReader(text)]
    elif format is ExportFormat.PARQUET:
        rows = db.execute("SELECT internal_event_id FROM read_parquet(?)", [str(path)]).fetchall()
        found = [id for (id,) in rows]
    else:
        with path.open("rb") as file:
            avro: list[Any] = list(fastavro.reader(file))
        found = [row["internal_event_id"] for row in avro]

    assert [int(id, 16) for id in found] == numbers
