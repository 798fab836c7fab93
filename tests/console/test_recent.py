"""Answers that several pages share."""

import asyncio

import pytest

from analytex.console.recent import Recent
from analytex.errors import Unavailable


class Source:
    def __init__(self) -> None:
        self.asked = 0
        self.fails = False

    async def make(self) -> int:
        self.asked += 1
        await asyncio.sleep(0)
        if self.fails:
            raise Unavailable("no")
        return self.asked


async def test_pages_that_ask_at_the_same_time_ask_once() -> None:
    """Ten open overviews cost as much as one."""
    source = Source()
    recent: Recent[int] = Recent(60)

    found = await asyncio.gather(*(recent.get(1, source.make) for _ in range(10)))

    assert found == [1] * 10


async def test_environments_have_answers_of_their_own() -> None:
    """Nobody sees the numbers of another environment."""
    source = Source()
    recent: Recent[int] = Recent(60)

    assert [await recent.get(1, source.make), await recent.get(2, source.make)] == [1, 2]


async def test_an_old_answer_is_asked_for_again() -> None:
    """The overview is about now."""
    source = Source()
    recent: Recent[int] = Recent(-1)

    assert [await recent.get(1, source.make), await recent.get(1, source.make)] == [1, 2]


async def test_what_took_long_is_kept_for_longer() -> None:
    """Where there are very many events, looking at them all the time would take a processor."""
    asked = 0

    async def slow() -> int:
        nonlocal asked
        asked += 1
        await asyncio.sleep(0.01)
        return asked

    recent: Recent[int] = Recent(-1, times=1000)

    found = [await recent.get(1, slow) for _ in range(4)]

    assert found == [1, 2, 2, 2]  # the first one of a process takes longer than others, and is free


async def test_a_failure_is_not_kept() -> None:
    """The next one who asks may be luckier."""
    source = Source()
    recent: Recent[int] = Recent(60)
    source.fails = True
    with pytest.raises(Unavailable):
        await recent.get(1, source.make)
    source.fails = False

    assert await recent.get(1, source.make) == 2


async def test_who_leaves_takes_the_answer_from_nobody() -> None:
    """A closed tab cancels its request, not the others'."""
    source = Source()
    recent: Recent[int] = Recent(60)
    leaves = asyncio.ensure_future(recent.get(1, source.make))
    stays = asyncio.ensure_future(recent.get(1, source.make))
    await asyncio.sleep(0)
    leaves.cancel()

    assert await stays == 1
