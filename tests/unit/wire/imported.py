"""Rows of imports, one of each kind, and the events that they become."""

import json
from typing import Any, Final

import pytest

from analytex.domain.events import Event
from analytex.wire import import_rows
from analytex.wire.rows import RowProblem

SECOND: Final = 1_000_000
NOW: Final = 1_800_000_000 * SECOND
AT: Final = 1_739_779_391_250_000  # 2025-02-17 08:03:11.25
CHROME: Final = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/120.0.0.0 Safari/537.36"
)
TRACK: Final[dict[str, Any]] = {
    "event_type": "track",
    "user_id": "u-204",
    "event_name": "invoice_paid",
    "company_id": "c-31",
    "source": "backend-http-import",
    "inserted_at": "2025-02-17 08:03:11.250000",
    "metadata": {"amount": 99.5},
}
PAGE_VIEW: Final[dict[str, Any]] = {
    "event_type": "page_view",
    "user_id": "u-204",
    "url": "https://app.example.org/reports",
    "user_agent": CHROME,
    "source": "web-client",
    "inserted_at": "2025-02-17 08:03:11.250000",
}
USER: Final[dict[str, Any]] = {
    "event_type": "identify_user",
    "user_id": "u-204",
    "source": "backend-segment",
    "inserted_at": "2025-02-17 08:03:11.250000",
    "metadata": {"plan": "team"},
}
COMPANY: Final[dict[str, Any]] = {
    "event_type": "identify_company",
    "company_id": "c-31",
    "source": "backend-hubspot",
    "inserted_at": "2025-02-17 08:03:11.250000",
    "metadata": {"seats": 9},
}

decode = import_rows.decoder(7, NOW)


def event(row: dict[str, Any], **changes: Any) -> Event:
    """Return the event of a row; a change to `...` takes the field out."""
    return decode(raw(row, **changes), 1)


def raw(row: dict[str, Any], **changes: Any) -> bytes:
    changed = {field: value for field, value in (row | changes).items() if value is not ...}
    return json.dumps(changed, ensure_ascii=False).encode() + b"\n"


def as_cells(row: dict[str, Any], **changes: Any) -> Event:
    """Return the event of the same row in CSV."""
    changed = {field: value for field, value in (row | changes).items() if value is not ...}
    cells = [v if isinstance(v, str) else json.dumps(v) for v in changed.values()]
    return import_rows.cells_decoder(list(changed), 7, NOW)(cells, 1)


def web(event: Event) -> dict[str, Any] | None:
    """Return what is known of where it happened."""
    found: dict[str, Any] | None = None if event.web is None else json.loads(event.web)
    return found


def problem(row: dict[str, Any], **changes: Any) -> RowProblem:
    """Return what is wrong with a row."""
    with pytest.raises(RowProblem) as caught:
        event(row, **changes)
    assert caught.value.reason.endswith(".")
    return caught.value
