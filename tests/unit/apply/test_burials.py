"""Events of the deleted: what is older brings nobody back, what is newer starts afresh."""

import json
from collections.abc import Collection, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from analytex.apply.burials import Burials
from analytex.apply.loop import Applier
from analytex.domain.calls import Call
from analytex.domain.events import Event, EventType
from analytex.domain.profiles import ProfileKind
from analytex.storage.interface import ApplyStore
from analytex.storage.open import open_apply_store, open_erase_store, open_read_store
from analytex.wire import records
from tests.laws.world import Given, record
from tests.storage.samples import event

USER, COMPANY = ProfileKind.USER, ProfileKind.COMPANY
AT = 1000


class Graves:
    """A store, and who was deleted in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = open_apply_store(folder)
        self._erase = open_erase_store(folder)
        self.burials = Burials(self.store)

    def bury(self, kind: ProfileKind, *ids: str, at: int = AT, environment_id: int = 1) -> None:
        """Note that these were deleted."""
        self._erase.bury(environment_id, kind, ids, at=at)

    def sift(self, *events: Event) -> list[Event]:
        """Return what is left of events."""
        return self.burials.sift(events).events

    def close(self) -> None:
        """Let go of the files."""
        self.store.close()
        self._erase.close()


@pytest.fixture
def graves(tmp_path: Path) -> Iterator[Graves]:
    """Nobody was deleted yet."""
    with closing(Graves(tmp_path)) as graves:
        yield graves


def identify(at: int = AT, **rest: Any) -> Event:
    """An identify that names a company."""
    given: dict[str, Any] = {
        "event_type": EventType.IDENTIFY_USER,
        "event_name": "",
        "company_id": "acme",
        "metadata": '{"plan":"pro"}',
        "company": '{"seats":3}',
        "web": '{"hostname":"x"}',
    }
    return event(at=at, **{**given, **rest})


def company(at: int = AT, **rest: Any) -> Event:
    """An identify of a company."""
    type = EventType.IDENTIFY_COMPANY
    return event(at=at, event_type=type, user_id=None, company_id="acme", **rest)


# Users


@pytest.mark.parametrize(("at", "kept"), [(AT - 1, 0), (AT, 0), (AT + 1, 1)])
def test_a_deletion_reaches_up_to_its_moment(graves: Graves, at: int, kept: int) -> None:
    """A new identify starts afresh."""
    graves.bury(USER, "ada")

    sifted = graves.burials.sift([event(at=at)])

    assert (len(sifted.events), sifted.erased) == (kept, 1 - kept)


def test_events_of_others_stay_in_their_order(graves: Graves) -> None:
    """As they are."""
    graves.bury(USER, "ada")
    others = [event("r1", user_id="bob"), company(), event("r3", environment_id=2)]

    assert graves.sift(event("r0"), others[0], event("r2"), *others[1:]) == others


def test_of_a_row_of_a_file_nothing_stays(graves: Graves) -> None:
    """It says no more of a company than its name, and its id holds a hash of the whole."""
    graves.bury(USER, "ada")

    row = msgspec.structs.replace(identify(company="{}"), id="0" * 12 + "a" * 20)
    assert graves.sift(row) == []


def test_what_a_user_said_of_a_company_stays(graves: Graves) -> None:
    """As if the company itself had been identified; nothing tells who said it."""
    graves.bury(USER, "ada")
    sent = identify()

    sifted = graves.burials.sift([sent])

    assert sifted.events == [
        event(
            event_type=EventType.IDENTIFY_COMPANY,
            event_name="",
            user_id=None,
            company_id="acme",
            metadata='{"seats":3}',
            at=AT,
        )
    ]
    assert sifted.erased == 1
    assert sent == identify()  # which others may hold


# Companies


def test_events_of_a_deleted_company_go(graves: Graves) -> None:
    """Those that say nothing else."""
    graves.bury(COMPANY, "acme")

    sifted = graves.burials.sift([company(), company(at=AT + 1)])

    assert sifted.events == [company(at=AT + 1)]
    assert sifted.erased == 1


def test_a_user_loses_the_deleted_company_and_nothing_else(graves: Graves) -> None:
    """It counts as stored, not as erased: its user is still there."""
    graves.bury(COMPANY, "acme")
    metadata = '{ "company":{"id":"acme","vat":1}, "f":1.50 }'

    sifted = graves.burials.sift([identify(metadata=metadata)])

    assert sifted.events == [identify(company_id=None, company=None, metadata='{"f":1.50}')]
    assert sifted.erased == 0


def test_user_and_company_may_both_be_deleted(graves: Graves) -> None:
    """Then nothing is left, also if only one of them came back since."""
    graves.bury(USER, "ada")
    graves.bury(COMPANY, "acme", at=AT + 5)

    assert graves.burials.sift([identify()]) == ([], 1)
    after = identify(at=AT + 3)
    assert graves.sift(after) == [identify(at=AT + 3, company_id=None, company=None)]
    assert graves.sift(identify(at=AT + 6)) == [identify(at=AT + 6)]


# Whose


def test_a_user_and_a_company_of_one_name_are_two(graves: Graves) -> None:
    """Deleting one leaves the other."""
    graves.bury(USER, "acme")
    assert graves.sift(company()) == [company()]
    graves.bury(COMPANY, "ada")
    assert graves.sift(event()) == [event()]


def test_environments_have_dead_of_their_own(graves: Graves) -> None:
    """Events of several may come in one run."""
    graves.bury(USER, "ada", environment_id=1)
    graves.bury(USER, "bob", environment_id=2)
    mixed = [
        event("r1", user_id=user, environment_id=id) for id in (1, 2) for user in ("ada", "bob")
    ]

    assert graves.sift(*mixed) == [mixed[1], mixed[2]]


def test_the_latest_deletion_counts(graves: Graves) -> None:
    """Who is deleted twice is gone up to the second time; an older request changes nothing."""
    for at in (AT, AT + 5, AT + 2):
        graves.bury(USER, "ada", at=at)

    assert graves.sift(event(at=AT + 5), event(at=AT + 6)) == [event(at=AT + 6)]


# What it costs


class Counting:
    """A store that counts how often it is asked."""

    def __init__(self, store: ApplyStore) -> None:
        self._store = store
        self.newest = self.looked_up = 0

    def newest_burial(self, environment_id: int) -> int | None:
        """Pass on."""
        self.newest += 1
        return self._store.newest_burial(environment_id)

    def buried(
        self, environment_id: int, kind: ProfileKind, ids: Collection[str]
    ) -> dict[str, int]:
        """Pass on."""
        self.looked_up += len(ids)
        return self._store.buried(environment_id, kind, ids)


@pytest.mark.parametrize("at", [AT + 1, None])
def test_live_events_are_not_looked_up(graves: Graves, at: int | None) -> None:
    """They are newer than every deletion, or there was none: one cheap question for a run."""
    if at is not None:
        graves.bury(USER, "ada")
    store = Counting(graves.store)
    events = [event(f"r{n}", at=at or 1, user_id=f"u{n}") for n in range(100)]

    sifted = Burials(store).sift(events)  # type: ignore[arg-type]

    assert sifted == (events, 0)
    assert (store.newest, store.looked_up) == (1, 0)


def test_no_events_are_no_question(graves: Graves) -> None:
    """A chunk may hold nothing but rows that failed."""
    assert graves.burials.sift([]) == ([], 0)


def test_the_applier_keeps_them_buried_too(graves: Graves) -> None:
    """What waits in the log while somebody is deleted; and nothing of it is folded."""
    graves.bury(USER, "ada")
    body = json.dumps({"user_id": "ada", "metadata": {}, "company": {"id": "acme"}}).encode()
    sent = [record(1, Call.IDENTIFY, records.record_id(at, "0000001"), body) for at in (AT, AT + 1)]

    Applier(Given(0, [sent]), graves.store, company_from_metadata=True).drain()

    with closing(open_read_store(graves.folder)) as read:
        ada = read.user(1, "ada")
        assert ada is not None
        assert ada.first_seen_at == AT + 1
        assert read.company(1, "acme") is not None
