"""Counting the rows of a file while its bytes arrive, without reading what they hold.

Of NDJSON the count is exact, and so it is of CSV as RFC 4180 has it. Of other CSV, with quotes in
cells that are not quoted or left open, it is an estimate, corrected when the rows are read.
"""

import re
from typing import Final

from analytex.domain.jobs import FileFormat
from analytex.jobs.lines import BOM

# A line that begins with white space may be a blank one; hardly a file has any.
_MAY_BE_BLANK: Final = re.compile(rb"\n[ \t\r\n\v\f]").search
_NOT_QUOTES_OR_ENDS: Final = bytes(set(range(256)) - set(b'"\n'))


class RowCounter:
    """Counts rows: lines that are not blank, outside quotes; a CSV header is none."""

    def __init__(self, format: FileFormat) -> None:
        self._csv = format is FileFormat.CSV
        self._rows = 0
        self._filled = False  # the line that is not at its end has something in it
        self._quoted = False  # it ends inside quotes
        self._begin = b""  # the first bytes, until they are enough to be a byte-order mark
        self._begun = False

    @property
    def rows(self) -> int:
        """How many rows have come to their end."""
        return max(self._rows - 1, 0) if self._csv else self._rows

    def feed(self, data: bytes) -> None:
        """Count what comes next; the pieces may be split anywhere."""
        if not self._begun:
            data = self._begin = self._begin + data
            if len(data) < len(BOM) and BOM.startswith(data):
                return
            self._begun = True
            data = data.removeprefix(BOM)
        if self._csv and (self._quoted or b'"' in data):
            self._feed_quotes(data)
        else:
            self._feed_lines(data)

    def finish(self) -> int:
        """Return how many rows there are; the last one need not have a line end."""
        if not self._begun:
            self._feed_lines(self._begin)
        self._rows += self._filled
        self._filled = False
        return self.rows

    def _feed_lines(self, data: bytes) -> None:
        first = data.find(b"\n")
        if first < 0:
            self._filled = self._filled or _filled(data)
            return
        self._rows += self._filled or _filled(data[:first])
        last = data.rfind(b"\n")
        if _MAY_BE_BLANK(data, first, last + 1):
            self._rows += sum(map(_filled, data[first + 1 : last].split(b"\n")))
        else:
            self._rows += data.count(b"\n", first + 1, last + 1)
        self._filled = _filled(data[last + 1 :])

    def _feed_quotes(self, data: bytes) -> None:
        if _MAY_BE_BLANK(data) or (data[:1].isspace() and not self._filled):
            self._feed_outside(data)
            return
        # Every line has something in it. What lies between two pairs of quotes matters only where
        # it has a line end, and there is none between the two quotes that mean one in a cell.
        bones = data.translate(None, _NOT_QUOTES_OR_ENDS).replace(b'""', b"").split(b'"')
        ended = sum([bone.count(b"\n") for bone in bones[self._quoted :: 2]])
        self._quoted ^= len(bones) % 2 == 0
        self._rows += ended
        self._filled = not ended or self._quoted or not data.endswith(b"\n")

    def _feed_outside(self, data: bytes) -> None:
        """Count lines of what lies outside quotes; what lies inside becomes a quote."""
        parts = data.split(b'"')
        outside = b'"'.join(parts[self._quoted :: 2])
        self._quoted ^= len(parts) % 2 == 0
        self._feed_lines(outside + b'"' if self._quoted else outside)


def _filled(line: bytes) -> bool:
    return bool(line) and not line.isspace()
