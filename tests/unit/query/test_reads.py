"""Reads wait for what was acknowledged before them, and hand out pages."""

import asyncio
import base64
import time
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from typing import Final

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from analytex.domain.events import EventFilter
from analytex.errors import BadRequest
from analytex.query import cursors
from analytex.query import reads as reads_module
from analytex.query.reads import Page, Reads
from analytex.storage.interface import ApplyStore, Place
from analytex.storage.open import open_apply_store, open_read_store
from tests.history.inside import engine
from tests.storage.samples import changes, company, event, user

WAIT_S: Final = 0.3
EXAMPLES: Final = settings(derandomize=True, database=None, deadline=None)


class Log:
    """As much of a log as a read asks for."""

    end = 0


@pytest.fixture
def log() -> Log:
    """A log whose end the test sets."""
    return Log()


@pytest.fixture
def store(tmp_path: Path) -> ApplyStore:
    """The applier's side."""
    return open_apply_store(tmp_path)


@pytest.fixture
async def reads(tmp_path: Path, store: ApplyStore, log: Log) -> AsyncIterator[Reads]:
    """Reads of that store."""
    reads = Reads(
        partial(open_read_store, tmp_path), lambda: log.end, engine(tmp_path), wait_s=WAIT_S
    )
    yield reads
    reads.close()
    store.close()


# Read your writes


async def test_a_read_does_not_wait_if_all_is_applied(
    reads: Reads, store: ApplyStore, log: Log
) -> None:
    """The ordinary case costs nothing."""
    store.write(changes(event()), start=0, upto=1)
    log.end = 1
    before = time.monotonic()
    assert await reads.caught_up() == 0
    assert time.monotonic() - before < WAIT_S / 2


async def test_a_read_waits_for_what_was_acknowledged_before_it(
    reads: Reads, store: ApplyStore, log: Log
) -> None:
    """A test can write and read in the next line."""
    log.end = 5
    waiting = asyncio.create_task(reads.caught_up())
    await asyncio.sleep(0.03)
    assert not waiting.done()
    store.write(changes(event()), start=0, upto=4)
    await asyncio.sleep(0.03)
    assert not waiting.done()
    store.write(changes(event()), start=4, upto=6)
    assert await waiting == 0


async def test_a_read_does_not_wait_for_what_comes_after_it(
    reads: Reads, store: ApplyStore, log: Log
) -> None:
    """Else it would never end under load."""
    log.end = 1
    waiting = asyncio.create_task(reads.caught_up())
    await asyncio.sleep(0.03)
    log.end = 1_000
    store.write(changes(event()), start=0, upto=1)
    assert await waiting == 0


async def test_a_wait_that_is_too_long_ends_and_says_how_much_is_missing(
    reads: Reads, store: ApplyStore, log: Log
) -> None:
    """Better what is there, and said so, than no answer while apply is behind."""
    store.write(changes(event()), start=0, upto=1)
    log.end = 8
    before = time.monotonic()
    assert await reads.caught_up() == 7
    assert WAIT_S <= time.monotonic() - before < WAIT_S + 1


# Pages


async def all_pages(read: Callable[[str | None], object]) -> list[Page[object]]:
    """Follow the cursors to the last page."""
    pages: list[Page[object]] = []
    cursor = None
    while not pages or cursor is not None:
        page = await read(cursor)  # type: ignore[misc]
        pages.append(page)
        cursor = page.after
    return pages


