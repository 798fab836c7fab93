"""What every engine's store of sign-ins promises (`SignInStore`)."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from analytex.errors import Unavailable
from analytex.storage.embedded.signing_in import EmbeddedSignInStore
from analytex.storage.open import open_key_store
from analytex.storage.signing_in import ALL, SignInStore

Open = Callable[[], SignInStore]


@pytest.fixture
def open_store(tmp_path: Path) -> Iterator[Open]:
    """Open the same store again and again, as several processes do."""
    open_key_store(tmp_path).close()
    opened: list[SignInStore] = []

    def open_it() -> SignInStore:
        opened.append(EmbeddedSignInStore(tmp_path / "store.db", most_ended=3))
        return opened[-1]

    yield open_it
    for store in opened:
        store.close()


@pytest.fixture
def store(open_store: Open) -> SignInStore:
    """A store in which nothing is yet."""
    return open_store()


def test_every_process_knows_at_once_that_a_session_ended(open_store: Open) -> None:
    """One that asks before and after sees the difference."""
    one, other = open_store(), open_store()
    assert not other.has_ended("a")

    one.end_session("a", now=100, until=200)

    assert other.has_ended("a")
    assert not other.has_ended("b")


def test_ending_a_session_again_changes_nothing(store: SignInStore) -> None:
    """Two tabs sign out at the same time."""
    store.end_session("a", now=100, until=200)
    store.end_session("a", now=110, until=210)

    assert store.has_ended("a")


def test_sessions_that_are_over_anyway_are_forgotten(store: SignInStore) -> None:
    """Their cookies are refused for their age."""
    store.end_session("a", now=100, until=200)
    store.end_session("b", now=200, until=300)

    assert not store.has_ended("a")
    assert store.has_ended("b")


def test_of_too_many_the_oldest_are_forgotten(store: SignInStore) -> None:
    """Whoever signs in and out all day long does not fill the disk."""
    for number, id in enumerate("abcde"):
        store.end_session(id, now=100, until=200 + number)

    assert [id for id in "abcde" if store.has_ended(id)] == ["c", "d", "e"]


def test_failures_are_counted_by_sender_and_together(open_store: Open) -> None:
    """A window lasts from the first failure on, for each of them."""
    one, other = open_store(), open_store()
    one.sign_in_failed(b"x", now=100, window=50)
    other.sign_in_failed(b"y", now=120, window=50)
    other.sign_in_failed(b"x", now=120, window=50)

    def failures(sender: bytes, now: int) -> tuple[int, int]:
        return one.failed_sign_ins(sender, now=now, window=50)

    assert failures(b"x", 130) == (2, 150)
    assert failures(b"y", 130) == (1, 170)
    assert failures(ALL, 130) == (3, 150)
    assert failures(b"x", 150) == (0, 150)
    assert failures(b"y", 150) == (1, 170)
    assert failures(b"z", 130) == (0, 130)


def test_a_store_that_cannot_be_read_says_that_it_may_be_tried_again(tmp_path: Path) -> None:
    """The reason is the disk's, not the reader's."""
    with pytest.raises(Unavailable, match="cannot be opened"):
        EmbeddedSignInStore(tmp_path / "missing" / "store.db")
