"""Deleting users and companies: what goes, what stays, and that not a byte is left."""

from typing import Any

import pytest
from msgspec import Raw

from analytex.domain.calls import Call
from analytex.domain.events import EventType
from analytex.domain.history import DAY
from analytex.domain.profiles import ProfileKind, User
from analytex.domain.values import Stamp
from analytex.storage.interface import Changes
from analytex.wire import records
from tests.unit.jobs.erasing import COMPANIES, ENVIRONMENT, NOW, World, all_records

# Users


def test_nothing_of_a_user_is_left(world: World) -> None:
    """Not in rows, log, free pages or write-ahead files."""
    world.apply(
        world.identify("ada-1", metadata={"email": "ada@example.org"}),
        world.track("ada-1", secret="s3cr3t"),
        world.track("bob-2", other="kept"),
    )
    assert world.delete("ada-1") == {"users": 1, "events": 2, "log_records": 2}
    assert world.bytes_hold("ada-1", "ada@example.org", "s3cr3t") == {}
    assert world.bytes_hold("bob-2").keys() >= {"store.db", "log.db"}
    assert [event.user_id for event in world.events()] == ["bob-2"]
    assert world.read.user(ENVIRONMENT, "ada-1") is None
    assert world.differences() == []


@pytest.mark.parametrize(
    "body",
    [
        b'{"user_id":"\\u0061da-1","event_name":"x"}',
        '{"event_name":"x","user_id":"ada-1","metadata":{"ä":"ada-1"}}'.encode(),
        b'{"user_id": "a\\u0064a-1" , "event_name":"x"}',
    ],
)
def test_an_id_is_found_however_it_was_written(world: World, body: bytes) -> None:
    """The log keeps the bytes that were sent."""
    world.apply(world.call(Call.TRACK, body))
    assert world.delete("ada-1")["log_records"] == 1
    assert all(records.is_erased(record) for record in all_records(world))


def test_an_id_that_was_sent_as_a_number_is_found(world: World) -> None:
    """`12` and `12.0` are the user "12" (contract, ids)."""
    world.apply(world.track(12), world.track(12.0), world.track(120))
    assert world.delete("12") == {"users": 1, "events": 2, "log_records": 2}
    assert [event.user_id for event in world.events()] == ["120"]


def test_other_environments_have_users_of_their_own(world: World) -> None:
    """The same id there is somebody else."""
    body = {"user_id": "ada-1", "event_name": "opened"}
    world.apply(world.track("ada-1"), world.call(Call.TRACK, body, env=8))
    world.delete("ada-1")
    assert world.read.user(8, "ada-1") is not None
    assert len(all_records(world)) - sum(map(records.is_erased, all_records(world))) == 1


def test_what_a_user_said_of_a_company_stays(world: World) -> None:
    """The company's properties could not be proved otherwise."""
    world.apply(
        world.company("acme", seats=3),
        world.identify("ada-1", metadata={"a": 1}, company={"id": "acme", "plan": "pro"}),
        world.track("ada-1"),
    )
    before = world.read.company(ENVIRONMENT, "acme")
    world.delete("ada-1")
    assert world.read.company(ENVIRONMENT, "acme") == before
    events = world.events(company_id="acme")
    assert [(event.event_type, event.user_id) for event in events] == [
        (EventType.IDENTIFY_COMPANY, None)
    ] * 2
    assert events[1].metadata == '{"plan":"pro"}'
    assert world.differences() == []
    assert world.bytes_hold("ada-1") == {}


def test_what_waits_in_the_log_is_applied_first(world: World) -> None:
    """Else what it says of a company would be lost when the record is erased."""
    world.send(world.identify("ada-1", company={"id": "acme", "plan": "pro"}))
    world.delete("ada-1")
    acme = world.read.company(ENVIRONMENT, "acme")
    assert acme is not None
    assert bytes(acme.properties["plan"]) == b'"pro"'
    assert world.differences() == []


def test_a_new_identify_starts_afresh(world: World) -> None:
    """The person came back; what was known before is not."""
    world.apply(
        world.identify("ada-1", metadata={"old": 1}, company={"id": "acme"}),
        world.track("ada-1"),
        world.identify("ada-1", at=NOW + 5, metadata={"new": 2}),
        world.track("ada-1", at=NOW + 6),
    )
    world.delete("ada-1")
    ada = world.read.user(ENVIRONMENT, "ada-1")
    assert ada is not None
    assert ada.properties.keys() == ada.stamps.keys() == {"new"}
    assert (ada.first_seen_at, ada.company_id) == (NOW + 5, None)
    assert len(world.events(user_id="ada-1")) == 2
    assert world.differences() == []


def test_late_history_brings_nobody_back(world: World) -> None:
    """A tombstone stops it, and holds only a keyed hash of the id."""
    world.apply(world.identify("ada-1"))
    world.delete("ada-1")
    world.apply(world.identify("ada-1", at=NOW - 5), world.track("bob", at=NOW - 5))
    assert world.read.user(ENVIRONMENT, "ada-1") is None
    assert world.read.user(ENVIRONMENT, "bob") is not None
    assert world.store.buried(ENVIRONMENT, ProfileKind.USER, ["ada-1", "bob"]) == {"ada-1": NOW}
    assert world.bytes_hold("ada-1").keys() <= {"log.db", "log.db-wal"}  # came after it


