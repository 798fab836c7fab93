"""Refused requests that mention who was deleted go, and so do those that may."""

from pathlib import Path
from typing import Any, Final

import pytest

from analytex.domain.quarantine import RefusedFilter
from analytex.jobs.forgetting_refused import ForgettingRefused
from analytex.storage.open import open_quarantine_store
from analytex.storage.quarantine import Bounds
from tests.refusals import ENVIRONMENT, refused

AT: Final = 2**62  # later than everything
GOES: Final = {
    "in the body": {"body": b'{"user_id":"ada"}'},
    "escaped": {"body": b'{"user_id":"\\u0061da"}'},
    "in a form": {"body": b"user_id=%61da"},
    "in CSV": {"body": b'"{""user_id"":""ada""}"'},
    "in the query": {"query": "user=ada"},
    "in the details": {"details": "It is 'ada'."},
    "not whole": {"body": b"{", "whole": False},
    "no text": {"body": b"\xff\xfe"},
    "UTF-16": {"body": "{}".encode("utf-16-le")},
}
STAYS: Final = {
    "another id": {"body": b'{"user_id":"adam"}'},
    "without a body": {"body": b""},
    "another environment": {"environment_id": 8, "body": b'{"user_id":"ada"}'},
    "later": {"at": AT + 1, "body": b'{"user_id":"ada"}'},
}


def left_after(folder: Path, **changes: Any) -> int:
    """Return how many of one such request a deletion leaves."""
    store = open_quarantine_store(folder)
    given = {"body": b"", **changes}
    one = refused(1, **given)
    store.add([one], {}, bounds=Bounds(10, 10**6), max_age_us=2**62)
    forgetting = ForgettingRefused(
        open_quarantine_store(folder), ENVIRONMENT, frozenset(("ada",)), at=AT
    )
    while forgetting.step():
        pass
    left = store.count(one.environment_id, RefusedFilter())
    assert forgetting.rows == 1 - left
    forgetting.close()
    store.close()
    return left


@pytest.mark.parametrize("changes", GOES.values(), ids=GOES)
def test_what_mentions_them_goes(tmp_path: Path, changes: dict[str, Any]) -> None:
    """Or cannot be searched for them."""
    assert left_after(tmp_path, **changes) == 0


@pytest.mark.parametrize("changes", STAYS.values(), ids=STAYS)
def test_what_is_of_others_stays(tmp_path: Path, changes: dict[str, Any]) -> None:
    """And what came after the deletion."""
    assert left_after(tmp_path, **changes) == 1


def test_thousands_are_looked_at_in_steps(tmp_path: Path) -> None:
    """The applier works in between."""
    store = open_quarantine_store(tmp_path)
    some = [refused(n, body=b'{"user_id":"%s"}' % (b"ada", b"bob")[n % 2]) for n in range(2000)]
    store.add(some, {}, bounds=Bounds(10_000, 10**8), max_age_us=2**62)
    forgetting = ForgettingRefused(store, ENVIRONMENT, frozenset(("ada",)), at=AT)
    while forgetting.step():
        pass

    assert forgetting.rows == store.count(ENVIRONMENT, RefusedFilter()) == 1000
    forgetting.close()
