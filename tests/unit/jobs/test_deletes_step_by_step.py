"""A deletion goes in steps: what comes between them, and what a crash leaves."""

import random
import sqlite3
from collections.abc import Sequence

import pytest

from analytex.domain.jobs import JobKind
from analytex.jobs import deletes
from analytex.storage.embedded import FILE
from tests.unit.jobs.erasing import COMPANIES, ENVIRONMENT, NOW, World


def test_a_deletion_that_is_interrupted_begins_again(world: World) -> None:
    """A crash between any two steps: what was done is found done."""
    for steps in range(12):
        user, company = f"user-{steps}", f"firm-{steps}"
        world.apply(
            world.identify(user, metadata={"v": f"value-{steps}"}, company={"id": company}),
            world.track(user),
            world.identify("ada-1", metadata={"company": {"id": company}}),
        )
        for id, kind in ((user, JobKind.DELETE_USERS), (company, COMPANIES)):
            crashed = world.deletion(id, kind=kind)
            for _ in zip(range(steps), crashed._steps, strict=False):
                world.applier.step()
            crashed.close()
            world.delete(id, kind=kind)
        assert world.bytes_hold(user, company, f"value-{steps}") == {}
        assert world.differences() == []


def test_what_is_applied_between_the_steps_is_not_missed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The applier goes on while a deletion runs."""
    monkeypatch.setattr(deletes, "STEP_S", 0.0)
    monkeypatch.setattr(deletes, "EVENTS", 3)
    for n in range(10):
        world.apply(world.identify("ada-1", metadata={f"p{n}": n}, company={"id": "acme"}))
        world.apply(world.identify("ada-1", at=NOW + 1 + n, metadata={f"n{n}": n}))
    for kind, id in ((JobKind.DELETE_USERS, "ada-1"), (COMPANIES, "acme")):
        deletion, n = world.deletion(id, kind=kind), 100
        while deletion.step():
            n += 1
            world.apply(
                world.identify("ada-1", at=NOW + n, metadata={f"n{n}": n}),
                world.track("ada-1", at=NOW + n),
                world.track("bob", at=NOW + n),
            )
        assert world.differences() == []
    ada = world.read.user(ENVIRONMENT, "ada-1")
    assert ada is not None
    assert not any(name.startswith("p") for name in ada.properties)
    assert world.read.company(ENVIRONMENT, "acme") is None


def test_it_waits_for_readers_and_other_jobs(world: World) -> None:
    """A reader that still sees the old rows; rows of other jobs that are in the way."""
    world.apply(world.identify("ada-1"))
    turns = iter([False, False, True])
    deletion = world.deletion("ada-1", forget_rows=lambda *_: next(turns))
    with world.read.snapshot():
        waited = 0
        while waited < 4:  # a step may also end because it took its time
            assert deletion.step()
            waited += deletion.waiting
        assert next(turns, None) is None
        assert world.read.user(ENVIRONMENT, "ada-1") is not None
    world.finish(deletion)
    assert world.bytes_hold("ada-1") == {}


def test_calls_that_are_on_their_way_are_waited_for(world: World) -> None:
    """A call that was received just before the deletion may come into the log after its start."""
    clock = NOW
    world.apply(world.identify("ada-1"))
    deletion = world.deletion("ada-1", now=lambda: clock)
    while not deletion.waiting:
        assert deletion.step()
    world.apply(world.track("ada-1", at=NOW))
    clock += deletes.GRACE_US
    world.finish(deletion)
    assert world.bytes_hold("ada-1") == {}


def test_counts_go_on_after_a_crash(world: World) -> None:
    """The receipt counts all that was removed, also before."""
    world.apply(world.track("ada-1"), world.track("bob"))
    deletion = world.deletion("ada-1", "bob", removed={"users": 1, "events": 5})
    world.finish(deletion)
    assert deletion.removed == {
        "users": 3,
        "companies": 0,
        "events": 7,
        "log_records": 2,
        "unreadable": 0,
    }
    assert deletion.done == 2


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_whatever_was_sent_nothing_is_left_and_the_rest_is_right(
    world: World, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """Users and companies of all kinds, deleted one after the other. Takes about 2 s."""
    monkeypatch.setattr(deletes, "EVENTS", 7)
    r = random.Random(seed)
    users = [f"user<{n:03}>" for n in range(30)]
    companies = [f"firm<{n:03}>" for n in range(8)]
    for _ in range(8):
        world.apply(*(a_call(world, r, users, companies) for _ in range(60)))
    for _ in range(4):
        victims = r.sample(users, 3)
        firms = r.sample(companies, 1)
        world.delete(*victims)
        world.delete(*firms, kind=COMPANIES)
        assert world.differences() == []
        assert world.bytes_hold(*victims, *(f"of {id}" for id in (*victims, *firms)), *firms) == {}
        users = [id for id in users if id not in victims]
        companies = [id for id in companies if id not in firms]
        world.apply(*(a_call(world, r, users, companies) for _ in range(60)))
        for id in (*users, *companies):  # the indexes agree with the rows
            for field in ("user_id", "company_id"):
                found = world.events(**{field: id})
                assert found == [each for each in world.events() if getattr(each, field) == id]
    check = sqlite3.connect(world.folder / FILE)
    assert check.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    check.close()


def a_call(world: World, r: random.Random, users: Sequence[str], firms: Sequence[str]) -> bytes:
    """Any call, with values that name their owners."""
    user, firm = r.choice(users), r.choice(firms)
    big = "x" * r.choice([0, 0, 0, 3000, 9000])
    company = {"id": firm, "name": f"of {firm}{big}"}
    kind = r.randrange(6)
    if kind == 0:
        return world.company(firm, name=f"of {firm}")
    if kind == 1:
        return world.identify(user, metadata={"name": f"of {user}{big}", "company": company})
    if kind == 2:
        return world.identify(user, metadata={r.choice("abc"): f"of {user}"}, company=company)
    if kind == 3:
        return world.identify(user, metadata={"name": r.choice([None, f"of {user}"])})
    return world.track(user, value=f"of {user}{big}")
