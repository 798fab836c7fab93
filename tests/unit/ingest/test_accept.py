"""`accept`: the record, its id, and its place in the log."""

from analytex.domain.calls import Call
from analytex.domain.environments import Permission, Scope
from analytex.errors import RateLimited
from analytex.eventlog.interface import Done
from analytex.ingest.accept import Ingest, RecordIds
from analytex.ingest.admission import FixedWindows, unlimited
from analytex.wire import records

SCOPE = Scope(7, "NX-one", "key", frozenset({Permission.INGEST}))


class Log:
    """A log in memory."""

    def __init__(self) -> None:
        self.appended: list[tuple[bytes, Done]] = []

    @property
    def waiting(self) -> int:
        return len(self.appended)

    def append(self, record: bytes, done: Done) -> None:
        self.appended.append((record, done))

    def trim(self, before: int, older_than: int) -> None:
        raise NotImplementedError

    async def close(self) -> None:
        raise NotImplementedError


def done(error: Exception | None) -> None:
    """Nobody waits."""


def test_a_call_becomes_a_record_that_says_whose_it_is() -> None:
    """Environment, call, id and body, and the caller's `done` beside it."""
    log = Log()
    ingest = Ingest(log, RecordIds(), unlimited)
    body = b'{"user_id":"a","event_name":"e"}'

    id = ingest.accept(SCOPE, Call.TRACK, body, done)

    [(record, kept)] = log.appended
    event = records.decode(record, company_from_metadata=True)
    assert (event.id, event.environment_id, event.user_id) == (id, 7, "a")
    assert record.endswith(body)
    assert kept is done


def test_ids_are_unique_and_grow_even_within_a_microsecond() -> None:
    """Equal times are decided by the id, so two calls may never share one."""
    ids = RecordIds()
    made = [ids.next() for _ in range(10_000)]

    assert made == sorted(set(made))
    assert {len(id) for id in made} == {20}


def test_two_processes_never_make_the_same_id() -> None:
    """Each has digits of its own."""
    endings = {RecordIds().next()[13:] for _ in range(50)}
    assert len(endings) == 50


def test_a_call_above_the_limit_does_not_reach_the_log() -> None:
    """Nothing is kept of a 429."""
    log = Log()
    ingest = Ingest(log, RecordIds(), FixedWindows(lambda: 0.0))
    refused = 0
    for _ in range(605):
        try:
            ingest.accept(SCOPE, Call.TRACK, b"{}", done)
        except RateLimited:
            refused += 1
    assert (refused, len(log.appended)) == (5, 600)
