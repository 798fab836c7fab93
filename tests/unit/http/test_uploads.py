"""Uploads on their way to disk: whole and flushed, or refused with nothing left behind."""

import asyncio
import gzip
import json
from pathlib import Path
from typing import Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.types import Message

from analytex.domain.jobs import FileFormat, RowsFile
from analytex.errors import (
    BadRequest,
    Unavailable,
    UnsupportedEncoding,
)
from analytex.http.uploads import Received, receive_file
from tests.unit.http.requests import (
    ALL,
    FORM,
    HEAD,
    ROWS,
    form,
    in_pieces,
    never,
    part,
    receive,
    receive_json,
    request_of,
    upload,
)

NDJSON: Final = frozenset({FileFormat.NDJSON})
CSV: Final = b'event_type,user_id,inserted_at\ntrack,"a\nda",2025-01-01\ntrack,bob,2025-01-02\n'


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the rows of a job shall lie."""
    folder = tmp_path / "job"
    folder.mkdir()
    return folder / "rows"


# Files


@pytest.mark.parametrize(
    ("content", "format", "packed", "rows"),
    [
        pytest.param(ROWS, FileFormat.NDJSON, False, 3, id="rows"),
        pytest.param(ROWS + b"\n\n", FileFormat.NDJSON, False, 3, id="blank lines at the end"),
        pytest.param(b"\xef\xbb\xbf" + ROWS, FileFormat.NDJSON, False, 3, id="a byte order mark"),
        pytest.param(b" \r\n\t\n" + ROWS, FileFormat.NDJSON, False, 3, id="blank lines before"),
        pytest.param(b"{", FileFormat.NDJSON, False, 1, id="half a row"),
        pytest.param(b"{}\nnot a row\n\0\n\xff\n", FileFormat.NDJSON, False, 4, id="bad rows"),
        pytest.param(gzip.compress(ROWS), FileFormat.NDJSON, True, 3, id="packed"),
        pytest.param(
            gzip.compress(ROWS[:20]) + gzip.compress(ROWS[20:]), FileFormat.NDJSON, True, 3,
            id="packed in two members",
        ),
        pytest.param(CSV, FileFormat.CSV, False, 2, id="CSV"),
        pytest.param(CSV.replace(b"\n", b"\r\n"), FileFormat.CSV, False, 2, id="CSV with CRLF"),
        pytest.param(b"\xef\xbb\xbf" + CSV, FileFormat.CSV, False, 2, id="CSV, byte order mark"),
        pytest.param(b"event_type", FileFormat.CSV, False, 0, id="a header and no row"),
        pytest.param(b'"event_type","a\nb"\nx,y', FileFormat.CSV, False, 1, id="quoted header"),
        pytest.param(gzip.compress(CSV), FileFormat.CSV, True, 2, id="packed CSV"),
    ],
)  # fmt: skip
def test_a_file_lies_on_disk_as_it_came(
    path: Path, content: bytes, format: FileFormat, packed: bool, rows: int
) -> None:
    """What it is and how many rows it has is known by then."""
    received = receive(upload(content, filename="../../my rows"), path)

    assert path.read_bytes() == content
    assert received.file == RowsFile(
        name="my rows", format=format, packed=packed, size=len(content), rows=rows
    )
    assert [each.name for each in path.parent.iterdir()] == ["rows"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(
    st.lists(st.integers(min_value=0), max_size=8),
    st.sampled_from([ROWS, CSV, gzip.compress(CSV), gzip.compress(ROWS) * 3]),
    st.booleans(),
)
def test_however_a_body_is_cut_the_file_is_the_same(
    path: Path, cuts: list[int], content: bytes, packed_body: bool
) -> None:
    """And so are the fields and the count."""
    body = form(part("dry_run", b"true"), part("file", content))
    encoding = "gzip" if packed_body else None
    if packed_body:
        body = gzip.compress(body)
    whole = receive(request_of([body], content_type=FORM, content_encoding=encoding), path)
    cut = receive(
        request_of(in_pieces(body, cuts), content_type=FORM, content_encoding=encoding), path
    )

    assert cut == whole
    assert cut.fields == {"dry_run": "true"}
    assert path.read_bytes() == content


FIRST: Final = b"event_type,user_id\n"
WRONG_FILES: Final = {
    "empty": (b"", "empty"),
    "blank": (b" \n\r\n", "empty"),
    "only a byte-order mark": (b"\xef\xbb\xbf", "empty"),
    "gzip of nothing": (gzip.compress(b""), "empty"),
    "UTF-16": (ROWS.decode().encode("utf-16"), "not UTF-8"),
    "UTF-16 big-endian": (b"\xfe\xff" + ROWS.decode().encode("utf-16-be"), "not UTF-8"),
    "UTF-16 without a mark": (ROWS.decode().encode("utf-16-le"), "not UTF-8"),
    "UTF-32": (ROWS.decode().encode("utf-32"), "not UTF-8"),
    "packed UTF-16": (gzip.compress(ROWS.decode().encode("utf-16")), "not UTF-8"),
    "zeros": (bytes(1000), "not UTF-8"),
    "JSON list": (b"[" + ROWS + b"]", "neither NDJSON nor CSV"),
    "another CSV": (b"name,size\na,1\n", "no column `event_type`"),
    "CSV header in another encoding": (b"event_type,gr\xf6\xdfe\n", "header cannot be read"),
    "CSV header with an open quote": (b'event_type,"a\n', "header cannot be read"),
    "CSV with a million columns": (FIRST[:-1] + b",a" * 10**6 + b"\n", "neither NDJSON nor CSV"),
    "CSV without line ends": (b"event_type" + b"x" * 10**6, "neither NDJSON nor CSV"),
    "CSV that is one open quote": (b'"' + b"\n" * 10**6, "neither NDJSON nor CSV"),
    "blank at the beginning": (b"\n" * 10**6 + ROWS, "neither NDJSON nor CSV"),
    "gzip cut": (gzip.compress(ROWS)[:-1], "not valid gzip"),
    "gzip cut in its head": (gzip.compress(ROWS)[:5], "not valid gzip"),
    "gzip with a wrong checksum": (gzip.compress(ROWS)[:-8] + bytes(8), "not valid gzip"),
    "gzip with something behind": (gzip.compress(ROWS) + b"rubbish", "not valid gzip"),
    "gzip in name only": (b"\x1f\x8b" + ROWS, "not valid gzip"),
    "zip": (b"PK\3\4" + ROWS, "no column `event_type`"),
}


@pytest.mark.parametrize(("content", "message"), WRONG_FILES.values(), ids=WRONG_FILES)
def test_what_is_wrong_with_a_file_is_said(path: Path, content: bytes, message: str) -> None:
    """As soon as it is known, and nothing is left of it."""
    with pytest.raises(BadRequest, match=message):
        receive(upload(content), path)
    assert not list(path.parent.iterdir())


def test_a_bulk_job_takes_ndjson_only(path: Path) -> None:
    """Its CSV has no form that anybody could expect."""
    with pytest.raises(BadRequest, match="not NDJSON") as caught:
        receive(upload(CSV), path, formats=NDJSON)
    assert "a JSON object on each line" in caught.value.details


WRONG_FORMS: Final = {
    "no boundary": ([], "multipart/form-data", "no boundary"),
    "JSON": ([b"{}"], "application/json", "not multipart"),
    "another part": ([form(part("rows", ROWS))], FORM, "no part named `file`"),
    "two files": ([form(part("file", ROWS), part("file", ROWS))], FORM, "several parts"),
    "cut": ([part("file", ROWS)], FORM, "not valid multipart"),
    "empty": ([], FORM, "not valid multipart"),
}


@pytest.mark.parametrize(("body", "content_type", "message"), WRONG_FORMS.values(), ids=WRONG_FORMS)
def test_what_is_wrong_with_a_form_is_said(
    path: Path, body: list[bytes], content_type: str, message: str
) -> None:
    """The file in it may be good: it is not kept."""
    with pytest.raises(BadRequest, match=message):
        receive(request_of(body, content_type=content_type), path)
    assert not list(path.parent.iterdir())


# Lists


@pytest.mark.parametrize(
    ("body", "lines"),
    [
        (b'{"users":[]}', b""),
        (b'{"users":[{"user_id":"ada"} , {"a":[1]}]}', b'{"user_id":"ada"}\n{"a":[1]}\n'),
        (b'{"users":[{\r\n"a":\n1}, "\\n"]}', b'{  "a": 1}\n"\\n"\n'),
        (b'{"users":[1,null,[]]}', b"1\nnull\n[]\n"),
    ],
)
def test_a_list_becomes_a_line_for_each_element(path: Path, body: bytes, lines: bytes) -> None:
    """Also those that are no objects: they are rows that will fail."""
    received = receive_json(request_of([body]), path)

    assert path.read_bytes() == lines
    assert received == Received(
        RowsFile(
            name="users.ndjson",
            format=FileFormat.NDJSON,
            packed=False,
            size=len(lines),
            rows=lines.count(b"\n"),
        ),
        {},
    )
    assert [each.name for each in path.parent.iterdir()] == ["rows"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(st.lists(st.integers(min_value=0), max_size=8), st.booleans())
def test_however_a_list_is_cut_its_lines_are_the_same(
    path: Path, cuts: list[int], packed_body: bool
) -> None:
    """Packed or not."""
    users = [{"user_id": "ü" * n, "metadata": {"a": [n]}} for n in range(20)]
    body = json.dumps({"users": users}, ensure_ascii=False, indent=1).encode()
    if packed_body:
        request = request_of(in_pieces(gzip.compress(body), cuts), content_encoding="gzip")
    else:
        request = request_of(in_pieces(body, cuts))
    received = receive_json(request, path)

    assert received.file.rows == 20
    assert [json.loads(line) for line in path.read_bytes().splitlines()] == users


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "empty"),
        (b'{"users":[1', "not valid JSON"),
        (b'{"users":{}}', "wrong type"),
        (b'{"users":["\xff"]}', "not valid UTF-8"),
        (b'{"users":[' + b"[" * 100_000, "nested too deeply"),
        (b'{"users":[1],"users":[2]}', "twice"),
    ],
)
def test_what_is_wrong_with_a_list_is_said(path: Path, body: bytes, message: str) -> None:
    """`tests/unit/wire/test_lists.py` has the whole table; here nothing may be left."""
    with pytest.raises(BadRequest, match=message):
        receive_json(request_of([body]), path)
    assert not list(path.parent.iterdir())


# What goes wrong besides


@pytest.mark.parametrize("encoding", ["br", "deflate", "gzip, gzip"])
def test_another_content_encoding_is_refused(path: Path, encoding: str) -> None:
    """Before anything is read."""
    with pytest.raises(UnsupportedEncoding):
        receive(request_of(never(), content_type=FORM, content_encoding=encoding), path)
    with pytest.raises(UnsupportedEncoding):
        receive_json(request_of(never(), content_encoding=encoding), path)


def test_a_sender_that_goes_away_leaves_nothing(path: Path) -> None:
    """Nobody will ask for what it had sent."""
    whole = form(part("file", ROWS))
    with pytest.raises(BadRequest, match="ended before"):
        receive(request_of([whole[:-20]], content_type=FORM, cut=True), path)
    with pytest.raises(BadRequest, match="ended before"):
        receive_json(request_of([b'{"users":[1'], cut=True), path)
    assert not list(path.parent.iterdir())


async def test_an_upload_that_is_cancelled_leaves_nothing(path: Path) -> None:
    """As when the server stops before the rest has come."""
    waiting = asyncio.Event()
    pieces = iter([HEAD + ROWS * 100_000])

    async def receive_slowly() -> Message:
        if (piece := next(pieces, None)) is not None:
            return {"type": "http.request", "body": piece, "more_body": True}
        waiting.set()
        await asyncio.Event().wait()
        raise AssertionError

    headers = [(b"content-type", FORM.encode())]
    request = Request({"type": "http", "method": "POST", "headers": headers}, receive_slowly)
    upload = asyncio.create_task(
        receive_file(request, path, bytes_limit=None, rows_limit=None, formats=ALL)
    )
    await waiting.wait()
    assert path.exists()  # noqa: ASYNC240  # nothing else runs
    upload.cancel()
    with pytest.raises(asyncio.CancelledError):
        await upload
    assert not list(path.parent.iterdir())


def test_what_cannot_be_written_may_be_sent_again(path: Path) -> None:
    """503, because it is not the sender's fault: a full disk, say."""
    with pytest.raises(Unavailable, match="cannot store"):
        receive(upload(ROWS), path.parent / "missing" / "rows")
    with pytest.raises(Unavailable):
        receive_json(request_of([b'{"users":[1]}']), path.parent / "missing" / "rows")
