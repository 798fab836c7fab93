"""Whether what is kept of files and of refused requests mentions a user or company.

Deletions remove what does, and downloads show it.
"""

from collections.abc import Generator, Set
from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote_plus

from analytex.domain.jobs import FileFormat
from analytex.domain.quarantine import Refused
from analytex.jobs.lines import Lines
from analytex.wire.erasing import Mention, holds
from analytex.wire.rows import RowProblem


class Sought:
    """Ids that are looked for. Which kind they are of does not matter: a text does not say it."""

    def __init__(self, ids: Set[str]) -> None:
        self._names = Mention(ids)

    def is_in(self, text: bytes) -> bool:
        """Tell whether a row, or a value of one, holds one of the ids, however it is written."""
        if holds(text, self._names):
            return True
        # A quote inside a quoted cell of CSV stands there twice.
        return b'""' in text and holds(text.replace(b'""', b'"'), self._names)

    def is_in_request(self, refused: Refused) -> bool:
        """Tell whether what is kept of a refused request holds one of the ids."""
        texts = (refused.query, refused.message, refused.details, refused.content_type)
        return any(map(self._is_in_part, (refused.body, *(text.encode() for text in texts))))

    def _is_in_part(self, text: bytes) -> bool:
        if self.is_in(text):
            return True
        # As a form or an address has it.
        if b"%" not in text and b"+" not in text:
            return False
        return holds(unquote_plus(text.decode("utf-8", "replace")).encode(), self._names)


def is_in_doubt(refused: Refused) -> bool:
    """Tell whether a refused request in which no id is found may have held one all the same.

    If it was not kept whole or is no text, what is missing or cannot be read may be what names
    somebody.
    """
    if not refused.whole or b"\0" in refused.body:  # UTF-16, say
        return True
    try:
        refused.body.decode()
    except UnicodeDecodeError:
        return True
    return False


def rows_of(lines: Lines, format: FileFormat) -> Generator[bytes, None, None]:
    """Yield the rows of a file from where it is, with their line ends; a CSV file's header too.

    A CSV row may have several lines; a line that is longer than a row may be comes in pieces.
    Raises FileProblem where the packing is damaged.
    """
    while row := lines.next():
        if format is FileFormat.CSV:
            with suppress(RowProblem):  # its quote stays open: the line is a row
                row, _ = lines.cells(row)
        yield row


def failed_rows_of(path: Path, format: FileFormat, row_bytes: int) -> Generator[bytes, None, None]:
    """Yield the rows of a job's file of failed rows, likewise. Raises OSError if there is none."""
    lines = Lines(path, packed=False, row_bytes=row_bytes)
    try:
        yield from rows_of(lines, format)
    finally:
        lines.close()
