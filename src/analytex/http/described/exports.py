"""Exports (contract 8.1 to 8.3)."""

from typing import Any, Final

from analytex.domain.exports import EVENT_TYPES
from analytex.http.described.operation import ID, TEXT, Content, Operation, Query, Schema, Section
from analytex.wire import export_replies

_PLACE: Final = "/api/v1/analytics/exports"
_ID: Final = "2b7d3f60-0000-4000-8000-1c1c1c1c1c1c"
_NAME: Final = "events-2026-03-01.ndjson.gz"
_END: Final = "2026-03-01T10:01:10.000000Z"
_START: Final = "2026-03-01T10:00:00.000000Z"
_TIME: Final[Schema] = {"type": ["string", "number", "null"]}
_FORMATS: Final = ("ndjson", "json", "csv", "parquet", "avro")


def _listed(item: Schema) -> Schema:
    return {"anyOf": [{"type": "array", "items": item}, item, {"type": "null"}]}


_EMAILS: Final[Schema] = {
    "anyOf": [
        {"type": "array", "items": TEXT, "maxItems": export_replies.MAX_EMAILS},
        TEXT,
        {"type": "null"},
    ]
}
_BODY: Final = Content(
    schema={
        "type": "object",
        "properties": {
            "from": {**_TIME, "description": "No event before it."},
            "to": {
                **_TIME,
                "description": "No event from it on; a date without a time is part of what is "
                "exported.",
            },
            "format": {"enum": [*_FORMATS, None], "description": "`json` is `ndjson`."},
            "event_type": _listed({"type": "string", "enum": list(EVENT_TYPES)}),
            "user_id": _listed(ID),
            "company_id": _listed(ID),
            "segment_id": {
                "type": ["string", "null"],
                "maxLength": 0,
                "description": "There are no segments.",
            },
            "emails": _EMAILS,
        },
    },
    example={"from": "2026-03-01", "to": "2026-03-31", "format": "ndjson", "user_id": ["u-1"]},
)
_CREATED: Final = Content(
    export_replies.CreatedReply,
    example={
        "job_id": _ID,
        "environment_app_token": "NX-1f0c55a2",
        "environment_name": "production",
        "start_time": _START,
        "links": f"{_PLACE}/jobs/{_ID}",
    },
)
_ITEM: Final = {
    "job_id": _ID,
    "status": "completed",
    "progress": "100",
    "start_time": _START,
    "end_time": _END,
    "elapsed_time": "0:01:10",
    "elapsed_time_seconds": "70",
}
_EXPORT: Final[dict[str, Any]] = {
    "job_id": _ID,
    "app_token": "NX-1f0c55a2",
    "status": "completed",
    "type": "export",
    "progress": "100",
    "start_time": _START,
    "end_time": _END,
    "current_chunk": "",
    "all_chunks": ["2026-03-01"],
    "completed_chunks": ["2026-03-01"],
    "presigned_urls": [
        {
            "filename": _NAME,
            "url": f"https://events.example.com{_PLACE}/files/{_ID}/{_NAME}"
            "?expires=1772532070&signature=5f0c...",
        }
    ],
    "reason": "",
}
_FILES: Final = tuple(
    Content(schema={"type": "string", "contentMediaType": media}, media=media)
    for media in (
        "application/gzip",
        "text/csv",
        "application/vnd.apache.parquet",
        "application/avro",
    )
)

SECTION: Final = Section(
    "Exports",
    "Events as files: one for each day (UTC) that has any.",
    (
        Operation(
            f"POST {_PLACE}",
            "Begin an export.",
            text="One of an app at a time. Keys that are not known are ignored.",
            key="read",
            takes=(_BODY,),
            gives={201: (_CREATED,)},
            refuses=(409,),
            lag=True,
        ),
        Operation(
            f"GET {_PLACE}/jobs",
            "List exports, newest first.",
            key="read",
            gives={200: (Content(list[export_replies.ExportItem], example=[_ITEM]),)},
        ),
        Operation(
            f"GET {_PLACE}/jobs/{{job_id}}",
            "Look at an export; once it is completed, it has links to its files.",
            text="For 3 days after its end; its links work for 2 days.",
            key="read",
            gives={200: (Content(export_replies.ExportReply, example=_EXPORT),)},
            refuses=(404,),
        ),
        Operation(
            f"GET {_PLACE}/files/{{job_id}}/{{filename}}",
            "Download a file of an export, by its link.",
            text="The link is enough: no key is asked for. `Range` asks for a part of the file.",
            key="none",
            query=(
                Query("expires", "When the link ends, in Unix seconds."),
                Query("signature", "What shows that the link is from this server."),
            ),
            gives={200: _FILES, 206: _FILES},
            refuses=(401, 404, 503),
        ),
    ),
)
