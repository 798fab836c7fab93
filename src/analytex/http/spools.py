"""An upload on its way to disk: checked, unpacked and counted while it is written.

Everything here may block and raises OSError; `uploads.py` runs it in a thread.
"""

import mmap
import os
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, Final, NamedTuple, Protocol

from analytex.domain.jobs import FileFormat, RowsFile
from analytex.errors import BadRequest
from analytex.http.body import Unpacker, too_large
from analytex.http.multipart import OVERHEAD_BYTES, Form
from analytex.http.sniffing import Rows, too_many_rows
from analytex.wire.lists import split_list

GZIP_MAGIC: Final = b"\x1f\x8b"
_MIB: Final = 1024 * 1024
_ONE_LINE: Final = bytes.maketrans(b"\r\n", b"  ")


class Received(NamedTuple):
    """What lies on disk after an upload."""

    file: RowsFile
    fields: dict[str, str]  #: what else the form said


class Spool(Protocol):
    """Takes a request's body to a file."""

    def open(self) -> None:
        """Make the file."""

    def feed(self, data: bytes) -> None:
        """Take more of the body. Raises AnalytexError."""

    def finish(self) -> Received:
        """Take the end of the body, and return once the file is flushed. Raises AnalytexError."""

    def discard(self) -> None:
        """Leave nothing behind, whatever was done before."""


class _Body:
    """The body of a request, unpacked if it is gzip, and bounded."""

    def __init__(self, *, packed: bool, limit: int | None) -> None:
        self._unpacker = Unpacker("The body") if packed else None
        self._limit = limit
        self._came = self._unpacked = 0

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield what is in it."""
        self._came += len(data)
        self._check(self._came)
        if self._unpacker is None:
            yield data
            return
        for piece in self._unpacker.feed(data):
            self._unpacked += len(piece)
            self._check(self._unpacked)
            yield piece

    def finish(self) -> None:
        """Check that it has come whole."""
        if self._unpacker is not None:
            self._unpacker.finish()

    def _check(self, size: int) -> None:
        if self._limit is not None and size > self._limit:
            raise too_large(self._limit)


class FileSpool:
    """Takes the part `file` of a form to disk as it came, be it packed or not."""

    def __init__(
        self, path: Path, form: Form, rows: Rows, *, packed_body: bool, bytes_limit: int | None
    ) -> None:
        whole = None if bytes_limit is None else bytes_limit + OVERHEAD_BYTES
        self._body = _Body(packed=packed_body, limit=whole)
        self._form = form
        self._rows = rows
        self._limit = bytes_limit
        self._file = _File(path)
        self._start = b""  # of the file, until two bytes tell whether it is packed
        self._started = False
        self._unpacker: Unpacker | None = None
        self._unpacked = 0

    def open(self) -> None:
        """Make the file."""
        self._file.open()

    def feed(self, data: bytes) -> None:
        """Take more of the body."""
        for part in self._body.feed(data):
            for piece in self._form.feed(part):
                self._write(piece)

    def finish(self) -> Received:
        """Check that all has come, and flush it."""
        self._body.finish()
        self._form.finish()
        if self._file.size == 0:
            raise BadRequest("The file is empty.")
        if not self._started:
            self._begin()
        if self._unpacker is not None:
            self._unpacker.finish()
        rows = self._rows.finish()
        self._file.flush()
        file = RowsFile(
            name=self._form.file_name,
            format=self._rows.format,
            packed=self._unpacker is not None,
            size=self._file.size,
            rows=rows,
        )
        return Received(file, self._form.fields)

    def discard(self) -> None:
        """Remove the file."""
        self._file.discard()

    def _write(self, piece: bytes) -> None:
        if self._limit is not None and self._file.size + len(piece) > self._limit:
            raise too_large(self._limit)
        self._file.write(piece)
        if self._started:
            self._read(piece)
        else:
            self._start += piece
            if len(self._start) >= len(GZIP_MAGIC):
                self._begin()

    def _begin(self) -> None:
        self._started = True
        if self._start.startswith(GZIP_MAGIC):
            self._unpacker = Unpacker("The file")
        start, self._start = self._start, b""
        self._read(start)

    def _read(self, piece: bytes) -> None:
        if self._unpacker is None:
            self._rows.feed(piece)
            return
        for text in self._unpacker.feed(piece):
            self._unpacked += len(text)
            if self._limit is not None and self._unpacked > self._limit:
                raise too_large(self._limit)
            self._rows.feed(text)


class ListSpool:
    """Takes a JSON body to disk, and then the elements of its list, one on each line."""

    def __init__(
        self, path: Path, key: str, *, packed_body: bool, bytes_limit: int, rows_limit: int
    ) -> None:
        self._body = _Body(packed=packed_body, limit=bytes_limit)
        self._path = path
        self._key = key
        self._rows_limit = rows_limit
        self._file = _File(path)
        self._json: IO[bytes] | None = None

    def open(self) -> None:
        """Make both files; that of the body has no name, so a crash leaves nothing of it."""
        self._json = tempfile.TemporaryFile(dir=self._path.parent)  # noqa: SIM115  # see `discard`
        self._file.open()

    def feed(self, data: bytes) -> None:
        """Take more of the body."""
        assert self._json is not None
        for piece in self._body.feed(data):
            self._json.write(piece)

    def finish(self) -> Received:
        """Write the elements as NDJSON, and flush them."""
        assert self._json is not None
        self._body.finish()
        self._json.flush()
        rows = 0
        for element in split_list(_mapped(self._json), self._key):
            rows += 1
            if rows > self._rows_limit:
                raise too_many_rows(self._rows_limit)
            for start in range(0, len(element), _MIB):
                self._file.write(bytes(element[start : start + _MIB]).translate(_ONE_LINE))
            self._file.write(b"\n")
        self._file.flush()
        self._json.close()
        file = RowsFile(
            name=f"{self._key}.ndjson",
            format=FileFormat.NDJSON,
            packed=False,
            size=self._file.size,
            rows=rows,
        )
        return Received(file, {})

    def discard(self) -> None:
        """Remove both files."""
        self._file.discard()
        if self._json is not None:
            self._json.close()


class _File:
    """The file of rows."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[bytes] | None = None
        self.size = 0

    def open(self) -> None:
        """Make it."""
        self._file = self._path.open("wb", buffering=_MIB)

    def write(self, piece: bytes) -> None:
        """Put that behind what there is."""
        assert self._file is not None
        self._file.write(piece)
        self.size += len(piece)

    def flush(self) -> None:
        """Return once the file and its name are safe from a power cut (fsync(2))."""
        assert self._file is not None
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def discard(self) -> None:
        """Remove it, if it was made."""
        if self._file is None:
            return
        with suppress(OSError):  # it writes what is left in its buffer, and the disk may be full
            self._file.close()
        self._path.unlink(missing_ok=True)


def _mapped(file: IO[bytes]) -> bytes | mmap.mmap:
    """Return the content of a file without reading it; an empty file cannot be mapped."""
    if file.tell() == 0:
        return b""
    return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
