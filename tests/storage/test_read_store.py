"""What every engine promises to readers (`ReadStore`). Pages of events: `tests/laws/`."""

import pytest

from analytex.domain.events import Event, EventFilter, EventType
from analytex.storage.interface import ApplyStore, ReadStore
from tests.storage.samples import changes, company, event, user

IDS = ["a", "aa", "b", "A", "ä", "日本", "\U0001f600", "0", "10", "9", "a b", "a/b"]
BY_BYTES = sorted(IDS, key=str.encode)


@pytest.fixture
def many(apply: ApplyStore, read: ReadStore) -> ReadStore:
    """A store with the same ids in two environments."""
    users = [user(id, environment_id=env) for env in (1, 2) for id in IDS]
    companies = [company(id, environment_id=env) for env in (1, 2) for id in IDS]
    apply.write(changes(*users, *companies), start=0, upto=1)
    return read


def test_what_does_not_exist_is_none(read: ReadStore) -> None:
    """Also in a store that has nothing at all."""
    assert read.user(1, "ada") is None
    assert read.company(1, "acme") is None
    assert read.list_users(1, after=None, limit=10) == []
    assert read.list_companies(1, after=None, limit=10) == []
    assert read.list_events(1, EventFilter(), after=None, limit=10) == []
    assert read.count_users(1, at_most=10) == read.count_companies(1, at_most=10) == 0
    assert (read.applied(), read.durable()) == (0, 0)


def test_environments_are_wholly_separate(many: ReadStore, apply: ApplyStore) -> None:
    """The same id is another user there."""
    apply.write(
        changes(user("a", environment_id=2, at=99), event(environment_id=2)), start=1, upto=2
    )
    first, second = many.user(1, "a"), many.user(2, "a")
    assert first is not None
    assert second is not None
    assert (first.first_seen_at, second.first_seen_at) == (1, 99)
    assert many.user(3, "a") is None
    assert many.list_users(3, after=None, limit=10) == []
    assert many.list_events(1, EventFilter(), after=None, limit=10) == []
    assert len(many.list_events(2, EventFilter(), after=None, limit=10)) == 1


@pytest.mark.parametrize("limit", [1, 2, 5, 11, 12, 13, 1000])
def test_profiles_are_listed_in_the_order_of_their_ids(many: ReadStore, limit: int) -> None:
    """Page by page, compared byte for byte, as on every engine and every machine."""
    users: list[str] = []
    while page := many.list_users(1, after=users[-1] if users else None, limit=limit):
        assert len(page) <= limit
        users += [each.id for each in page]
    assert users == BY_BYTES
    companies: list[str] = []
    while found := many.list_companies(1, after=companies[-1] if companies else None, limit=limit):
        companies += [each.id for each in found]
    assert companies == BY_BYTES


def test_a_page_begins_behind_an_id_that_is_gone_or_never_was(many: ReadStore) -> None:
    """A cursor names a place, not a user."""
    assert [each.id for each in many.list_users(1, after="a.", limit=2)] == ["a/b", "aa"]


def test_a_count_stops_where_it_would_take_long(many: ReadStore) -> None:
    """Above that, nobody is told a number."""
    assert many.count_users(1, at_most=100) == len(IDS)
    assert many.count_users(1, at_most=5) == 5
    assert many.count_companies(1, at_most=100) == len(IDS)
    assert many.count_companies(1, at_most=5) == 5


@pytest.mark.parametrize(
    "sent",
    [
        event(metadata='{"a": [1, {"b": null}], "ä": 0.10, "n": 123456789012345678901234567890}'),
        event(user_id=None, event_type=EventType.IDENTIFY_COMPANY, event_name="", company_id="c"),
        event(
            event_type=EventType.IDENTIFY_USER, event_name="", company_id="c", company='{"id":1}'
        ),
        event("f" * 20, event_name="a\0b '\U0001f600", user_id="\0", at=2**60),
    ],
    ids=["nested metadata", "identify_company", "identify_user", "any text"],
)
def test_an_event_reads_as_it_was_stored(apply: ApplyStore, read: ReadStore, sent: Event) -> None:
    """Kept as sent, so that profiles can be folded again."""
    apply.write(changes(sent), start=0, upto=1)
    ((place, found),) = read.list_events(1, EventFilter(), after=None, limit=10)
    assert found == sent
    assert place.inserted_at == sent.inserted_at


@pytest.mark.parametrize("batch", [1, 2, 3, 7, 1000])
def test_all_events_are_scanned_in_the_order_in_which_they_were_applied(
    apply: ApplyStore, read: ReadStore, batch: int
) -> None:
    """Whatever their times and environments: `verify` folds them in this order."""
    wanted = [event(f"r{n}", environment_id=1 + n % 2, at=100 - n) for n in range(7)]
    apply.write(changes(*wanted[:3]), start=0, upto=3)
    apply.write(changes(*wanted[3:]), start=3, upto=7)
    found = list(read.scan_events(batch=batch))
    assert [each for part in found for each in part] == wanted
    assert all(len(part) <= batch for part in found)


def test_all_profiles_are_scanned_by_environment_and_id(many: ReadStore) -> None:
    """`verify` compares two scans side by side, which works only in one order."""
    wanted = [(environment_id, id) for environment_id in (1, 2) for id in BY_BYTES]
    assert [(each.environment_id, each.id) for each in many.scan_users()] == wanted
    assert [(each.environment_id, each.id) for each in many.scan_companies()] == wanted


def test_a_snapshot_sees_one_moment(apply: ApplyStore, read: ReadStore) -> None:
    """What is applied meanwhile is seen after it."""
    apply.write(changes(user("ada"), event("r1")), start=0, upto=1)
    with read.snapshot():
        assert read.applied() == 1
        apply.write(changes(user("bob"), event("r2")), start=1, upto=2)
        assert read.applied() == 1
        assert [each.id for each in read.scan_users()] == ["ada"]
        assert [each.id for part in read.scan_events(batch=1) for each in part] == ["r1"]
    assert read.applied() == 2
    assert [each.id for each in read.scan_users()] == ["ada", "bob"]


def test_a_writer_does_not_wait_for_a_reader(apply: ApplyStore, read: ReadStore) -> None:
    """A long read must not hold apply up."""
    apply.write(changes(*(user(f"u{n:03}") for n in range(300))), start=0, upto=1)
    scan = read.scan_users()
    assert next(scan).id == "u000"
    apply.write(changes(user("v")), start=1, upto=2)
    assert apply.position() == 2
    assert len(list(scan)) in (299, 300)
