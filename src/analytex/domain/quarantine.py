"""The quarantine: what is kept of requests that were refused, until they are mended or too old."""

from typing import Final

import msgspec

KEPT_BYTES: Final = 4096  # of a body; a call that fits is kept whole
KEPT_QUERY_CHARS: Final = 512
ROWS_KEPT: Final = 10_000  # refused requests of one environment
_OVERHEAD: Final = 256  # bytes that a row takes beside its texts


class Refused(msgspec.Struct, kw_only=True):
    """One request that carried a valid key and was refused. Times are microseconds since 1970."""

    id: str  #: the request's id, 20 characters
    environment_id: int
    key_id: str
    at: int  #: when it was refused
    method: str
    path: str
    query: str  #: without the `?`
    status: int
    code: str
    message: str
    details: str
    content_type: str
    body: bytes  #: unpacked; its first KEPT_BYTES
    size: int  #: bytes of the body as it came, or as its headers announced it
    whole: bool  #: whether `body` and `query` are all of it
    number: int = 0  #: order in which they were written; given by the store
    replayed_at: int | None = None
    replayed_as: str | None = None  #: id of the request that was accepted in its place

    @property
    def cost(self) -> int:
        """About how many bytes it takes on disk."""
        texts = (self.path, self.query, self.message, self.details, self.content_type)
        return _OVERHEAD + len(self.body) + sum(map(len, texts))


class RefusedFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which refused requests are asked for; None means any."""

    status: int | None = None
    code: str | None = None
    path: str | None = None
    since: int | None = None  #: inclusive
    until: int | None = None  #: exclusive
