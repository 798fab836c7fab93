"""Bulk identify, imports, background jobs, deletions."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from analytex.http.described.operation import (
    AFTER,
    ID,
    LIMIT,
    METADATA,
    TIME,
    Content,
    Operation,
    Query,
    Schema,
    Section,
)
from analytex.wire import job_replies, replies

USER_ROW: Final[Schema] = {
    "type": "object",
    "required": ["user_id"],
    "properties": {
        "user_id": ID,
        "company_id": {"anyOf": [ID, {"type": "null"}]},
        "metadata": METADATA,
    },
}
COMPANY_ROW: Final[Schema] = {
    "type": "object",
    "required": ["company_id"],
    "properties": {"company_id": ID, "metadata": METADATA},
}

_UUID: Final = "6f1c2d3e-3f41-4c37-9f0e-5a5a5a5a5a5a"
_JOB: Final[dict[str, Any]] = {
    **dict.fromkeys(job_replies.JobReply.__struct_fields__),
    "job_id": f"bulk:jobs:NX-1f0c55a2:{_UUID}",
    "status": "queued",
    "type": "bulk_identify_users",
    "filename": "users.ndjson",
    "file_size": 412,
    "total_rows": 2,
    "completed_rows": 0,
    "failed_rows": 0,
    "remaining_rows": 2,
    "duplicate_rows": 0,
    "erased_rows": 0,
    "submitted_at": TIME,
    "start_time": TIME,
    "elapsed_time": 0,
    "links": f"/v1/background_jobs/bulk:jobs:NX-1f0c55a2:{_UUID}",
    "dry_run": False,
}
JOB: Final = Content(job_replies.JobReply, example=_JOB)
JOBS: Final = Content(list[job_replies.JobReply], example=[_JOB])
_ROW_ERROR: Final = {
    "row": 7,
    "line": 8,
    "place": "/inserted_at",
    "value": "yesterday",
    "code": "not_a_time",
    "reason": "Expected ISO 8601, or Unix seconds.",
}
_DRY_RUN: Final = Query(
    "dry_run",
    "Check and count the rows, and store nothing.",
    {"type": "string", "enum": ["true", "false", "1", "0"]},
)


def _list(key: str, row: Schema, example: Sequence[Mapping[str, Any]]) -> Content:
    rows = {"type": "array", "items": row}
    schema = {"type": "object", "required": [key], "properties": {key: rows}}
    return Content(schema=schema, example={key: example})


def _form(what: str, example: str) -> Content:
    file = {"type": "string", "contentMediaType": "application/octet-stream", "description": what}
    dry_run = {"type": "string", "enum": ["true", "false", "1", "0"]}
    properties = {"file": file, "dry_run": dry_run}
    schema = {"type": "object", "required": ["file"], "properties": properties}
    return Content(schema=schema, media="multipart/form-data", example={"file": example})


def _ids(key: str, example: Sequence[str]) -> Content:
    ids = {"type": "array", "items": {"anyOf": [*ID["anyOf"], {"const": ""}]}}
    schema = {"type": "object", "required": [key], "properties": {key: ids}}
    return Content(schema=schema, example={key: example})


def _deleted(message: str) -> Content:
    id = f"delete:jobs:NX-1f0c55a2:{_UUID}"
    example = {"message": message, "job_id": id, "links": f"/v1/background_jobs/{id}"}
    return Content(job_replies.DeletionReply, example=example)


SECTION: Final = Section(
    "Files and jobs",
    "Many rows at once. The rows are put on disk, the reply names a background job, and the job "
    "works through them. A row that is wrong fails alone.",
    (
        Operation(
            "POST /v1/users/bulk_identify",
            "Create or update many users.",
            key="ingest",
            query=(_DRY_RUN,),
            takes=(
                _list(
                    "users",
                    USER_ROW,
                    [
                        {"user_id": "u-1", "company_id": "c-31", "metadata": {"plan": "team"}},
                        {"user_id": "u-2", "metadata": {"plan": None}},
                    ],
                ),
                _form(
                    "NDJSON: a row on each line, as is or packed with gzip.",
                    '{"user_id":"u-1","metadata":{"plan":"team"}}\n{"user_id":"u-2"}\n',
                ),
            ),
            gives={202: (JOB,)},
            refuses=(409,),
        ),
        Operation(
            "POST /v1/companies/bulk_identify",
            "Create or update many companies.",
            key="ingest",
            query=(_DRY_RUN,),
            takes=(
                _list(
                    "companies", COMPANY_ROW, [{"company_id": "c-31", "metadata": {"plan": "team"}}]
                ),
                _form(
                    "NDJSON: a row on each line, as is or packed with gzip.",
                    '{"company_id":"c-31","metadata":{"plan":"team"}}\n',
                ),
            ),
            gives={202: (JOB,)},
            refuses=(409,),
        ),
        Operation(
            "POST /v1/imports",
            "Import events that happened earlier.",
            text="There is no limit but the disk. The same row again changes nothing.",
            key="ingest",
            query=(_DRY_RUN,),
            takes=(
                _form(
                    "CSV or NDJSON, as is or packed with gzip: `event_type`, `inserted_at`, "
                    "`source`, `user_id`, `company_id`, `event_name`, `metadata`, ...",
                    "event_type,inserted_at,source,user_id,event_name\n"
                    "track,2025-02-17T08:03:11Z,backend-http,u-1,signed up\n",
                ),
            ),
            gives={200: (JOB,)},
            refuses=(409,),
        ),
        Operation(
            "GET /v1/imports",
            "List import jobs, newest first.",
            key="any",
            query=(LIMIT._replace(schema={**LIMIT.schema, "default": 1000}),),
            gives={200: (JOBS,)},
        ),
        Operation(
            "GET /v1/imports/{job_id}",
            "Look at an import job.",
            key="any",
            gives={200: (JOB,)},
            refuses=(404,),
        ),
        Operation(
            "GET /v1/background_jobs",
            "List all jobs, newest first.",
            key="any",
            query=(LIMIT._replace(schema={**LIMIT.schema, "default": 1000}),),
            gives={200: (JOBS,)},
        ),
        Operation(
            "GET /v1/background_jobs/{job_id}",
            "Look at a job.",
            text="By its `job_id` or the UUID at its end.",
            key="any",
            gives={200: (JOB,)},
            refuses=(404,),
        ),
        Operation(
            "GET /v1/background_jobs/{job_id}/errors",
            "List the rows of a job that failed.",
            text="As a page; with `format=csv` all of them as CSV; with `format=rows` the rows "
            "themselves, as they came.",
            key="read",
            query=(
                LIMIT,
                AFTER,
                Query(
                    "format", "In which form.", {"type": "string", "enum": ["json", "csv", "rows"]}
                ),
            ),
            gives={
                200: (
                    Content(
                        replies.ListReply[job_replies.RowErrorReply],
                        example={
                            "data": [_ROW_ERROR],
                            "metadata": {
                                "cursor": {"after": None, "before": None},
                                "limit": 50,
                                "total_count": 1,
                            },
                        },
                    ),
                    Content(schema={"type": "string"}, media="text/csv"),
                    Content(schema={"type": "string"}, media="application/x-ndjson"),
                )
            },
            refuses=(404,),
        ),
        Operation(
            "POST /v1/background_jobs/{job_id}/cancel",
            "End a job.",
            text="The rows that are stored stay.",
            key="ingest",
            gives={200: (JOB,)},
            refuses=(404, 409),
        ),
        Operation(
            "POST /v1/background_jobs/{job_id}/retry",
            "Begin a new job with the rows that failed.",
            key="ingest",
            gives={202: (JOB,)},
            refuses=(404, 409),
        ),
    ),
)

DELETIONS: Final = Section(
    "Deletions",
    "They remove everything that is known of a user or a company, from every file of the server.",
    (
        Operation(
            "DELETE /v1/users",
            "Delete users.",
            text="202 once it is on disk. Ids that do not exist are no error.",
            key="ingest",
            takes=(_ids("users", ["u-1", "u-2"]),),
            gives={202: (_deleted("2 users are scheduled for deletion."),)},
            refuses=(429,),
        ),
        Operation(
            "DELETE /v1/companies",
            "Delete companies.",
            text="Their users stay, without the company.",
            key="ingest",
            takes=(_ids("companies", ["c-31"]),),
            gives={202: (_deleted("1 company is scheduled for deletion."),)},
            refuses=(429,),
        ),
    ),
)
