"""What an engine promises to deletions (`EraseStore`)."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from analytex.domain.events import Event, EventFilter, EventType
from analytex.domain.profiles import ProfileKind
from analytex.storage.embedded import FILE, erase
from analytex.storage.embedded import apply as engine
from analytex.storage.embedded.erase import EmbeddedEraseStore
from analytex.storage.erasing import EraseStore, Stored
from analytex.storage.interface import ApplyStore, Changes, ReadStore, Unreadable
from tests.storage.samples import changes, company, event, user

USER, COMPANY = ProfileKind.USER, ProfileKind.COMPANY


@pytest.fixture(params=[1000, 3], ids=["tail", "segments"])
def apply(
    apply: ApplyStore, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> ApplyStore:
    """The applier's side; events lie in the tail, or in segments."""
    monkeypatch.setattr(engine, "SEGMENT_ROWS", request.param)
    return apply


@pytest.fixture
def store(apply: ApplyStore, tmp_path: Path) -> Iterator[EraseStore]:
    """The deletions' side of the same store."""
    with closing(EmbeddedEraseStore(tmp_path / FILE)) as store:
        yield store


def fill(apply: ApplyStore, *events: Event) -> None:
    """Store events."""
    position = apply.position()
    apply.write(changes(*events), start=position, upto=position + max(len(events), 1))


def find(store: EraseStore, id: str, kind: ProfileKind = USER, **rest: Any) -> list[Stored]:
    """Return all events of a user or company, found a few at a time."""
    found: list[Stored] = []
    after: int | None = 0
    while after is not None:
        some = store.find(1, kind, id, after=after, limit=2, **rest)
        assert len(some.events) <= 2
        assert some.upto is None or some.upto > after
        found += some.events
        after = some.upto
    return found


def ids(read: ReadStore, **wanted: Any) -> list[str]:
    """Return the ids of the events that a reader finds, oldest first."""
    found = read.list_events(1, EventFilter(**wanted), after=None, limit=100)
    return [event.id for _, event in reversed(found)]


def test_events_are_found_in_their_order(store: EraseStore, apply: ApplyStore) -> None:
    """By user or company, wherever they lie, and only of that environment."""
    given = [
        event(
            f"r{n}", at=n, user_id="ada" if n % 3 else "bob", company_id="acme" if n % 2 else None
        )
        for n in range(20)
    ]
    fill(apply, *given, event("other", environment_id=2))
    assert [each for _, each in find(store, "ada")] == [e for e in given if e.user_id == "ada"]
    assert [each for _, each in find(store, "acme", COMPANY)] == [
        e for e in given if e.company_id == "acme"
    ]
    assert find(store, "nobody") == []


def test_events_of_one_type_are_found(store: EraseStore, apply: ApplyStore) -> None:
    """Only an identify says to which company a user belongs."""
    identify = event("r2", event_type=EventType.IDENTIFY_USER, event_name="")
    fill(apply, event("r1"), identify, event("r3"))
    assert [each for _, each in find(store, "ada", only=EventType.IDENTIFY_USER)] == [identify]


