"""Lookups: the catalogue and what is not in it yet, in pages. Equality: `tests/laws/`."""

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest

from analytex.domain.catalogue import MAX_KEY_CHARS, MOST_ENTRIES, Place, Section
from analytex.errors import BadRequest
from analytex.query import lookups as lookups_module
from analytex.query.lookups import Lookups
from analytex.storage.interface import ApplyStore
from analytex.storage.open import open_apply_store, open_catalogue_reader
from tests.storage.samples import changes, event


@pytest.fixture
def store(tmp_path: Path) -> ApplyStore:
    """The applier's side."""
    return open_apply_store(tmp_path)


@pytest.fixture
async def lookups(tmp_path: Path, store: ApplyStore) -> AsyncIterator[Lookups]:
    """Lookups of that store."""
    lookups = Lookups(partial(open_catalogue_reader, tmp_path), wait_s=0.05)
    yield lookups
    lookups.close()
    store.close()


def track(store: ApplyStore, *objects: str, name: str = "opened") -> None:
    """Store tracks with these properties."""
    events = [event(event_name=name, metadata=each) for each in objects]
    start = store.position()
    store.write(changes(*events), start=start, upto=start + len(events))


async def test_pages_put_together_are_all_of_it(lookups: Lookups, store: ApplyStore) -> None:
    """In one order, so that nothing comes twice though keys arrive meanwhile."""
    track(store, '{"b": 1, "a": 1, "ä": 1}', '{"Z": 1}')
    track(store, '{"a": 1}', name="closed")
    found: list[Place] = []
    cursor = None
    for left in (4, 3, 2, 1, 0):
        page, lookup = await lookups.page(1, Section.TRACK, cursor=cursor, limit=1)
        assert (page.total, len(lookup.entries)) == (5, 5)
        found += [place for place, _ in page.items]
        cursor = page.after
        assert (cursor is None) == (left == 0)
    assert [(place.event, place.key) for place in found] == [
        ("closed", "a"),
        ("opened", "Z"),
        ("opened", "a"),
        ("opened", "b"),
        ("opened", "ä"),
    ]


async def test_a_cursor_of_another_list_is_refused(lookups: Lookups) -> None:
    """It would otherwise begin anywhere."""
    for cursor in ("x", "WzEsMl0", "WyJubyIsIiIsIiJd"):
        with pytest.raises(BadRequest):
            await lookups.page(1, Section.TRACK, cursor=cursor, limit=1)


async def test_events_that_are_not_catalogued_are_bounded_too(
    lookups: Lookups, store: ApplyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keys that are too many or too long are left out, and counted."""
    monkeypatch.setitem(MOST_ENTRIES, Section.TRACK, 2)
    monkeypatch.setattr(lookups_module, "BYTES", 1)  # each event is a part of its own
    track(store, '{"a": 1}', '{"b": 1}', '{"c": 1}', '{"a": 1}', f'{{"{"k" * MAX_KEY_CHARS}k": 1}}')
    found = await lookups.find(1, Section.TRACK)
    assert {place.key: entry.count for place, entry in found.entries} == {"a": 2, "b": 1}
    assert found.left_out == 2


async def test_a_catalogue_that_stays_far_behind_is_told_of(
    lookups: Lookups, store: ApplyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lookup neither waits nor works for ever, and says what it misses."""
    monkeypatch.setattr(lookups_module, "MOST_LOOKED_AT", 2)
    track(store, '{"a": 1}', '{"b": 1}', '{"c": 1}', '{"d": 1}', '{"e": 1}')
    found = await lookups.find(1, Section.TRACK)
    assert [place.key for place, _ in found.entries] == ["d", "e"]
    assert found.missing == 3
