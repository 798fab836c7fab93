"""Stores to ask questions of: everything hot, everything sealed, or half of each."""

import asyncio
import json
from collections.abc import Iterable, Mapping
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, Final, Self
from unittest.mock import patch

import msgspec

from analytex.auth.environments import create_environment
from analytex.domain.events import SOURCE_HTTP, Event, EventType
from analytex.domain.profiles import Company, User
from analytex.history import shredded
from analytex.history.reading import Engine
from analytex.query.insights.answers import Cohort, StepAnswer, TopAnswer, TrendsAnswer
from analytex.query.insights.asked import Funnel, Retention, Top, Trends
from analytex.query.insights.questions import Insights
from analytex.query.relation import EventsRelation
from analytex.service.sealing import seal
from analytex.settings import Settings
from analytex.storage.interface import Changes
from analytex.storage.open import open_apply_store, open_key_store, open_read_store
from tests.history import inside
from tests.laws.insights_reference import World

PLACES: Final = ("hot", "sealed", "half", "shredded")
DAY: Final = 86_400_000_000

Documents = Mapping[str, Mapping[str, Any]]
NONE: Final[Documents] = {}


class Asked:
    """A store with events, to be asked. For many environments, one after the other."""

    def __init__(self, directory: Path, *, timeout_s: float = 20.0) -> None:
        self._directory = directory
        with closing(open_key_store(directory)) as keys:
            create_environment(keys, name="production", app_token="NX-one", at=1)
        self._loop = asyncio.new_event_loop()
        engine = Engine(
            directory,
            spill=directory / "tmp" / "tests",
            memory_mib=256,
            threads=1,
            timeout_s=20,
        )
        opened = partial(open_read_store, directory)
        self._engine = engine
        self._relation = EventsRelation(opened, engine)
        self._insights = Insights(self._relation, opened, timeout_s=timeout_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._insights.close()
        self._relation.close()
        self._engine.close()
        self._loop.close()

    def store(
        self, events: Iterable[Event], users: Documents = NONE, companies: Documents = NONE
    ) -> None:
        """Store these; the environment is that of the first event, or the first one."""
        events = list(events)
        environment_id = events[0].environment_id if events else 1
        with closing(open_apply_store(self._directory)) as store:
            changes = Changes(
                [User(id=id, **_profile(environment_id, each)) for id, each in users.items()],
                [
                    Company(id=id, **_profile(environment_id, each))
                    for id, each in companies.items()
                ],
                events,
                [],
            )
            start = store.position()
            store.write(changes, start=start, upto=start + 1)

    def put(self, place: str, world: World) -> None:
        """Store a world of the first environment as one of `PLACES` says.

        Shredded: every property has a column in the files with one half of the events, and none has
        one in those with the other half.
        """
        half = len(world.events) // 2
        middle = {"hot": 0, "sealed": len(world.events)}.get(place, half)
        self.store(world.events[:middle], world.users, world.companies)
        if place == "shredded":
            with patch.object(shredded, "REPEATS", 0):
                inside.seal(self._directory)
        elif middle:
            seal(Settings(data=str(self._directory)))
        self.store(world.events[middle:])
        if place == "shredded":
            inside.seal(self._directory)

    def trends(self, asked: Trends, environment_id: int = 1) -> TrendsAnswer:
        """Ask for trends."""
        return self._loop.run_until_complete(self._insights.trends(environment_id, asked))

    def funnel(self, asked: Funnel, environment_id: int = 1) -> list[StepAnswer]:
        """Ask for a funnel."""
        return self._loop.run_until_complete(self._insights.funnel(environment_id, asked))

    def retention(self, asked: Retention, environment_id: int = 1) -> list[Cohort]:
        """Ask for retention."""
        return self._loop.run_until_complete(self._insights.retention(environment_id, asked))

    def top(self, asked: Top, environment_id: int = 1) -> TopAnswer:
        """Ask for what there is most of."""
        return self._loop.run_until_complete(self._insights.top(environment_id, asked))


def event(at: int, name: str = "opened", user_id: str | None = "ada", **rest: Any) -> Event:
    """A track; `metadata` is an object or JSON."""
    metadata = rest.pop("metadata", {})
    given: dict[str, Any] = {
        "id": "r1",
        "environment_id": 1,
        "event_type": EventType.TRACK,
        "company_id": None,
        "source": SOURCE_HTTP,
        "metadata": metadata if isinstance(metadata, str) else json.dumps(metadata),
    }
    return Event(inserted_at=at, event_name=name, user_id=user_id, **{**given, **rest})


def _profile(environment_id: int, document: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "environment_id": environment_id,
        "properties": {key: msgspec.Raw(json.dumps(each)) for key, each in document.items()},
        "stamps": {},
        "first_seen_at": 1,
    }
