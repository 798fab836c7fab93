"""Deleting users and companies, so that nothing of them is left in the data directory.

In this order, each part in steps of a few milliseconds, between which the applier works:

1. Tombstones: from now on what is older than the deletion brings nobody back.
2. Wait until what the log holds is applied, so that what a user's calls say of companies stays, and
   until nothing is on its way into history (`jobs/history_deletion.py`).
3. Learn what events in history give of profiles. Hot events and profiles, id by id; then the files
   of history, and the records that could not be read.
4. Records in the log, once these rows are safe from a power cut.
5. What other jobs keep of their rows, and the quarantine of refused requests.
6. The files' unused places, and their write-ahead files.

After a crash all of it runs again: what was done is found done.
"""

import time
from collections.abc import Callable, Generator, Sequence
from typing import Final, Protocol

import msgspec

from analytex.apply.erase import (
    refers_to,
    refold_company,
    refold_user,
    take_membership,
    without_company,
    without_user,
)
from analytex.apply.memberships import Memberships
from analytex.apply.profiles import names_company
from analytex.domain.events import Event, EventType
from analytex.domain.held import Held
from analytex.domain.jobs import Job, JobKind, JobStatus
from analytex.domain.profiles import Company, ProfileKind, User
from analytex.eventlog.interface import LogEraser, LogReader
from analytex.jobs.history_deletion import HistoryDeletion
from analytex.storage.erasing import EraseStore, Found, Slices, Stored
from analytex.wire.erasing import Erasing

STEP_S: Final = 0.01  # and at most one of the pieces between two `yield` more
EVENTS: Final = 500  # in one transaction
USERS: Final = 5000  # looked at in one piece: some milliseconds
UNREADABLE: Final = 100  # records looked at in one piece
GRACE_US: Final = 1_000_000  # a call that came just before the deletion is in the log by then

#: what it counts in any case
COUNTED: Final = (Held.USERS, Held.COMPANIES, Held.EVENTS, Held.LOG_RECORDS, Held.UNREADABLE)

Change = tuple[Stored, Event | None]
Steps = Generator[bool, None, None]  #: gives way; True: it has to wait for others
ForgetRows = Callable[[int, ProfileKind, Sequence[str]], bool]


class ErasedFile(Protocol):
    """A file that something was removed from."""

    def settle(self) -> bool:
        """Leave nothing in files beside it; False if a reader prevents it so far."""

    def scrub(self) -> Slices:
        """Return the work that leaves nothing in unused places of the file."""


class Remains(ErasedFile, Protocol):
    """What is kept elsewhere, in a file of its own, of those who are deleted."""

    @property
    def rows(self) -> int:
        """How many rows were removed so far."""

    def step(self) -> bool:
        """Remove some, for about 20 ms; False once none are left."""


def _now() -> int:
    return time.time_ns() // 1000


