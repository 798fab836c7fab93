"""Tables as CSV files."""

import csv
from collections.abc import Sequence
from io import StringIO

from analytex.wire.csv_cells import harmless

Cells = Sequence[str | float | None]


def csv_text(head: Sequence[str], rows: Sequence[Cells]) -> str:
    """Return rows as CSV (RFC 4180), with no cell that a spreadsheet would run as a formula."""
    file = StringIO()
    writer = csv.writer(file)
    for row in [head, *rows]:
        writer.writerow([harmless(cell) if isinstance(cell, str) else cell for cell in row])
    return file.getvalue()
