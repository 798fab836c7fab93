"""Replies as bytes, for the fast way. The ordinary way writes the same headers through uvicorn."""

from collections.abc import Sequence
from typing import Final

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from analytex.http.errors import Reply
from analytex.http.headers import COMMON, REQUEST_ID

Headers = Sequence[tuple[bytes, bytes]]


def reply_bytes(reply: Reply, request_id: str, dated: Headers, *, close: bool) -> bytes:
    """Return a whole reply; `dated` are the headers that uvicorn adds to each, such as `date`."""
    headers = [*COMMON.items(), *reply.headers.items(), (REQUEST_ID, request_id)]
    headers.append(("content-length", str(len(reply.body))))
    if close:
        headers.append(("connection", "close"))
    lines = b"".join(b"%b: %b\r\n" % line for line in dated)
    lines += "".join(f"{name}: {value}\r\n" for name, value in headers).encode()
    return STATUS_LINE[reply.status] + lines + b"\r\n" + reply.body


class _Accepted:
    """The reply to an accepted call; all but its id is made once a second, with the date."""

    def __init__(self) -> None:
        self._dated: Headers | None = None
        self._head = b""

    def __call__(self, record_id: str, dated: Headers) -> bytes:
        """Return the whole reply."""
        if self._dated is not dated:
            self._dated = dated
            common = [(name.encode(), value.encode()) for name, value in COMMON.items()]
            lines = [*dated, *common, (b"content-length", b"2")]
            self._head = STATUS_LINE[202] + b"".join(b"%b: %b\r\n" % line for line in lines)
            self._head += REQUEST_ID.encode() + b": "
        return b"%b%b\r\n\r\n{}" % (self._head, record_id.encode())


accepted_bytes: Final = _Accepted()