class Deletion:
    """One deletion, from its beginning to its end."""

    def __init__(
        self,
        job: Job,
        ids: Sequence[str],
        store: EraseStore,
        log: LogReader,
        eraser: LogEraser,
        memberships: Memberships,
        *,
        history: HistoryDeletion | None = None,
        forget_rows: ForgetRows = lambda *_: True,
        refused: Remains | None = None,
        now: Callable[[], int] = _now,
    ) -> None:
        """Delete these ids up to `job.due_at`.

        `history` is the part in history, if there is any; it is closed at the end. `forget_rows`
        removes what other jobs keep of these ids, a part at each call; False while
        there is more, or it has to wait. `refused` is the quarantine, if there is one. `now` is in
        microseconds. All of the others belong to the one process that writes events; `memberships`
        are those of its applier.
        """
        self._environment_id = job.environment_id
        self._kind = ProfileKind.USER if job.kind is JobKind.DELETE_USERS else ProfileKind.COMPANY
        self._at = job.due_at
        self._ids = ids
        self._names = frozenset(ids)
        self._erasing = Erasing(self._environment_id, self._kind, self._names, at=self._at)
        self._store = store
        self._log = log
        self._eraser = eraser
        self._memberships = memberships
        self._history = history
        self._forget_rows = forget_rows
        self._refused = refused
        self._now = now
        self._steps = self._work()
        self.waiting = False  #: whether the last step only found that it has to wait for others
        self.status = JobStatus.PROCESSING
        self.done = 0  #: ids whose events and profiles are gone
        #: what was removed from where; what was counted before a crash is counted on
        self.removed: dict[str, int] = {name: job.removed.get(name, 0) for name in COUNTED}
        if refused is not None:
            self.removed[Held.REFUSED_REQUESTS] = job.removed.get(Held.REFUSED_REQUESTS, 0)

    def step(self) -> bool:
        """Do a little, at most about 30 ms; True while there is more to do.

        Raises Unavailable, OSError or an engine's own error; then begin again with a new Deletion.
        """
        end = time.monotonic() + STEP_S
        for waiting in self._steps:
            self.waiting = waiting
            if waiting or time.monotonic() > end:
                return True
        self.waiting = False
        return False

    def close(self) -> None:
        """Stop where it is."""
        self._steps.close()
        if self._history is not None:
            self._history.close()

    def _work(self) -> Steps:
        self._store.bury(self._environment_id, self._kind, self._ids, at=self._at)
        end = self._log.end()
        while self._store.position() < end:
            yield True
        if self._history is None:
            yield from self._rows()
        else:
            yield from self._rows_and_files(self._history)
        yield from self._unreadable()
        self._store.sync()  # the log has what these rows came from only until the next line
        yield from self._log_records()
        while not self._forget_rows(self._environment_id, self._kind, self._ids):
            yield True
        yield from self._quarantine()
        self.status = JobStatus.PENDING_REFRESH
        files: list[ErasedFile] = [self._store, self._eraser]
        if self._refused is not None:
            files.append(self._refused)
        while not all(file.settle() for file in files):
            yield True
        for file in files:
            yield from _all(file.scrub())

    def _rows_and_files(self, history: HistoryDeletion) -> Steps:
        yield from history.rest()
        known = history.exists()
        if known:
            users: set[str] = set()
            if self._kind is ProfileKind.COMPANY:
                yield from self._hot_users(users)
                yield from self._members(users)
            yield from history.collect(
                self._environment_id, self._kind, self._ids, at=self._at, users=sorted(users)
            )
            for user_id in sorted(history.affected):
                # Before any event changes, by which these users are found.
                yield from self._membership(user_id)
        yield from self._rows()
        if known:
            yield from history.rewrite()
            self.removed[Held.EVENTS] += history.events
            yield from history.rest()
        history.finish()

    def _hot_users(self, users: set[str]) -> Steps:
        """Add the users of hot events of the companies."""
        for id in self._names:
            after: int | None = 0
            while after is not None:
                found = self._find(ProfileKind.COMPANY, id, after)
                users.update(each.event.user_id for each in found.events if each.event.user_id)
                after = found.upto
                yield False

    def _members(self, users: set[str]) -> Steps:
        """Add the users who belong to the companies, if only since an event that is not kept."""
        after: str | None = ""
        while after is not None:
            found, after = self._store.members(
                self._environment_id, self._names, after=after, limit=USERS
            )
            users.update(id for id in found if self._user_to_change(id) is not None)
            yield False

    def _rows(self) -> Steps:
        seen: set[str] = set()
        for id in self._ids:
            if id not in seen:
                seen.add(id)
                yield from self._user(id) if self._kind is ProfileKind.USER else self._company(id)
            self.done += 1
            yield False
        if self._kind is ProfileKind.COMPANY:
            members: set[str] = set()
            yield from self._members(members)
            for user_id in sorted(members):
                yield from self._membership(user_id)

    def _user(self, id: str) -> Steps:
        # What newer events give; of those in history it is known by now.
        rest = None if self._history is None else self._history.users.get(id)
        after: int | None = 0
        while after is not None:
            found = self._find(ProfileKind.USER, id, after)
            for _, event in found.events:
                if event.inserted_at > self._at:
                    rest = refold_user(rest, event)
            self._replace(
                [
                    (stored, without_user(stored.event))
                    for stored in found.events
                    if stored.event.inserted_at <= self._at
                ]
            )
            after = found.upto
            if after is not None:  # else go on: what would be applied now would be missed
                yield False
        self._put(id, rest)

    def _company(self, id: str) -> Steps:
        rest = None if self._history is None else self._history.companies.get(id)
        after: int | None = 0
        looked: set[str] = set()  # users of these events that do not belong to it any more
        while after is not None:
            found = self._find(ProfileKind.COMPANY, id, after)
            users = {event.user_id for _, event in found.events if event.user_id is not None}
            if users - looked:
                # Before the events change, by which these users are found.
                for user_id in users - looked:
                    yield from self._membership(user_id)
                looked |= users
                continue  # and look again, as others may have been applied meanwhile
            for _, event in found.events:
                if event.inserted_at > self._at:
                    rest = refold_company(rest, event)
            self._replace(self._without_company(id, found.events))
            after = found.upto
            looked.clear()
            if after is not None:
                yield False
        self._put(id, rest)

    def _membership(self, user_id: str) -> Steps:
        """Take a user out of the companies, unless a newer call put it there."""
        if self._user_to_change(user_id) is None:
            return
        rest = None if self._history is None else self._history.users.get(user_id)
        after: int | None = 0
        while after is not None:
            found = self._find(ProfileKind.USER, user_id, after, only=EventType.IDENTIFY_USER)
            for _, event in found.events:
                rest = refold_user(rest, self._left(event))
            after = found.upto
            if after is not None:
                yield False
        user = self._user_to_change(user_id)  # again: an event may have changed it
        if user is not None:
            take_membership(user, rest)
            self._store.put_profile(user)
            self._memberships.forget()
        yield False

    def _user_to_change(self, user_id: str) -> User | None:
        user = self._store.profile(self._environment_id, ProfileKind.USER, user_id)
        if isinstance(user, User) and refers_to(user, self._names, at=self._at):
            return user
        return None

    def _left(self, event: Event) -> Event:
        """What an identify will be at the end."""
        if event.inserted_at <= self._at and event.company_id in self._names:
            return without_company(event, self._names) or event
        return event

    def _without_company(self, id: str, events: Sequence[Stored]) -> list[Change]:
        changes: list[Change] = []
        for stored in events:
            event = stored.event
            if event.inserted_at <= self._at:
                changes.append((stored, without_company(event, self._names)))
            elif not names_company(event) and not self._belongs(event.user_id, id):
                # It only has the company from its user, who had it from an older call.
                changes.append((stored, msgspec.structs.replace(event, company_id=None)))
        return changes

    def _belongs(self, user_id: str | None, company_id: str) -> bool:
        if user_id is None:
            return False
        user = self._store.profile(self._environment_id, ProfileKind.USER, user_id)
        return isinstance(user, User) and user.company_id == company_id

    def _find(
        self, kind: ProfileKind, id: str, after: int, *, only: EventType | None = None
    ) -> Found:
        return self._store.find(
            self._environment_id, kind, id, after=after, limit=EVENTS, only=only
        )

    def _replace(self, changes: Sequence[Change]) -> None:
        if changes:
            self._store.replace(changes)
            self.removed[Held.EVENTS] += len(changes)

    def _put(self, id: str, rest: User | Company | None) -> None:
        """Let a profile be what newer events give, if it has anything of older ones."""
        profile = self._store.profile(self._environment_id, self._kind, id)
        if profile is None or profile.first_seen_at > self._at:
            return
        if rest is None:
            self._store.remove_profile(self._environment_id, self._kind, id)
        else:
            self._store.put_profile(rest)
        self._memberships.forget()
        self.removed[Held.USERS if self._kind is ProfileKind.USER else Held.COMPANIES] += 1

    def _unreadable(self) -> Steps:
        after = -1
        while some := self._store.unreadable(after=after, limit=UNREADABLE):
            after = some[-1].position
            theirs = [each.position for each in some if self._erasing.mentions(each.record)]
            if theirs:
                self._store.remove_unreadable(theirs)
                self.removed[Held.UNREADABLE] += len(theirs)
            yield False

    def _log_records(self) -> Steps:
        while self._now() < self._at + GRACE_US:
            yield True
        position, end = 0, self._log.end()
        while position < end:
            sweep = self._eraser.erase(position, self._erasing)
            if sweep is None:
                break
            position = sweep.next
            self.removed[Held.LOG_RECORDS] += sweep.replaced
            yield False

    def _quarantine(self) -> Steps:
        if self._refused is None:
            return
        before = self.removed[Held.REFUSED_REQUESTS]
        more = True
        while more:
            more = self._refused.step()
            self.removed[Held.REFUSED_REQUESTS] = before + self._refused.rows
            yield False


def _all(slices: Slices) -> Steps:
    try:
        while slices.step():
            yield slices.waiting
    finally:
        slices.close()
