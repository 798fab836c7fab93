"""The catalogue says what the events say, whatever part of them is catalogued already."""

import asyncio
import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytex.apply import catalogue as cataloguing
from analytex.apply.catalogue import Cataloguer
from analytex.domain.catalogue import Section
from analytex.domain.events import Event, EventType
from analytex.query.lookups import Lookups
from analytex.storage.embedded import apply as embedded_apply
from analytex.storage.interface import Changes
from analytex.storage.open import open_apply_store, open_catalogue_reader, open_catalogue_store
from tests.laws.catalogue import Catalogue, catalogue

SEGMENT_ROWS: Final = 5  # instead of thousands: an example meets several segments and a tail

KEYS: Final = st.sampled_from(["plan", "seats", "created_at", "", "ä", "Plan", "\0", "a.b"])
VALUES: Final[st.SearchStrategy[Any]] = st.sampled_from(
    [
        *("pro", "", "12", "2026-02-30", "2026-2-3", "abcd-ef-gh", "2026-01-31 and so on"),
        *("2026-01-31", "2026-01-31T12:00:00Z", "2026-01-31 12:00:00.250000+02:00"),
        *(0, -1, 1.5, 10**30, True, False, None, [], [1], {}, {"a": "2026-01-31"}),
    ]
)
OBJECTS: Final = st.dictionaries(KEYS, VALUES, max_size=4).map(json.dumps)


@st.composite
def events(draw: st.DrawFn) -> Event:
    """An event of any kind, of few values each, so that they meet."""
    kind = draw(st.sampled_from(EventType))
    is_user = kind is EventType.IDENTIFY_USER
    return Event(
        id="r",
        environment_id=draw(st.integers(1, 2)),
        event_type=kind,
        event_name=draw(st.sampled_from(["opened", "closed"])) if kind is EventType.TRACK else "",
        user_id=None if kind is EventType.IDENTIFY_COMPANY else "ada",
        company_id="acme" if kind is EventType.IDENTIFY_COMPANY else None,
        source="backend-http",
        inserted_at=draw(st.integers(0, 8)),
        metadata=draw(OBJECTS),
        company=draw(st.none() | OBJECTS) if is_user else None,
    )


class Store:
    """A store with short segments, its catalogue, and what it was given."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._apply = open_apply_store(directory)
        self.events: list[Event] = []

    def write(self, events: list[Event]) -> None:
        """Store events as the applier does."""
        start = len(self.events)
        self.events += events
        self._apply.write(Changes([], [], events, []), start=start, upto=len(self.events))

    def catalogue(self) -> None:
        """Catalogue one piece, in a process of its own."""
        cataloguer = Cataloguer(open_catalogue_store(self._directory))
        cataloguer.step(idle=True)
        cataloguer.close()

    def found(self, environment_id: int) -> Catalogue:
        """Return what lookups find."""

        async def find() -> Catalogue:
            lookups = Lookups(partial(open_catalogue_reader, self._directory), wait_s=0)
            found: Catalogue = {}
            for section in Section:
                lookup = await lookups.find(environment_id, section)
                found |= dict(lookup.entries)
                assert (lookup.left_out, lookup.missing) == (0, 0)
            lookups.close()
            return found

        return asyncio.run(find())

    def close(self) -> None:
        """Close the file."""
        self._apply.close()


@pytest.fixture(scope="module", autouse=True)
def _short_pieces() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(embedded_apply, "SEGMENT_ROWS", SEGMENT_ROWS)
        patch.setattr(cataloguing, "EVENTS", 3)
        yield


@pytest.mark.slow
@given(steps=st.lists(st.lists(events(), max_size=12) | st.none(), max_size=8))
def test_lookups_find_what_the_events_say(
    tmp_path_factory: pytest.TempPathFactory,
    steps: list[list[Event] | None],
) -> None:
    """Nothing catalogued, a part of it, all of it: it makes no difference. 6 s. None: catalogue."""
    store = Store(tmp_path_factory.mktemp("catalogue"))
    for step in steps:
        if step is None:
            store.catalogue()
        else:
            store.write(step)
    for environment_id in (1, 2, 3):
        assert store.found(environment_id) == catalogue(store.events, environment_id)
    store.close()
