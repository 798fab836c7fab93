"""What kind of file comes in, by its first bytes, and how many rows it has."""

import codecs
import re
from typing import Final

from analytex.domain.jobs import FileFormat
from analytex.errors import BadRequest, TooManyRows
from analytex.jobs.counting import RowCounter
from analytex.wire.csv_rows import check_header

MAX_HEAD_BYTES: Final = 64 * 1024  #: the format is known by then: white space, or a CSV header
_COUNT_BYTES: Final = 256 * 1024  # at once: of lines of a byte or two each a copy is made
_SURE_BYTES: Final = 4  # enough to know every byte-order mark
# Of a CSV file; line breaks inside quotes do not end it.
_FIRST_LINE: Final = re.compile(rb'[^"\n]*+(?:"[^"]*+"[^"\n]*+)*\n')
_EXPECTED: Final = {
    FileFormat.NDJSON: "NDJSON, a JSON object on each line",
    FileFormat.CSV: "CSV, with the names of its columns in the first line",
}


class Rows:
    """The text of a file of rows, as it comes in. Raises BadRequest and TooManyRows."""

    def __init__(self, formats: frozenset[FileFormat], limit: int | None) -> None:
        self._formats = formats
        self._limit = limit
        self._head = bytearray()  # until the format is known
        self._format: FileFormat | None = None
        self._counter: RowCounter | None = None

    @property
    def format(self) -> FileFormat:
        """The format; known after `finish`."""
        assert self._format is not None
        return self._format

    def feed(self, text: bytes) -> None:
        """Take more."""
        if self._counter is None:
            self._head += text
            self._begin(ended=False)
        else:
            self._count(self._counter, text)

    def finish(self) -> int:
        """Return how many rows there were."""
        if self._counter is None:
            self._begin(ended=True)
        assert self._counter is not None
        rows = self._counter.finish()
        self._check(rows)
        return rows

    def _begin(self, *, ended: bool) -> None:
        head = bytes(self._head)
        if not ended and len(head) < _SURE_BYTES:
            return
        self._format = self._recognise(head, ended=ended)
        if self._format is not None:
            self._counter = RowCounter(self._format)
            self._count(self._counter, head)
            self._head.clear()

    def _count(self, counter: RowCounter, text: bytes) -> None:
        for start in range(0, len(text), _COUNT_BYTES):
            counter.feed(text[start : start + _COUNT_BYTES])
            self._check(counter.rows)

    def _recognise(self, head: bytes, *, ended: bool) -> FileFormat | None:
        """Return the format; None: not yet."""
        _check_utf8(head)
        if not head[:MAX_HEAD_BYTES].removeprefix(codecs.BOM_UTF8).strip():
            if len(head) > MAX_HEAD_BYTES:
                raise self._unknown(f"Its first {MAX_HEAD_BYTES} bytes are blank.")
            if ended:
                raise BadRequest("The file is empty.", details="It holds no row.")
            return None
        text = head.removeprefix(codecs.BOM_UTF8).lstrip()
        if text.startswith(b"{") and FileFormat.NDJSON in self._formats:
            return FileFormat.NDJSON
        if text[0] in b"[{" or FileFormat.CSV not in self._formats:
            raise self._unknown(f"It begins with {text[:1].decode(errors='replace')!r}.")
        return self._recognise_csv(text, ended=ended)

    def _recognise_csv(self, text: bytes, *, ended: bool) -> FileFormat | None:
        line = _FIRST_LINE.match(text, 0, MAX_HEAD_BYTES + 1)
        if line is None and len(text) > MAX_HEAD_BYTES:
            raise self._unknown(f"Its first line has more than {MAX_HEAD_BYTES} bytes.")
        if line is None and not ended:
            return None
        check_header(line[0] if line else text)
        return FileFormat.CSV

    def _unknown(self, problem: str) -> BadRequest:
        names = [each.upper() for each in FileFormat if each in self._formats]
        expected = "; or ".join(_EXPECTED[each] for each in FileFormat if each in self._formats)
        verb = f"not {names[0]}" if len(names) == 1 else "neither " + " nor ".join(names)
        return BadRequest(f"The file is {verb}.", details=f"{problem} Expected {expected}.")

    def _check(self, rows: int) -> None:
        if self._limit is not None and rows > self._limit:
            raise too_many_rows(self._limit)


def too_many_rows(limit: int) -> TooManyRows:
    """Return the refusal of a file with more than `limit` rows."""
    return TooManyRows(details=f"At most {limit} rows are taken at once.")


def _check_utf8(head: bytes) -> None:
    # Every text in UTF-16 and UTF-32 that could be rows begins with a mark, or has a NUL early.
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or b"\0" in head[:_SURE_BYTES]:
        raise BadRequest(
            "The file is not UTF-8.", details="It begins as a file in UTF-16 or UTF-32 does."
        )
