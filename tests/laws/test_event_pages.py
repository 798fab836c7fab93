"""Pages of events are a sorted, filtered list, wherever in the store the events lie."""

from collections.abc import Iterator, Sequence
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytex.domain.events import Event, EventFilter, EventType
from analytex.storage.embedded import apply as embedded_apply
from analytex.storage.interface import Changes, Place
from analytex.storage.open import open_apply_store, open_read_store

SEGMENT_ROWS: Final = 5  # instead of thousands: an example meets several segments and a tail
IDS: Final = [f"{number:020x}" for number in range(4)]
TIMES: Final = st.integers(0, 8)
USERS: Final = st.sampled_from(["ada", "bob", "Ada"])
COMPANIES: Final = st.sampled_from(["acme", "bolt"])
NAMES: Final = st.sampled_from(["opened", "closed"])


def events_of(environment_id: int) -> st.SearchStrategy[Event]:
    """Events of every kind, few values each, so that they collide."""
    common = {
        "id": st.sampled_from(IDS),
        "environment_id": st.just(environment_id),
        "source": st.just("backend-http"),
        "inserted_at": TIMES,
        "metadata": st.just("{}"),
    }
    return st.one_of(
        st.builds(
            Event,
            event_type=st.just(EventType.TRACK),
            event_name=NAMES,
            user_id=USERS,
            company_id=st.none() | COMPANIES,
            **common,
        ),
        st.builds(
            Event,
            event_type=st.just(EventType.IDENTIFY_USER),
            event_name=st.just(""),
            user_id=USERS,
            company_id=st.none() | COMPANIES,
            **common,
        ),
        st.builds(
            Event,
            event_type=st.just(EventType.IDENTIFY_COMPANY),
            event_name=st.just(""),
            user_id=st.none(),
            company_id=COMPANIES,
            **common,
        ),
    )


EVENTS = st.lists(st.one_of(events_of(1), events_of(2)), max_size=30)
FILTERS = st.builds(
    EventFilter,
    id=st.none() | st.none() | st.sampled_from(IDS),
    user_id=st.none() | USERS,
    company_id=st.none() | COMPANIES,
    event_type=st.none() | st.sampled_from(EventType),
    event_name=st.none() | NAMES | st.just(""),
    since=st.none() | TIMES,
    until=st.none() | TIMES,
)


class Store:
    """An embedded store with short segments, and the list that it should agree with."""

    def __init__(self, folder: pytest.TempPathFactory) -> None:
        directory = folder.mktemp("events")
        self._apply = open_apply_store(directory)
        self.reads = open_read_store(directory)
        self.events: list[Event] = []  # in the order in which they were stored

    def add(self, events: Sequence[Event]) -> None:
        """Store events in one transaction."""
        start = self._apply.position()
        changes = Changes([], [], events, [])
        self._apply.write(changes, start=start, upto=start + len(events))
        self.events += events

    def close(self) -> None:
        """Close the files."""
        self.reads.close()
        self._apply.close()


@pytest.fixture(scope="module", autouse=True)
def _short_segments() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(embedded_apply, "SEGMENT_ROWS", SEGMENT_ROWS)
        yield


def matches(event: Event, environment_id: int, wanted: EventFilter) -> bool:
    """What a filter means."""
    return (
        event.environment_id == environment_id
        and wanted.id in (None, event.id)
        and wanted.user_id in (None, event.user_id)
        and wanted.company_id in (None, event.company_id)
        and wanted.event_type in (None, event.event_type)
        and wanted.event_name in (None, event.event_name)
        and (wanted.since is None or event.inserted_at >= wanted.since)
        and (wanted.until is None or event.inserted_at < wanted.until)
    )


def expected(events: Sequence[Event], environment_id: int, wanted: EventFilter) -> list[Event]:
    """Newest first; of the same time, the one stored last comes first."""
    numbered = [
        (event.inserted_at, number, event)
        for number, event in enumerate(events)
        if matches(event, environment_id, wanted)
    ]
    return [event for _, _, event in sorted(numbered, key=lambda each: each[:2], reverse=True)]


@pytest.mark.slow
@given(st.lists(EVENTS, max_size=4), st.integers(1, 2), FILTERS, st.integers(1, 12))
def test_pages_put_together_are_the_sorted_list(
    tmp_path_factory: pytest.TempPathFactory,
    batches: list[list[Event]],
    environment_id: int,
    wanted: EventFilter,
    limit: int,
) -> None:
    """For every filter, page size and border between segments. 6 s."""
    store = Store(tmp_path_factory)
    try:
        for batch in batches:
            store.add(batch)
        found: list[Event] = []
        after: Place | None = None
        while page := store.reads.list_events(environment_id, wanted, after=after, limit=limit):
            assert len(page) <= limit
            found += [event for _, event in page]
            after = page[-1][0]
        assert found == expected(store.events, environment_id, wanted)
    finally:
        store.close()


@pytest.mark.slow
@given(EVENTS, EVENTS, EVENTS, FILTERS, st.integers(1, 6))
def test_pages_are_stable_while_events_arrive(
    tmp_path_factory: pytest.TempPathFactory,
    before: list[Event],
    meanwhile: list[Event],
    later: list[Event],
    wanted: EventFilter,
    limit: int,
) -> None:
    """Newer events do not push older ones into the next page again; none is left out. 4 s."""
    store = Store(tmp_path_factory)
    newest = max((event.inserted_at for event in before), default=0)
    for event in (*meanwhile, *later):
        event.inserted_at += newest + 1
    try:
        store.add(before)
        found: list[Event] = []
        after: Place | None = None
        arriving = [meanwhile, later]
        while page := store.reads.list_events(1, wanted, after=after, limit=limit):
            found += [event for _, event in page]
            after = page[-1][0]
            if arriving:
                store.add(arriving.pop())
        assert found == expected(before, 1, wanted)
    finally:
        store.close()


def test_a_late_event_takes_the_place_that_its_time_gives_it(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Imports bring old events into new segments; the order is that of the times."""
    store = Store(tmp_path_factory)
    times = [5, 9, 1, 7, 3, 8, 2, 6, 4, 0, 10, 5]
    store.add(
        [
            Event(
                id=IDS[0],
                environment_id=1,
                event_type=EventType.TRACK,
                event_name="opened",
                user_id="ada",
                company_id=None,
                source="backend-http",
                inserted_at=at,
                metadata="{}",
            )
            for at in times
        ]
    )
    for wanted in (EventFilter(), EventFilter(user_id="ada"), EventFilter(event_name="opened")):
        page = store.reads.list_events(1, wanted, after=None, limit=100)
        assert [place.inserted_at for place, _ in page] == sorted(times, reverse=True)
    store.close()
