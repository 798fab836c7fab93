"""What is too long, too much or without end is refused early, and fills no memory."""

import asyncio
import gc
import gzip
import random
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Final

import pytest

from analytex.domain.jobs import FileFormat
from analytex.errors import (
    AnalytexError,
    BadRequest,
    BodyTooLarge,
    TooManyRows,
)
from analytex.http.multipart import OVERHEAD_BYTES
from analytex.http.uploads import receive_list
from tests.unit.http.requests import (
    BOUNDARY,
    FORM,
    HEAD,
    MIB,
    ROWS,
    form,
    never,
    of_size,
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


def bomb(mib: int) -> bytes:
    """Return so much of nothing behind a good row, packed a thousand times smaller."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    packed = packer.compress(ROWS + b"\n")
    return packed + b"".join(packer.compress(bytes(MIB)) for _ in range(mib)) + packer.flush()


def test_what_is_said_to_be_too_long_is_not_read(path: Path) -> None:
    """The sender hears it before it has sent the file."""
    too_long = str(1000 + OVERHEAD_BYTES + 1)
    with pytest.raises(BodyTooLarge):
        receive(
            request_of(never(), content_type=FORM, content_length=too_long), path, bytes_limit=1000
        )
    with pytest.raises(BodyTooLarge):
        receive_json(request_of(never(), content_length="1001"), path, bytes_limit=1000)


@pytest.mark.parametrize("content", [ROWS, gzip.compress(ROWS)], ids=["plain", "packed"])
def test_a_file_may_be_as_long_as_the_limit_packed_or_not(path: Path, content: bytes) -> None:
    """To the byte."""
    longest = max(len(content), len(ROWS))
    assert receive(upload(content), path, bytes_limit=longest).file.rows == 3
    path.unlink()
    with pytest.raises(BodyTooLarge):
        receive(upload(content), path, bytes_limit=longest - 1)
    assert not list(path.parent.iterdir())


def test_a_list_may_be_as_long_as_the_limit_packed_or_not(path: Path) -> None:
    """It is the body that counts."""
    body = b'{"users":[' + b"1," * 100 + b"1]}"
    packed = gzip.compress(body)
    assert receive_json(request_of([body]), path, bytes_limit=len(body)).file.rows == 101
    with pytest.raises(BodyTooLarge):
        receive_json(request_of([body]), path, bytes_limit=len(body) - 1)
    request = request_of([packed], content_encoding="gzip")
    with pytest.raises(BodyTooLarge):
        receive_json(request, path, bytes_limit=len(body) - 1)
    request = request_of([packed], content_encoding="x-gzip")
    assert receive_json(request, path, bytes_limit=len(body)).file.rows == 101


def test_rows_may_be_as_many_as_the_limit(path: Path) -> None:
    """And not one more, in a file as in a list."""
    assert receive(upload(ROWS), path, rows_limit=3).file.rows == 3
    with pytest.raises(TooManyRows):
        receive(upload(ROWS), path, rows_limit=2)
    assert receive_json(request_of([b'{"users":[1,2]}']), path, rows_limit=2).file.rows == 2
    with pytest.raises(TooManyRows):
        receive_json(request_of([b'{"users":[1,2,3]}']), path, rows_limit=2)
    assert not list(path.parent.iterdir())


class Endless:
    """A body without end, which counts how much of it was taken."""

    def __init__(self, front: bytes, piece: bytes) -> None:
        self.taken = 0
        self._pieces = chain([front], iter(lambda: piece, b""))

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._pieces:
            self.taken += len(piece)
            yield piece


ENDLESS: Final = {
    "rows": (Endless(HEAD, b"{}\n" * 20_000), TooManyRows),
    "one row": (Endless(HEAD + b"{", b"x" * 65536), BodyTooLarge),
    "blank": (Endless(HEAD, b"\n" * 65536), BadRequest),
    "behind its last boundary": (
        Endless(form(part("file", ROWS)), b"\n" * 65536),
        BodyTooLarge,
    ),
    "before its first boundary": (Endless(b"\r\n", b"\r\n" * 32768), BodyTooLarge),
    "parts": (Endless(HEAD + ROWS + b"\r\n", part("a", b"")), BadRequest),
    "headers": (Endless(f"--{BOUNDARY}\r\n".encode(), b"A: b\r\n" * 100), BadRequest),
    "field": (Endless(part("a", b"")[:-2], b"x" * 65536), BadRequest),
    "members": (Endless(HEAD + gzip.compress(ROWS), gzip.compress(b"") * 3000), BodyTooLarge),
}


@pytest.mark.parametrize(("body", "error"), ENDLESS.values(), ids=ENDLESS)
def test_what_has_no_end_is_refused_early(
    path: Path, body: Endless, error: type[AnalytexError]
) -> None:
    """Without a length in the headers; soon after the limit, whichever it is, was passed."""
    with pytest.raises(error):
        receive(request_of(body, content_type=FORM), path, bytes_limit=4 * MIB, rows_limit=1000)
    assert body.taken <= 6 * MIB
    assert not list(path.parent.iterdir())


@pytest.mark.slow  # 1 s
def test_a_bomb_is_refused(path: Path) -> None:
    """Even where nothing limits a file; in the file, and around the whole form or list."""
    packed = bomb(120)
    assert len(packed) < MIB
    with grows_at_most(20):
        with pytest.raises(BadRequest, match="The file is not plausible"):
            receive(upload(packed), path)
        request = request_of([packed], content_type=FORM, content_encoding="gzip")
        with pytest.raises(BadRequest, match="not valid multipart"):
            receive(request, path)
        packer = zlib.compressobj(9, zlib.DEFLATED, 31)
        packed_form = [packer.compress(form(part("file", ROWS)))]
        packed_form += [packer.compress(bytes(MIB)) for _ in range(120)]
        request = request_of(packed_form, content_type=FORM, content_encoding="gzip")
        with pytest.raises(BadRequest, match="The body is not plausible"):
            receive(request, path)
        request = request_of([packed], content_encoding="gzip")
        with pytest.raises(BodyTooLarge):
            receive_json(request, path)
    assert not list(path.parent.iterdir())


# Memory


@contextmanager
def grows_at_most(mib: int) -> Iterator[None]:
    """Check that the resident memory of this process never grew by more than that."""
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts at what is used now
    before = _peak_kib()
    yield
    assert _peak_kib() - before < mib * 1024


def _peak_kib() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))


def in_one_part(content: Iterable[bytes]) -> Iterator[bytes]:
    """Yield a form whose file is that, piece by piece."""
    return chain([HEAD], content, [b"\r\n", form()])


ROW: Final = b'{"user_id":"u-%06d","metadata":{"name":"Ines Roca","email":"ines@example.org"}}\n'
MANY_ROWS: Final = b"".join(ROW % n for n in range(800))
LARGE: Final = {
    "rows": MANY_ROWS,
    "one long row": b"{" + b"x" * 65535,
    "rows of two bytes": b"{}\n{\n" * 10_000,
    "blank lines": b"{}" + b"\n" * 65534,
}


@pytest.mark.slow  # up to 3 s each
@pytest.mark.parametrize("piece", LARGE.values(), ids=LARGE)
def test_a_large_file_takes_no_more_memory_than_a_small_one(path: Path, piece: bytes) -> None:
    """The same for 60 MB as for 2 GB."""
    receive(request_of(in_one_part([MANY_ROWS]), content_type=FORM), path)  # what is loaded late
    with grows_at_most(20):
        body = in_one_part(of_size(piece, 60_000_000))
        assert receive(request_of(body, content_type=FORM), path).file.size == 60_000_000


@pytest.mark.slow  # 2 s
def test_a_large_packed_file_takes_no_more_memory_than_a_small_one(path: Path) -> None:
    """It is unpacked to count its rows, and only for that."""
    member = gzip.compress(MANY_ROWS + random.Random(3).randbytes(30_000).hex().encode() + b"\n")
    receive(upload(member), path)
    with grows_at_most(20):
        body = in_one_part(member for _ in range(1500))
        received = receive(request_of(body, content_type=FORM), path)
    assert received.file.rows == 801 * 1500


def test_a_large_list_takes_no_more_memory_than_a_small_one(path: Path) -> None:
    """Neither 50 MB of rows, nor of what is so small that its decoded form would fill it."""
    receive_json(request_of([b'{"users":[1]}']), path)
    with grows_at_most(20):
        row = b'{"user_id":"ada","metadata":{"a":"' + b"x" * 4900 + b'"}},'
        body = chain([b'{"users":['], (row for _ in range(9999)), [row[:-1] + b"]}"])
        assert receive_json(request_of(body), path).file.rows == 10_000

        body = chain([b'{"users":['], of_size(b"1," * 30_000, 50_000_000), [b"1]}"])
        with pytest.raises(TooManyRows):
            receive_json(request_of(body), path)


async def test_others_are_served_while_a_large_list_comes_in(path: Path) -> None:
    """All work on it is done elsewhere, in steps that let the event loop run."""
    row = b'{"user_id":"ada","metadata":{"a":"' + b"x" * 4900 + b'"}},'
    body = chain([b'{"users":['], (row for _ in range(9999)), [row[:-1] + b"]}"])
    loop = asyncio.get_running_loop()
    upload = asyncio.create_task(
        receive_list(request_of(body), path, key="users", bytes_limit=50 * MIB, rows_limit=10_000)
    )
    waits = []
    while not upload.done():
        began = loop.time()
        await asyncio.sleep(0.001)
        waits.append(loop.time() - began)
    assert (await upload).file.rows == 10_000
    assert sorted(waits)[len(waits) // 2] < 0.02
