"""A deletion leaves the same, wherever the events lie: all hot, or some of them in history."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytex.domain.calls import Call
from analytex.domain.events import Event, EventFilter
from analytex.domain.jobs import JobKind
from analytex.domain.profiles import Company, User
from analytex.jobs import history_deletion
from analytex.jobs.history_deletion import HistoryDeletion
from analytex.jobs.sealer_pipe import Keep
from analytex.jobs.sealing import Plan, Sealing
from analytex.query.events import list_events
from analytex.storage.embedded import apply as embedded_apply
from analytex.storage.open import open_read_store, open_seal_store
from tests.history.inside import DAY, ThreadRun, engine, seal
from tests.unit.jobs.erasing import ENVIRONMENT, NOW, World

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

EXAMPLES: Final = settings(max_examples=30)  # 0.3 s each
ALL: Final = 1_000

USERS: Final = st.sampled_from(["ada", "bob", "cyd"])
COMPANIES: Final = st.sampled_from(["acme", "bolt"])
TIMES: Final = st.builds(lambda days: NOW + days * DAY, st.integers(-2, 2))  # of a deletion: NOW
METADATA: Final = st.sampled_from(
    [{}, {"plan": "pro"}, {"plan": None}, {"company": {"id": "acme"}}, {"company": {"id": "bolt"}}]
)
CALLS: Final = st.lists(
    st.one_of(
        st.tuples(
            st.just(Call.IDENTIFY),
            TIMES,
            st.fixed_dictionaries(
                {"user_id": USERS, "metadata": METADATA},
                optional={"company": st.fixed_dictionaries({"id": COMPANIES, "n": TIMES})},
            ),
        ),
        st.tuples(
            st.just(Call.TRACK),
            TIMES,
            st.fixed_dictionaries(
                {"user_id": USERS, "event_name": st.just("opened"), "metadata": METADATA}
            ),
        ),
        st.tuples(
            st.just(Call.IDENTIFY_COMPANY),
            TIMES,
            st.fixed_dictionaries({"company_id": COMPANIES, "metadata": METADATA}),
        ),
    ),
    max_size=12,
)


@pytest.fixture(autouse=True, scope="module")
def _inside() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(embedded_apply, "SEGMENT_ROWS", 4)
        patch.setattr(history_deletion, "Run", ThreadRun)
        yield


@EXAMPLES
@given(
    CALLS,
    CALLS,
    st.sampled_from([JobKind.DELETE_USERS, JobKind.DELETE_COMPANIES]),
    st.integers(1, 2),
)
def test_a_deletion_leaves_the_same_of_hot_and_of_sealed_events(
    tmp_path_factory: pytest.TempPathFactory,
    sealed: list[Any],
    hot: list[Any],
    kind: JobKind,
    count: int,
) -> None:
    """Events, profiles, and how many events it says it changed."""
    ids = (["ada", "bob"] if kind is JobKind.DELETE_USERS else ["acme", "bolt"])[:count]
    with (
        closing(World(tmp_path_factory.mktemp("plain"))) as plain,
        closing(World(tmp_path_factory.mktemp("both"))) as both,
    ):
        _send(plain, [*sealed, *hot])
        removed = plain.delete(*ids, kind=kind)

        _send(both, sealed)
        seal(both.folder)
        _send(both, hot, start=len(sealed))
        assert _delete(both, ids, kind) == removed

        assert _state(both) == _state(plain)


def _send(world: World, calls: Sequence[Any], *, start: int = 0) -> None:
    records = [
        world.call(call, body, at=at + number)
        for number, (call, at, body) in enumerate(calls, start)
    ]
    if records:
        world.apply(*records)


def _delete(world: World, ids: Sequence[str], kind: JobKind) -> dict[str, int]:
    store = open_seal_store(world.folder)
    plan = Plan(1_000_000, 3600.0, lambda now: Keep())
    with closing(Sealing(world.folder, store, plan, sync=world.store.sync)) as sealing:
        deletion = world.deletion(*ids, kind=kind, history=HistoryDeletion(world.folder, sealing))
        for _ in range(10_000):
            sealing.step(idle=True)
            if not deletion.step():
                break
        else:
            pytest.fail("the deletion does not end")
        deletion.close()
    return {name: count for name, count in deletion.removed.items() if count}


def _state(world: World) -> tuple[list[Event], list[User], list[Company]]:
    with (
        closing(open_read_store(world.folder)) as reads,
        closing(engine(world.folder)) as history,
    ):
        return (
            [
                event
                for _, event in list_events(
                    reads, history, ENVIRONMENT, EventFilter(), after=None, limit=ALL
                )
            ],
            reads.list_users(ENVIRONMENT, after=None, limit=ALL),
            reads.list_companies(ENVIRONMENT, after=None, limit=ALL),
        )
