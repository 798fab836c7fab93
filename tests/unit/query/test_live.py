"""Streams in one process: who joins when, who is too slow, and how they end."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

from analytex.domain.environments import Permission, Scope
from analytex.domain.events import EventFilter
from analytex.errors import Unavailable
from analytex.query import live as live_module
from analytex.query import streams
from analytex.query.live import Live
from analytex.query.streams import Ending, Kind, Piece, Place, Stream
from analytex.storage.interface import ApplyStore
from analytex.storage.open import (
    open_apply_store,
    open_live_store,
    open_quarantine_store,
)
from analytex.storage.quarantine import Bounds
from tests.refusals import refused
from tests.storage.samples import changes, event

SCOPE: Final = Scope(1, "NX-tests", "k", frozenset({Permission.READ}))
ANY: Final = EventFilter()
IDLE_S: Final = 0.05


class World:
    """A store, and streams of it."""

    def __init__(self, folder: Path) -> None:
        self.store: ApplyStore = open_apply_store(folder)
        self.live = Live(
            partial(open_live_store, folder), partial(open_quarantine_store, folder), at_most=3
        )
        self.folder = folder
        self._applied = 0

    def apply(self, *names: str, **rest: Any) -> None:
        """Apply events of these names."""
        for name in names:
            self._applied += 1
            id = f"{self._applied:020x}"
            one = event(id, event_name=name, **rest)
            self.store.write(changes(one), start=self._applied - 1, upto=self._applied)

    def seal(self, upto: int) -> None:
        """Let the first events be in history, and gone from the store."""
        with closing(sqlite3.connect(self.folder / "store.db", isolation_level=None)) as db:
            db.execute("UPDATE history SET sealed = ?", (upto,))
            db.execute("DELETE FROM events WHERE sequence <= ?", (upto,))

    def refuse(self, number: int, environment_id: int = 1) -> None:
        """Let a request be refused."""
        store = open_quarantine_store(self.folder)
        one = refused(number, environment_id=environment_id)
        store.add([one], {}, bounds=Bounds(100, 10**6), max_age_us=10**9)
        store.close()

    def open(self, after: Place | None = None, *, files: bool = False, **wanted: Any) -> Stream:
        """Open a stream."""
        told_too = wanted.pop("refused", False)
        return self.live.open(
            SCOPE, EventFilter(**wanted), files=files, refused=told_too, after=after
        )


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """An empty store."""
    world = World(tmp_path)
    yield world
    world.live.close()
    world.store.close()


class Told:
    """Reads a stream in the background."""

    def __init__(self, stream: Stream) -> None:
        self.pieces: list[Piece] = []
        self.idle = 0
        self.stream = stream
        self.task = asyncio.create_task(self._read())

    @property
    def names(self) -> list[str]:
        """The names of the events so far."""
        return [msgspec.json.decode(each.data)["event_name"] for each in self.pieces]

    async def _read(self) -> None:
        async for pieces in self.stream.batches(idle_s=IDLE_S):
            self.pieces += pieces
            self.idle += not pieces

    async def end(self) -> None:
        """Close the stream and wait for its end."""
        self.stream.close()
        await self.task


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something."""
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - what is watched are plain values
            await asyncio.sleep(0.002)


async def test_what_is_applied_is_told_to_all(world: World) -> None:
    """And read once for all of them."""
    all_of_it, some = Told(world.open()), Told(world.open(event_name="b"))
    await asyncio.sleep(0.05)
    world.apply("a", "b", "c")

    await until(lambda: all_of_it.names == ["a", "b", "c"] and some.names == ["b"])
    assert [each.place for each in all_of_it.pieces] == [Place(1), Place(2), Place(3)]
    await all_of_it.end()
    await some.end()
    assert len(world.live) == 0


async def test_who_comes_back_catches_up_and_joins_without_a_gap(world: World) -> None:
    """While events go on to come."""
    running = Told(world.open())
    names = [f"e{n}" for n in range(60)]
    world.apply(*names[:20])
    again = Told(world.open(Place(5)))
    for name in names[20:]:
        world.apply(name)
        await asyncio.sleep(0.001)

    await until(lambda: len(again.names) == 55 and len(running.names) == 60)
    assert again.names == names[5:]
    await again.end()
    await running.end()


