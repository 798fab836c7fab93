"""Errors as replies: which status, which body, which headers. Both ways of answering use this."""

from typing import Final, NamedTuple

from analytex.errors import (
    AlreadyReplayed,
    AnalytexError,
    BadRequest,
    BodyTooLarge,
    HeadersTooLarge,
    JobRunning,
    JobState,
    MethodNotAllowed,
    NotFound,
    RateLimited,
    RequestTimeout,
    Retryable,
    TooManyRows,
    Unauthorized,
    Unavailable,
    UnsupportedEncoding,
)
from analytex.wire import replies

STATUS: Final[dict[type[AnalytexError], int]] = {
    BadRequest: 400,
    Unauthorized: 401,
    NotFound: 404,
    MethodNotAllowed: 405,
    RequestTimeout: 408,
    JobRunning: 409,
    JobState: 409,
    AlreadyReplayed: 409,
    BodyTooLarge: 413,
    TooManyRows: 413,
    UnsupportedEncoding: 415,
    RateLimited: 429,
    HeadersTooLarge: 431,
    Unavailable: 503,
}
INTERNAL: Final = 500


class Reply(NamedTuple):
    """A reply, before it is written one way or the other."""

    status: int
    body: bytes
    headers: dict[str, str] = {}  # noqa: RUF012  # never changed


def error_reply(error: AnalytexError) -> Reply:
    """Return the documented reply for an error."""
    # Of an error that is not in the table, that of the kind that it belongs to.
    status = next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), INTERNAL)
    item = replies.ErrorItem(
        error=error.code,
        error_code=str(status),
        message=error.message,
        details=error.details,
    )
    headers = {"retry-after": str(error.retry_after_s)} if isinstance(error, Retryable) else {}
    return Reply(status, replies.encode(replies.ErrorReply(errors=[item])), headers)
