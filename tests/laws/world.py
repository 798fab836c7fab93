"""The real applier and the real store, behind a log whose batches the test chooses."""

from collections.abc import Sequence
from itertools import count
from pathlib import Path

from analytex.apply.loop import Applier
from analytex.domain.calls import Call
from analytex.domain.events import Event, EventFilter
from analytex.domain.profiles import Company, User
from analytex.eventlog.interface import Batch
from analytex.storage.interface import ReadStore
from analytex.storage.open import open_apply_store, open_read_store
from analytex.wire import records
from tests.laws import reference

ALL = 1_000_000


def record(environment_id: int, call: Call, id: str, body: bytes) -> bytes:
    """Return the log record of an accepted call."""
    return records.encode(records.head(call, environment_id), id, body)


class World:
    """One store for many examples, each in an environment of its own."""

    def __init__(self, directory: Path) -> None:
        self._store = open_apply_store(directory)
        self.reads: ReadStore = open_read_store(directory)
        self._environments = count(1)

    def new_environment(self) -> int:
        """Return an environment that nobody else uses."""
        return next(self._environments)

    def apply(self, *batches: Sequence[bytes]) -> None:
        """Apply records, batch by batch."""
        log = Given(self._store.position(), batches)
        Applier(log, self._store, company_from_metadata=True).drain()
        assert self._store.position() == log.end()

    def profiles(self, environment_id: int) -> reference.Profiles:
        """Return the environment's profiles."""
        return reference.found(self.users(environment_id), self.companies(environment_id))

    def users(self, environment_id: int) -> list[User]:
        """Return the environment's users."""
        return self.reads.list_users(environment_id, after=None, limit=ALL)

    def companies(self, environment_id: int) -> list[Company]:
        """Return the environment's companies."""
        return self.reads.list_companies(environment_id, after=None, limit=ALL)

    def events(self, environment_id: int) -> list[Event]:
        """Return the environment's events, newest first."""
        found = self.reads.list_events(environment_id, EventFilter(), after=None, limit=ALL)
        return [event for _, event in found]

    def close(self) -> None:
        """Close the files."""
        self.reads.close()
        self._store.close()


class Given:
    """A log reader that hands out one of the given batches at a time."""

    def __init__(self, first: int, batches: Sequence[Sequence[bytes]]) -> None:
        self._batches: list[Batch] = []
        self._end = first
        for each in filter(None, batches):
            self._batches.append(Batch(self._end, list(each)))
            self._end += len(each)

    def read(self, start: int, *, max_records: int, max_bytes: int) -> list[Batch]:
        """Return the batch that begins at the position."""
        return [batch for batch in self._batches if batch.first == start]

    def end(self) -> int:
        """Return the position behind the last batch."""
        return self._end

    def written_at(self, position: int) -> int | None:
        """Return None: nobody asks."""
        return None

    def close(self) -> None:
        """Nothing is open."""
