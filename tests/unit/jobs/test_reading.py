"""Reading files of rows: what is a row, where it stands, and files that nobody should send."""

import gzip
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from analytex.domain.events import Event, EventType
from analytex.domain.jobs import Chunk, FileFormat, JobKind, Mark, RowError, RowsFile
from analytex.errors import BadRequest
from analytex.jobs import reading
from analytex.jobs.reading import Decoders, FileProblem
from analytex.wire.rows import RowProblem

BOM: Final = b"\xef\xbb\xbf"
START: Final = Mark(0, 0, 0)
NOW: Final = 1_800_000_000_000_000
ROW_BYTES: Final = 40
HEADER: Final = b"event_type,user_id\n"


def found(what: str, number: int) -> Event:
    """Return an event that says what was decoded."""
    if what.startswith("bad"):
        raise RowProblem("field", what, "bad", "It is bad.")
    return Event(
        id=f"{number:032x}",
        environment_id=1,
        event_type=EventType.TRACK,
        event_name=what,
        user_id="u",
        company_id=None,
        source="backend-http",
        inserted_at=0,
        metadata="{}",
    )


#: What a row holds is not the matter here: a line becomes itself, cells what was between commas.
ECHO: Final = Decoders(
    lambda raw, number: found(raw.decode().strip("\r\n"), number),
    lambda names: lambda cells, number: found("|".join(cells), number),
)


class File:
    """A file of rows on disk."""

    def __init__(self, path: Path, format: FileFormat, data: bytes, *, packed: bool) -> None:
        self.path = path
        self.path.write_bytes(gzip.compress(data) if packed else data)
        size = path.stat().st_size
        self.file = RowsFile(name="x", format=format, packed=packed, size=size, rows=0)

    def chunks(
        self, start: Mark = START, *, rows: int = 1000, chunk_bytes: int = 10**6
    ) -> Iterator[Chunk]:
        """Read it."""
        return reading.chunks(
            self.file,
            self.path,
            ECHO,
            start,
            rows=rows,
            chunk_bytes=chunk_bytes,
            row_bytes=ROW_BYTES,
        )

    def only(self) -> Chunk:
        """Return its only chunk."""
        (chunk,) = self.chunks()
        return chunk


def names(chunk: Chunk) -> list[str]:
    """Return what the good rows of a chunk held."""
    return [event.event_name for event in chunk.events]


