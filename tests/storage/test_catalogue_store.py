"""What every engine promises to the catalogue (`CatalogueStore`, `CatalogueReader`)."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from analytex.domain.catalogue import MOST_ENTRIES, Entry, Findings, Place, Section, ValueType
from analytex.domain.events import EventType
from analytex.errors import Conflict
from analytex.storage.catalogue import CatalogueReader, CatalogueStore
from analytex.storage.embedded import apply as embedded_apply
from analytex.storage.interface import ApplyStore
from analytex.storage.open import open_catalogue_reader, open_catalogue_store
from tests.storage.samples import changes, event

BIG = 1_000_000
ALL = tuple(Section)


@pytest.fixture(autouse=True)
def _short_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded_apply, "SEGMENT_ROWS", 4)


@pytest.fixture
def store(apply: ApplyStore, tmp_path: Path) -> Iterator[CatalogueStore]:
    """The keeper's side."""
    store = open_catalogue_store(tmp_path)
    yield store
    store.close()


@pytest.fixture
def reader(apply: ApplyStore, tmp_path: Path) -> Iterator[CatalogueReader]:
    """The readers' side."""
    reader = open_catalogue_reader(tmp_path)
    yield reader
    reader.close()


def fill(apply: ApplyStore, count: int) -> None:
    """Store tracks."""
    start = apply.position()
    apply.write(changes(*(event(f"r{n}") for n in range(count))), start=start, upto=start + count)


def user_key(key: str, count: int = 1) -> Findings:
    """What says that a property of users was seen in environment 1."""
    entry = Entry(count=count, first_seen=1, last_seen=2, types={ValueType.STRING: count})
    return Findings(entries={1: {Place(Section.USER, "", key): entry}})


def keys(reader: CatalogueReader) -> dict[str, int]:
    """Return the properties of users, and how often they were seen."""
    kept = reader.kept(1, [Section.USER])
    return {place.key: entry.count for place, entry in kept.entries.items()}


def test_only_complete_segments_are_catalogued(apply: ApplyStore, store: CatalogueStore) -> None:
    """The sequences behind them may be given to other events, after a deletion."""
    fill(apply, 3)
    assert store.waiting() == 0
    assert store.next(limit=10, limit_bytes=BIG) == ((), 0, 0)
    fill(apply, 3)
    assert store.waiting() == 4
    run = store.next(limit=10, limit_bytes=BIG)
    assert (len(run.samples), run.start, run.upto) == (4, 0, 4)


def test_a_piece_has_a_bounded_number_of_events_and_bytes(
    apply: ApplyStore, store: CatalogueStore
) -> None:
    """Applying waits for it, and it lies in memory."""
    fill(apply, 8)
    assert store.next(limit=3, limit_bytes=BIG).upto == 3
    assert store.next(limit=8, limit_bytes=20).upto == 3  # each has 10 bytes of properties
    assert store.next(limit=8, limit_bytes=0).upto == 1
    assert store.next(limit=8, limit_bytes=BIG).upto == 8


def test_a_piece_is_added_once(store: CatalogueStore, reader: CatalogueReader) -> None:
    """Its counts and how far the catalogue has come are one transaction."""
    store.add(user_key("plan"), start=0, upto=4)
    with pytest.raises(Conflict):
        store.add(user_key("plan"), start=0, upto=4)
    assert keys(reader) == {"plan": 1}
    assert reader.upto() == 4


def test_what_is_added_comes_to_what_was_there(
    store: CatalogueStore, reader: CatalogueReader
) -> None:
    """Counts add up; the earliest and the latest times stay."""
    place = Place(Section.TRACK, "opened", "p")
    for number, entry in enumerate(
        (
            Entry(count=2, first_seen=5, last_seen=6, types={ValueType.DATE: 1, ValueType.NULL: 1}),
            Entry(count=1, first_seen=1, last_seen=9, types={ValueType.NUMERIC: 1}),
            Entry(count=1, first_seen=7, last_seen=7, types={ValueType.ARRAY: 1}),
        )
    ):
        store.add(Findings(entries={1: {place: entry}}), start=number, upto=number + 1)
    types = dict.fromkeys((ValueType.DATE, ValueType.NULL, ValueType.NUMERIC, ValueType.ARRAY), 1)
    assert reader.kept(1, ALL) == (
        {place: Entry(count=4, first_seen=1, last_seen=9, types=types)},
        0,
    )
    assert reader.kept(2, ALL) == ({}, 0)


