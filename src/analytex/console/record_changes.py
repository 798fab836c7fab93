"""What a record changed of a profile, and what of that still stands."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Final, NamedTuple

import msgspec

from analytex.apply.profiles import names_company
from analytex.console.charts.elements import shown
from analytex.console.links import record_link
from analytex.console.profiles import COMPANIES, USERS, link_to
from analytex.domain.events import Event, EventType
from analytex.domain.profiles import Company, Profile, User
from analytex.domain.values import NULL, Stamp
from analytex.storage.live import CALL_ID_CHARS

MOST: Final = 60  #: properties that are shown
VALUE_CHARS: Final = 100

_decode: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class Now(StrEnum):
    """What has become of a value."""

    STANDS = "stands"
    REMOVED = "removed"  #: the record removed the property, and nothing has set it since
    NEWER = "newer"  #: a newer record has set it, before or after this one came in
    GONE = "gone"  #: there is no such profile now


class Change(NamedTuple):
    """A property that a record names."""

    name: str
    value: str  #: JSON as it came, cut
    now: Now
    by: str  #: of NEWER: the record that set it, and where its page is
    link: str
    at: int | None


class Touched(NamedTuple):
    """What a record says of a user or a company."""

    kind: str  #: user or company
    id: str
    link: str
    gone: bool  #: there is no such profile
    first: bool  #: it is the earliest record that names it
    changes: Sequence[Change]
    more: int  #: changes that are not shown
    company: Change | None  #: of a user: the membership, if the record names a company
    only_member: bool  #: the company is the user's; the record itself does not name it


def touched(event: Event, profile: User | Company | None, *, of_user: bool) -> Touched:
    """Return what an event changed of the user or company that it names."""
    stamp = Stamp(event.inserted_at, event.id)
    given = _decode(_given(event, of_user=of_user) or "{}")
    changes = [_change(name, value, stamp, profile) for name, value in list(given.items())[:MOST]]
    id = (event.user_id if of_user else event.company_id) or ""
    return Touched(
        kind="user" if of_user else "company",
        id=id,
        link=link_to(USERS if of_user else COMPANIES, id),
        gone=profile is None,
        first=profile is not None and profile.first_seen_at == event.inserted_at,
        changes=changes,
        more=max(len(given) - MOST, 0),
        company=_membership(event, stamp, profile) if of_user else None,
        only_member=not of_user and not names_company(event),
    )


def _given(event: Event, *, of_user: bool) -> str | None:
    """Return the JSON object of properties that an event sets, as apply/profiles.py reads it."""
    if of_user:
        return event.metadata if event.event_type is EventType.IDENTIFY_USER else None
    return event.metadata if event.event_type is EventType.IDENTIFY_COMPANY else event.company


def _change(name: str, value: msgspec.Raw, stamp: Stamp, profile: Profile | None) -> Change:
    text = shown(bytes(value).decode()[: 2 * VALUE_CHARS], at_most=VALUE_CHARS)
    if profile is None:
        return Change(name, text, Now.GONE, "", "", None)
    now = Now.REMOVED if bytes(value) == NULL else Now.STANDS
    return _compared(name, text, now, stamp, profile.stamps.get(name))


def _membership(event: Event, stamp: Stamp, profile: User | Company | None) -> Change | None:
    if event.event_type is not EventType.IDENTIFY_USER or not names_company(event):
        return None
    text = shown(event.company_id or "", at_most=VALUE_CHARS)
    if not isinstance(profile, User):
        return Change("company", text, Now.GONE, "", "", None)
    return _compared("company", text, Now.STANDS, stamp, profile.company_stamp)


def _link(stamp: Stamp) -> str:
    is_call = len(stamp.by) == CALL_ID_CHARS
    return record_link(stamp.by, None if is_call else stamp.at)


def _compared(name: str, text: str, now: Now, stamp: Stamp, known: Stamp | None) -> Change:
    if known is None or known == stamp:
        return Change(name, text, now if known else Now.GONE, "", "", None)
    return Change(name, text, Now.NEWER, known.by, _link(known), known.at)
