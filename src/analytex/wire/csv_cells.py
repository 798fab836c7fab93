"""Cells of CSV that we write: no spreadsheet shall run one as a formula (OWASP, CSV injection)."""

from typing import Final

FORMULA_SIGNS: Final = ("=", "+", "-", "@", "\t", "\r")  #: a spreadsheet would run such a cell


def harmless(cell: str) -> str:
    """Return a cell with a quote in front if a spreadsheet would run it."""
    return "'" + cell if cell.startswith(FORMULA_SIGNS) else cell
