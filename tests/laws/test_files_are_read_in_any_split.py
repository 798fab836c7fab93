"""A file of rows gives the same events and errors however it is split, packed or begun again."""

import gzip
from pathlib import Path
from typing import Final, NamedTuple

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from analytex.domain.events import Event
from analytex.domain.jobs import Chunk, FileFormat, JobKind, Mark, RowError, RowsFile
from analytex.jobs.counting import RowCounter
from analytex.jobs.reading import chunks, decoders

START: Final = Mark(0, 0, 0)
DECODERS: Final = decoders(JobKind.IMPORT, 1, at=0, process="", now=1_800_000_000_000_000)
ROW_BYTES: Final = 200

TAIL: Final = '"source":"backend-http","inserted_at":5'
LINES: Final = st.sampled_from(
    [
        *("", " ", "\t", "x", "{}", "[]", '"', "\0", "\r", "\ufeff", "x" * 201, " " * 300),
        f'{{"event_type":"track","user_id":"u","event_name":"é",{TAIL}}}',
        f'{{"event_type":"track","user_id":"u","event_name":"",{TAIL}}}',
        f'{{"event_type":"identify_company","company_id":1,"metadata":{{"a":[]}},{TAIL}}}',
    ]
)
#: Lines of CSV whose quotes are open, closed, or neither.
CELLS: Final = st.sampled_from(
    [
        *("", " ", ",,", "x", '"', '""', '"""', 'x",",', '"a"b', "\0", "\r", "x" * 201, '"' * 300),
        *('track,u,"a\n\nb",backend-http,5,', '"track","u","a, ""b""","backend-http","5","{}"'),
        *("track,u,e,backend-http,5,{}", 'track,u,e,backend-http,5,"{""a"":\n1}"'),
        *("track,u,e,backend-http,soon,", 'track,u,"e', '5,"', "identify_user,u,,backend-http,5,"),
    ]
)
HEADER: Final = "event_type,user_id,event_name,source,inserted_at,metadata"
LINE_ENDS: Final = st.sampled_from(["\n", "\r\n", "\n\n"])


def files(lines: st.SearchStrategy[str], first: list[str]) -> st.SearchStrategy[bytes]:
    """Files of such lines; some have a byte-order mark, some end within a line, or a character."""

    def file(mark: str, rows: list[str], end: str, cut: int) -> bytes:
        whole = end.join([*rows, ""]).encode()
        return (mark + end.join([*first, ""])).encode() + whole[: max(len(whole) - cut, 0)]

    return st.builds(
        file,
        st.sampled_from(["", "\ufeff"]),
        st.lists(lines, max_size=12),
        LINE_ENDS,
        st.integers(0, 4),
    )


FILES: Final = st.one_of(
    st.tuples(st.just(FileFormat.NDJSON), files(LINES, [])),
    st.tuples(st.just(FileFormat.CSV), files(CELLS, [HEADER])),
    st.tuples(st.just(FileFormat.CSV), files(CELLS, ["", f'{HEADER},"x\ny"'])),
)


class Read(NamedTuple):
    """What a file gave."""

    events: list[Event]
    errors: list[RowError]
    failed: list[bytes]
    end: Mark


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the file of an example lies."""
    return tmp_path_factory.mktemp("files") / "rows"


def read(
    path: Path, format: FileFormat, data: bytes, *, rows: int, size: int, packed: bool
) -> list[Chunk]:
    """Return all chunks."""
    path.write_bytes(gzip.compress(data) if packed else data)
    file = RowsFile(name="x", format=format, packed=packed, size=0, rows=0)
    found = chunks(file, path, DECODERS, START, rows=rows, chunk_bytes=size, row_bytes=ROW_BYTES)
    return list(found)


def together(found: list[Chunk]) -> Read:
    """Return what chunks gave together."""
    return Read(
        [event for chunk in found for event in chunk.events],
        [error for chunk in found for error in chunk.errors],
        [row for chunk in found for row in chunk.failed],
        found[-1].next,
    )


@given(FILES, st.integers(1, 5), st.integers(1, 300), st.booleans())
@example((FileFormat.CSV, f'{HEADER}\n"x\n{"y" * 150}\n{"z" * 150}\n'.encode()), 1, 1, False)
def test_any_split_gives_the_same(
    path: Path, file: tuple[FileFormat, bytes], rows: int, size: int, packed: bool
) -> None:
    """So a job that begins again after a crash goes on as if nothing had been."""
    format, data = file
    whole = together(read(path, format, data, rows=10**6, size=10**6, packed=False))
    found = read(path, format, data, rows=rows, size=size, packed=packed)

    assert together(found) == whole
    assert len(whole.events) + len(whole.errors) == whole.end.row
    assert whole.end[1:] == (data.count(b"\n"), len(data))
    assert [chunk.last for chunk in found] == [False] * (len(found) - 1) + [True]
    assert [chunk.start for chunk in found] == [START, *(chunk.next for chunk in found[:-1])]
    assert all(len(chunk.events) + len(chunk.errors) <= rows for chunk in found)


@given(FILES, st.integers(1, 5), st.booleans())
def test_reading_can_begin_again_after_every_chunk(
    path: Path, file: tuple[FileFormat, bytes], rows: int, packed: bool
) -> None:
    """What a row is depends on nothing that stands before it."""
    format, data = file
    found = read(path, format, data, rows=rows, size=100, packed=packed)
    described = RowsFile(name="x", format=format, packed=packed, size=0, rows=0)
    for number, chunk in enumerate(found):
        rest = chunks(
            described, path, DECODERS, chunk.next, rows=rows, chunk_bytes=100, row_bytes=ROW_BYTES
        )
        if chunk.last:
            assert together(list(rest)) == Read([], [], [], chunk.next)
        else:
            assert list(rest) == found[number + 1 :]


@given(files(LINES, []), st.integers(1, 50))
def test_what_is_counted_is_what_is_read(path: Path, data: bytes, piece: int) -> None:
    """Of NDJSON, to the row: so `completed + failed = total`."""
    counter = RowCounter(FileFormat.NDJSON)
    for start in range(0, len(data), piece):
        counter.feed(data[start : start + piece])

    found = read(path, FileFormat.NDJSON, data, rows=100, size=10**6, packed=False)

    assert counter.finish() == together(found).end.row
