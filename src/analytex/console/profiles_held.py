"""What is held of a user or company beside the profile: the sections of the downloaded file.

A deletion removes what `domain.held.Held` lists. Each of these has its sections here, or a reason
for which it has none. All of the environment is looked through, in the order of `SECTIONS`.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from analytex.domain.environments import Scope
from analytex.domain.events import EventFilter
from analytex.domain.held import Held
from analytex.domain.jobs import Job
from analytex.domain.profiles import ProfileFilter, ProfileKind
from analytex.domain.quarantine import Refused
from analytex.domain.values import Stamp
from analytex.http.deps import Deps
from analytex.jobs import held
from analytex.jobs.sought import Sought, is_in_doubt
from analytex.storage.interface import Unreadable
from analytex.wire.erasing import Erasing
from analytex.wire.job_replies import public_id, row_error_reply
from analytex.wire.quarantine_replies import refused_reply, text_or_base64
from analytex.wire.records import BODY_AT, ID_AT, is_of
from analytex.wire.replies import event_reply, time_text

EVENTS_AT_ONCE: Final = 200
MEMBERS_AT_ONCE: Final = 200
RECORDS_AT_ONCE: Final = 10

Items = AsyncIterator[Sequence[Any]]  #: some at a time; there may be none


class Search(NamedTuple):
    """Whom one looks for, and where."""

    deps: Deps
    scope: Scope
    kind: ProfileKind
    id: str
    sought: Sought
    waiting: held.Waiting
    until: int  #: what came later is not in the file; microseconds since 1970-01-01 UTC


class Section(NamedTuple):
    """A part of the file: a list."""

    items: Callable[[Search], Items]
    is_theirs: bool = True  #: whether it alone is something that is held
    kind: ProfileKind | None = None  #: of whom it can be; None: of both


async def _members(search: Search) -> Items:
    """Yield users who belong to the company, by id; all users are looked through."""
    wanted = ProfileFilter(company_id=search.id)
    cursor, more = None, True
    while more:
        page = await search.deps.reads.find_users(
            search.scope.environment_id, wanted, cursor=cursor, limit=MEMBERS_AT_ONCE
        )
        yield [{"user_id": user.id, **stamp_json(user.company_stamp)} for user in page.items]
        cursor, more = page.after, page.after is not None


async def _events(search: Search) -> Items:
    """Yield events as `GET /v1/events` shows them, newest first."""
    reads, scope, id = search.deps.reads, search.scope, search.id
    is_user = search.kind is ProfileKind.USER
    wanted = EventFilter(user_id=id) if is_user else EventFilter(company_id=id)
    cursor, more = None, True
    while more:
        page = await reads.events(scope.environment_id, wanted, cursor=cursor, limit=EVENTS_AT_ONCE)
        yield [event_reply(event, scope.app_token) for event in page.items]
        cursor, more = page.after, page.after is not None


async def _waiting_rows(search: Search) -> Items:
    async for row in search.waiting.rows():
        yield [_job_json(search, row.job) | {"row": row.number} | _row_json(row)]


async def _failed_rows(search: Search) -> Items:
    row_bytes = search.deps.settings.row_limit
    async for row in held.failed_rows(search.deps.jobs, search.scope, search.sought, row_bytes):
        error: dict[str, Any] = {"row": row.number}
        if row.error is not None:
            reply = row_error_reply(row.error)
            error = {name: getattr(reply, name) for name in reply.__struct_fields__}
        yield [_job_json(search, row.job) | error | _row_json(row)]


async def _file_names(search: Search) -> Items:
    async for job in held.jobs_of(search.deps.jobs, search.scope):
        if search.sought.is_in(job.file.name.encode()):
            yield [_job_json(search, job)]


async def _refused_requests(search: Search) -> Items:
    wanted = search.sought.is_in_request
    async for found in search.deps.quarantine.those(search.scope, wanted, until=search.until):
        yield [refused_reply(refused) for refused in found]


async def _refused_requests_in_doubt(search: Search) -> Items:
    """Yield which those are that a deletion removes because it cannot know.

    Without what they said: that may be of others.
    """

    def wanted(refused: Refused) -> bool:
        return is_in_doubt(refused) and not search.sought.is_in_request(refused)

    async for found in search.deps.quarantine.those(search.scope, wanted, until=search.until):
        replies = map(refused_reply, found)
        yield [{name: getattr(reply, name) for name in _IN_DOUBT} for reply in replies]


_IN_DOUBT: Final = (
    *("id", "refused_at", "method", "path", "status", "error"),
    *("key_id", "content_type", "body_size", "body_cut"),
)


async def _unreadable_records(search: Search) -> Items:
    """Yield accepted calls that could not be applied, if it is certain whose environment it is."""
    environment = search.scope.environment_id
    erasing = Erasing(environment, search.kind, frozenset((search.id,)), at=search.until)

    def theirs(found: Sequence[Unreadable]) -> list[Unreadable]:
        return [
            each
            for each in found
            if is_of(each.record, environment) and erasing.mentions(each.record)
        ]

    after = -1
    while found := await search.deps.reads.unreadable(after=after, limit=RECORDS_AT_ONCE):
        after = found[-1].position
        yield [_record_json(each) for each in await asyncio.to_thread(theirs, found)]


async def _export_requests(search: Search) -> Items:
    exports = await search.deps.exports.list_exports(search.scope)
    yield [
        _job_json(search, export.job)
        for export in exports
        if export.request.names(search.kind, search.id)
    ]


#: In the order of the file, by the names that they have there.
SECTIONS: Final[Mapping[Held, Mapping[str, Section]]] = {
    Held.USERS: {"members": Section(_members, kind=ProfileKind.COMPANY)},
    Held.EVENTS: {"events": Section(_events)},
    Held.WAITING_ROWS: {"waiting_rows": Section(_waiting_rows)},
    Held.FAILED_ROWS: {"failed_rows": Section(_failed_rows)},
    Held.FILE_NAMES: {"file_names": Section(_file_names)},
    Held.REFUSED_REQUESTS: {
        "refused_requests": Section(_refused_requests),
        "refused_requests_in_doubt": Section(_refused_requests_in_doubt, is_theirs=False),
    },
    Held.UNREADABLE: {"unreadable_records": Section(_unreadable_records)},
    Held.EXPORTS: {"export_requests": Section(_export_requests)},
}
#: What has no section, and why.
WITHOUT: Final[Mapping[Held, str]] = {
    Held.COMPANIES: "The profile stands before the sections, as that of a user does.",
    Held.LOG_RECORDS: "They are the events, or the unreadable records, once more.",
}


def stamp_json(stamp: Stamp | None) -> dict[str, str | None]:
    """Return when and by which call something was set."""
    if stamp is None:
        return {"set_at": None, "set_by": None}
    return {"set_at": time_text(stamp.at), "set_by": stamp.by}


def _job_json(search: Search, job: Job) -> dict[str, Any]:
    return {
        "job_id": public_id(job, search.scope.app_token),
        "type": job.kind,
        "filename": job.file.name,
        "submitted_at": time_text(job.submitted_at),
    }


def _row_json(row: held.HeldRow) -> dict[str, Any]:
    text, packed = (None, None) if row.text is None else text_or_base64(row.text)
    header = {} if row.header is None else {"header": row.header.decode("utf-8", "replace")}
    return {"text": text, "text_base64": packed} | header


def _record_json(unreadable: Unreadable) -> dict[str, Any]:
    record = unreadable.record
    text, packed = text_or_base64(record[BODY_AT:])
    return {
        "id": record[ID_AT:BODY_AT].decode("ascii", "replace"),
        "reason": unreadable.reason,
        "body": text,
        "body_base64": packed,
    }
