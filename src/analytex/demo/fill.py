"""Putting made-up calls into the event log, with record ids that carry their own times."""

import asyncio
import secrets
from collections import Counter
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Final

from analytex.demo.calls import Made
from analytex.domain.calls import Call
from analytex.eventlog.interface import LogWriter
from analytex.wire import records
from analytex.wire.bodies import check

FLUSH: Final = 2000  # records; about half a megabyte, so that no live call waits long behind it
_PROCESS_DIGITS: Final = records.ID_CHARS - len(f"{0:013x}")


async def fill(
    log: LogWriter,
    environment_id: int,
    calls: Iterable[Made],
    *,
    progress: Callable[[int], None],
) -> Counter[Call]:
    """Append the calls, which are in time order; return how many of each kind.

    `progress` is told the time up to which they are on disk.
    Raises Unavailable if the log cannot be written.
    """
    heads = {call: records.head(call, environment_id) for call in Call}
    process = secrets.token_hex(_PROCESS_DIGITS)[:_PROCESS_DIGITS]
    counts: Counter[Call] = Counter()
    last = 0
    rest = iter(calls)
    while some := list(islice(rest, FLUSH)):
        found = []
        for at, call, body in some:
            check(call, body)
            last = max(last + 1, at)  # ids of one process differ, and grow
            found.append(records.encode(heads[call], records.record_id(last, process), body))
            counts[call] += 1
        await _flush(log, found)
        progress(last)
    return counts


async def _flush(log: LogWriter, found: list[bytes]) -> None:
    """Append records, which all go into one flush, and wait until it is on disk."""
    flushed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def done(error: Exception | None) -> None:
        if not flushed.done():
            if error is None:
                flushed.set_result(None)
            else:
                flushed.set_exception(error)

    for record in found:
        log.append(record, done)
    await flushed
