"""CSV files of answers."""

import csv

import pytest

from analytex.console.tables import csv_text


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\tx", '=HYPERLINK("x")'])
def test_no_cell_is_a_formula(text: str) -> None:
    """Names are the senders' own, and the file is opened in a spreadsheet."""
    (head, row) = csv.reader(csv_text([text, "users"], [[text, 3]]).splitlines())

    assert head == ["'" + text, "users"]
    assert row == ["'" + text, "3"]


def test_a_cell_may_hold_anything() -> None:
    """Commas, quotes, line ends; a number stays a number, and none is empty."""
    text = csv_text(["a"], [['x,"y"\r\nz', -1, 0.5, None]])

    assert list(csv.reader(text.splitlines(keepends=True)))[1] == ['x,"y"\r\nz', "-1", "0.5", ""]
