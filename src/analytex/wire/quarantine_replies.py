"""The JSON of the quarantine, and of what the live stream tells beside events."""

import base64
from collections.abc import Sequence

import msgspec

from analytex.domain.quarantine import Refused
from analytex.wire.replies import ListMetadata, time_text


class RefusedReply(msgspec.Struct, kw_only=True):
    """A request that was refused."""

    id: str  #: the request's id: the `x-request-id` of the refusal
    refused_at: str
    method: str
    path: str
    query: str  #: without the `?`
    status: int
    error: str  #: as in the refusal, with the two below
    message: str
    details: str
    key_id: str  #: the key that it carried
    content_type: str
    body: str | None  #: the first bytes of it, unpacked; null if they are not UTF-8
    body_base64: str | None  #: the same, only if they are not UTF-8
    body_size: int  #: bytes, as it came
    body_cut: bool  #: whether something of the body or the query was not kept
    replayed_at: str | None
    replayed_as: str | None  #: id of the request that was accepted in its place


class QuarantineMetadata(ListMetadata, kw_only=True):
    """What accompanies a page of refused requests."""

    dropped_count: int  #: refused requests that were counted, but had no room


class QuarantineReply(msgspec.Struct, kw_only=True):
    """A page of refused requests."""

    data: Sequence[RefusedReply]
    metadata: QuarantineMetadata


class GapReply(msgspec.Struct, kw_only=True):
    """Says that a stream could not tell everything."""

    after: str  #: the id up to which nothing is missing
    resumed_at: str  #: the id behind which nothing is
    message: str = (
        "Events between the two may be missing here; GET /v1/events has all that are kept."
    )


def refused_reply(refused: Refused) -> RefusedReply:
    """Return what is shown of a refused request."""
    text, packed = text_or_base64(refused.body)
    return RefusedReply(
        id=refused.id,
        refused_at=time_text(refused.at),
        method=refused.method,
        path=refused.path,
        query=refused.query,
        status=refused.status,
        error=refused.code,
        message=refused.message,
        details=refused.details,
        key_id=refused.key_id,
        content_type=refused.content_type,
        body=text,
        body_base64=packed,
        body_size=refused.size,
        body_cut=not refused.whole,
        replayed_at=None if refused.replayed_at is None else time_text(refused.replayed_at),
        replayed_as=refused.replayed_as,
    )


def text_or_base64(body: bytes) -> tuple[str | None, str | None]:
    """Return bytes as text or, only if they are not UTF-8, as base64; the other is None."""
    try:
        return body.decode(), None
    except UnicodeDecodeError as error:
        # A body that was cut may end inside a character.
        if error.end == len(body) and error.reason == "unexpected end of data":
            return body[: error.start].decode(), None
        return None, base64.b64encode(body).decode()
