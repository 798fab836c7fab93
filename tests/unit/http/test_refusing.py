"""What is kept of a refused request: enough to mend it, and no more."""

import asyncio
import gzip
from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any, Final, cast

import pytest
from starlette.requests import Request
from starlette.types import Message

from analytex.domain.environments import Permission, Scope
from analytex.domain.quarantine import KEPT_BYTES, Refused
from analytex.errors import (
    AnalytexError,
    BadRequest,
    BodyTooLarge,
    JobRunning,
    NotFound,
    RateLimited,
    TooManyRows,
    Unauthorized,
    Unavailable,
    UnsupportedEncoding,
)
from analytex.http.refusing import look_at, record

KEY: Final = Scope(7, "NX-tests", "k", frozenset({Permission.ADMIN}))
BODY: Final = b'{"user_id":"ada"}'


def kept(
    pieces: Iterable[bytes] = (BODY,),
    *,
    path: str = "/v1/track",
    query: bytes = b"",
    headers: dict[str, str] | None = None,
    error: AnalytexError | None = None,
    key: Scope | None = KEY,
    read: int = 100,
) -> Refused | None:
    """Return what is kept of a request whose body was read up to so many pieces."""
    rest = list(pieces)

    async def receive() -> Message:
        body = rest.pop(0) if rest else b""
        return {"type": "http.request", "body": body, "more_body": bool(rest)}

    scope: dict[str, Any] = {
        "type": "http",
        "method": "POST",
        "path": path,
        "query_string": query,
        "server": ("x", 80),
        "headers": [(k.encode(), v.encode()) for k, v in (headers or {}).items()],
        "state": {"request_id": "r", **({"key": key} if key else {})},
    }
    looked_at = look_at(scope, receive)

    async def read_some() -> None:
        for _ in range(read):
            if not (await looked_at()).get("more_body"):
                return

    asyncio.run(read_some())
    found: list[Refused] = []
    request = Request(scope, looked_at)
    record(cast(Any, SimpleNamespace(record=found.append)), request, error or BadRequest("No."))
    return found[0] if found else None


def facts(refused: Refused | None) -> tuple[bytes, int, bool]:
    """Return the body that is kept, its size, and whether that is all."""
    assert refused is not None
    return refused.body, refused.size, refused.whole


def test_a_body_is_kept_however_it_comes() -> None:
    """In one piece or in many."""
    assert facts(kept()) == facts(kept([BODY[:3], b"", BODY[3:]])) == (BODY, len(BODY), True)


@pytest.mark.parametrize("size", [KEPT_BYTES - 1, KEPT_BYTES, KEPT_BYTES + 1, 3 * KEPT_BYTES])
def test_no_more_than_so_many_bytes_are_kept(size: int) -> None:
    """The rest only counts."""
    pieces = [b"x" * 1000] * (size // 1000) + [b"x" * (size % 1000)]
    expected = (b"x" * min(size, KEPT_BYTES), size, size <= KEPT_BYTES)

    assert facts(kept(pieces)) == expected


def test_what_was_not_read_is_known_from_the_headers() -> None:
    """A body that is too long is refused by its length."""
    long = kept(headers={"content-length": "99999999"}, read=0, error=BodyTooLarge())

    assert facts(long) == (b"", 99_999_999, False)
    assert facts(kept([b"", BODY], headers={"content-length": "9x"}, read=1))[2] is False


def test_a_packed_body_is_kept_unpacked() -> None:
    """What is packed can be neither read nor searched."""
    packed = gzip.compress(BODY)
    headers = {"content-encoding": "gzip"}

    assert facts(kept([packed], headers=headers)) == (BODY, len(packed), True)
    long = gzip.compress(b"x" * 10 * KEPT_BYTES)
    assert facts(kept([long], headers=headers)) == (b"x" * KEPT_BYTES, len(long), False)
    assert facts(kept([packed[:-4]], headers=headers)) == (BODY, len(packed) - 4, False)
    assert facts(kept([BODY], headers=headers)) == (BODY, len(BODY), True)
    assert facts(kept([packed[:5] + b"\xff" * 20], headers=headers)) == (b"", 25, False)


def test_a_long_query_is_cut() -> None:
    """Then the request is not whole, and cannot be sent again as it was."""
    assert cast(Refused, kept(query=b"dry_run=true")).query == "dry_run=true"
    long = cast(Refused, kept(query=b"x" * 1000))
    assert (len(long.query), long.whole) == (512, False)


@pytest.mark.parametrize(
    "error", [BadRequest(), BodyTooLarge(), TooManyRows(), UnsupportedEncoding()], ids=str
)
def test_mistakes_in_the_request_are_kept(error: AnalytexError) -> None:
    """Its sender drops it after such an answer."""
    assert cast(Refused, kept(error=error)).code == error.code


@pytest.mark.parametrize(
    "error", [Unauthorized(), NotFound(), JobRunning(), RateLimited(), Unavailable()], ids=str
)
def test_what_is_sent_again_by_itself_is_not_kept(error: AnalytexError) -> None:
    """Nor what strangers send."""
    assert kept(error=error) is None


def test_without_a_key_nothing_is_kept() -> None:
    """A stranger cannot fill the disk."""
    assert kept(key=None) is None


def test_reads_are_not_kept() -> None:
    """They took nothing in."""
    assert kept(path="/v1/events") is None
