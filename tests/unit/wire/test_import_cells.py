"""Rows of a CSV import: cells are fields, and the error names the column."""

from typing import Final

import pytest

from analytex.wire import import_rows
from analytex.wire.rows import RowProblem
from tests.unit.wire.imported import NOW

HEADER: Final = ["event_type", "user_id", "event_name", "source", "inserted_at", "metadata"]
CELLS: Final = ["track", "007", "paid", "backend-http", "2025-02-17", '{"a": [1]}']


def test_cells_are_fields() -> None:
    """Ids stay text, to the last zero."""
    found = import_rows.cells_decoder(HEADER, 7, NOW)(CELLS, 1)
    assert (found.user_id, found.event_name, found.metadata) == ("007", "paid", '{"a": [1]}')
    assert (found.company_id, found.web) == (None, None)


@pytest.mark.parametrize(
    ("column", "cell", "place", "code"),
    [
        pytest.param(0, "click", "event_type", "not_allowed", id="event type"),
        pytest.param(1, "", "user_id", "empty", id="no user"),
        pytest.param(2, "", "event_name", "empty", id="no event name"),
        pytest.param(3, "x", "source", "not_allowed", id="source"),
        pytest.param(4, "soon", "inserted_at", "not_a_time", id="time"),
        pytest.param(5, "{", "metadata", "not_json", id="metadata cut"),
        pytest.param(5, " ", "metadata", "not_json", id="metadata blank"),
        pytest.param(5, "[1]", "metadata", "wrong_type", id="metadata a list"),
        pytest.param(5, "plan=team", "metadata", "not_json", id="metadata no JSON"),
        pytest.param(
            5, '{"a":' + "[" * 63 + "]" * 63 + "}", "metadata", "nested_too_deeply", id="too deep"
        ),
    ],
)
def test_bad_cells(column: int, cell: str, place: str, code: str) -> None:
    """The error names the column."""
    cells = [*CELLS[:column], cell, *CELLS[column + 1 :]]
    with pytest.raises(RowProblem) as caught:
        import_rows.cells_decoder(HEADER, 7, NOW)(cells, 1)
    assert (caught.value.place, caught.value.code) == (place, code)
    assert caught.value.value == cell[:200]


@pytest.mark.parametrize("cells", [CELLS[:-1], [*CELLS, ""], [""]], ids=["fewer", "more", "one"])
def test_a_row_has_as_many_cells_as_the_header(cells: list[str]) -> None:
    """Else nobody knows which is which."""
    with pytest.raises(RowProblem) as caught:
        import_rows.cells_decoder(HEADER, 7, NOW)(cells, 1)
    assert (caught.value.place, caught.value.code) == ("", "wrong_column_count")


def test_a_column_that_is_not_there_is_missing() -> None:
    """As a key that is not there."""
    with pytest.raises(RowProblem) as caught:
        import_rows.cells_decoder(["event_type"], 7, NOW)(["track"], 1)
    assert (caught.value.place, caught.value.code) == ("source", "missing")
