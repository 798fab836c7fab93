"""The quarantine as HTTP asks for it: recording what was refused, looking at it, mending it."""

import time
from collections.abc import AsyncIterator, Callable
from typing import Final, NamedTuple, TypeVar

from analytex.domain.environments import Scope
from analytex.domain.quarantine import Refused, RefusedFilter
from analytex.errors import NotFound
from analytex.jobs.recorder import Recorder
from analytex.query import cursors
from analytex.query.reads import Page
from analytex.storage.quarantine import QuarantineStore
from analytex.storage.threads import StoreThreads

THREADS: Final = 1
LOOKED_AT: Final = 50  # at a time, for something in them: some milliseconds
EXPORTED: Final = 100  # refused requests read at a time: at most half a megabyte

Result = TypeVar("Result")


class Listed(NamedTuple):
    """A page, and how many refused requests had no room."""

    page: Page[Refused]
    dropped: int


class Quarantine:
    """One worker's side of what is kept of refused requests."""

    def __init__(
        self, open_store: Callable[[], QuarantineStore], *, keep_s: float, limit_bytes: int
    ) -> None:
        """Refused requests are kept so long, and use about so many bytes at most."""
        self._recorder = Recorder(open_store, keep_s=keep_s, limit_bytes=limit_bytes)
        self._stores = StoreThreads(open_store, threads=THREADS, name="quarantine-read")

    @property
    def counters(self) -> dict[str, int]:
        """How many requests this worker has `recorded`, and how many it only counted: `dropped`."""
        return {"recorded": self._recorder.recorded, "dropped": self._recorder.dropped}

    def record(self, refused: Refused) -> None:
        """Keep a request that was refused; takes a microsecond."""
        self._recorder.record(refused)

    async def find(
        self, scope: Scope, wanted: RefusedFilter, *, cursor: str | None, limit: int
    ) -> Listed:
        """Return a page of refused requests, newest first.

        Sees all that this worker has refused before. Raises BadRequest for a cursor not ours.
        """
        before = None if cursor is None else cursors.decode(cursor, int)
        environment_id = scope.environment_id

        def read(store: QuarantineStore) -> Listed:
            found = store.find(environment_id, wanted, before=before, limit=limit + 1)
            more = cursors.encode(found[limit - 1].number) if len(found) > limit else None
            page = Page(found[:limit], more, store.count(environment_id, wanted))
            return Listed(page, store.dropped(environment_id))

        return await self._run(read)

    async def export(self, scope: Scope, wanted: RefusedFilter) -> AsyncIterator[list[Refused]]:
        """Yield all of them, newest first, some at a time."""
        before: int | None = None
        while True:
            found = await self._run(
                lambda store, before=before: store.find(  # type: ignore[misc]
                    scope.environment_id, wanted, before=before, limit=EXPORTED
                )
            )
            yield found
            if len(found) < EXPORTED:
                return
            before = found[-1].number

    async def those(
        self, scope: Scope, wanted: Callable[[Refused], bool], *, until: int
    ) -> AsyncIterator[list[Refused]]:
        """Yield those that are wanted of all that were refused up to a time, oldest first.

        `wanted` is asked in a thread, about `LOOKED_AT` requests at a time; each list has what it
        chose of these.
        """
        after = 0

        def look(store: QuarantineStore) -> tuple[list[Refused], int | None]:
            page = store.oldest(scope.environment_id, after=after, until=until, limit=LOOKED_AT)
            last = page[-1].number if len(page) == LOOKED_AT else None
            return list(filter(wanted, page)), last

        last: int | None = 0
        while last is not None:
            after = last
            found, last = await self._run(look)
            yield found

    async def get(self, scope: Scope, id: str) -> Refused:
        """Return one. Raises NotFound."""
        found = await self._run(lambda store: store.get(scope.environment_id, id))
        if found is None:
            raise NotFound("There is no such refused request.", details=f"id: {id!r}")
        return found

    async def remove(self, scope: Scope, id: str) -> None:
        """Remove one. Raises NotFound."""
        found = await self.get(scope, id)
        await self._run(lambda store: store.remove(scope.environment_id, [found.number]))

    async def replayed(self, refused: Refused, request_id: str) -> None:
        """Note that another request was accepted in its place."""
        at = time.time_ns() // 1000
        await self._run(
            lambda store: store.mark_replayed(refused.number, at=at, request_id=request_id)
        )

    def close(self) -> None:
        """Write what waits, and stop the threads."""
        self._recorder.close()
        self._stores.close()

    async def _run(self, call: Callable[[QuarantineStore], Result]) -> Result:
        def after_recording(store: QuarantineStore) -> Result:
            self._recorder.flush()
            return call(store)

        return await self._stores.run(after_recording)
