"""What every engine promises to the applier (`ApplyStore`)."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from analytex.domain.events import Event, EventFilter
from analytex.domain.values import Stamp
from analytex.errors import Conflict
from analytex.storage.interface import ApplyStore, Changes, Membership, ReadStore, Unreadable
from tests.storage.samples import changes, company, event, json, user


def test_a_new_store_begins_at_the_logs_beginning(apply: ApplyStore) -> None:
    """Then everything in the log is applied."""
    assert apply.position() == 0


def test_rows_and_position_are_stored_together(apply: ApplyStore, read: ReadStore) -> None:
    """A crash leaves both or neither."""
    apply.write(changes(user("ada"), company("acme"), event()), start=0, upto=3)
    assert apply.position() == read.applied() == 3
    assert read.user(1, "ada") == user("ada")
    assert read.company(1, "acme") == company("acme")
    assert [found for _, found in events(read)] == [event()]


def test_a_write_from_another_position_is_refused_whole(apply: ApplyStore, read: ReadStore) -> None:
    """Two appliers at once: one of them has these records already."""
    apply.write(changes(event("r1")), start=0, upto=1)
    for start in (0, 2):
        with pytest.raises(Conflict):
            apply.write(changes(user("bob"), event("r2")), start=start, upto=start + 1)
    assert apply.position() == 1
    assert read.user(1, "bob") is None
    assert len(events(read)) == 1
    apply.write(changes(event("r3")), start=1, upto=2)
    assert len(events(read)) == 2


def test_of_two_appliers_one_wins(open_apply: Callable[[], ApplyStore], read: ReadStore) -> None:
    """Whoever is second learns it, and goes on from the stored position."""
    one, other = open_apply(), open_apply()
    one.write(changes(event("r1")), start=0, upto=1)
    with pytest.raises(Conflict):
        other.write(changes(event("r1")), start=0, upto=1)
    assert other.position() == 1
    other.write(changes(event("r2")), start=1, upto=2)
    assert [found.id for _, found in events(read)] == ["r2", "r1"]


def test_a_write_that_fails_in_the_middle_leaves_nothing(
    apply: ApplyStore, read: ReadStore
) -> None:
    """Here the last of its events breaks; users, companies and position are not there either."""

    class Breaking(list[Event]):
        def __iter__(self) -> Iterator[Event]:
            yield from super().__iter__()
            raise RuntimeError("the process fails here")

    broken = Changes([user("ada")], [company("acme")], Breaking([event()]), [])
    with pytest.raises(RuntimeError):
        apply.write(broken, start=0, upto=1)
    assert apply.position() == 0
    assert read.user(1, "ada") is None
    assert read.company(1, "acme") is None
    assert events(read) == []
    apply.write(changes(user("ada"), event()), start=0, upto=1)
    assert read.user(1, "ada") == user("ada")


def test_a_later_profile_replaces_the_earlier(apply: ApplyStore, read: ReadStore) -> None:
    """Apply hands over whole profiles; properties that are gone are gone."""
    apply.write(changes(user("ada"), company("acme")), start=0, upto=1)
    later: dict[str, Any] = {
        "properties": {"plan": json("null")},
        "stamps": {"plan": Stamp(9, "r9")},
        "first_seen_at": 0,
        "identified_at": None,
    }
    ada = user("ada", company_id="acme", company_stamp=Stamp(9, "r9"), **later)
    acme = company("acme", **later)
    apply.write(changes(ada, acme), start=1, upto=2)
    assert read.user(1, "ada") == ada
    assert read.company(1, "acme") == acme
    assert apply.users([(1, "ada")]) == {(1, "ada"): ada}
    assert apply.companies([(1, "acme")]) == {(1, "acme"): acme}


@pytest.mark.parametrize("count", [0, 1, 99, 100, 101, 350])
def test_any_number_of_profiles_is_found_at_once(apply: ApplyStore, count: int) -> None:
    """Those that exist, of all environments; apply asks for all that a run of records names."""
    users = [user(f"u{n}", environment_id=1 + n % 3, at=n) for n in range(count)]
    companies = [company(f"c{n}", environment_id=1 + n % 3, at=n) for n in range(count)]
    apply.write(changes(*users, *companies), start=0, upto=1)
    unknown = [(1, "unknown"), (7, "u0"), (7, "c0")]
    found = apply.users([*((each.environment_id, each.id) for each in users), *unknown])
    assert found == {(each.environment_id, each.id): each for each in users}
    known = apply.companies([*((each.environment_id, each.id) for each in companies), *unknown])
    assert known == {(each.environment_id, each.id): each for each in companies}
    members = apply.memberships([*((each.environment_id, each.id) for each in users), *unknown])
    assert members == {
        (each.environment_id, each.id): Membership(None, each.first_seen_at) for each in users
    }


@pytest.mark.parametrize("id", ["a/b", "%2F", "ä", "\0", "a\0b", "'", "A", "日本", "x" * 512, " "])
def test_an_id_may_hold_anything(apply: ApplyStore, read: ReadStore, id: str) -> None:
    """And is compared character by character: `A` is not `a`."""
    apply.write(changes(user(id, company_id=id), user(id.lower() + "-")), start=0, upto=1)
    found = read.user(1, id)
    assert found is not None
    assert (found.id, found.company_id) == (id, id)
    assert apply.memberships([(1, id)]) == {(1, id): Membership(id, 1)}


def test_an_unreadable_record_moves_the_position(apply: ApplyStore) -> None:
    """It is put aside: one strange record must not stop all that come after it."""
    strange = Unreadable(0, b"\0\xff", "layout 0")
    apply.write(Changes([], [], [], [strange]), start=0, upto=1)
    assert apply.position() == 1


def test_only_what_was_synced_counts_as_durable(apply: ApplyStore, read: ReadStore) -> None:
    """The log is trimmed up to there, and no further."""
    apply.write(changes(event("r1")), start=0, upto=5)
    assert read.durable() == 0
    apply.sync()
    assert read.durable() == 5
    apply.write(changes(event("r2")), start=5, upto=7)
    assert (read.durable(), read.applied()) == (5, 7)


def test_a_store_that_is_opened_again_goes_on(
    open_apply: Callable[[], ApplyStore], read: ReadStore
) -> None:
    """A server that was stopped and started."""
    open_apply().write(changes(event("r1")), start=0, upto=1)
    again = open_apply()
    assert again.position() == 1
    again.write(changes(event("r2")), start=1, upto=2)
    assert [found.id for _, found in events(read)] == ["r2", "r1"]


def events(read: ReadStore) -> list[tuple[object, Event]]:
    """Return the first environment's events, newest first."""
    return [*read.list_events(1, EventFilter(), after=None, limit=1000)]
