"""Rows of import files, as tests make them up."""

import csv
import io
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

Row = Mapping[str, Any]

START: Final = datetime(2025, 2, 17, 8, tzinfo=UTC)


def track(number: int, **changes: Any) -> dict[str, Any]:
    """Return a row that differs from all others of other numbers; its time grows with it."""
    return {
        "event_type": "track",
        "user_id": f"u-{number % 50}",
        "event_name": "invoice paid",
        "source": "backend-http-import",
        "inserted_at": at(number),
        "metadata": {"number": number},
    } | changes


def identify(user_id: str, number: int = 0, **changes: Any) -> dict[str, Any]:
    """Return an identify_user with the metadata `changes["metadata"]`."""
    return {
        "event_type": "identify_user",
        "user_id": user_id,
        "source": "backend-http-import",
        "inserted_at": at(number),
    } | changes


def identify_company(company_id: str, number: int = 0, **changes: Any) -> dict[str, Any]:
    """Return an identify_company."""
    return {
        "event_type": "identify_company",
        "company_id": company_id,
        "source": "backend-http-import",
        "inserted_at": at(number),
    } | changes


def at(number: int) -> str:
    """Return a time of the past, in the form of the published examples."""
    return f"{START + timedelta(milliseconds=number):%Y-%m-%d %H:%M:%S.%f}"


def ndjson(rows: Iterable[Row]) -> bytes:
    """Return rows as NDJSON."""
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def csv_file(rows: Iterable[Row]) -> bytes:
    """Return rows as CSV, with metadata as JSON in its cell."""
    listed = list(rows)
    text = io.StringIO()
    writer = csv.DictWriter(text, list(dict.fromkeys(name for row in listed for name in row)))
    writer.writeheader()
    for row in listed:
        cells = {k: json.dumps(v) if isinstance(v, dict) else v for k, v in row.items()}
        writer.writerow(cells)
    return text.getvalue().encode()
