"""Lines of a file that may be packed, however long they are, and CSV rows made of them.

What is a row depends only on the bytes from its beginning on, so that reading can start between any
two rows. Memory: about three times the longest row that is allowed. Offsets count unpacked bytes.
"""

import gzip
import io
import zlib
from collections import deque
from pathlib import Path
from typing import Final, NamedTuple, cast

from analytex.wire.csv_rows import parse
from analytex.wire.rows import RowProblem

BOM: Final = b"\xef\xbb\xbf"
_LINE_END: Final = len(b"\r\n")
_BUFFER: Final = 256 * 1024  # bytes read at a time
_DAMAGED: Final = (EOFError, zlib.error, gzip.BadGzipFile)


class FileProblem(Exception):
    """A file cannot be read any further."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason  #: a sentence for people


class Rest(NamedTuple):
    """What was left of a line."""

    size: int  #: bytes, with the line end
    ended: bool  #: with a line end
    blank: bool  #: nothing but white space


class Lines:
    """The lines of a file. Its methods raise FileProblem where the packing is damaged."""

    def __init__(self, path: Path, *, packed: bool, row_bytes: int) -> None:
        self._row_bytes = row_bytes
        self._limit = row_bytes + _LINE_END
        file = _Unpacked(path) if packed else path.open("rb", 0)
        self._file = io.BufferedReader(cast(io.RawIOBase, file), _BUFFER)
        self._held: deque[bytes] = deque()  # lines to read again; the last may lack its rest

    def close(self) -> None:
        """Give the file back."""
        self._file.close()

    def begin(self) -> int:
        """Skip a byte-order mark; return its length, 0 if there is none."""
        try:
            if self._file.read(len(BOM)) == BOM:
                return len(BOM)
        except _DAMAGED as error:
            raise _damaged(error) from None
        self.go_to(0)
        return 0

    def go_to(self, offset: int) -> None:
        """Go on at an offset. Of a packed file all that lies before it is unpacked."""
        self._held.clear()
        try:
            self._file.seek(offset)
        except _DAMAGED as error:
            raise _damaged(error) from None

    def next(self) -> bytes:
        """Return the next line with its end, b"" after the last one.

        Of a line that is longer than a row may be it is the beginning, which is too long as well;
        `skip` reads the rest.
        """
        try:
            if not self._held:
                return self._file.readline(self._limit)
            line = self._held.popleft()
            if self._held or line.endswith(b"\n"):
                return line
            return line + self._file.readline(self._limit - len(line))
        except _DAMAGED as error:
            raise _damaged(error) from None

    def skip(self) -> Rest:
        """Read the rest of a line, and keep nothing of it."""
        size, blank = 0, True
        while True:
            piece = self.next()
            size += len(piece)
            blank = blank and (not piece or piece.isspace())
            if not piece or piece.endswith(b"\n"):
                return Rest(size, bool(piece), blank)

    def cells(self, line: bytes) -> tuple[bytes, list[str]]:
        """Return a CSV row that begins with a line, as it stands in the file, and its cells.

        A row goes on in the next lines while a quote is open. Raises RowProblem where quotes are
        wrong: then the line fails alone, and the next one begins a row.
        """
        text = content(line)
        try:
            return line, parse(text)
        except RowProblem:
            if text.count(b'"') % 2 == 0:  # what is open at the end was not opened by RFC 4180
                raise
        return self._long_row(line)

    def _long_row(self, first: bytes) -> tuple[bytes, list[str]]:
        # Lines between the first and the last have no quote, or several that are pairs. So none of
        # them opens a row as long as this one, and no line is looked at more than three times.
        lines = [first]
        size = len(first)
        closed = False
        try:
            while not closed and size <= self._limit and (line := self.next()):
                lines.append(line)
                size += len(line)
                closed = line.count(b'"') % 2 == 1
            if closed and len(text := content(b"".join(lines))) <= self._row_bytes:
                return b"".join(lines), parse(text)
            reason = f"A quote is not closed within {self._row_bytes} bytes."
            raise RowProblem("", first, "quote", reason)
        except RowProblem:
            self._held.extendleft(reversed(lines[1:]))
            raise


class _Unpacked(gzip.GzipFile):
    """The unpacked file below a buffer. Where it is damaged, what came before is not lost."""

    _damage: Exception | None = None

    def read(self, size: int | None = -1) -> bytes:
        """Return at most `size` bytes, b"" at the end; less than that means nothing."""
        if self._damage is not None:
            raise self._damage
        pieces: list[bytes] = []
        wanted = _BUFFER if size is None or size < 0 else size
        try:
            while wanted > 0 and (piece := self.read1(wanted)):
                pieces.append(piece)
                wanted -= len(piece)
        except _DAMAGED as error:
            self._damage = error
            if not pieces:
                raise
        return b"".join(pieces)


def content(line: bytes) -> bytes:
    """Return a line, or a row of several, without its line end."""
    return line.removesuffix(b"\n").removesuffix(b"\r")


def _damaged(error: Exception) -> FileProblem:
    if isinstance(error, EOFError):
        return FileProblem("The file ends before its gzip data does.")
    return FileProblem(f"The file's gzip data is damaged: {str(error).rstrip('.')}.")