NDJSON: Final = FileFormat.NDJSON
CSV: Final = FileFormat.CSV
LONG: Final = b"x" * ROW_BYTES


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize(
    ("format", "data", "rows"),
    [
        pytest.param(NDJSON, b"", [], id="ndjson: nothing"),
        pytest.param(NDJSON, b"a\nb\n", ["a", "b"], id="ndjson: two lines"),
        pytest.param(NDJSON, b"a\nb", ["a", "b"], id="ndjson: no line end"),
        pytest.param(NDJSON, b"a\r\nb\r\n", ["a", "b"], id="ndjson: CRLF"),
        pytest.param(NDJSON, b"\n\na\n \t\r\nb\n\n ", ["a", "b"], id="ndjson: blank lines"),
        pytest.param(NDJSON, BOM + b"a\n", ["a"], id="ndjson: a byte-order mark"),
        pytest.param(NDJSON, BOM, [], id="ndjson: a byte-order mark alone"),
        pytest.param(NDJSON, LONG + b"\r\na", [LONG.decode(), "a"], id="ndjson: just fits"),
        pytest.param(NDJSON, b" " * 99 + b"\na", ["a"], id="ndjson: a long blank line"),
        pytest.param(CSV, b"", [], id="csv: nothing"),
        pytest.param(CSV, b"\n\n", [], id="csv: blank"),
        pytest.param(CSV, HEADER, [], id="csv: a header"),
        pytest.param(CSV, b"event_type", [], id="csv: a header without line end"),
        pytest.param(CSV, HEADER + b"a,b\nc,d\n", ["a|b", "c|d"], id="csv: two rows"),
        pytest.param(CSV, HEADER + b"a,b\nc,d", ["a|b", "c|d"], id="csv: no line end"),
        pytest.param(CSV, b"event_type\r\na\r\nb\r\n", ["a", "b"], id="csv: CRLF"),
        pytest.param(CSV, b"\n\n" + HEADER + b"\na\n \nb\n\n", ["a", "b"], id="csv: blank lines"),
        pytest.param(CSV, BOM + HEADER + b"a,b\n", ["a|b"], id="csv: a byte-order mark"),
        pytest.param(CSV, b'"event_type","a\nb"\nc\n', ["c"], id="csv: a header of two lines"),
        pytest.param(
            CSV,
            HEADER + b'"a\nb","c\r\n\r\nd"\ne,f\n',
            ["a\nb|c\r\n\r\nd", "e|f"],
            id="csv: breaks",
        ),
        pytest.param(
            CSV, HEADER + b'"a, ""b""",c\n5" x,d\n', ['a, "b"|c', '5" x|d'], id="csv: quotes"
        ),
        pytest.param(CSV, HEADER + LONG + b"\r\na", [LONG.decode(), "a"], id="csv: just fits"),
        pytest.param(
            CSV,
            HEADER + b'"' + LONG[:37] + b"\n" + b'"\na',
            [LONG[:37].decode() + "\n", "a"],
            id="csv: two lines just fit",
        ),
    ],
)
def test_rows(
    tmp_path: Path, format: FileFormat, data: bytes, rows: list[str], packed: bool
) -> None:
    """Lines that are not blank; in CSV they go on while a quote is open."""
    chunk = File(tmp_path / "rows", format, data, packed=packed).only()

    assert names(chunk) == rows
    assert (chunk.errors, chunk.failed, chunk.last) == ([], [], True)
    assert chunk.start == START
    assert chunk.next == Mark(len(rows), data.count(b"\n"), len(data))
    assert [int(event.id, 16) for event in chunk.events] == [*range(1, len(rows) + 1)]


Failed = tuple[int, int, str, bytes | None]  # row, line, code, what is kept


