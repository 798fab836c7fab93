"""Lists over HTTP: which page and which time is asked for, and the envelope around it."""

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from analytex.domain.times import parse_time
from analytex.errors import BadRequest
from analytex.query.reads import Page
from analytex.wire import replies

DEFAULT_LIMIT: Final = 50
MAX_LIMIT: Final = 1000


def paging(request: Request, *, default: int = DEFAULT_LIMIT) -> tuple[int, str | None]:
    """Return the limit and the cursor that are asked for. Raises BadRequest."""
    text = request.query_params.get("limit", str(default))
    if not (text.isascii() and text.isdecimal()) or not 1 <= int(text[:9]) <= MAX_LIMIT:
        raise BadRequest(
            "`limit` is not valid.", details=f"Expected a whole number from 1 to {MAX_LIMIT}."
        )
    return int(text), request.query_params.get("after_cursor") or None


def time_of(request: Request, name: str) -> int | None:
    """Return a time out of the query, or None if it is not there. Raises BadRequest."""
    text = request.query_params.get(name)
    if not text:
        return None
    try:
        return parse_time(text)
    except (ValueError, OverflowError):
        raise BadRequest(
            f"`{name}` is not a time.",
            details="Expected ISO 8601 such as 2026-01-31T12:00:00Z, a day, or Unix seconds.",
        ) from None


def json_reply(value: Any, status: int = 200) -> Response:
    """Return a reply with a JSON body."""
    return Response(replies.encode(value), status)


def list_reply(page: Page[Any], items: list[Any], limit: int) -> Response:
    """Return a page in the contract's envelope; `items` are its own, as JSON shows them."""
    metadata = replies.ListMetadata(
        cursor=replies.Cursor(after=page.after), limit=limit, total_count=page.total
    )
    return json_reply(replies.ListReply(data=items, metadata=metadata))
