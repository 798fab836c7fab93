"""Request heads that a connection has sent before.

A client sends the same head with every call, but for the number of bytes that follow. Once llhttp
has read a head and the request went the fast way, the next one with the same bytes need not be
parsed again: that saves a fifth of a worker's processor time (docs/decisions/0004).
"""

import re
from typing import Final, NamedTuple

from analytex.domain.calls import Call

_CONTENT_LENGTH: Final = re.compile(
    rb"\r\ncontent-length:[ \t]*([0-9]{1,9})(?=\r\n)", re.IGNORECASE
)


class Head(NamedTuple):
    """A head in two parts, around the value of Content-Length, and what it says."""

    before: bytes
    after: bytes
    call: Call
    authorization: bytes | None

    def body_in(self, data: bytes) -> bytes | None:
        """Return the body, if the data is one whole request with this head and nothing behind."""
        if not data.startswith(self.before):
            return None
        start = len(self.before)
        end = data.find(b"\r", start, start + 10)
        digits = data[start:end]
        if end < 0 or not digits.isdigit() or not data.startswith(self.after, end):
            return None
        body_at = end + len(self.after)
        return data[body_at:] if len(data) - body_at == int(digits) else None


def learn(data: bytes, body: bytes, call: Call, authorization: bytes | None) -> Head | None:
    """Return the head of a request that llhttp has read from exactly this data.

    None if the data is not that one request.
    """
    head_bytes = len(data) - len(body)
    if not data.startswith(b"POST ") or data.find(b"\r\n\r\n") != head_bytes - 4:
        return None
    head = data[:head_bytes]
    found = _CONTENT_LENGTH.search(head)
    if found is None or int(found[1]) != len(body) or _CONTENT_LENGTH.search(head, found.end()):
        return None
    return Head(head[: found.start(1)], head[found.end(1) :], call, authorization)
