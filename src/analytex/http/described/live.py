"""The live stream, and the quarantine of refused requests."""

from typing import Any, Final

from analytex.http.described.operation import (
    EMPTY,
    PAGES,
    RECORD_ID,
    TIME,
    Content,
    Operation,
    Query,
    Section,
)
from analytex.http.described.reads import EVENT_FILTERS, FROM, TO
from analytex.wire import quarantine_replies

_TRUE_OR_FALSE: Final = {"type": "string", "enum": ["true", "false"]}
_REFUSED: Final[dict[str, Any]] = {
    **dict.fromkeys(quarantine_replies.RefusedReply.__struct_fields__),
    "id": RECORD_ID,
    "refused_at": TIME,
    "method": "POST",
    "path": "/v1/track",
    "query": "",
    "status": 400,
    "error": "bad_request",
    "message": "`event_name` is missing.",
    "details": "Expected a string that is not empty.",
    "key_id": "7b894fbc",
    "content_type": "application/json",
    "body": '{"user_id":"u-204"}',
    "body_size": 19,
    "body_cut": False,
}
_PAGE: Final = {
    "data": [_REFUSED],
    "metadata": {
        "cursor": {"after": None, "before": None},
        "limit": 50,
        "total_count": 1,
        "dropped_count": 0,
    },
}
_STREAM: Final = f'id: 204\ndata: {{"id":"{RECORD_ID}","event_type":"track",...}}\n\n'

SECTION: Final = Section(
    "Live",
    "Events as they come.",
    (
        Operation(
            "GET /v1/events/stream",
            "Follow events as they are applied.",
            text="Server-Sent Events. Connect again with the last `id`, as the header "
            "`Last-Event-ID` or the parameter, and nothing is missing or repeated.",
            key="read",
            query=(
                *EVENT_FILTERS,
                FROM,
                TO,
                Query("refused", "Also tell which calls are refused, and why.", _TRUE_OR_FALSE),
                Query("files", "Also tell rows of imports and bulk jobs.", _TRUE_OR_FALSE),
                Query("last_event_id", "Begin behind this `id` of an earlier stream."),
            ),
            gives={
                200: (
                    Content(schema={"type": "string"}, media="text/event-stream", example=_STREAM),
                )
            },
        ),
    ),
)

QUARANTINE: Final = Section(
    "Quarantine",
    "Requests that carried a valid key and were refused with 400, 413 or 415 are kept for a while.",
    (
        Operation(
            "GET /v1/quarantine",
            "List refused requests, newest first.",
            key="read",
            query=(
                Query(
                    "status",
                    "Refused with this status.",
                    {"type": "string", "pattern": "^[0-9]{3}$"},
                ),
                Query("code", "Refused with this error code."),
                Query("path", "Requests to this address."),
                Query("from", "Refused at this time or later."),
                Query("to", "Refused before this time."),
                Query(
                    "format",
                    "`ndjson`: all of them, one on each line.",
                    {"type": "string", "enum": ["json", "ndjson"]},
                ),
                *PAGES,
            ),
            gives={
                200: (
                    Content(quarantine_replies.QuarantineReply, example=_PAGE),
                    Content(schema={"type": "string"}, media="application/x-ndjson"),
                )
            },
        ),
        Operation(
            "GET /v1/quarantine/{id}",
            "Look at a refused request.",
            key="read",
            gives={200: (Content(quarantine_replies.RefusedReply, example=_REFUSED),)},
            refuses=(404,),
        ),
        Operation(
            "DELETE /v1/quarantine/{id}",
            "Remove a refused request.",
            key="ingest",
            gives={200: (EMPTY,)},
            refuses=(404,),
        ),
        Operation(
            "POST /v1/quarantine/{id}/replay",
            "Send a refused request again, as it was or mended.",
            text="The body, if there is one, takes the place of the one that was kept. The answer "
            "is that of the call.",
            key="ingest",
            takes=(Content(schema={"type": "object"}, example={"user_id": "u-204"}),),
            gives={
                200: (Content(schema={"type": "object"}),),
                202: (Content(schema={"type": "object"}, example={}),),
            },
            refuses=(404, 409, 429),
        ),
    ),
)
