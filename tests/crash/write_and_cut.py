"""Run by `test_power_cut.py`: log and store under load on a `LossyDisk`, cut again and again.

Writes the folders `OUT/0`, `OUT/1`, ... with what was on the disk at the moment of a cut, and
`OUT/told.json`: each acknowledged record's id and number, and how many were acknowledged before
each cut.
"""

import argparse
import asyncio
import json
import os
import random
import sqlite3
import threading
import time
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, Final

from analytex.apply.loop import Applier
from analytex.domain.calls import Call
from analytex.eventlog.interface import LogWriter
from analytex.eventlog.open import open_log_reader, open_log_writer
from analytex.ingest.accept import RecordIds
from analytex.storage.open import open_apply_store, open_read_store
from analytex.wire import records
from tests.crash.lossy_disk import LossyDisk

SENDERS: Final = 16
SYNC_EVERY_S: Final = 0.03
CHECKPOINT_PAGES: Final = 60  # often, so that cuts meet checkpoints and write-ahead files reused
PAUSE_S: Final = 0.02  # between cuts, so that they meet different moments


class Connection(sqlite3.Connection):
    """A connection whose pragmas the test may overrule."""

    synchronous: str | None = None

    def execute(self, sql: str, *rest: Any) -> sqlite3.Cursor:
        if sql.startswith("PRAGMA synchronous =") and self.synchronous is not None:
            sql = f"PRAGMA synchronous = {self.synchronous}"
        if sql.startswith("PRAGMA wal_autocheckpoint ="):
            sql = f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}"
        return super().execute(sql, *rest)


class Run:
    """One process's life, with many deaths that it does not notice."""

    def __init__(self, out: Path, *, seed: int, cuts: int, failing: float) -> None:
        self._rng = random.Random(seed)
        self._out = out
        self._cuts = cuts
        self._data = out / "data"
        self._data.mkdir()
        self._acknowledged: list[tuple[str, int]] = []
        self._acknowledged_before: list[int] = []
        self._cutting = threading.Lock()
        self._next_cut = 0.0
        self._sent = self._refused = self._durable = 0
        self._disk = LossyDisk(self._data, seed=seed, at_change=lambda: self._maybe_cut(0.01))
        self._failing = failing
        self._over = threading.Event()

    def run(self) -> None:
        """Send and apply until there were enough cuts."""
        applier = threading.Thread(target=self._apply)
        applier.start()
        asyncio.run(self._send())
        applier.join()
        told = {
            "acknowledged": self._acknowledged,
            "before": self._acknowledged_before,
            "refused": self._refused,
        }
        (self._out / "told.json").write_text(json.dumps(told))

    async def _send(self) -> None:
        loop = asyncio.get_running_loop()
        writer = open_log_writer(self._data, loop, queue_limit=10_000, flushed=lambda: None)
        ids = RecordIds()
        self._next_cut = time.monotonic() + PAUSE_S
        self._disk.failing = self._failing
        trimming = asyncio.create_task(self._trim(writer))
        await asyncio.gather(*(self._sender(writer, ids) for _ in range(SENDERS)))
        trimming.cancel()
        self._disk.failing = 0.0
        self._over.set()
        await writer.close()

    async def _trim(self, writer: LogWriter) -> None:
        while True:
            await asyncio.sleep(SYNC_EVERY_S)
            writer.trim(self._durable, time.time_ns() // 1000)

    async def _sender(self, writer: LogWriter, ids: RecordIds) -> None:
        while len(self._acknowledged_before) < self._cuts:
            self._sent += 1
            number, id = self._sent, ids.next()
            body = {
                "user_id": f"u{number % 7}",
                "metadata": {"number": number, "text": "x" * self._rng.randrange(600)},
            }
            head = records.head(Call.IDENTIFY, 1)
            flushed = asyncio.get_running_loop().create_future()

            def done(error: Exception | None, told: tuple[str, int] = (id, number)) -> None:
                if error is None:
                    self._acknowledged.append(told)
                    self._maybe_cut(0.01)
                else:
                    assert self._failing, error
                    self._refused += 1
                flushed.set_result(None)  # noqa: B023 - called before the next turn

            writer.append(records.encode(head, id, json.dumps(body).encode()), done)
            await flushed
            await asyncio.sleep(self._rng.choice((0, 0, 0.002)))

    def _apply(self) -> None:
        while not self._over.is_set():
            try:
                self._follow()
            except sqlite3.Error:  # the supervisor would start the applier again
                assert self._failing

    def _follow(self) -> None:
        with ExitStack() as opened:
            store = opened.enter_context(closing(open_apply_store(self._data)))
            log = opened.enter_context(closing(open_log_reader(self._data)))
            watch = opened.enter_context(closing(open_read_store(self._data)))
            applier = Applier(log, store, company_from_metadata=True)
            synced_at = 0.0
            while not self._over.is_set():
                if not applier.step():
                    time.sleep(0.002)
                if time.monotonic() - synced_at > SYNC_EVERY_S:
                    store.sync()
                    self._durable = watch.durable()
                    synced_at = time.monotonic()
            # Left open, or the last one to close would tidy the files up.
            self._left_open = opened.pop_all()

    def _maybe_cut(self, probability: float) -> None:
        if self._rng.random() >= probability or not self._cutting.acquire(blocking=False):
            return
        try:
            number = len(self._acknowledged_before)
            if number < self._cuts and self._next_cut and time.monotonic() > self._next_cut:
                # Counted before the copy: what is acknowledged meanwhile may be in it or not.
                acknowledged = len(self._acknowledged)
                self._disk.cut(self._out / str(number))
                self._acknowledged_before.append(acknowledged)
                self._next_cut = time.monotonic() + PAUSE_S
        finally:
            self._cutting.release()


def main() -> None:
    """Read the command line and run."""
    words = argparse.ArgumentParser()
    words.add_argument("out", type=Path)
    words.add_argument("--seed", type=int, required=True)
    words.add_argument("--cuts", type=int, required=True)
    words.add_argument("--synchronous", choices=("NORMAL", "OFF"))
    words.add_argument("--failing", type=float, default=0.0, help="part of the log's flushes")
    asked = words.parse_args()
    Connection.synchronous = asked.synchronous
    connect: Any = sqlite3.connect

    def connect_ours(*arguments: Any, **named: Any) -> sqlite3.Connection:
        db: sqlite3.Connection = connect(*arguments, factory=Connection, **named)
        db.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
        return db

    setattr(sqlite3, "connect", connect_ours)  # noqa: B010 - what it is given differs in type
    Run(asked.out, seed=asked.seed, cuts=asked.cuts, failing=asked.failing).run()
    os._exit(0)  # SQLite still calls the disk's functions, which the interpreter would remove


if __name__ == "__main__":
    main()
