"""Senders that keep a journal of what was acknowledged, and what the journal must agree with."""

import json
import random
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path
from typing import Any, Final

from analytex.domain.events import Event
from analytex.eventlog.open import open_log_reader
from analytex.storage.open import open_read_store
from tests.connection import Connection
from tests.laws import reference
from tests.server import KEY, Server, wait_for

USERS: Final = 20
COMPANIES: Final = 5
_AGAIN_S: Final = 0.02  # pause before a sender connects again


class Journal:
    """What was sent, and what the server said to it. Every call carries a number of its own."""

    def __init__(self) -> None:
        self.numbers: Iterator[int] = count(1)
        self.acknowledged: dict[str, int] = {}  #: record id -> number
        self.refused: dict[int, int] = {}  #: number -> status
        self.without_retry_after = 0
        self.unanswered = 0

    def statuses(self) -> Counter[int]:
        """Return how often each refusal was given."""
        return Counter(self.refused.values())

    def check(self, directory: Path) -> list[Event]:
        """Compare with the data directory of a server that does not run; return all events.

        What the log holds and the store does not yet have must be folded already.
        """
        with closing(open_read_store(directory)) as reads:
            events = [event for batch in reads.scan_events(batch=1000) for event in batch]
            profiles = reference.found(reads.scan_users(), reads.scan_companies())
            applied = reads.applied()
        with closing(open_log_reader(directory)) as log:
            positions = (applied, log.end(), len(events))
        assert len(set(positions)) == 1, f"applied, end of log and events are {positions}"
        numbers = {event.id: number_of(event) for event in events}
        doubled = [n for n, times in Counter(numbers.values()).items() if times > 1]
        lost = [id for id, number in self.acknowledged.items() if numbers.get(id) != number]
        false = [number for number in numbers.values() if number in self.refused]
        assert not lost, f"{len(lost)} acknowledged calls are lost, such as {lost[:3]}"
        assert not doubled, f"{len(doubled)} calls are there twice, such as {doubled[:3]}"
        assert not false, f"{len(false)} refused calls are there, such as {false[:3]}"
        assert len(numbers) == len(events), "a record id is there twice"
        assert profiles == reference.expected(events), "the profiles are not what the events say"
        return events


def number_of(event: Event) -> int:
    """Return the number that a call of the load carries."""
    return int(json.loads(event.metadata)["number"])


def a_call(number: int, rng: random.Random) -> tuple[str, dict[str, Any]]:
    """Return the path and body of one made-up call."""
    user_id = f"user-{rng.randrange(USERS)}"
    company_id = f"company-{rng.randrange(COMPANIES)}"
    property = f"p{rng.randrange(6)}"
    metadata = {
        "number": number,
        property: rng.choice([None, True, number, "ä" * rng.randrange(99)]),
    }
    kind = rng.choice(("track", "track", "track", "identify", "identify", "company"))
    if kind == "track":
        body = {"user_id": user_id, "event_name": f"event {number % 9}", "metadata": metadata}
        return "/v1/track", body
    if kind == "company":
        return "/v1/companies/identify", {"company_id": company_id, "metadata": metadata}
    company = {"id": company_id, "plan": number} if rng.random() < 0.5 else None
    return "/v1/identify", {"user_id": user_id, "metadata": metadata, "company": company}


@contextmanager
def load(
    server: Server, journal: Journal, *, seed: int, connections: int = 6, pause_s: float = 0.0
) -> Iterator[None]:
    """Send from several connections inside the `with`; a sender connects again if it must."""
    over = threading.Event()

    def send(rng: random.Random) -> None:
        connection: Connection | None = None
        while not over.is_set():
            try:
                if connection is None:
                    connection = Connection(server.port)
                _send_one(connection, journal, rng)
            except OSError:
                journal.unanswered += 1
                if connection is not None:
                    connection.close()
                connection = None
                over.wait(_AGAIN_S)
            if pause_s:
                over.wait(pause_s)
        if connection is not None:
            connection.close()

    senders = [
        threading.Thread(target=send, args=(random.Random(f"{seed}-{i}"),))
        for i in range(connections)
    ]
    for sender in senders:
        sender.start()
    try:
        yield
    finally:
        over.set()
        for sender in senders:
            sender.join()


def _send_one(connection: Connection, journal: Journal, rng: random.Random) -> None:
    number = next(journal.numbers)
    path, body = a_call(number, rng)
    data = json.dumps(body).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: test\r\nAuthorization: Token {KEY}\r\n"
        f"Content-Length: {len(data)}\r\n\r\n"
    )
    connection.send(head.encode() + data)
    reply = connection.reply()
    if reply.status == 202:
        journal.acknowledged[reply.headers["x-request-id"]] = number
    else:
        journal.refused[number] = reply.status
        journal.without_retry_after += "retry-after" not in reply.headers


def apply_rest(server: Server, *, within_s: float = 20.0) -> None:
    """Wait until the running server has applied all that its log holds."""
    with closing(open_log_reader(server.data)) as log:
        end = log.end()
    with closing(open_read_store(server.data)) as store:
        wait_for(lambda: store.applied() >= end, within_s)
