"""Requests as they come in, made by hand, and what becomes of uploads."""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.types import Message

from analytex.domain.jobs import FileFormat
from analytex.http.uploads import Received, receive_file, receive_list

MIB: Final = 1024 * 1024
ALL: Final = frozenset(FileFormat)
ROWS: Final = b'{"user_id":"ada"}\n\n{"user_id":"bob","metadata":{"a":1}}\r\n{"user_id":"cyd"}'

BOUNDARY: Final = "x7-boundary"
FORM: Final = f"multipart/form-data; boundary={BOUNDARY}"


def request_of(
    body: Iterable[bytes],
    *,
    content_type: str | None = None,
    content_encoding: str | None = None,
    content_length: str | None = None,
    cut: bool = False,
) -> Request:
    """Return a request whose body comes in these pieces; `cut`: its sender goes away then."""
    headers = {
        b"content-type": content_type,
        b"content-encoding": content_encoding,
        b"content-length": content_length,
    }
    raw = [(name, value.encode()) for name, value in headers.items() if value is not None]
    pieces = iter(body)

    async def receive() -> Message:
        piece = next(pieces, None)
        if piece is None and cut:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": piece or b"", "more_body": piece is not None}

    return Request({"type": "http", "method": "POST", "headers": raw}, receive)


def part(name: str, content: bytes, *, filename: str | None = None) -> bytes:
    """Return a part of a form, with its boundary in front."""
    disposition = f'form-data; name="{name}"'
    if filename is not None:
        disposition += f'; filename="{filename}"'
    head = f"--{BOUNDARY}\r\nContent-Disposition: {disposition}\r\n\r\n"
    return head.encode() + content + b"\r\n"


def form(*parts: bytes) -> bytes:
    """Return a whole form."""
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


def in_pieces(body: bytes, cuts: Sequence[int]) -> list[bytes]:
    """Return the body cut at these places, modulo its length."""
    places = sorted({0, len(body), *(cut % (len(body) + 1) for cut in cuts)})
    return [body[a:b] for a, b in pairwise(places)]


def of_size(piece: bytes, size: int) -> Iterator[bytes]:
    """Yield the piece again and again, `size` bytes in all, without holding them."""
    whole, rest = divmod(size, len(piece))
    for _ in range(whole):
        yield piece
    yield piece[:rest]


def receive(
    request: Request,
    path: Path,
    *,
    bytes_limit: int | None = None,
    rows_limit: int | None = None,
    formats: frozenset[FileFormat] = ALL,
) -> Received:
    """Receive the file of a form."""
    return asyncio.run(
        receive_file(request, path, bytes_limit=bytes_limit, rows_limit=rows_limit, formats=formats)
    )


def receive_json(
    request: Request, path: Path, *, bytes_limit: int = 50 * MIB, rows_limit: int = 10_000
) -> Received:
    """Receive the list `users` of a JSON body."""
    return asyncio.run(
        receive_list(request, path, key="users", bytes_limit=bytes_limit, rows_limit=rows_limit)
    )


def upload(content: bytes, *, filename: str = "rows.ndjson") -> Request:
    """Return the upload of a file."""
    return request_of([form(part("file", content, filename=filename))], content_type=FORM)


def never() -> Iterator[bytes]:
    """Return a body that nobody may read."""

    def read() -> bytes:
        raise AssertionError("The body was read.")

    return iter(read, b"")


HEAD: Final = part("file", b"")[:-2]  # of a form whose file begins there
