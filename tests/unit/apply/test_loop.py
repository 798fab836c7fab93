"""The applier follows the log: in order, resumable, and not stopped by a strange record."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from analytex.apply.loop import Applier
from analytex.domain.calls import Call
from analytex.domain.events import Event, EventFilter
from analytex.domain.profiles import User
from analytex.storage.interface import ApplyStore, Changes
from analytex.storage.open import open_apply_store, open_read_store
from analytex.wire import records
from tests.laws.world import Given, record


class Stores:
    """Both sides of one store."""

    def __init__(self, directory: Path) -> None:
        self.apply: ApplyStore = open_apply_store(directory)
        self.read = open_read_store(directory)

    def events(self, environment_id: int = 1) -> list[Event]:
        """Return the events in the order in which they came."""
        found = self.read.list_events(environment_id, EventFilter(), after=None, limit=100)
        return [event for _, event in reversed(found)]

    def user(self, user_id: str, environment_id: int = 1) -> User:
        """Return a user that exists."""
        user = self.read.user(environment_id, user_id)
        assert user is not None
        return user


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[Stores]:
    """An empty store."""
    stores = Stores(tmp_path)
    yield stores
    stores.apply.close()
    stores.read.close()


def call(kind: Call, at: int, *, environment_id: int = 1, **body: object) -> bytes:
    """Return the record of a call received at that time."""
    id = records.record_id(at, "0000001")
    return record(environment_id, kind, id, json.dumps(body).encode())


def track(at: int, user_id: str = "ada") -> bytes:
    """Return a track."""
    return call(Call.TRACK, at, user_id=user_id, event_name="opened")


def identify(
    at: int, company: str | None = None, user_id: str = "ada", **metadata: object
) -> bytes:
    """Return an identify."""
    named = {"id": company} if company else None
    return call(Call.IDENTIFY, at, user_id=user_id, metadata=metadata, company=named)


def apply(stores: Stores, *batches: list[bytes], company_from_metadata: bool = True) -> Applier:
    """Apply batches behind what was applied before."""
    log = Given(stores.apply.position(), batches)
    applier = Applier(log, stores.apply, company_from_metadata=company_from_metadata)
    applier.drain()
    assert applier.position == log.end()
    return applier


def test_an_applier_goes_on_where_the_store_is(stores: Stores) -> None:
    """Nothing is applied twice after a restart."""
    log = Given(0, [[track(1)], [track(2), track(3)]])
    assert Applier(log, stores.apply, company_from_metadata=True).step() == 1
    assert Applier(log, stores.apply, company_from_metadata=True).step() == 2
    assert [event.inserted_at for event in stores.events()] == [1, 2, 3]


def test_an_applier_that_was_overtaken_goes_on_behind_the_other(stores: Stores) -> None:
    """Its work is dropped, not stored a second time; what it remembered of users is forgotten."""
    log = Given(0, [[track(1)], [identify(2, company="acme")], [track(3)], [track(4)]])
    slow = Applier(log, stores.apply, company_from_metadata=True)
    assert slow.step() == 1
    other = Applier(log, stores.apply, company_from_metadata=True)
    assert other.step() == 1
    assert slow.step() == 0
    slow.drain()
    assert [event.company_id for event in stores.events()] == [None, "acme", "acme", "acme"]


@pytest.mark.parametrize(
    "strange",
    [
        b"",
        b"\x01",
        b"\x02" + track(1)[1:],
        b"\x01\x09" + track(1)[2:],
        track(1)[:20],
        track(1)[:-1],
        records.head(Call.TRACK, 1) + b"not hexadecimal time" + b"{}",
        record(1, Call.TRACK, "0" * 20, b'{"event_name":"nobody"}'),
    ],
    ids=["empty", "short", "version", "call", "cut id", "cut body", "time", "no user"],
)
def test_a_record_that_cannot_be_read_is_put_aside(stores: Stores, strange: bytes) -> None:
    """The calls around it are applied; it stays in the store for whoever can read it."""
    apply(stores, [track(1), strange, track(2)])
    assert stores.apply.position() == 3
    assert [event.inserted_at for event in stores.events()] == [1, 2]


def test_a_track_has_the_company_that_its_user_had_at_that_point(stores: Stores) -> None:
    """Within a batch, and over the borders of batches."""
    apply(
        stores,
        [track(1), identify(2, company="acme"), track(3)],
        [track(4)],
        [identify(5, company="bolt"), track(6)],
        [identify(7), track(8)],
    )
    companies = [None, "acme", "acme", "acme", "bolt", "bolt", "bolt", "bolt"]
    assert [event.company_id for event in stores.events()] == companies


def test_a_track_by_an_unknown_user_makes_that_user(stores: Stores) -> None:
    """Accepted by the contract; first and last seen are the call's time."""
    apply(stores, [track(5)], [track(7)])
    user = stores.user("ada")
    assert (user.properties, user.first_seen_at, user.last_seen_at) == ({}, 5, 5)


def test_first_seen_is_the_earliest_call_and_last_seen_the_newest_identify(stores: Stores) -> None:
    """In whatever order they come."""
    apply(stores, [identify(5), identify(3), track(9)], [track(2)], [identify(4)])
    user = stores.user("ada")
    assert (user.first_seen_at, user.last_seen_at) == (2, 5)


def test_environments_do_not_meet(stores: Stores) -> None:
    """The same ids in one batch."""
    other = call(Call.IDENTIFY, 2, environment_id=2, user_id="ada", metadata={"plan": "free"})
    apply(stores, [identify(1, company="acme", plan="pro"), other, track(3)])
    assert stores.user("ada").company_id == "acme"
    assert stores.user("ada", environment_id=2).company_id is None
    assert [event.inserted_at for event in stores.events(2)] == [2]
    assert stores.read.company(2, "acme") is None


@pytest.mark.parametrize("wanted", [True, False])
def test_segments_company_in_metadata_counts_if_the_setting_says_so(
    stores: Stores, wanted: bool
) -> None:
    """It stays in the metadata either way, as it was sent."""
    sent = identify(1, plan="pro")
    nested = call(Call.IDENTIFY, 2, user_id="ada", metadata={"company": {"id": 7, "name": "Acme"}})
    apply(stores, [sent, nested], company_from_metadata=wanted)
    assert stores.user("ada").company_id == ("7" if wanted else None)
    assert set(stores.user("ada").properties) == {"plan", "company"}
    assert (stores.read.company(1, "7") is not None) is wanted


def test_what_cannot_be_stored_is_applied_again_later(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The applier dies of it and is started again: nothing was stored, and nothing is missing."""

    def fail(changes: Changes, *, start: int, upto: int) -> None:
        raise OSError("no space left on device")

    log = Given(0, [[track(1)]])
    with monkeypatch.context() as patch:
        patch.setattr(stores.apply, "write", fail)
        with pytest.raises(OSError, match="no space"):
            Applier(log, stores.apply, company_from_metadata=True).step()
    assert stores.events() == []
    Applier(log, stores.apply, company_from_metadata=True).drain()
    assert len(stores.events()) == 1
