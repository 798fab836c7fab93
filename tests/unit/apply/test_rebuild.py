"""Folding stored events again, and finding what the profiles say otherwise."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from analytex.apply import rebuild as module
from analytex.apply.fold import fold
from analytex.apply.memberships import Memberships
from analytex.apply.rebuild import Difference, Rebuild
from analytex.domain.calls import Call
from analytex.domain.profiles import ProfileKind
from analytex.storage.interface import ApplyStore
from analytex.storage.open import open_apply_store, open_read_store
from analytex.wire import records

Sent = tuple[int, Call, bytes]  # time, call, body

CALLS: Sequence[Sent] = (
    (1, Call.IDENTIFY_COMPANY, b'{"company_id":"acme","metadata":{"seats":3,"plan":"pro"}}'),
    (2, Call.IDENTIFY, b'{"user_id":"ada","metadata":{"role":"owner"},"company":{"id":"acme"}}'),
    (3, Call.TRACK, b'{"user_id":"ada","event_name":"opened"}'),
    (4, Call.IDENTIFY, b'{"user_id":"ada","metadata":{"role":"admin","age":36}}'),
    (5, Call.TRACK, b'{"user_id":"bob","event_name":"opened"}'),
    (6, Call.IDENTIFY, b'{"user_id":"ada","metadata":{"age":null},"company":{"id":"globex"}}'),
    (7, Call.TRACK, b'{"user_id":"ada","event_name":"closed"}'),
    (8, Call.IDENTIFY, '{"user_id":"żółw 🐢","metadata":{"role":"guest"}}'.encode()),
)


def apply(store: ApplyStore, calls: Sequence[Sent], *, environment_id: int = 1) -> None:
    """Store calls as the applier does."""
    position = store.position()
    events = [
        records.decode(
            records.encode(
                records.head(call, environment_id), records.record_id(at, "0000000"), body
            ),
            company_from_metadata=True,
        )
        for at, call, body in calls
    ]
    changes = fold(store, Memberships(store), events, ())
    store.write(changes, start=position, upto=position + len(events))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ApplyStore]:
    """The store of two environments, which apply has filled."""
    (tmp_path / "scratch").mkdir()
    with closing(open_apply_store(tmp_path)) as store:
        apply(store, CALLS)
        apply(store, CALLS[:3], environment_id=2)
        yield store


def differences(folder: Path, *, kept_since: int | None = None) -> list[Difference]:
    """Compare the store in the folder with its events."""
    with (
        closing(open_read_store(folder)) as stored,
        closing(open_apply_store(folder / "scratch")) as scratch,
        closing(open_read_store(folder / "scratch")) as rebuilt,
        stored.snapshot(),
    ):
        rebuild = Rebuild(stored, scratch, rebuilt)
        rebuild.fold(lambda done, total: None)
        return list(rebuild.differences(lambda environment_id: kept_since))


def change(folder: Path, sql: str) -> None:
    """Do to the store what a defect would."""
    with closing(sqlite3.connect(folder / "store.db")) as db, db:
        db.execute(sql)


@pytest.mark.parametrize("batch", [1, 3, 4096])
def test_profiles_are_what_their_events_give(
    store: ApplyStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    """Removed properties, changed companies, users known from tracks: however it is cut."""
    monkeypatch.setattr(module, "BATCH", batch)

    assert differences(tmp_path) == []


def test_an_empty_store_is_right(tmp_path: Path) -> None:
    """A server that was just started."""
    (tmp_path / "scratch").mkdir()
    open_apply_store(tmp_path).close()

    assert differences(tmp_path) == []


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        pytest.param(
            """UPDATE users SET properties = '{"role":"king"}'
               WHERE environment_id = 1 AND user_id = 'ada'""",
            (1, ProfileKind.USER, "ada", "metadata.role", b'"king"', b'"admin"'),
            id="a property was changed",
        ),
        pytest.param(
            "UPDATE users SET properties = '{}' WHERE environment_id = 1 AND user_id = 'ada'",
            (1, ProfileKind.USER, "ada", "metadata.role", None, b'"admin"'),
            id="a property was lost",
        ),
        pytest.param(
            """UPDATE users SET properties = '{"role":"admin","age":36}'
               WHERE environment_id = 1 AND user_id = 'ada'""",
            (1, ProfileKind.USER, "ada", "metadata.age", b"36", None),
            id="a removed property is still there",
        ),
        pytest.param(
            """UPDATE companies SET properties = json_set(properties, '$.seats', 3.0)
               WHERE environment_id = 1 AND company_id = 'acme'""",
            (1, ProfileKind.COMPANY, "acme", "metadata.seats", b"3.0", b"3"),
            id="a value has another type",
        ),
        pytest.param(
            "UPDATE users SET company_id = 'acme' WHERE environment_id = 1 AND user_id = 'ada'",
            (1, ProfileKind.USER, "ada", "company_id", b'"acme"', b'"globex"'),
            id="the user is in the wrong company",
        ),
        pytest.param(
            "UPDATE users SET first_seen_at = 2 WHERE user_id = 'bob'",
            (
                *(1, ProfileKind.USER, "bob", "first_seen_at"),
                *(b'"1970-01-01T00:00:00.000002Z"', b'"1970-01-01T00:00:00.000005Z"'),
            ),
            id="the user was seen at another time",
        ),
        pytest.param(
            """UPDATE users SET stamps = '{"role":[9,"r"]}' WHERE user_id LIKE 'ż%'""",
            (
                *(1, ProfileKind.USER, "żółw 🐢", "stamps.role"),
                b'{"at":"1970-01-01T00:00:00.000009Z","by":"r"}',
                b'{"at":"1970-01-01T00:00:00.000008Z","by":"00000000000080000000"}',
            ),
            id="a property was set by another call",
        ),
        pytest.param(
            "INSERT INTO users SELECT 1, 'zoe', NULL, NULL, '{}', '{}', 9, NULL",
            (
                *(1, ProfileKind.USER, "zoe", None),
                *(b'{"first_seen_at":"1970-01-01T00:00:00.000009Z"}', None),
            ),
            id="no event names the user",
        ),
        pytest.param(
            "DELETE FROM users WHERE user_id = 'bob'",
            (
                *(1, ProfileKind.USER, "bob", None),
                *(None, b'{"first_seen_at":"1970-01-01T00:00:00.000005Z"}'),
            ),
            id="a user is missing",
        ),
    ],
)
def test_it_finds(
    store: ApplyStore, tmp_path: Path, sql: str, expected: tuple[object, ...]
) -> None:
    """Who looks for a defect wants to know where it is, and what should be there."""
    change(tmp_path, sql)

    found = differences(tmp_path)

    assert len(found) == 1
    *where, stored, rebuilt = found[0]
    sides = (None if side is None else bytes(side) for side in (stored, rebuilt))
    assert (*where, *sides) == expected


def test_missing_and_surplus_profiles_do_not_hide_others(store: ApplyStore, tmp_path: Path) -> None:
    """Both lists are walked side by side; a hole in one must not shift the other."""
    change(tmp_path, "DELETE FROM users WHERE environment_id = 1 AND user_id = 'ada'")
    change(tmp_path, "INSERT INTO users VALUES (1, 'aaa', NULL, NULL, '{}', '{}', 9, NULL)")
    change(tmp_path, "INSERT INTO users VALUES (3, 'zzz', NULL, NULL, '{}', '{}', 9, NULL)")
    change(tmp_path, "DELETE FROM companies WHERE environment_id = 2")

    found = [(each.environment_id, each.id, each.stored is None) for each in differences(tmp_path)]

    assert found == [(1, "aaa", False), (1, "ada", True), (3, "zzz", False), (2, "acme", True)]


def test_the_company_that_apply_filled_in_was_not_named(store: ApplyStore, tmp_path: Path) -> None:
    """A stored track carries its user's company; that must neither make nor set one."""
    change(tmp_path, "UPDATE events SET company_id = 'wrong' WHERE event_type = 'track'")

    assert differences(tmp_path) == []


