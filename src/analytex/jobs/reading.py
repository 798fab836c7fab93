"""Reading a job's file: from its bytes to chunks of checked rows.

Rows are lines: JSON objects (NDJSON), or cells (CSV, RFC 4180, where a row goes on in the next line
while a quote is open). A line of nothing but white space is no row; a byte-order mark is skipped;
a line may end with CR LF; the last one needs no end. The same file gives the same events and errors
however it is split into chunks, and wherever reading starts again.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, NamedTuple

from analytex.domain.events import Event
from analytex.domain.jobs import Chunk, FileFormat, JobKind, Mark, RowError, RowsFile
from analytex.errors import BadRequest
from analytex.jobs.lines import FileProblem as FileProblem  # what callers of `chunks` meet
from analytex.jobs.lines import Lines, Rest, content
from analytex.wire import bulk_rows, csv_rows, import_rows
from analytex.wire.rows import RowProblem

ROWS: Final = 1000  #: of a chunk, at most
CHUNK_BYTES: Final = 512 * 1024  #: after which a chunk ends
TOO_LONG: Final = "row_too_long"  #: code of the only error whose row is not kept
ROW_BYTES: Final = 1024 * 1024  #: of a row, at most, without its line end

DecodeLine = Callable[[bytes, int], Event]  #: a JSON row, its number
DecodeCells = Callable[[list[str], int], Event]  #: a CSV row's cells, its number


class Decoders(NamedTuple):
    """What turns rows into events, and raises RowProblem."""

    line: DecodeLine
    cells: Callable[[list[str]], DecodeCells] | None  #: by the names of columns; None: no CSV


def decoders(kind: JobKind, environment_id: int, *, at: int, process: str, now: int) -> Decoders:
    """Return the decoders of a job. Times are microseconds since 1970-01-01 UTC.

    Of a bulk job `at` is the time of its rows, and `process`, 7 hexadecimal digits, in the ids of
    their events; what an import tells is at most a day ahead of `now`.
    """
    if kind is JobKind.IMPORT:
        return Decoders(
            import_rows.decoder(environment_id, now),
            lambda names: import_rows.cells_decoder(names, environment_id, now),
        )
    return Decoders(bulk_rows.decoder(kind, environment_id, at, process), None)


class Header(NamedTuple):
    """The header of a CSV file."""

    raw: bytes  #: without its line end
    names: list[str]  #: of its columns
    end: Mark  #: where the rows begin


def read_header(file: RowsFile, path: Path, *, row_bytes: int = ROW_BYTES) -> Header | None:
    """Return a CSV file's header, None if the file is empty.

    Raises BadRequest if it cannot be read, FileProblem if the file cannot.
    """
    lines = Lines(path, packed=file.packed, row_bytes=row_bytes)
    try:
        return _header(lines, row_bytes)
    finally:
        lines.close()


def chunks(
    file: RowsFile,
    path: Path,
    decoders: Decoders,
    start: Mark,
    *,
    rows: int = ROWS,
    chunk_bytes: int = CHUNK_BYTES,
    row_bytes: int = ROW_BYTES,
) -> Iterator[Chunk]:
    """Yield the file's rows from a mark on, which is (0, 0, 0) or a chunk's `next`.

    The last chunk says so; it may have no rows. Raises FileProblem where the file cannot be read
    any further, after all rows before that. Close the iterator if it is left before its end.
    """
    lines = Lines(path, packed=file.packed, row_bytes=row_bytes)
    try:
        reader = _Reader(lines, rows, chunk_bytes, row_bytes)
        at = reader.begin(file.format, decoders, start)
        while True:
            chunk = reader.read(start, at)
            if chunk.last or chunk.next != start:
                yield chunk
            if reader.problem is not None:
                raise reader.problem
            if chunk.last:
                return
            start = at = chunk.next
    finally:
        lines.close()


class _Reader:
    """Reads chunks. A chunk that `problem` cut short is not the last one."""

    def __init__(self, lines: Lines, rows: int, chunk_bytes: int, row_bytes: int) -> None:
        self._lines = lines
        self._rows = rows
        self._chunk_bytes = chunk_bytes
        self._row_bytes = row_bytes
        self._decode: Callable[[Any, int], Event]
        self._csv = False
        self.problem: FileProblem | None = None

    def begin(self, format: FileFormat, decoders: Decoders, start: Mark) -> Mark:
        """Go to where rows begin, or go on; return that place."""
        self._csv = format is FileFormat.CSV
        self._decode = decoders.line
        at = self._begin_csv(decoders) if self._csv else Mark(0, 0, self._lines.begin())
        if start.offset > 0:
            self._lines.go_to(start.offset)
            at = start
        return at

    def _begin_csv(self, decoders: Decoders) -> Mark:
        if decoders.cells is None:
            raise FileProblem("Rows of this job cannot be CSV.")
        try:
            header = _header(self._lines, self._row_bytes)
            if header is None:
                self._lines.go_to(0)
                return Mark(0, 0, self._lines.begin())
            self._decode = decoders.cells(header.names)
        except BadRequest as error:
            raise FileProblem(f"{error.message} {error.details}") from None
        return header.end

    def read(self, start: Mark, at: Mark) -> Chunk:
        """Read a chunk from a place on; it is said to begin at `start`, before the header."""
        lines, decode, csv, row_bytes = self._lines, self._decode, self._csv, self._row_bytes
        row, line_ends, offset = at
        row_stop, stop = row + self._rows, offset + self._chunk_bytes
        events: list[Event] = []
        errors: list[RowError] = []
        failed: list[bytes] = []
        last = False
        try:
            while row < row_stop and offset < stop:
                line = raw = lines.next()
                if not line:
                    last = True
                    break
                size, ended = len(line), line.endswith(b"\n")
                if size > row_bytes and len(content(line)) > row_bytes:
                    rest = Rest(0, True, True) if ended else lines.skip()
                    if not (rest.blank and line.isspace()):
                        row += 1
                        errors.append(_error(_too_long(line, row_bytes), row, line_ends + 1))
                    offset += size + rest.size
                    line_ends += rest.ended
                    continue
                if line.isspace():
                    offset += size
                    line_ends += ended
                    continue
                try:
                    if csv:
                        raw, cells = lines.cells(line)
                        csv_rows.check_bytes(raw)
                        events.append(decode(cells, row + 1))
                    else:
                        events.append(decode(line, row + 1))
                except RowProblem as problem:
                    errors.append(_error(problem, row + 1, line_ends + 1))
                    failed.append(content(raw))
                row += 1
                offset += size if raw is line else len(raw)
                line_ends += ended if raw is line else raw.count(b"\n")
        except FileProblem as problem:
            self.problem = problem
        return Chunk(start, Mark(row, line_ends, offset), events, errors, failed, last)


def _header(lines: Lines, row_bytes: int) -> Header | None:
    offset = lines.begin()
    line_ends = 0
    while line := lines.next():
        if len(content(line)) > row_bytes:
            raise BadRequest(
                "The CSV file's header is too long.",
                details=f"It may have at most {row_bytes} bytes.",
            )
        if not line.isspace():
            break
        offset += len(line)
        line_ends += 1
    else:
        return None
    with suppress(RowProblem):  # which `names` says again
        line, _ = lines.cells(line)
    end = Mark(0, line_ends + line.count(b"\n"), offset + len(line))
    raw = content(line)
    return Header(raw, csv_rows.names(raw), end)


def _error(problem: RowProblem, row: int, line: int) -> RowError:
    return RowError(row, line, problem.place, problem.value, problem.code, problem.reason)


def _too_long(line: bytes, row_bytes: int) -> RowProblem:
    reason = f"The row has more than {row_bytes} bytes."
    return RowProblem("", line, TOO_LONG, reason)
