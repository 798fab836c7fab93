"""Everything that is held about a user or a company, as one JSON file written as it is read.

The file is an object: what it is of, the profile with each property's value and when and by which
call it was set, then the events, newest first, as `/v1/events` shows them. At its end `complete` is
true; where that is missing, the download broke off.
"""

import time
from collections.abc import AsyncIterator
from typing import Any, Final

from analytex.domain.environments import Scope
from analytex.domain.events import EventFilter
from analytex.domain.profiles import Profile, ProfileKind, User
from analytex.domain.values import Stamp
from analytex.query.reads import Reads
from analytex.wire.replies import encode, event_reply, time_text

EVENTS_AT_ONCE: Final = 200


async def everything(
    reads: Reads, scope: Scope, kind: ProfileKind, id: str
) -> AsyncIterator[bytes]:
    """Yield the file, some events at a time; nothing if there is no such profile.

    What is accepted meanwhile may be missing. Raises Unavailable before the first piece if the
    events cannot be read, and later if they cannot be read any more.
    """
    environment = scope.environment_id
    wanted = EventFilter(user_id=id) if kind is ProfileKind.USER else EventFilter(company_id=id)
    page = await reads.events(environment, wanted, cursor=None, limit=EVENTS_AT_ONCE)
    found: Profile | None = (
        await reads.user(environment, id)
        if kind is ProfileKind.USER
        else await reads.company(environment, id)
    )
    if found is None and not page.items:
        return
    head = {
        "app_token": scope.app_token,
        "exported_at": time_text(time.time_ns() // 1000),
        str(kind): profile_json(found),
    }
    yield encode(head)[:-1] + b',"events":['
    count = 0
    while True:
        pieces = [encode(event_reply(event, scope.app_token)) for event in page.items]
        if pieces:
            yield (b",\n" if count else b"\n") + b",\n".join(pieces)
        count += len(pieces)
        if page.after is None:
            break
        page = await reads.events(environment, wanted, cursor=page.after, limit=EVENTS_AT_ONCE)
    yield b'\n],"events_count":%d,"complete":true}\n' % count


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
        found["company"] = {"company_id": profile.company_id, **_set(profile.company_stamp)}
    found["properties"] = {
        name: {"value": value, **_set(profile.stamps.get(name))}
        for name, value in profile.properties.items()
    }
    found["removed_properties"] = {
        name: _set(stamp)
        for name, stamp in profile.stamps.items()
        if name not in profile.properties
    }
    return found


def file_name(words: str, id: str) -> str:
    """Return what the file is called: letters, digits and few signs, whatever the id holds."""
    safe = "".join(c if c.isascii() and (c.isalnum() or c in "-_.@") else "-" for c in id[:60])
    return f"{words}-{safe}.json"


def _set(stamp: Stamp | None) -> dict[str, str | None]:
    if stamp is None:
        return {"set_at": None, "set_by": None}
    return {"set_at": time_text(stamp.at), "set_by": stamp.by}