def test_what_arrives_meanwhile_is_not_mixed_in(store: ApplyStore, tmp_path: Path) -> None:
    """On a server that runs, events and profiles are those of one moment."""
    with (
        closing(open_read_store(tmp_path)) as stored,
        closing(open_apply_store(tmp_path / "scratch")) as scratch,
        closing(open_read_store(tmp_path / "scratch")) as rebuilt,
        stored.snapshot(),
    ):
        rebuild = Rebuild(stored, scratch, rebuilt)
        apply(store, [(20, Call.TRACK, b'{"user_id":"late","event_name":"opened"}')])
        rebuild.fold(lambda done, total: None)
        apply(store, [(21, Call.IDENTIFY, b'{"user_id":"ada","metadata":{"role":"late"}}')])

        assert list(rebuild.differences()) == []
        assert (rebuild.events, rebuild.users, rebuild.companies) == (11, 4, 3)


def test_progress_ends_at_all_of_them(
    store: ApplyStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bar that stops in the middle looks like a failure."""
    monkeypatch.setattr(module, "BATCH", 4)
    seen: list[tuple[int, int]] = []
    with (
        closing(open_read_store(tmp_path)) as stored,
        closing(open_apply_store(tmp_path / "scratch")) as scratch,
        closing(open_read_store(tmp_path / "scratch")) as rebuilt,
        stored.snapshot(),
    ):
        Rebuild(stored, scratch, rebuilt).fold(lambda done, total: seen.append((done, total)))

    assert seen == [(4, 11), (8, 11), (11, 11)]


@pytest.mark.parametrize(("kept_since", "fine"), [(None, False), (5, False), (6, True)])
def test_what_was_dropped_for_its_age_is_no_difference(
    store: ApplyStore, tmp_path: Path, kept_since: int | None, fine: bool
) -> None:
    """Profiles stay when old events go, so nothing else gives what they have of these."""
    change(tmp_path, "DELETE FROM events WHERE inserted_at < 6")

    assert (differences(tmp_path, kept_since=kept_since) == []) is fine


def test_what_kept_events_should_give_is_still_a_difference(
    store: ApplyStore, tmp_path: Path
) -> None:
    """Old events excuse only what is old itself."""
    change(tmp_path, "DELETE FROM events WHERE inserted_at < 7")  # one more than retention takes

    found = differences(tmp_path, kept_since=6)

    assert {(each.id, each.property) for each in found} >= {
        ("ada", "stamps.age"),
        ("ada", "company_id"),
        ("globex", None),
    }


def test_an_old_value_does_not_excuse_another_one(store: ApplyStore, tmp_path: Path) -> None:
    """If a kept event sets a property, the profile must have that or something newer."""
    change(
        tmp_path,
        """UPDATE users SET stamps = replace(stamps, '[8,', '[2,') WHERE user_id LIKE 'ż%'""",
    )

    assert [each.property for each in differences(tmp_path, kept_since=6)] == ["stamps.role"]
