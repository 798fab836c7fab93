"""The same row of an import is the same event, however it is written."""

import json
from typing import Any, Final

import pytest

from analytex.wire import user_agents
from tests.unit.wire.imported import (
    CHROME,
    COMPANY,
    PAGE_VIEW,
    TRACK,
    as_cells,
    decode,
    event,
    raw,
)

SAME: Final = event(TRACK).id


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(raw(TRACK), id="as it is"),
        pytest.param(raw(TRACK).replace(b"\n", b"\r\n"), id="CRLF"),
        pytest.param(json.dumps(TRACK, separators=(",", ":")).encode(), id="without spaces"),
        pytest.param(json.dumps(TRACK, sort_keys=True).encode(), id="keys in another order"),
        pytest.param(raw(TRACK, inserted_at=1739779391.25), id="the time otherwise"),
        pytest.param(raw(TRACK, other=1, browser=None), id="with more keys"),
        pytest.param(raw(TRACK).replace(b"u-204", b"u\\u002d204"), id="escaped"),
        pytest.param(raw(TRACK).replace(b"99.5", b"99.50"), id="the number otherwise"),
    ],
)
def test_the_same_row_has_the_same_id(row: bytes) -> None:
    """A file that is uploaded again, however it was made, changes nothing."""
    assert decode(row, 99).id == SAME


def test_the_same_row_in_csv_has_the_same_id() -> None:
    """With its metadata in a cell, or in columns."""
    assert as_cells(TRACK) == event(TRACK)
    assert as_cells(TRACK | {"metadata": ..., "metadata.amount": "99.5"}).id == SAME
    assert as_cells(PAGE_VIEW) == event(PAGE_VIEW)
    assert as_cells(COMPANY) == event(COMPANY)


@pytest.mark.parametrize(
    "changes",
    [
        {"event_type": "identify_user"},
        {"user_id": "u-205"},
        {"company_id": None},
        {"company_id": "c-32"},
        {"event_name": "invoice_sent"},
        {"source": "backend-http"},
        {"inserted_at": "2025-02-17 08:03:11.250001"},
        {"metadata": {"amount": "99.5"}},
        {"metadata": {"amount": 99.51}},
        {"metadata": {"amount": 99.5, "x": None}},
        {"metadata": {"amount": 10**30}},
        {"metadata": {"amount": 10**30 + 1}},
        {"metadata": {"a": {"mount": 99.5}}},
        {"browser": "Chrome"},
        {"device_type": "Chrome"},
        {"screen_width": 0},
        {"user_agent": CHROME},
    ],
    ids=str,
)
def test_another_row_has_another_id(changes: dict[str, Any]) -> None:
    """Everything that is stored counts."""
    assert event(TRACK, **changes).id != SAME


def test_ids_stay_what_they_are() -> None:
    """They are stored: another way to make them would import every file again."""
    assert SAME == "62e51f49a5e50ad613f6d26b38a05e62"
    assert event(PAGE_VIEW).id == "62e51f49a5e50bb583e07ea633926225"


def test_what_the_user_agent_is_taken_for_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rules are renewed with their package, and the file would be imported again."""
    first = event(PAGE_VIEW)
    monkeypatch.setattr(user_agents, "families", lambda _: user_agents.Families("Newer", None))
    again = event(PAGE_VIEW)
    assert again.id == first.id
    assert again.web != first.web
