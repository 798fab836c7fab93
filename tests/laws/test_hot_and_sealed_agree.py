"""Nobody who reads can tell which events are hot and which were sealed."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytex.domain.events import Event, EventFilter, EventType
from analytex.query.events import AllEvents, list_events
from analytex.query.moments import held
from analytex.query.relation import EventsRelation
from analytex.storage.embedded import apply as embedded_apply
from analytex.storage.interface import Changes, Place
from analytex.storage.open import open_apply_store, open_read_store
from analytex.wire.replies import event_reply
from tests.history.inside import DAY, engine, seal, tidy
from tests.laws.test_event_pages import expected

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

SEGMENT_ROWS: Final = 5  # instead of thousands: an example meets several segments and a tail
EXAMPLES: Final = settings(max_examples=25)  # each writes files: 0.3 s

# Few values, so that they collide; a file of history holds one day.
TIMES: Final = st.builds(
    lambda day, time: 20_000 * DAY + day * DAY + time, st.integers(0, 3), st.integers(0, 4)
)
TEXTS: Final = st.sampled_from(["ada", "bob", "Ada", "a'b", "日本", "a\x00b", ""])
COMPANIES: Final = st.none() | st.sampled_from(["acme", "bolt"])
NAMES: Final = st.sampled_from(["opened", "closed", "a'b"])
OBJECTS: Final = st.sampled_from(["{}", '{ "plan" : "pro" }', '{"a":[1,2.50,null],"a":"\\u00e9"}'])
WEBS: Final = st.sampled_from(
    [None, '{"hostname":"a.example","pathname":"/","screen_width":0,"country_code":"DE"}']
)


def _event(at: int, suffix: int, **fields: object) -> Event:
    return Event(
        id=f"{at:013x}{suffix:07x}",  # as every id, it begins with the time
        environment_id=fields.pop("environment_id"),  # type: ignore[arg-type]
        source="backend-http",
        inserted_at=at,
        **fields,  # type: ignore[arg-type]
    )


COMMON: Final = {
    "at": TIMES,
    "suffix": st.integers(0, 2),
    "environment_id": st.sampled_from([1, 2]),
    "metadata": OBJECTS,
}
EVENTS: Final = st.lists(
    st.one_of(
        st.builds(
            _event,
            event_type=st.sampled_from([EventType.TRACK, EventType.PAGE_VIEW]),
            event_name=NAMES,
            user_id=TEXTS,
            company_id=COMPANIES,
            web=WEBS,
            **COMMON,
        ),
        st.builds(
            _event,
            event_type=st.just(EventType.IDENTIFY_USER),
            event_name=st.just(""),
            user_id=TEXTS,
            company_id=COMPANIES,
            company=st.none() | OBJECTS,
            **COMMON,
        ),
        st.builds(
            _event,
            event_type=st.just(EventType.IDENTIFY_COMPANY),
            event_name=st.just(""),
            user_id=st.none(),
            company_id=st.sampled_from(["acme", "bolt"]),
            **COMMON,
        ),
    ),
    max_size=30,
)
FILTERS: Final = st.lists(
    st.builds(
        EventFilter,
        id=st.none()
        | st.none()
        | st.builds(lambda at, suffix: f"{at:013x}{suffix:07x}", TIMES, st.integers(0, 2)),
        user_id=st.none() | TEXTS,
        company_id=COMPANIES,
        event_type=st.none() | st.sampled_from(EventType),
        event_name=st.none() | NAMES | st.just(""),
        since=st.none() | TIMES,
        until=st.none() | TIMES,
    ),
    min_size=1,
    max_size=6,
)


@pytest.fixture(scope="module", autouse=True)
def _short_segments() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(embedded_apply, "SEGMENT_ROWS", SEGMENT_ROWS)
        yield


def store(directory: Path, events: Sequence[Event]) -> None:
    """Store events in one transaction."""
    with closing(open_apply_store(directory)) as apply:
        start = apply.position()
        apply.write(Changes([], [], events, []), start=start, upto=start + len(events))


@EXAMPLES
@given(
    sealed_first=EVENTS,
    sealed_then=EVENTS,
    hot=EVENTS,
    tidied=st.booleans(),
    filters=FILTERS,
    limit=st.integers(1, 8),
)
def test_every_page_is_the_same_wherever_its_events_lie(
    tmp_path_factory: pytest.TempPathFactory,
    sealed_first: list[Event],
    sealed_then: list[Event],
    hot: list[Event],
    tidied: bool,
    filters: list[EventFilter],
    limit: int,
) -> None:
    """All sealed, all hot, or some of each; in one file or several."""
    directory = tmp_path_factory.mktemp("both")
    for some in (sealed_first, sealed_then):
        store(directory, some)
        seal(directory)
    if tidied:
        tidy(directory)
    store(directory, hot)
    events = sealed_first + sealed_then + hot
    with closing(open_read_store(directory)) as reads, closing(engine(directory)) as history:
        for wanted in filters:
            found: list[Event] = []
            after: Place | None = None
            while page := list_events(reads, history, 1, wanted, after=after, limit=limit):
                assert len(page) <= limit
                found += [event for _, event in page]
                after = page[-1][0]
            assert found == expected(events, 1, wanted)
        assert len(events) == sum(
            len(list_events(reads, history, env, EventFilter(), after=None, limit=1000))
            for env in (1, 2)
        )


@EXAMPLES
@given(sealed=EVENTS, hot=EVENTS, more=EVENTS, since=st.none() | TIMES, until=st.none() | TIMES)
def test_questions_and_scans_see_every_event_once(
    tmp_path_factory: pytest.TempPathFactory,
    sealed: list[Event],
    hot: list[Event],
    more: list[Event],
    since: int | None,
    until: int | None,
) -> None:
    """Before and after a part of what was hot is sealed, and more comes."""
    directory = tmp_path_factory.mktemp("both")
    store(directory, sealed)
    seal(directory)
    store(directory, hot)
    with (
        closing(open_read_store(directory)) as reads,
        closing(engine(directory)) as history,
        closing(EventsRelation(lambda: open_read_store(directory), history)) as relation,
    ):

        def check(events: list[Event]) -> None:
            for environment_id in (1, 2):
                with relation.view(reads, environment_id, since=since, until=until) as db:
                    found = db.execute(
                        "SELECT event_type, event_name, user_id, epoch_us(inserted_at), metadata, "
                        "company, screen_width, epoch_us(day) FROM events"
                    ).fetchall()
                assert sorted(found, key=repr) == sorted(
                    (
                        _seen(event)
                        for event in events
                        if event.environment_id == environment_id
                        and (since is None or event.inserted_at >= since)
                        and (until is None or event.inserted_at < until)
                    ),
                    key=repr,
                )
            with held(reads, directory):
                scanned = AllEvents(reads, history).scan_events(batch=7)
                assert sorted((e for some in scanned for e in some), key=repr) == sorted(
                    events, key=repr
                )

        check(sealed + hot)
        store(directory, more)
        check(sealed + hot + more)
        seal(directory, upto=len(sealed) + len(hot))
        check(sealed + hot + more)


def _seen(event: Event) -> tuple[object, ...]:
    reply = event_reply(event, "")
    return (
        *(event.event_type, event.event_name, event.user_id, event.inserted_at, event.metadata),
        *(event.company, reply.screen_width, event.inserted_at // DAY * DAY),
    )