def test_many_segments_are_looked_up_in_parts(
    store: EraseStore, apply: ApplyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that no part takes long, though it may find nothing."""
    monkeypatch.setattr(erase, "SEGMENTS_AT_ONCE", 2)
    fill(apply, *(event(f"r{n}", user_id="bob" if 3 < n < 40 else "ada") for n in range(50)))
    assert len(find(store, "ada")) == 14


def test_a_removed_event_is_found_nowhere(
    store: EraseStore, apply: ApplyStore, read: ReadStore
) -> None:
    """Not by user, company, name or time, neither here nor by readers."""
    fill(apply, *(event(f"r{n}", at=n, company_id="acme") for n in range(8)))
    store.replace([(stored, None) for stored in find(store, "ada")[2:7]])
    for wanted in ({}, {"user_id": "ada"}, {"company_id": "acme"}, {"event_name": "opened"}):
        assert ids(read, **wanted) == ["r0", "r1", "r7"]
    assert len(find(store, "ada")) == 3
    store.replace([(stored, None) for stored in find(store, "ada")])
    assert ids(read) == []


def test_an_event_may_lose_its_user_and_become_another(
    store: EraseStore, apply: ApplyStore, read: ReadStore
) -> None:
    """What a user's identify says of a company."""
    kind = EventType.IDENTIFY_USER
    given = [
        event(f"r{n}", at=n, event_type=kind, event_name="", company_id="acme") for n in range(7)
    ]
    fill(apply, *given)
    wanted = {"event_type": EventType.IDENTIFY_COMPANY, "user_id": None, "metadata": '{"a":1}'}
    store.replace(
        [(each, msgspec.structs.replace(each.event, **wanted)) for each in find(store, "ada")[:5]]
    )
    assert ids(read, user_id="ada") == ids(read, event_type=kind) == ["r5", "r6"]
    assert ids(read, company_id="acme") == [f"r{n}" for n in range(7)]
    assert ids(read, event_type=EventType.IDENTIFY_COMPANY) == [f"r{n}" for n in range(5)]
    assert find(store, "acme", COMPANY)[0].event == msgspec.structs.replace(given[0], **wanted)


def test_new_events_never_get_into_a_segment(
    store: EraseStore, apply: ApplyStore, read: ReadStore
) -> None:
    """Its index would not know them, so nobody would find them."""
    for round in range(5):
        fill(apply, *(event(f"old-{round}-{n}", user_id="bob") for n in range(7)))
        assert len(find(store, "bob")) == 7
        store.replace([(stored, None) for stored in find(store, "bob")])
        fill(apply, event(f"new-{round}", at=round))
        expected = [f"new-{n}" for n in range(round + 1)]
        assert ids(read, user_id="ada") == ids(read) == expected
        assert [each.event.id for each in find(store, "ada")] == expected


def test_an_imported_row_is_forgotten_with_its_event(
    store: EraseStore, apply: ApplyStore, tmp_path: Path
) -> None:
    """It is known by a hash of what stands in it."""
    keys = [bytes([n]) * 16 for n in range(3)]
    fill(apply, *(event(key.hex() + ".1") for key in keys))
    db = store._db  # type: ignore[attr-defined]
    db.executemany("INSERT INTO imported VALUES (1, ?, 1, 1, 1)", [(key,) for key in keys])
    first, second, third = find(store, "ada")
    changed = msgspec.structs.replace(second.event, user_id=None)
    store.replace([(first, None), (second, changed), (third, third.event)])
    assert apply.seen(1, keys).keys() == {keys[2]}


def test_a_deleted_id_is_known_by_its_hash_only(
    store: EraseStore, apply: ApplyStore, tmp_path: Path
) -> None:
    """Up to the latest deletion; users are not companies, and environments are apart."""
    assert apply.newest_burial(1) is None
    store.bury(1, USER, ["ada-1", "żółw"], at=5)
    store.bury(1, USER, ["ada-1"], at=9)
    store.bury(1, USER, ["ada-1"], at=7)
    store.bury(2, COMPANY, ["acme"], at=20)
    many = [f"u{n}" for n in range(300)]
    assert apply.buried(1, USER, ["ada-1", "żółw", *many]) == {"ada-1": 9, "żółw": 5}
    assert apply.buried(1, COMPANY, ["ada-1"]) == apply.buried(2, USER, ["ada-1", "acme"]) == {}
    assert apply.buried(2, COMPANY, ["acme"]) == {"acme": 20}
    assert (apply.newest_burial(1), apply.newest_burial(2), apply.newest_burial(3)) == (9, 20, None)
    for file in tmp_path.iterdir():
        assert not any(id.encode() in file.read_bytes() for id in ("ada-1", "żółw", "acme"))


def test_two_stores_hash_an_id_differently(tmp_path: Path) -> None:
    """Nobody can try out ids against the hashes without the store's secret."""
    found = set()
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        with closing(EmbeddedEraseStore(tmp_path / name / FILE)) as store:
            found.add(erase.tombstone(erase.read_secret(store._db), "ada"))
    assert len(found) == 2


def test_profiles_are_put_and_removed(
    store: EraseStore, apply: ApplyStore, read: ReadStore
) -> None:
    """One by one."""
    apply.write(changes(user("ada"), company("ada"), company("acme")), start=0, upto=1)
    assert store.profile(1, USER, "ada") == user("ada")
    assert store.profile(1, COMPANY, "ada") == company("ada")
    assert store.profile(2, USER, "ada") is None
    store.remove_profile(1, USER, "ada")
    store.put_profile(company("acme", at=9))
    store.put_profile(user("bob"))
    assert read.user(1, "ada") is None
    assert read.company(1, "ada") == company("ada")
    assert read.company(1, "acme") == company("acme", at=9)
    assert read.user(1, "bob") == user("bob")


def test_records_that_could_not_be_read_are_removed(
    store: EraseStore, apply: ApplyStore, read: ReadStore
) -> None:
    """By their positions. Readers see them too."""
    strange = [Unreadable(n, b"%d" % n, "why") for n in range(5)]
    apply.write(Changes([], [], [], strange), start=0, upto=5)
    assert store.unreadable(after=-1, limit=2) == strange[:2]
    assert read.unreadable(after=0, limit=2) == strange[1:3]
    store.remove_unreadable([0, 3])
    assert store.unreadable(after=0, limit=10) == [strange[1], strange[2], strange[4]]


def test_the_position_is_the_appliers(
    store: EraseStore, apply: ApplyStore, read: ReadStore
) -> None:
    """And it is what is safe from a power cut after a sync."""
    fill(apply, event(), event())
    assert store.position() == 2
    store.sync()
    assert read.durable() == 2


def test_nothing_is_left_beside_the_store_or_in_it(
    store: EraseStore, apply: ApplyStore, read: ReadStore, tmp_path: Path
) -> None:
    """Unless a reader still sees it."""
    apply.write(changes(user("ada-1"), event(user_id="ada-1")), start=0, upto=1)
    with read.snapshot():
        store.replace([(stored, None) for stored in find(store, "ada-1")])
        store.remove_profile(1, USER, "ada-1")
        assert not store.settle()
    assert store.settle()
    with closing(store.scrub()) as scrub:
        while scrub.step():
            pass
    assert not any(b"ada-1" in file.read_bytes() for file in tmp_path.iterdir())
