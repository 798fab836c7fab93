"""Those who follow events find each of them once, by numbers that are never given twice."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from analytex.storage.erasing import Stored
from analytex.storage.interface import ApplyStore
from analytex.storage.live import LiveStore, Wanted
from analytex.storage.open import open_apply_store, open_erase_store, open_live_store
from tests.storage.samples import changes, event

CALL = "{:020x}".format


@pytest.fixture
def store(apply: ApplyStore, tmp_path: Path) -> Iterator[LiveStore]:
    """The followers' side of a store."""
    store = open_live_store(tmp_path)
    yield store
    store.close()


def behind(store: LiveStore, after: int = 0, upto: int = 100, **wanted: Any) -> list[str]:
    """Return the names of what is behind a sequence."""
    given: dict[str, Any] = {"environments": [1], "files": False, **wanted}
    return [found.event.event_name for found in store.behind(after, upto, Wanted(**given))]


def test_an_empty_store_reaches_nowhere(store: LiveStore) -> None:
    """The first event is the first one behind it."""
    assert (store.last(), store.first()) == (0, 1)


def test_events_are_found_in_their_order(apply: ApplyStore, store: LiveStore) -> None:
    """Behind one sequence and up to another."""
    some = [event(CALL(n), event_name=f"e{n}") for n in range(1, 6)]
    apply.write(changes(*some), start=0, upto=5)

    assert (store.last(), store.first()) == (5, 1)
    assert behind(store) == ["e1", "e2", "e3", "e4", "e5"]
    assert behind(store, 2, 4) == ["e3", "e4"]
    assert behind(store, 5) == []


def test_what_nobody_wants_is_left_out(apply: ApplyStore, store: LiveStore) -> None:
    """It costs least where SQLite does it."""
    some = [
        event(CALL(1), event_name="a"),
        event(CALL(2), event_name="b", user_id="bob", company_id="acme"),
        event(CALL(3), event_name="c", environment_id=2),
        event("0" * 32, event_name="row"),
    ]
    apply.write(changes(*some), start=0, upto=5)

    assert behind(store) == ["a", "b"]
    assert behind(store, environments=[1, 2]) == ["a", "b", "c"]
    assert behind(store, files=True) == ["a", "b", "row"]
    assert behind(store, user_ids=["bob", "cyd"]) == behind(store, company_ids=["acme"]) == ["b"]
    assert behind(store, event_names=["a"]) == ["a"]
    assert behind(store, event_types=["identify_user"]) == []


def test_the_number_of_a_deleted_event_is_not_given_again(
    apply: ApplyStore, store: LiveStore, tmp_path: Path
) -> None:
    """Whoever was told of it would miss the next one."""
    last = event(CALL(2), event_name="last")
    apply.write(changes(event(CALL(1)), last), start=0, upto=2)
    eraser = open_erase_store(tmp_path)
    eraser.replace([(Stored(2, last), None)])
    eraser.close()

    assert store.last() == 2
    reopened = open_apply_store(tmp_path)
    reopened.write(changes(event(CALL(3), event_name="next")), start=2, upto=3)
    reopened.close()

    assert store.last() == 3
    assert behind(store, 2) == ["next"]
