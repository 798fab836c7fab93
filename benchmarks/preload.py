"""Filling the log and the store without HTTP, through the package's own log and applier."""

from __future__ import annotations

import asyncio
import random
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import servers
from analytex.apply.loop import Applier
from analytex.domain.calls import Call
from analytex.eventlog.embedded import EmbeddedLogReader, EmbeddedLogWriter
from analytex.storage.embedded.apply import EmbeddedApplyStore
from analytex.wire import records
from bodies import identify_bodies, track_bodies
from broken import Broken

RECORDS_PER_FLUSH = 256  # about what a busy server's flush holds
POOL_SIZE = 50_000  # different bodies
APART_US = 500  # microseconds between two preloaded records
PROCESS = "bench00"  # the part of a record id that names the process that took the call

Kind = tuple[Call, bytes]  #: a call and its body


def kinds(*, identify_share: float) -> list[Kind]:
    """A pool of calls, this share of them identify and the rest track."""
    identifies = int(POOL_SIZE * identify_share)
    pool = [(Call.IDENTIFY, body) for body in identify_bodies(identifies)]
    pool += [(Call.TRACK, body) for body in track_bodies(POOL_SIZE - identifies)]
    return pool


def make_records(
    count: int, pool: list[Kind], *, environment_id: int, start_us: int, seed: int = 4
) -> Iterator[bytes]:
    """Log records of calls drawn from the pool, received one after the other."""
    choose = random.Random(seed)
    for number in range(count):
        call, body = choose.choice(pool)
        id_ = records.record_id(start_us + number * APART_US, PROCESS)
        yield records.encode(records.head(call, environment_id), id_, body)


def environment(folder: Path) -> int:
    """Make a data directory by starting the server on it once; the id of its environment."""
    with servers.analytex(folder):
        pass
    with closing(sqlite3.connect(folder / "store.db")) as db:
        query = "SELECT id FROM environments WHERE app_token = ?"
        row = db.execute(query, (servers.APP_TOKEN,)).fetchone()
    if row is None:
        raise Broken(f"the first start made no environment {servers.APP_TOKEN}")
    return int(row[0])


def fill_log(folder: Path, made: Iterator[bytes], *, applied: int = 0) -> None:
    """Append the records to the log, each flush as large as a busy server's.

    Removes what lies before the position `applied` meanwhile, as a server does after a while.
    """
    asyncio.run(_fill_log(folder / "log.db", made, applied))


async def _fill_log(path: Path, made: Iterator[bytes], applied: int) -> None:
    writer = EmbeddedLogWriter(
        path, asyncio.get_running_loop(), queue_limit=RECORDS_PER_FLUSH, flushed=lambda: None
    )
    writer.trim(applied, time.time_ns() // 1000)
    problems: list[Exception] = []
    end = False
    while not end and not problems:
        flushed = asyncio.Event()

        def done(error: Exception | None, flushed: asyncio.Event = flushed) -> None:
            if error is not None:
                problems.append(error)
            flushed.set()

        end = True
        for _, record in zip(range(RECORDS_PER_FLUSH), made, strict=False):
            writer.append(record, done)
            end = False
        if not end:
            await flushed.wait()
    await writer.close()
    if problems:
        raise Broken(f"the log could not be written: {problems[0]}")


@contextmanager
def applier(folder: Path) -> Iterator[Applier]:
    """The product's applier on a data directory that no server has open."""
    reader = EmbeddedLogReader(folder / "log.db")
    store = EmbeddedApplyStore(folder / "store.db")
    try:
        yield Applier(reader, store, company_from_metadata=True)
        store.sync()
    finally:
        store.close()
        reader.close()
