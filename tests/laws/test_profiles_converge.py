"""A profile is what its calls say, in whatever order, how often and in what batches they come."""

import json
import random
from collections.abc import Sequence
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytex.domain.calls import Call
from analytex.wire import records
from tests.laws import reference
from tests.laws.world import World, record


class Sent(NamedTuple):
    """An accepted call. The id says when it came; two may share the microsecond."""

    call: Call
    id: str
    body: dict[str, Any]


VALUES = st.one_of(st.none(), st.booleans(), st.integers(0, 3), st.text(max_size=3))
METADATA = st.dictionaries(st.sampled_from("abc"), VALUES, max_size=3)
USER_IDS = st.sampled_from(["u1", "u2"])
COMPANY_IDS = st.sampled_from(["c1", "c2"])
COMPANIES = st.builds(lambda id, rest: {**rest, "id": id}, COMPANY_IDS, METADATA)
IDS = st.builds(
    records.record_id, st.integers(1_000, 1_006), st.sampled_from(["0000001", "0000002"])
)
CALLS = st.one_of(
    st.builds(
        lambda id, user_id, metadata, company: Sent(
            Call.IDENTIFY, id, {"user_id": user_id, "metadata": metadata, "company": company}
        ),
        IDS,
        USER_IDS,
        METADATA,
        st.none() | st.just({}) | COMPANIES,
    ),
    st.builds(
        lambda id, company_id, metadata: Sent(
            Call.IDENTIFY_COMPANY, id, {"company_id": company_id, "metadata": metadata}
        ),
        IDS,
        COMPANY_IDS,
        METADATA,
    ),
    st.builds(
        lambda id, user_id, metadata: Sent(
            Call.TRACK, id, {"user_id": user_id, "event_name": "e", "metadata": metadata}
        ),
        IDS,
        USER_IDS,
        METADATA,
    ),
)
HISTORIES = st.lists(CALLS, min_size=1, max_size=12, unique_by=lambda call: call.id)


def apply(world: World, batches: Sequence[Sequence[Sent]]) -> reference.Profiles:
    """Apply calls in an environment of their own, and return its profiles."""
    environment_id = world.new_environment()
    world.apply(
        *(
            [record(environment_id, c.call, c.id, json.dumps(c.body).encode()) for c in batch]
            for batch in batches
        )
    )
    return world.profiles(environment_id)


def split(calls: Sequence[Sent], rng: random.Random) -> list[list[Sent]]:
    """Cut a sequence into batches anywhere."""
    batches: list[list[Sent]] = [[]]
    for call in calls:
        batches[-1].append(call)
        if rng.random() < 0.4:
            batches.append([])
    return batches


def identify(at: int, **metadata: object) -> Sent:
    """An identify of `u1` at that time."""
    body = {"user_id": "u1", "metadata": metadata}
    return Sent(Call.IDENTIFY, records.record_id(at, "0000001"), body)


@pytest.mark.slow
@given(HISTORIES, st.randoms(use_true_random=False))
def test_order_repetition_and_batches_do_not_matter(
    world: World, calls: list[Sent], rng: random.Random
) -> None:
    """Late imports, replays and several appliers are harmless only if this holds. 2 s."""
    in_order = apply(world, [sorted(calls, key=lambda call: call.id)])
    mixed = calls + rng.choices(calls, k=rng.randrange(len(calls) + 1))
    rng.shuffle(mixed)
    assert apply(world, split(mixed, rng)) == in_order


@pytest.mark.slow
@given(HISTORIES, st.randoms(use_true_random=False))
def test_a_profile_is_its_calls_obeyed_in_the_order_of_their_times(
    world: World, calls: list[Sent], rng: random.Random
) -> None:
    """Against a second, simpler fold that knows nothing of stamps. 2 s."""
    profiles = apply(world, split(calls, rng))
    events = [
        records.decode(
            record(1, each.call, each.id, json.dumps(each.body).encode()),
            company_from_metadata=True,
        )
        for each in calls
    ]
    assert profiles == reference.expected(events)


def test_null_removes_a_property(world: World) -> None:
    """The contract's way of taking a value back."""
    user = apply(world, [[identify(1, plan="pro", seats=3)], [identify(2, plan=None)]]).users["u1"]
    assert user.metadata == {"seats": 3}


def test_a_late_older_value_does_not_come_back_after_a_removal(world: World) -> None:
    """A removal is a timed value itself, although nothing is left to be seen of it."""
    user = apply(world, [[identify(2, plan=None)], [identify(1, plan="pro")]]).users["u1"]
    assert user.metadata == {}


def test_a_late_older_value_does_not_overwrite(world: World) -> None:
    """Per property: what the older call says of others is still taken."""
    user = apply(world, [[identify(2, plan="pro")], [identify(1, plan="free", seats=3)]]).users[
        "u1"
    ]
    assert user.metadata == {"plan": "pro", "seats": 3}


def test_equal_times_are_decided_by_record_id(world: World) -> None:
    """Two servers may receive in the same microsecond, and must agree."""
    first = Sent(
        Call.IDENTIFY, records.record_id(1, "aaaaaaa"), {"user_id": "u1", "metadata": {"p": 1}}
    )
    second = Sent(
        Call.IDENTIFY, records.record_id(1, "bbbbbbb"), {"user_id": "u1", "metadata": {"p": 2}}
    )
    for order in ([first, second], [second, first]):
        assert apply(world, [order]).users["u1"].metadata == {"p": 2}