def test_a_full_catalogue_takes_no_new_names(
    store: CatalogueStore, reader: CatalogueReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever invents keys cannot fill the disk; known ones are still counted, others told of."""
    monkeypatch.setitem(MOST_ENTRIES, Section.USER, 2)
    store.add(user_key("a"), start=0, upto=1)
    found = user_key("b")
    found.entries[1] |= user_key("c", 5).entries[1] | user_key("a", 7).entries[1]
    store.add(found, start=1, upto=2)
    store.add(user_key("d"), start=2, upto=3)
    assert keys(reader) == {"a": 8, "b": 1}
    assert reader.kept(1, [Section.USER]).left_out == 6
    assert reader.kept(1, [Section.COMPANY]).left_out == 0
    assert reader.kept(2, [Section.USER]).left_out == 0


def test_what_could_not_be_looked_at_is_counted(
    store: CatalogueStore, reader: CatalogueReader
) -> None:
    """Keys that are too long, for example."""
    for number in range(2):
        found = Findings(left_out={(1, Section.USER): 3})
        store.add(found, start=number, upto=number + 1)
    assert reader.kept(1, [Section.USER]) == ({}, 6)


def test_events_behind_a_place_are_those_of_the_sections(
    apply: ApplyStore, reader: CatalogueReader
) -> None:
    """A lookup looks at no more than it needs."""
    kinds = (
        event("1"),
        event("2", event_type=EventType.PAGE_VIEW, event_name=""),
        event("3", event_type=EventType.IDENTIFY_USER, event_name=""),
        event("4", event_type=EventType.IDENTIFY_USER, event_name="", company="{}"),
        event("5", event_type=EventType.IDENTIFY_COMPANY, event_name="", user_id=None),
        event("6", environment_id=2),
    )
    apply.write(changes(*kinds), start=0, upto=6)

    def found(*sections: Section, after: int = 0) -> list[int]:
        parts = reader.events(1, sections, after=after, limit_bytes=BIG)
        return [sample[0] for part in parts for sample in part]

    assert reader.end() == 6
    assert found(Section.EVENT) == found(Section.TRACK) == [1]
    assert found(Section.PAGE_VIEW) == [2]
    assert found(Section.USER) == [3, 4]
    assert found(Section.COMPANY) == [4, 5]
    assert found(*Section) == [1, 2, 3, 4, 5]
    assert found(*Section, after=3) == [4, 5]


def test_events_come_in_parts_that_fit_in_memory(
    apply: ApplyStore, reader: CatalogueReader
) -> None:
    """However large their properties are."""
    fill(apply, 5)
    parts = reader.events(1, [Section.TRACK], after=0, limit_bytes=15)
    assert [len(part) for part in parts] == [2, 2, 1]


def test_a_snapshot_sees_one_moment(
    apply: ApplyStore, store: CatalogueStore, reader: CatalogueReader
) -> None:
    """Otherwise an event would be counted twice, or not at all, while it is catalogued."""
    fill(apply, 4)
    with reader.snapshot():
        store.add(user_key("plan"), start=0, upto=4)
        assert (keys(reader), reader.upto()) == ({}, 0)
    assert (keys(reader), reader.upto()) == ({"plan": 1}, 4)


def test_it_is_there_after_a_restart(
    apply: ApplyStore, store: CatalogueStore, tmp_path: Path
) -> None:
    """Cataloguing goes on where it was."""
    fill(apply, 8)
    store.add(user_key("plan"), start=0, upto=4)
    again = open_catalogue_store(tmp_path)
    assert again.waiting() == 4
    assert again.next(limit=10, limit_bytes=BIG).start == 4
    again.close()
