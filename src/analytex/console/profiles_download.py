"""Everything that is held about a user or a company, as one JSON file written as it is read.

The file is an object:

    app_token, exported_at
    user                        or `company`: the profile, each property's value and when and by
                                which call it was set; null if there is none
    members                     of a company: `user_id`, and when and by which call it was set
    events                      newest first, as `/v1/events` shows them
    waiting_rows                of uploaded files under way, and ids of deletions to come: `job_id`,
                                `type`, `filename`, `submitted_at`, `row`, and `text` as it stands
                                in the file (`text_base64` if it is not UTF-8; of CSV, `header` too)
    failed_rows                 likewise, with `line`, `place`, `value`, `code` and `reason`
    file_names                  jobs whose file's name mentions them
    refused_requests            in quarantine, as `/v1/quarantine` shows them, oldest first
    refused_requests_in_doubt   that were not kept whole or are no text: without what they said
    unreadable_records          accepted calls that could not be applied: `id`, `reason`, `body`
    export_requests             jobs for which somebody asked for their events
    complete                    true; where that is missing, the download broke off

Behind each list stands its length, as `events_count`. A text mentions them where a deletion would
say so (`jobs/sought.py`).
"""

import time
from collections.abc import AsyncIterator, Iterable
from typing import Any

from analytex.console.profiles_held import SECTIONS, Search, Section, stamp_json
from analytex.domain.environments import Scope
from analytex.domain.profiles import Profile, ProfileKind, User
from analytex.http.deps import Deps
from analytex.jobs.held import waiting
from analytex.jobs.sought import Sought
from analytex.wire.replies import encode, time_text


async def everything(deps: Deps, scope: Scope, kind: ProfileKind, id: str) -> AsyncIterator[bytes]:
    """Yield the file, some of it at a time; nothing if nothing is held.

    What is accepted meanwhile may be missing. Raises Unavailable before the first piece if
    something cannot be read, and later if it cannot be read any more.
    """
    if not id:
        return
    at = time.time_ns() // 1000
    sought = Sought(frozenset((id,)))
    # Before the events, so that a row that is stored meanwhile is not missing in both.
    files = await waiting(deps.jobs, scope, sought, deps.settings.row_limit)
    try:
        found: Profile | None = (
            await deps.reads.user(scope.environment_id, id)
            if kind is ProfileKind.USER
            else await deps.reads.company(scope.environment_id, id)
        )
        head = {
            "app_token": scope.app_token,
            "exported_at": time_text(at),
            str(kind): profile_json(found),
        }
        search = Search(deps, scope, kind, id, sought, files, at)
        async for piece in _written(head, search, is_something=found is not None):
            yield piece
    finally:
        files.close()


async def _written(
    head: dict[str, Any], search: Search, *, is_something: bool
) -> AsyncIterator[bytes]:
    """Yield the file from the first thing on that is held; until then, it waits."""
    waits = encode(head)[:-1]
    for name, section in _sections(search.kind):
        waits += b',"%s":[' % name.encode()
        count = 0
        async for items in section.items(search):
            if items:
                waits += (b",\n" if count else b"\n") + b",\n".join(map(encode, items))
                count += len(items)
                is_something = is_something or section.is_theirs
            if is_something and waits:
                yield waits
                waits = b""
        waits += b'\n],"%s_count":%d' % (name.encode(), count)
    if is_something:
        yield waits + b',"complete":true}\n'


def _sections(kind: ProfileKind) -> Iterable[tuple[str, Section]]:
    all = (each for sections in SECTIONS.values() for each in sections.items())
    return ((name, section) for name, section in all if section.kind in (None, kind))


def profile_json(profile: Profile | None) -> dict[str, Any] | None:
    """Return all that is stored of a profile; null if only events are left."""
    if profile is None:
        return None
    id_name = "user_id" if isinstance(profile, User) else "company_id"
    found: dict[str, Any] = {
        id_name: profile.id,
        "first_seen_at": time_text(profile.first_seen_at),
        "identified_at": profile.identified_at and time_text(profile.identified_at),
    }
    if isinstance(profile, User):
        found["company"] = {"company_id": profile.company_id, **stamp_json(profile.company_stamp)}
    found["properties"] = {
        name: {"value": value, **stamp_json(profile.stamps.get(name))}
        for name, value in profile.properties.items()
    }
    found["removed_properties"] = {
        name: stamp_json(stamp)
        for name, stamp in profile.stamps.items()
        if name not in profile.properties
    }
    return found


def file_name(words: str, id: str) -> str:
    """Return what the file is called: letters, digits and few signs, whatever the id holds."""
    safe = "".join(c if c.isascii() and (c.isalnum() or c in "-_.@") else "-" for c in id[:60])
    return f"{words}-{safe}.json"
