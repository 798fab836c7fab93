"""Folding the stored events again, and what the profiles say otherwise than they."""

from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple, Protocol, TypeVar

from analytex.apply.fold import fold
from analytex.apply.memberships import Memberships
from analytex.apply.profiles import names_company
from analytex.domain.events import Event
from analytex.domain.profiles import Company, Profile, ProfileKind, User
from analytex.domain.values import Json
from analytex.storage.interface import ApplyStore
from analytex.wire.replies import encode, time_text

BATCH: Final = 4096  # events in memory at a time, with the profiles that they change

_FIRST_SEEN: Final = "first_seen_at"

Item = TypeVar("Item", bound=Profile)


class Difference(NamedTuple):
    """Something that the store says otherwise than the events."""

    environment_id: int
    kind: ProfileKind
    id: str  #: user_id or company_id
    property: str | None  #: `metadata.plan`, `company_id`, ...; None: the whole profile
    stored: Json | None  #: None: it is not there
    rebuilt: Json | None  #: None: the events do not give it


class Stored(Protocol):
    """As much of a store as is compared (see `ReadStore`)."""

    def applied(self) -> int:
        """Return the log position up to which everything can be read."""

    def scan_events(self, *, batch: int) -> Iterator[list[Event]]:
        """Yield all events once, in any order, at most `batch` at a time.

        The order decides only which company an event has that names none, and that is not used.
        """

    def scan_users(self) -> Iterator[User]:
        """Yield every user, ordered by environment and id."""

    def scan_companies(self) -> Iterator[Company]:
        """Yield every company, ordered by environment and id."""


class Rebuild:
    """One comparison of a store's profiles with what its events give."""

    def __init__(self, stored: Stored, scratch: ApplyStore, rebuilt: Stored) -> None:
        """`scratch` is an empty store to fold into, and `rebuilt` the readers' side of it.

        Both methods belong into one snapshot of `stored`, so that events and profiles are those of
        one moment. They raise Unavailable if a store cannot be read.
        """
        self._stored = stored
        self._scratch = scratch
        self._memberships = Memberships(scratch)
        self._rebuilt = rebuilt
        self.events = 0  #: how many are folded
        self.users = self.companies = 0  #: how many are compared

    def fold(self, progress: Callable[[int, int], None]) -> None:
        """Fold all events; `progress` is told how many are done, and about how many there are."""
        total = self._stored.applied()  # a few less, where records could not be read
        for events in self._stored.scan_events(batch=BATCH):
            self._fold(events)
            progress(self.events, total)

    def differences(
        self, kept_since: Callable[[int], int | None] = lambda environment_id: None
    ) -> Iterator[Difference]:
        """Yield what differs: users, then companies, by environment and id.

        `kept_since` says from when on events of an environment are kept (None: all are). What a
        profile has of older ones can come from none, and is no difference.
        """
        for user, again in _side_by_side(self._stored.scan_users(), self._rebuilt.scan_users()):
            self.users += 1
            yield from _compare(ProfileKind.USER, user, again, kept_since)
        companies = _side_by_side(self._stored.scan_companies(), self._rebuilt.scan_companies())
        for company, rebuilt in companies:
            self.companies += 1
            yield from _compare(ProfileKind.COMPANY, company, rebuilt, kept_since)

    def _fold(self, events: Sequence[Event]) -> None:
        for event in events:
            if not names_company(event):
                event.company_id = None  # what apply filled in is not what was sent
        changes = fold(self._scratch, self._memberships, events, ())
        profiles = changes._replace(events=())  # nobody reads them there
        end = self.events + len(events)
        self._scratch.write(profiles, start=self.events, upto=end)
        self._memberships.stored(changes.users)
        self.events = end


def _side_by_side(
    stored: Iterator[Item], rebuilt: Iterator[Item]
) -> Iterator[tuple[Item | None, Item | None]]:
    """Merge two scans; what only one of them has stands beside None.

    Both are in the order of bytes of UTF-8, which is the order of Python's strings.
    """
    left, right = next(stored, None), next(rebuilt, None)
    while left is not None or right is not None:
        if right is None or (left is not None and _key(left) < _key(right)):
            yield left, None
            left = next(stored, None)
        elif left is None or _key(right) < _key(left):
            yield None, right
            right = next(rebuilt, None)
        else:
            yield left, right
            left, right = next(stored, None), next(rebuilt, None)


def _key(profile: Profile) -> tuple[int, str]:
    return profile.environment_id, profile.id


def _compare(
    kind: ProfileKind,
    stored: Profile | None,
    rebuilt: Profile | None,
    kept_since: Callable[[int], int | None],
) -> Iterator[Difference]:
    if stored == rebuilt:
        return
    one = stored or rebuilt
    assert one is not None
    dropped = set() if stored is None else _dropped(stored, kept_since(one.environment_id))
    if stored is None or rebuilt is None:
        if dropped != _facts(one).keys():
            whole = _json(_facts(one))
            sides = (whole, None) if rebuilt is None else (None, whole)
            yield Difference(one.environment_id, kind, one.id, None, *sides)
        return
    left, right = _facts(stored), _facts(rebuilt)
    for name in sorted(left.keys() | right.keys()):
        if (value := left.get(name)) == (again := right.get(name)):
            continue
        # A newer event would give something newer, so events give nothing, or a later first time.
        if name in dropped and (again is None or name == _FIRST_SEEN):
            continue
        yield Difference(one.environment_id, kind, one.id, name, value, again)


def _dropped(stored: Profile, since: int | None) -> set[str]:
    """Return which facts come from events before that time, which are not there any more."""
    if since is None:
        return set()
    times = {_FIRST_SEEN: stored.first_seen_at, "identified_at": stored.identified_at}
    for name, (at, _) in stored.stamps.items():
        times |= {f"metadata.{name}": at, f"stamps.{name}": at}
    if isinstance(stored, User) and stored.company_stamp is not None:
        at, _ = stored.company_stamp
        times |= {"company_id": at, "company_stamp": at}
    facts = _facts(stored)
    return {name for name, at in times.items() if at is not None and at < since and name in facts}


def _facts(profile: Profile) -> dict[str, Json]:
    """What a profile says, by name, as JSON; what it does not say is left out."""
    facts = {f"metadata.{name}": value for name, value in profile.properties.items()}
    facts |= {f"stamps.{name}": _moment(*stamp) for name, stamp in profile.stamps.items()}
    facts[_FIRST_SEEN] = _json(time_text(profile.first_seen_at))
    if profile.identified_at is not None:
        facts["identified_at"] = _json(time_text(profile.identified_at))
    if isinstance(profile, User):
        if profile.company_id is not None:
            facts["company_id"] = _json(profile.company_id)
        if profile.company_stamp is not None:
            facts["company_stamp"] = _moment(*profile.company_stamp)
    return facts


def _moment(at: int, by: str) -> Json:
    return _json({"at": time_text(at), "by": by})


def _json(value: object) -> Json:
    return Json(encode(value))
