"""Uploads: files and lists that go from the request to disk, streamed.

The event loop only collects what comes, about 1 MiB at a time; a thread of the upload's own writes,
unpacks and counts it. So the memory that an upload takes does not depend on its length.
"""

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from starlette.requests import Request

from analytex.domain.jobs import FileFormat
from analytex.errors import Unavailable
from analytex.http.body import check_length, chunks, is_packed
from analytex.http.multipart import OVERHEAD_BYTES, Form, is_multipart
from analytex.http.sniffing import Rows
from analytex.http.spools import FileSpool, ListSpool, Received, Spool

__all__ = ["Received", "is_multipart", "receive_file", "receive_list"]

BUFFER_BYTES: Final = 1024 * 1024


async def receive_file(
    request: Request,
    path: Path,
    *,
    bytes_limit: int | None,
    rows_limit: int | None,
    formats: frozenset[FileFormat],
) -> Received:
    """Write the form's part `file` to `path`, flushed. It may be packed with gzip, and stays so.

    Raises BodyTooLarge (the file, packed or not, is longer than `bytes_limit`), TooManyRows,
    UnsupportedEncoding, BadRequest for what is no such file or not in one of the `formats`, and
    Unavailable if it cannot be stored. Then nothing is left at `path`.
    """
    packed = is_packed(request)
    form = Form(request)
    if bytes_limit is not None:
        check_length(request, bytes_limit + OVERHEAD_BYTES)
    rows = Rows(formats, rows_limit)
    spool = FileSpool(path, form, rows, packed_body=packed, bytes_limit=bytes_limit)
    return await _receive(request, spool)


async def receive_list(
    request: Request, path: Path, *, key: str, bytes_limit: int, rows_limit: int
) -> Received:
    """Write the elements of the list `key` in a JSON body to `path`, one on each line, flushed.

    Raises BodyTooLarge, TooManyRows, UnsupportedEncoding, BadRequest for what is not JSON or has
    no such list, and Unavailable if it cannot be stored. Then nothing is left at `path`.
    """
    packed = is_packed(request)
    check_length(request, bytes_limit)
    spool = ListSpool(path, key, packed_body=packed, bytes_limit=bytes_limit, rows_limit=rows_limit)
    return await _receive(request, spool)


async def _receive(request: Request, spool: Spool) -> Received:
    loop = asyncio.get_running_loop()
    # One thread, so that whatever is cancelled, the files are removed after they were written.
    thread = ThreadPoolExecutor(1, thread_name_prefix="upload")
    try:
        await loop.run_in_executor(thread, spool.open)
        async for data in _buffers(request):
            await loop.run_in_executor(thread, spool.feed, data)
        return await loop.run_in_executor(thread, spool.finish)
    except BaseException as error:
        await asyncio.shield(loop.run_in_executor(thread, spool.discard))
        if isinstance(error, OSError):
            raise Unavailable(details=f"The upload cannot be written: {error}.") from error
        raise
    finally:
        thread.shutdown(wait=False)


async def _buffers(request: Request) -> AsyncIterator[bytes]:
    """Yield the body in pieces that are worth a thread's while."""
    buffer = bytearray()
    async for chunk in chunks(request):
        buffer += chunk
        if len(buffer) >= BUFFER_BYTES:
            yield bytes(buffer)
            buffer.clear()
    if buffer:
        yield bytes(buffer)