def test_a_record_that_could_not_be_read_goes_as_well(world: World) -> None:
    """If it holds the id, as a word of its own, and is of this environment."""
    theirs = world.call(Call.TRACK, b'{"user_id":"ada-1",')
    escaped = world.call(Call.TRACK, b'{"user_id":"\\u0061d\\u0061-1",')
    others = world.call(Call.TRACK, b'{"user_id":"ada-12","nevada-1",')
    elsewhere = world.call(Call.TRACK, b'{"user_id":"ada-1",', env=8)
    newer = world.call(Call.TRACK, b'{"user_id":"ada-1",', at=NOW + 1)
    world.apply(theirs, escaped, elsewhere, newer, others)
    assert world.delete("ada-1") == {"log_records": 2, "unreadable": 2}
    left = world.erase.unreadable(after=-1, limit=10)
    assert [each.record for each in left] == [elsewhere, newer, others]


# Companies


def test_nothing_of_a_company_is_left(world: World) -> None:
    """Its users stay, and belong to no company, or to the one before."""
    world.apply(
        world.company("acme-1", name="Acme Inc"),
        world.company("globex"),
        world.identify("ada-1", metadata={"role": "owner"}, company={"id": "globex", "n": 1}),
        world.identify("ada-1", metadata={"age": 3}, company={"id": "acme-1", "plan": "pro"}),
        world.identify("bob", metadata={"x": 1, "company": {"id": "acme-1", "vat": "V1"}}),
        world.track("ada-1", a=1),
        world.track("bob", a=2),
    )
    removed = world.delete("acme-1", kind=COMPANIES)
    assert removed == {"companies": 1, "events": 5, "log_records": 3}
    assert world.bytes_hold("acme-1", "Acme Inc", "V1") == {}
    ada, bob = (world.read.user(ENVIRONMENT, id) for id in ("ada-1", "bob"))
    assert ada is not None
    assert bob is not None
    assert (ada.company_id, bob.company_id) == ("globex", None)
    assert bob.properties.keys() == bob.stamps.keys() == {"x"}
    assert ada.properties.keys() == {"role", "age"}
    assert world.events(company_id="acme-1") == []
    assert len(world.events()) == 6
    assert world.differences() == []


def test_a_company_that_came_back_is_kept(world: World) -> None:
    """With its newer calls, and the users that these name."""
    world.apply(
        world.company("acme", old=1),
        world.identify("ada-1", company={"id": "acme", "old": 1}),
        world.identify("bob", company={"id": "acme"}),
        world.identify("ada-1", at=NOW + 1, company={"id": "acme", "new": 2}),
        world.track("ada-1", at=NOW + 2),
        world.track("bob", at=NOW + 2),
    )
    world.delete("acme", kind=COMPANIES)
    acme = world.read.company(ENVIRONMENT, "acme")
    assert acme is not None
    assert acme.properties.keys() == {"new"}
    assert acme.first_seen_at == NOW + 1
    kept = world.events(company_id="acme")
    assert [(event.user_id, event.inserted_at - NOW) for event in kept] == [
        ("ada-1", 1),
        ("ada-1", 2),
    ]
    assert world.differences() == []


def test_members_are_found_without_their_events(world: World) -> None:
    """`retention_days` may have taken these, and left the profiles."""
    stamp = Stamp(NOW - DAY, "r1")
    company = Raw(b'{"id":"acme","vat":"V1"}')
    members: dict[str, dict[str, Any]] = {
        "ada-1": {"company_id": "acme", "company_stamp": stamp},
        "bob": {"properties": {"company": company}, "stamps": {"company": stamp}},
        "cy": {"company_id": "acme", "company_stamp": Stamp(NOW + 1, "r2")},
        "di": {"company_id": "globex", "company_stamp": stamp},
    }
    plain: dict[str, Any] = {"first_seen_at": 1, "properties": {}, "stamps": {}}
    users = [
        User(id=id, environment_id=ENVIRONMENT, **(plain | rest)) for id, rest in members.items()
    ]
    position = world.store.position()
    world.store.write(Changes(users, [], [], []), start=position, upto=position)

    world.delete("acme", kind=COMPANIES)

    found = {id: world.read.user(ENVIRONMENT, id) for id in members}
    assert {id: user and user.company_id for id, user in found.items()} == {
        "ada-1": None,
        "bob": None,
        "cy": "acme",  # since a newer call
        "di": "globex",
    }
    assert world.bytes_hold("V1") == {}


def test_the_rest_of_a_record_is_what_it_was(world: World) -> None:
    """Only the company goes out of it; the length stays."""
    company = b'"company":{"id":"acme"}'
    sent = b'{ "user_id": "ada-1", "metadata":{"f":1.50,%b},%b}' % (company, company)
    record = world.call(Call.IDENTIFY, sent)
    world.apply(record)
    world.delete("acme", kind=COMPANIES)
    (left,) = all_records(world)
    assert len(left) == len(record)
    assert left[26:].rstrip() == b'{"user_id":"ada-1","metadata":{"f":1.50}}'