async def test_catching_up_goes_on_in_pieces(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """However much there is, a read stays short."""
    monkeypatch.setattr(live_module, "SCANNED", 7)
    monkeypatch.setattr(live_module, "READ_BYTES", 1000)
    names = [f"e{n}" for n in range(50)]
    world.apply(*names)

    told = Told(world.open(Place(0)))

    await until(lambda: len(told.names) == 50)
    assert told.names == names
    await told.end()


async def test_without_news_the_place_moves_on(world: World) -> None:
    """So that coming back does not read again what did not fit."""
    told = Told(world.open(user_id="nobody"))
    await asyncio.sleep(0.05)
    world.apply("a", "b")

    await until(lambda: told.stream.place == Place(2))
    assert told.pieces == []
    assert told.idle
    await told.end()


async def test_a_reader_that_is_too_far_behind_is_dropped(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the others are not; it comes back to where it was."""
    monkeypatch.setattr(streams, "QUEUE_BYTES", 2000)
    slow = world.open()
    batches = slow.batches(idle_s=IDLE_S)
    assert await anext(batches) == []  # it has joined, and reads no further
    quick = Told(world.open())
    for n in range(40):
        world.apply(f"e{n}")
        await until(lambda n=n: len(quick.names) > n)  # type: ignore[misc]

    assert [batch async for batch in batches] == []
    assert slow.ending == Ending.SLOW
    again = Told(world.open(slow.place))
    await until(lambda: again.names == [f"e{n}" for n in range(40)])
    slow.close()
    await again.end()
    await quick.end()


async def test_a_big_event_does_not_drop_anybody_by_itself(world: World) -> None:
    """A body may be as long as the queue."""
    told = Told(world.open())
    await asyncio.sleep(0.05)
    world.apply("big", metadata='{"x":"' + "y" * 2 * streams.QUEUE_BYTES + '"}')

    await until(lambda: told.names == ["big"])
    await told.end()


async def test_refused_requests_come_with_a_place_of_their_own(world: World) -> None:
    """Whoever comes back goes on with both."""
    told = Told(world.open(refused=True))
    await asyncio.sleep(0.05)
    world.refuse(1)
    world.refuse(2, environment_id=9)
    await until(lambda: len(told.pieces) == 1)
    assert (told.pieces[0].kind, told.pieces[0].place) == (Kind.REFUSED, Place(0, 1))
    await told.end()

    world.refuse(3)
    again = Told(world.open(Place(0, 1), refused=True))
    await until(lambda: len(again.pieces) == 1)
    assert again.pieces[0].place.refused == 3
    await again.end()


@pytest.mark.parametrize(("after", "resumed_at"), [(0, 2), (1, 2), (77, 4)])
async def test_a_place_that_is_not_there_any_more_is_told(
    world: World, after: int, resumed_at: int
) -> None:
    """Older than the oldest event here, or newer than the newest."""
    world.apply("a", "b", "c", "d")
    world.seal(2)

    told = Told(world.open(Place(after)))

    await until(lambda: len(told.pieces) == 1 + 4 - resumed_at)
    gap = told.pieces[0]
    assert (gap.kind, gap.place) == (Kind.GAP, Place(resumed_at))
    assert msgspec.json.decode(gap.data)["after"] == str(after)
    await told.end()


async def test_what_is_moved_away_before_it_was_told_is_a_gap(world: World) -> None:
    """The stream that was there already hears of it too, between what it is told."""
    told = Told(world.open())
    await until(lambda: told.idle > 0)
    world.apply("a")
    await until(lambda: len(told.pieces) == 1)
    async with world.live.events._turn:  # nobody looks meanwhile
        world.apply("b", "c")
        world.seal(2)

    await until(lambda: len(told.pieces) == 3)
    assert [each.kind for each in told.pieces] == [Kind.EVENT, Kind.EVENT, Kind.GAP]
    gap = msgspec.json.decode(told.pieces[2].data)
    assert (gap["after"], gap["resumed_at"]) == ("1", "3")
    await told.end()


async def test_a_place_just_before_the_oldest_is_no_gap(world: World) -> None:
    """Nothing is missing behind it."""
    world.apply("a", "b", "c", "d")
    world.seal(2)

    told = Told(world.open(Place(2)))

    await until(lambda: told.names == ["c", "d"])
    await told.end()


async def test_a_stop_ends_all_and_opens_no_more(world: World) -> None:
    """The server's requests end in time."""
    told = Told(world.open())
    await asyncio.sleep(0.02)
    world.live.stop()

    await told.task
    assert told.stream.ending == Ending.STOPPING
    with pytest.raises(Unavailable):
        world.open()


async def test_only_so_many_are_open(world: World) -> None:
    """Who closes makes room."""
    streams = [world.open() for _ in range(3)]
    with pytest.raises(Unavailable, match="Too many"):
        world.open()
    streams[0].close()
    world.open().close()
    for stream in streams:
        stream.close()


async def test_nothing_is_read_while_nobody_listens(world: World) -> None:
    """A server without streams pays nothing for them."""
    told = Told(world.open())
    await asyncio.sleep(0.05)
    await told.end()
    await asyncio.sleep(0.05)
    world.apply("a")
    await asyncio.sleep(0.05)

    assert world.live.events._task is None
    assert world.live.events.position == 0