@pytest.mark.parametrize(
    ("format", "data", "good", "failed"),
    [
        pytest.param(NDJSON, b"a\nbad\nb\nbad2", "ab",
                     [(2, 2, "bad", b"bad"), (4, 4, "bad", b"bad2")], id="ndjson: bad rows"),
        pytest.param(NDJSON, b"\n\nbad\r\n\na", "a", [(1, 3, "bad", b"bad")],
                     id="ndjson: lines are those of the file"),
        pytest.param(NDJSON, LONG + b"x\na\n", "a", [(1, 1, "row_too_long", None)],
                     id="ndjson: a byte too long"),
        pytest.param(NDJSON, LONG * 99 + b"\na\n", "a", [(1, 1, "row_too_long", None)],
                     id="ndjson: much too long"),
        pytest.param(NDJSON, b"a\n" + LONG * 99, "a", [(2, 2, "row_too_long", None)],
                     id="ndjson: too long, the last one"),
        pytest.param(NDJSON, b" " * 99 + b"x\na\n", "a", [(1, 1, "row_too_long", None)],
                     id="ndjson: long and nearly blank"),
        pytest.param(CSV, HEADER + b"a\nbad\nb", "ab", [(2, 3, "bad", b"bad")], id="csv: bad rows"),
        pytest.param(CSV, HEADER + b'a\n"bad\n\n1"\r\nb', "ab", [(2, 3, "bad", b'"bad\n\n1"')],
                     id="csv: a bad row of three lines"),
        pytest.param(CSV, HEADER + b'a\n"1\n"bad\n2"\nb', 'ab',
                     [(2, 3, "quote", b'"1'), (3, 4, "bad", b'"bad\n2"')],
                     id="csv: a quote too many"),
        pytest.param(CSV, HEADER + b'"x\na\nb\n', "ab", [(1, 2, "quote", b'"x')],
                     id="csv: a quote open to the end"),
        pytest.param(CSV, HEADER + b'"x\n' + b"a\n" * 99, "a" * 99, [(1, 2, "quote", b'"x')],
                     id="csv: a quote open for long"),
        pytest.param(CSV, HEADER + b'"x\n' + b"a\n" * 99 + b'"\n', "a" * 99,
                     [(1, 2, "quote", b'"x'), (101, 102, "quote", b'"')],
                     id="csv: a quote closed too late"),
        pytest.param(CSV, HEADER + b'"x\n' + LONG * 9 + b"\na\n", "a",
                     [(1, 2, "quote", b'"x'), (2, 3, "row_too_long", None)],
                     id="csv: a quote open before a long line"),
        pytest.param(CSV, HEADER + b'"x\n' + b"a\n" * 9 + LONG * 9 + b"\nb\n", "a" * 9 + "b",
                     [(1, 2, "quote", b'"x'), (11, 12, "row_too_long", None)],
                     id="csv: a long line where the quote ends"),
        pytest.param(CSV, HEADER + b'"' + LONG * 9 + b'\n"\na\n', "a",
                     [(1, 2, "row_too_long", None), (2, 3, "quote", b'"')],
                     id="csv: a long line that opens a quote"),
        pytest.param(CSV, HEADER + b'a\n"1"2\nb', "ab", [(2, 3, "quote", b'"1"2')],
                     id="csv: text after a quote"),
        pytest.param(CSV, HEADER + b'x",",\na\n', "a", [(1, 2, "quote", b'x",",')],
                     id="csv: a quote that no one opened"),
        pytest.param(CSV, HEADER + b"a\nx\0y\nb", "ab", [(2, 3, "nul", b"x\0y")],
                     id="csv: a NUL byte"),
        pytest.param(CSV, HEADER + b"a\n\xff\nb", "ab", [(2, 3, "not_utf8", b"\xff")],
                     id="csv: not UTF-8"),
        pytest.param(CSV, HEADER + b'a\n"\xff\n"\nb', "ab", [(2, 3, "not_utf8", b'"\xff\n"')],
                     id="csv: not UTF-8 in quotes"),
        pytest.param(CSV, HEADER + b"a\nx\ry\nb", "ab", [(2, 3, "line_break", b"x\ry")],
                     id="csv: a carriage return"),
    ],
)  # fmt: skip
def test_a_bad_row_fails_alone(
    tmp_path: Path, format: FileFormat, data: bytes, good: str, failed: list[Failed]
) -> None:
    """The others go on; the error says which row it was, and on which line of the file it began.

    Where a quote is open for too long the row's first line fails, and the next one begins a row.
    """
    chunk = File(tmp_path / "rows", format, data, packed=False).only()

    assert names(chunk) == [*good]
    assert [(e.row, e.line, e.code) for e in chunk.errors] == [case[:3] for case in failed]
    assert chunk.failed == [case[3] for case in failed if case[3] is not None]
    assert chunk.next == Mark(len(good) + len(failed), data.count(b"\n"), len(data))
    assert chunk.last


def test_an_error_says_what_is_wrong(tmp_path: Path) -> None:
    """As the decoder said it."""
    chunk = File(tmp_path / "rows", NDJSON, b"\nbad\n", packed=False).only()
    assert chunk.errors == [RowError(1, 2, "field", "bad", "bad", "It is bad.")]


def test_chunks_follow_one_another(tmp_path: Path) -> None:
    """The last one says so, though nothing may be left for it."""
    file = File(tmp_path / "rows", NDJSON, b"a\nb\nc\nd\n", packed=False)

    chunks = list(file.chunks(rows=2))

    assert [names(chunk) for chunk in chunks] == [["a", "b"], ["c", "d"], []]
    assert [chunk.last for chunk in chunks] == [False, False, True]
    assert [chunk.start for chunk in chunks] == [START, Mark(2, 2, 4), Mark(4, 4, 8)]
    assert [chunk.next for chunk in chunks] == [Mark(2, 2, 4), Mark(4, 4, 8), Mark(4, 4, 8)]


