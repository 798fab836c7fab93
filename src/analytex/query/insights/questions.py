"""Asks questions of all events, hot ones and those in history as one."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, TypeVar

from analytex.query.insights import funnel, profiles, retention, top, trends
from analytex.query.insights.answers import Cohort, StepAnswer, TopAnswer, TrendsAnswer
from analytex.query.insights.asked import Funnel, Property, Retention, Selection, Top, Trends
from analytex.query.insights.source import PROFILES, extracts, properties
from analytex.query.relation import EventsRelation
from analytex.storage.interface import ReadStore
from analytex.storage.threads import StoreThreads

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection as Connection

THREADS: Final = 1  # profiles are read for one question at a time

Answer = TypeVar("Answer")


class Insights:
    """Answers questions. Each raises TooSlow, TooLarge and Unavailable."""

    def __init__(
        self, relation: EventsRelation, open_store: Callable[[], ReadStore], *, timeout_s: float
    ) -> None:
        """`open_store` is called in a thread of our own; `timeout_s`: the longest it may read."""
        self._relation = relation
        self._timeout_s = timeout_s
        self._threads = StoreThreads(open_store, threads=THREADS, name="profiles")

    async def trends(self, environment_id: int, asked: Trends) -> TrendsAnswer:
        """Return how many there were over time."""
        return await self._ask(
            environment_id,
            lambda db: trends.answer(db, asked),
            [asked.events],
            by=asked.by,
            since=asked.span.since,
            until=asked.span.until,
        )

    async def funnel(self, environment_id: int, asked: Funnel) -> list[StepAnswer]:
        """Return how many got to each step."""
        return await self._ask(
            environment_id,
            lambda db: funnel.answer(db, asked),
            asked.steps,
            since=asked.since,
            until=asked.until + asked.window,  # the last step may be as late
        )

    async def retention(self, environment_id: int, asked: Retention) -> list[Cohort]:
        """Return how many came back, for each bucket in which they began."""
        return await self._ask(
            environment_id,
            lambda db: retention.answer(db, asked),
            [asked.first, asked.back],
            since=None,  # who began before is not to be taken for new
            until=asked.span.until,
        )

    async def top(self, environment_id: int, asked: Top) -> TopAnswer:
        """Return what there was most of."""
        return await self._ask(
            environment_id,
            lambda db: top.answer(db, asked),
            [asked.events],
            by=asked.by,
            since=asked.since,
            until=asked.until,
        )

    def close(self) -> None:
        """Stop the thread."""
        self._threads.close()

    async def _ask(
        self,
        environment_id: int,
        answer: "Callable[[Connection], Answer]",
        selections: Sequence[Selection],
        *,
        by: Property | None = None,
        since: int | None,
        until: int,
    ) -> Answer:
        found: profiles.Profiles = {}
        asked = properties(selections, by)
        if any(property.owner in PROFILES for property in asked):
            found = await self._threads.run(
                lambda store: profiles.read(store, environment_id, asked, timeout_s=self._timeout_s)
            )

        def question(db: "Connection") -> Answer:
            profiles.hand_over(db, found)
            return answer(db)

        return await self._relation.ask(
            environment_id,
            question,
            extracts=extracts(selections, by),
            since=since,
            until=until,
        )
