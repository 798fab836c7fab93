"""Guessing keys is slowed down, by all workers together, and nobody is locked out for long."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from analytex.auth.sign_ins import SignIns
from analytex.console.brake import FAILURES_OF_ALL, FAILURES_OF_ONE, WINDOW_S, Brake
from analytex.errors import RateLimited, Unavailable
from analytex.storage.open import open_key_store, open_sign_in_store
from analytex.storage.signing_in import SignInStore
from tests.console.browser import Browser
from tests.console.clock import Clock
from tests.server import Server

ADDRESS = "203.0.113.5"

Start = Callable[[], Brake]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def start(tmp_path: Path, clock: Clock) -> Iterator[Start]:
    """Start workers of one data directory; each has a brake."""
    open_key_store(tmp_path).close()
    started: list[SignIns] = []

    def start() -> Brake:
        started.append(SignIns(lambda: open_sign_in_store(tmp_path)))
        return Brake(b"kept by the store", started[-1], clock=clock)

    yield start
    for each in started:
        each.close()


@pytest.fixture
def brake(start: Start) -> Brake:
    return start()


async def guess(brake: Brake, times: int = FAILURES_OF_ONE, address: str = ADDRESS) -> None:
    for _ in range(times):
        brake.check(address)
        await brake.failed(address)


async def test_guessing_is_slowed_down_for_one_address(brake: Brake, clock: Clock) -> None:
    """Others, and those who are signed in, are not affected; after the window one may try again."""
    await guess(brake)

    with pytest.raises(RateLimited) as refused:
        brake.check(ADDRESS)
    brake.check("203.0.113.6")
    assert 0 < refused.value.retry_after_s <= WINDOW_S

    clock.now += refused.value.retry_after_s
    brake.check(ADDRESS)


async def test_a_network_of_ipv6_counts_as_one_address(brake: Brake) -> None:
    """Whoever has one address of version 6 has 2^64 of them."""
    for number in range(FAILURES_OF_ONE):
        await brake.failed(f"2001:db8::{number:x}")

    with pytest.raises(RateLimited):
        brake.check("2001:db8::ffff")
    brake.check("2001:db8:0:1::1")


async def test_workers_count_together(start: Start) -> None:
    """Otherwise each worker more would be ten guesses more."""
    one, other = start(), start()
    await guess(one, FAILURES_OF_ONE - 1)
    await guess(other, 1)

    for worker in (one, other):
        with pytest.raises(RateLimited):
            worker.check(ADDRESS)


async def test_a_restart_does_not_make_guessing_free(start: Start) -> None:
    """A server that is restarted every minute would otherwise have no limit."""
    await guess(start())

    with pytest.raises(RateLimited):
        start().check(ADDRESS)


async def test_attempts_that_come_at_the_same_moment_count_at_once(brake: Brake) -> None:
    """The next one is looked at before the disk has the last; it must not slip through."""
    waiting = [brake.failed(ADDRESS) for _ in range(FAILURES_OF_ONE)]
    for each in waiting:
        each.send(None)  # runs until it waits for the disk

    with pytest.raises(RateLimited):
        brake.check(ADDRESS)
    for each in waiting:
        each.close()


async def test_without_a_disk_that_can_be_written_a_worker_counts_alone(tmp_path: Path) -> None:
    """A full disk must neither make guessing free nor keep out whoever comes to see why."""
    open_key_store(tmp_path).close()
    clock = Clock()
    with closing(SignIns(lambda: FullDisk(open_sign_in_store(tmp_path)))) as sign_ins:
        brake = Brake(b"secret", sign_ins, clock=clock)
        await guess(brake)

        with pytest.raises(RateLimited):
            brake.check(ADDRESS)
        brake.check("203.0.113.6")


async def test_guessing_from_many_addresses_is_slowed_down_too(
    brake: Brake, tmp_path: Path
) -> None:
    """A botnet tries a few keys from each of its addresses; it cannot fill the store either."""
    for number in range(FAILURES_OF_ALL):
        await guess(brake, 1, f"203.0.{number // 250}.{number % 250}")

    with pytest.raises(RateLimited):
        brake.check("198.51.100.1")
    assert rows(tmp_path) == FAILURES_OF_ALL + 1


async def test_what_is_over_is_forgotten_and_no_address_is_kept(
    brake: Brake, clock: Clock, tmp_path: Path
) -> None:
    """Addresses are about persons; a table that only grows is found out years later."""
    await guess(brake, 2, "198.51.100.1")
    clock.now += WINDOW_S
    await guess(brake, 1)

    assert rows(tmp_path) == 2  # this address, and all together
    held = kept(tmp_path)
    assert ADDRESS.encode() not in held
    assert b"198.51.100" not in held


async def test_a_clock_that_is_set_back_locks_nobody_out(brake: Brake, clock: Clock) -> None:
    """The window would otherwise last as long as the clock was wrong."""
    await guess(brake)

    clock.now -= 2 * WINDOW_S
    brake.check(ADDRESS)


@pytest.mark.slow  # 2 s: starts a server, as its failures would be in the way of other tests
def test_too_many_attempts_are_refused_with_the_time_to_wait_by_every_worker(
    tmp_path: Path,
) -> None:
    """A browser shows a page, a program reads Retry-After; the right key has to wait as well."""
    with Server(tmp_path, settings={"workers": 2}) as server, Browser(server) as browser:
        for _ in range(FAILURES_OF_ONE):
            with Browser(server) as guesser:  # a connection of its own: any worker answers
                reply = guesser.http.post("/console/sign-in", data={"key": "guess"})
                assert reply.status_code == 401

        for _ in range(10):
            with Browser(server) as other:
                assert other.sign_in(server.client()).status_code == 429
        reply = browser.sign_in(server.client())

        assert reply.status_code == 429
        assert 0 < int(reply.headers["retry-after"]) <= WINDOW_S
        assert "Too many attempts" in reply.text


class FullDisk:
    """A store that reads and does not write."""

    def __init__(self, inner: SignInStore) -> None:
        self._inner = inner
        self.has_ended = inner.has_ended
        self.failed_sign_ins = inner.failed_sign_ins
        self.close = inner.close

    def end_session(self, id: str, *, now: int, until: int) -> None:
        raise Unavailable("store.db cannot be written.")

    def sign_in_failed(self, sender: bytes, *, now: int, window: int) -> None:
        raise Unavailable("store.db cannot be written.")


def rows(folder: Path) -> int:
    with closing(sqlite3.connect(folder / "store.db")) as db:
        return int(db.execute("SELECT count(*) FROM failed_sign_ins").fetchone()[0])


def kept(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.glob("store.db*"))
