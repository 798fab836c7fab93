"""Refused requests are kept within bounds, and found again."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from analytex.domain.quarantine import Refused, RefusedFilter
from analytex.storage.open import open_quarantine_store
from analytex.storage.quarantine import Bounds, QuarantineStore
from tests.refusals import ENVIRONMENT, refused

WIDE: Final = Bounds(rows=1000, bytes=10_000_000)
AGE_US: Final = 10_000_000
ANY: Final = RefusedFilter()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[QuarantineStore]:
    """A store in which nothing is yet."""
    store = open_quarantine_store(tmp_path)
    yield store
    store.close()


def add(store: QuarantineStore, *some: Refused, bounds: Bounds = WIDE) -> int:
    """Write some."""
    return store.add(some, {}, bounds=bounds, max_age_us=AGE_US)


def ids(store: QuarantineStore, environment_id: int = ENVIRONMENT, **wanted: Any) -> list[str]:
    """Return the ids of an environment's, newest first."""
    found = store.find(environment_id, RefusedFilter(**wanted), before=None, limit=1000)
    return [each.id for each in found]


def test_what_was_written_is_found_as_it_was(store: QuarantineStore) -> None:
    """All but the number, which the store gives."""
    given = refused(1, query="a=1", body=b"\xff\0", details="It is.", content_type="x", whole=False)
    add(store, given)

    (found,) = store.find(ENVIRONMENT, ANY, before=None, limit=10)

    assert found == store.get(ENVIRONMENT, given.id)
    given.number = found.number
    assert found == given


def test_pages_and_filters(store: QuarantineStore) -> None:
    """Each field narrows the list; a page begins below a number."""
    now = time.time_ns() // 1000
    add(store, refused(1, at=now), refused(2, at=now + 5, status=413, code="body_too_large"))
    add(store, refused(3, at=now + 9, path="/v1/identify"), refused(4, environment_id=8))

    assert ids(store) == [f"{n:020x}" for n in (3, 2, 1)]
    assert ids(store, status=413) == ids(store, code="body_too_large") == [f"{2:020x}"]
    assert ids(store, path="/v1/identify") == ids(store, since=now + 9) == [f"{3:020x}"]
    assert ids(store, since=now, until=now + 5) == [f"{1:020x}"]
    assert store.count(ENVIRONMENT, ANY) == 3
    assert store.count(ENVIRONMENT, RefusedFilter(status=413)) == 1
    newest = store.find(ENVIRONMENT, ANY, before=None, limit=1)[0]
    assert [e.id for e in store.find(ENVIRONMENT, ANY, before=newest.number, limit=1)] == [
        f"{2:020x}"
    ]


def test_rows_beyond_the_bound_go_oldest_first(store: QuarantineStore) -> None:
    """Of the environment that has too many, and of no other."""
    add(store, refused(0, environment_id=8))
    bounds = WIDE._replace(rows=3)
    for n in range(1, 6):
        add(store, refused(n), bounds=bounds)

    assert ids(store) == [f"{n:020x}" for n in (5, 4, 3)]
    assert (store.dropped(ENVIRONMENT), store.dropped(8)) == (2, 0)
    assert len(ids(store, 8)) == 1


def test_bytes_beyond_the_bound_go_from_whoever_has_most(store: QuarantineStore) -> None:
    """One environment's flood does not push out what others keep."""
    add(store, refused(0, environment_id=8))
    bounds = WIDE._replace(bytes=100_000)
    for n in range(1, 200):
        add(store, refused(n, body=b"x" * 2000), bounds=bounds)

    left = store.count(ENVIRONMENT, ANY)
    assert 0 < left <= 50
    assert store.dropped(ENVIRONMENT) == 199 - left
    assert len(ids(store, 8)) == 1


def test_what_waited_too_long_is_only_counted(store: QuarantineStore) -> None:
    """A deletion relies on it: a second after its time, all from before is written, or never."""
    old = refused(1, at=time.time_ns() // 1000 - AGE_US - 1)

    assert add(store, old, refused(2)) == 1
    assert ids(store) == [f"{2:020x}"]
    assert store.dropped(ENVIRONMENT) == 1


def test_what_was_dropped_before_is_counted(store: QuarantineStore) -> None:
    """Whoever had no room in the queue is not forgotten."""
    store.add([], {ENVIRONMENT: 3}, bounds=WIDE, max_age_us=AGE_US)
    store.add([], {ENVIRONMENT: 2, 8: 1}, bounds=WIDE, max_age_us=AGE_US)

    assert (store.dropped(ENVIRONMENT), store.dropped(8)) == (5, 1)


def test_a_number_is_never_given_twice(store: QuarantineStore) -> None:
    """Streams go on behind the last number that they told."""
    add(store, refused(1), refused(2))
    last = store.last()
    assert store.remove(ENVIRONMENT, [last, last - 1]) == 2
    add(store, refused(3))

    assert store.last() == last + 1
    found = store.behind(last, last + 1, environments=[ENVIRONMENT, 8], limit=10)
    assert [each.id for each in found] == [f"{3:020x}"]
    assert store.behind(last, last + 1, environments=[8], limit=10) == []


def test_old_ones_expire(store: QuarantineStore) -> None:
    """Some at a time, so that nobody waits."""
    now = time.time_ns() // 1000
    add(store, *(refused(n, at=now + n) for n in range(5)))

    assert store.expire(now + 3, limit=2) == 2
    assert store.expire(now + 3, limit=2) == 1
    assert ids(store) == [f"{n:020x}" for n in (4, 3)]
    assert store.dropped(ENVIRONMENT) == 0


def test_only_the_environment_itself_reaches_its_own(store: QuarantineStore) -> None:
    """Ids and numbers of others lead nowhere."""
    add(store, refused(1))

    assert store.get(8, f"{1:020x}") is None
    assert store.remove(8, [store.last()]) == 0
    assert len(ids(store)) == 1


def test_a_replay_is_noted(store: QuarantineStore) -> None:
    """So that nothing is accepted twice."""
    add(store, refused(1))
    store.mark_replayed(store.last(), at=5, request_id="r")

    (found,) = store.find(ENVIRONMENT, ANY, before=None, limit=1)
    assert (found.replayed_at, found.replayed_as) == (5, "r")


def test_nothing_removed_stays_in_the_files(store: QuarantineStore, tmp_path: Path) -> None:
    """What a deletion promises."""
    add(store, *(refused(n, body=b"secret-%d" % n * 100) for n in range(200)))
    add(store, refused(1000, body=b"other"))
    numbers = [each.number for each in store.find(ENVIRONMENT, ANY, before=None, limit=1000)]
    store.remove(ENVIRONMENT, numbers[1:])

    assert store.settle()
    scrub = store.scrub()
    while scrub.step():
        pass
    scrub.close()

    content = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"secret-" not in content
    assert b"other" in content
