"""Keeping the dead buried: what is older than a deletion brings nobody back."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from analytex.apply.erase import without_company, without_user
from analytex.domain.events import Event
from analytex.domain.profiles import ProfileKind
from analytex.storage.interface import ApplyStore
from analytex.wire.records import ID_CHARS

Buried = Mapping[str, int]  #: id → up to when everything of it was deleted


class Sifted(NamedTuple):
    """Events, without what was deleted after them."""

    events: list[Event]
    erased: int  #: how many of them lost their user, or went altogether


class Burials:
    """Looks at events before they are folded. Costs next to nothing where nobody was deleted."""

    def __init__(self, store: ApplyStore) -> None:
        self._store = store

    def sift(self, events: Sequence[Event]) -> Sifted:
        """Return what may be stored of events that are about to be."""
        doubtful = self._doubtful(events)
        if not doubtful:
            return Sifted(list(events), 0)
        users = {id: self._buried(ProfileKind.USER, some) for id, some in doubtful.items()}
        companies = {id: self._buried(ProfileKind.COMPANY, some) for id, some in doubtful.items()}
        kept: list[Event] = []
        erased = 0
        for event in events:
            id = event.environment_id
            rest = _rest(event, users.get(id, {}), companies.get(id, {}))
            erased += rest is None or (event.user_id is not None and rest.user_id is None)
            if rest is not None:
                kept.append(rest)
        return Sifted(kept, erased)

    def _doubtful(self, events: Sequence[Event]) -> dict[int, list[Event]]:
        """Return the events that are not newer than every deletion, by environment."""
        newest: dict[int, int] = {}
        doubtful: dict[int, list[Event]] = {}
        for event in events:
            id = event.environment_id
            if id not in newest:
                newest[id] = self._store.newest_burial(id) or -1
            if event.inserted_at <= newest[id]:
                doubtful.setdefault(id, []).append(event)
        return doubtful

    def _buried(self, kind: ProfileKind, events: Sequence[Event]) -> Buried:
        named = (
            event.user_id if kind is ProfileKind.USER else event.company_id for event in events
        )
        ids = {id for id in named if id is not None}
        return self._store.buried(events[0].environment_id, kind, ids)


def _rest(event: Event, users: Buried, companies: Buried) -> Event | None:
    at = event.inserted_at
    rest: Event | None = event
    if event.user_id is not None and users.get(event.user_id, -1) >= at:
        # What a row of a file says of a company is its name: without it, nothing is left to store.
        rest = without_user(event) if len(event.id) <= ID_CHARS else None
    company_id = None if rest is None else rest.company_id
    if rest is None or company_id is None or companies.get(company_id, -1) < at:
        return rest
    return without_company(rest, {company_id})