@pytest.mark.parametrize(("count", "sizes"), [(0, [0]), (3, [3]), (4, [3, 1]), (6, [3, 3])])
async def test_only_the_last_page_has_no_cursor(
    reads: Reads, store: ApplyStore, count: int, sizes: list[int]
) -> None:
    """A full page that is the last one says so, so nobody asks for an empty one."""
    users = [user(f"u/{n}") for n in range(count)]
    companies = [company(f"ä{n}") for n in range(count)]
    events = [event(f"r{n}", at=n // 2) for n in range(count)]
    store.write(changes(*users, *companies, *events), start=0, upto=1)
    for read, wanted in (
        (lambda cursor: reads.users(1, cursor=cursor, limit=3), users),
        (lambda cursor: reads.companies(1, cursor=cursor, limit=3), companies),
        (lambda cursor: reads.events(1, EventFilter(), cursor=cursor, limit=3), events[::-1]),
    ):
        pages = await all_pages(read)
        assert [len(page.items) for page in pages] == sizes
        assert [item for page in pages for item in page.items] == wanted


async def test_a_total_is_given_only_where_counting_is_quick(
    reads: Reads, store: ApplyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Null, rather than a number that is wrong or slow."""
    monkeypatch.setattr(reads_module, "COUNT_AT_MOST", 4)
    store.write(changes(*(user(f"{n}") for n in range(4)), event()), start=0, upto=1)
    assert (await reads.users(1, cursor=None, limit=1)).total == 4
    store.write(changes(user("4")), start=1, upto=2)
    assert (await reads.users(1, cursor=None, limit=1)).total is None
    assert (await reads.companies(1, cursor=None, limit=1)).total == 0
    assert (await reads.events(1, EventFilter(), cursor=None, limit=1)).total is None


async def test_a_profile_is_found_by_its_id(reads: Reads, store: ApplyStore) -> None:
    """And None is said where there is none."""
    store.write(changes(user("ada"), company("acme")), start=0, upto=1)
    assert await reads.user(1, "ada") == user("ada")
    assert await reads.company(1, "acme") == company("acme")
    assert await reads.user(2, "ada") is None
    assert await reads.company(1, "ada") is None


async def test_many_reads_at_once_are_answered(reads: Reads, store: ApplyStore) -> None:
    """More than there are threads."""
    store.write(changes(user("ada")), start=0, upto=1)
    found = await asyncio.gather(*(reads.user(1, "ada") for _ in range(40)))
    assert found == [user("ada")] * 40


# Cursors


@EXAMPLES
@given(st.text(max_size=20))
def test_a_cursor_of_users_leads_back_to_the_id(id: str) -> None:
    """Whatever the id holds, the cursor needs no escaping in an address."""
    cursor = cursors.encode(id)
    assert cursors.decode(cursor, str) == id
    assert cursor.replace("-", "a").replace("_", "a").isalnum()


@EXAMPLES
@given(st.integers(-(2**63), 2**63 - 1), st.integers(0, 2**63 - 1))
def test_a_cursor_of_events_leads_back_to_the_place(at: int, sequence: int) -> None:
    """Times and sequences of any size that a store holds."""
    place = Place(at, sequence)
    assert cursors.decode(cursors.encode(place), Place) == place


@EXAMPLES
@given(st.text(max_size=30) | st.binary(max_size=30).map(lambda raw: cursor_of(raw)))
@example("é")
@example("=")
def test_any_other_text_is_refused_by_name(text: str) -> None:
    """It came from outside: a 400 that says which field, never a 500."""
    for kind in (str, Place):
        try:
            cursors.decode(text, kind)
        except BadRequest as refusal:
            message = refusal.message
            assert "after_cursor" in message


@pytest.mark.parametrize(
    "place",
    [
        b"[9223372036854775808,1]",
        b"[-9223372036854775809,1]",
        b"[1,9223372036854775808]",
        b"[1]",
        b"[1,2,3]",
        b'["1",2]',
        b"[1.5,2]",
        b"null",
        b'"ada"',
    ],
)
async def test_a_place_that_no_event_can_have_is_refused(reads: Reads, place: bytes) -> None:
    """Also one whose numbers are larger than any store's."""
    with pytest.raises(BadRequest):
        await reads.events(1, EventFilter(), cursor=cursor_of(place), limit=1)


def cursor_of(raw: bytes) -> str:
    """Return these bytes in the outer form of a cursor."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