def test_a_chunk_ends_after_so_many_bytes(tmp_path: Path) -> None:
    """Blank lines count too, so that a file of nothing else makes progress."""
    file = File(tmp_path / "rows", NDJSON, b"\n" * 25 + b"a", packed=False)
    assert [chunk.next.offset for chunk in file.chunks(chunk_bytes=10)] == [10, 20, 26]


GOOD: Final = b"a\n" * 200_000


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        pytest.param(lambda packed: packed[: len(packed) // 2], "ends before", id="cut off"),
        pytest.param(lambda packed: packed[:-4], "ends before", id="cut off at the end"),
        pytest.param(lambda packed: packed[:-8] + b"\0" * 8, "damaged", id="another checksum"),
        pytest.param(lambda packed: packed + b"more", "damaged", id="more behind it"),
        pytest.param(
            lambda packed: packed[: len(packed) // 2] + b"\xff" * 99, "ends|dam", id="inside"
        ),
    ],
)
def test_a_damaged_file_ends_where_the_damage_is(tmp_path: Path, damage: object, says: str) -> None:
    """What was good before it is not lost."""
    path = tmp_path / "rows"
    File(path, NDJSON, GOOD, packed=True)
    assert callable(damage)
    path.write_bytes(damage(path.read_bytes()))
    file = RowsFile(name="x", format=NDJSON, packed=True, size=0, rows=0)

    read: list[Chunk] = []
    with pytest.raises(FileProblem, match=says) as caught:
        read.extend(reading.chunks(file, path, ECHO, START))

    assert caught.value.reason == str(caught.value)
    assert not any(chunk.last for chunk in read)
    assert [name for chunk in read for name in names(chunk)][:50_000] == ["a"] * 50_000


def test_a_file_that_is_no_gzip(tmp_path: Path) -> None:
    """Whatever its name said."""
    (tmp_path / "rows").write_bytes(b"a\n")
    file = RowsFile(name="x", format=NDJSON, packed=True, size=0, rows=0)
    with pytest.raises(FileProblem, match="damaged"):
        list(reading.chunks(file, tmp_path / "rows", ECHO, START))


def test_a_gzip_file_may_have_several_members(tmp_path: Path) -> None:
    """As `cat a.gz b.gz` makes them; a row may begin in one and end in the next."""
    path = tmp_path / "rows"
    path.write_bytes(
        gzip.compress(BOM[:1]) + gzip.compress(BOM[1:] + b"a\nb") + gzip.compress(b"c")
    )
    file = RowsFile(name="x", format=NDJSON, packed=True, size=0, rows=0)
    (chunk,) = reading.chunks(file, path, ECHO, START)
    assert names(chunk) == ["a", "bc"]


def test_a_csv_file_of_a_job_that_takes_none(tmp_path: Path) -> None:
    """Rows of bulk identify are JSON."""
    file = File(tmp_path / "rows", CSV, HEADER, packed=False)
    decoders = reading.decoders(JobKind.BULK_USERS, 1, at=0, process="0000001", now=NOW)
    with pytest.raises(FileProblem, match="cannot be CSV"):
        list(reading.chunks(file.file, file.path, decoders, START))


@pytest.mark.parametrize(
    ("header", "says"),
    [
        pytest.param(b"user_id\n", "no column `event_type`", id="without its column"),
        pytest.param(b'"event_type\n', "cannot be read", id="a quote open"),
        pytest.param(b"event_type," + b"x" * 99 + b"\n", "too long", id="too long"),
        pytest.param(b"event_type,a,a\n", "twice", id="a column twice"),
    ],
)
def test_a_csv_file_without_a_header(tmp_path: Path, header: bytes, says: str) -> None:
    """Refused when it is uploaded; if it got here all the same, the job ends at once."""
    file = File(tmp_path / "rows", CSV, header + b"a\n", packed=False)
    with pytest.raises(FileProblem, match=says):
        file.only()
    with pytest.raises(BadRequest, match=says):
        reading.read_header(file.file, file.path, row_bytes=ROW_BYTES)


def test_the_header_can_be_read_alone(tmp_path: Path) -> None:
    """To put it before rows that are tried again."""
    file = File(tmp_path / "rows", CSV, BOM + b'\n"event_type",\r\nb\n', packed=True)
    header = reading.read_header(file.file, file.path)
    assert header == (b'"event_type",', ["event_type", ""], Mark(0, 2, 19))
    empty = File(tmp_path / "empty", CSV, BOM + b"\n", packed=False)
    assert reading.read_header(empty.file, empty.path) is None


def test_a_job_has_the_decoders_of_its_kind(tmp_path: Path) -> None:
    """A real row of each."""
    bulk = File(tmp_path / "bulk", NDJSON, b'{"user_id":1,"company_id":2}\n', packed=False)
    for kind, user_id in ((JobKind.BULK_USERS, "1"), (JobKind.BULK_COMPANIES, None)):
        decoders = reading.decoders(kind, 7, at=5, process="0000001", now=NOW)
        (chunk,) = reading.chunks(bulk.file, bulk.path, decoders, START)
        assert (chunk.events[0].user_id, chunk.events[0].company_id) == (user_id, "2")

    data = b"event_type,company_id,source,inserted_at\nidentify_company,2,backend-http,5\n"
    imported = File(tmp_path / "import", CSV, data, packed=False)
    decoders = reading.decoders(JobKind.IMPORT, 7, at=0, process="", now=NOW)
    (chunk,) = reading.chunks(imported.file, imported.path, decoders, START)
    assert (chunk.events[0].company_id, chunk.events[0].inserted_at) == ("2", 5_000_000)


MEGABYTE: Final = 1024 * 1024


@pytest.mark.parametrize(
    ("format", "pieces", "rows"),
    [
        pytest.param(NDJSON, [b"x" * MEGABYTE] * 64, 1, id="ndjson: a line without end"),
        pytest.param(NDJSON, [b" " * MEGABYTE] * 64, 0, id="ndjson: spaces without end"),
        pytest.param(CSV, [HEADER, *[b"x" * MEGABYTE] * 64], 1, id="csv: a line without end"),
        pytest.param(CSV, [HEADER, *[b'"' * MEGABYTE] * 64], 1, id="csv: quotes without end"),
        pytest.param(
            CSV,
            [HEADER, b'"\n', *[(b"x" * 1023 + b"\n") * 1024] * 16],
            16 * 1024 + 1,
            id="csv: a quote open to the end",
        ),
        pytest.param(
            CSV, [HEADER, *[b'x",",\n' * 16_384] * 4], 65_536, id="csv: quotes that open quotes"
        ),
        pytest.param(
            CSV,
            [HEADER, *[b'"\n' + (b'x""y' + b"z" * 1000 + b"\n") * 1500] * 4],
            4 * 1501,
            id="csv: a quote open now and then",
        ),
    ],
)
@pytest.mark.slow  # 4 s together
def test_memory_stays_flat_and_time_linear(
    tmp_path: Path, format: FileFormat, pieces: list[bytes], rows: int
) -> None:
    """Whatever the file holds: packed, a gigabyte of it is a small upload."""
    path = tmp_path / "rows"
    with gzip.open(path, "wb", compresslevel=1) as file:
        for piece in pieces:
            file.write(piece)
    described = RowsFile(name="x", format=format, packed=True, size=0, rows=0)

    tracemalloc.start()
    seen = 0
    for chunk in reading.chunks(described, path, ECHO, START):
        seen += len(chunk.events) + len(chunk.errors)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert seen == rows
    assert peak < 12 * MEGABYTE
