"""The applier's process: follows the log and works on jobs, sleeps while there is nothing to do."""

import os
import select
import signal
import time
from functools import partial
from typing import Final

from analytex.apply.loop import Applier
from analytex.domain.jobs import Job
from analytex.eventlog.open import open_log_eraser, open_log_reader
from analytex.jobs.deleting import DeletionTask
from analytex.jobs.rows import Tools
from analytex.jobs.runner import Runner
from analytex.observability import logs
from analytex.service.child import LIFELINE, Orders, receive_orders
from analytex.storage.files import JobFiles
from analytex.storage.open import open_apply_store, open_erase_store

NICENESS: Final = 10  # answering calls goes first where processors are short (nice(2))
SMALL: Final = 512  # records; after fewer it is worth waiting for company
PAUSE_S: Final = 0.004  # that long: rows per transaction grow, and so does the delay of a read
BUSY: Final = 2048  # records; while the log brings so many at once, jobs get every fourth turn
LOOK_EVERY_S: Final = 1.0  # without being woken: others may append to the log as well
SYNC_EVERY_S: Final = 1.0


class Process:
    """Runs until it is told to stop, or the supervisor is gone."""

    def __init__(self, orders: Orders) -> None:
        settings = orders.settings
        directory = settings.directory
        self._directory = directory
        self._wake = orders.wake
        self._store = open_apply_store(directory)
        self._log = open_log_reader(directory)
        self._applier = Applier(
            self._log, self._store, company_from_metadata=settings.company_from_metadata
        )
        self._eraser = open_log_eraser(directory)
        self._tools = Tools(
            store=self._store,
            memberships=self._applier.memberships,
            burials=self._applier.burials,
            files=JobFiles(directory),
            now=lambda: time.time_ns() // 1000,
            clock=time.monotonic,
            row_bytes=settings.row_limit,
            paced=settings.limits == "userpilot",
        )
        self._runner = Runner(self._tools, deletion=self._deletion, keep_s=settings.job_keep)
        self._stopping = False
        self._turn = 0
        self._synced = self._applier.position
        self._synced_at = time.monotonic()

    def run(self) -> None:
        """Apply what comes, and do jobs in between; when told to stop, apply what the log holds."""
        while not self._stopping:
            self._turn += 1
            applied = self._applier.step()
            worked = (applied < BUSY or self._turn % 4 == 0) and self._runner.step()
            self._sync()
            if not worked and applied < SMALL:
                self._wait(PAUSE_S if applied else LOOK_EVERY_S, for_records=not applied)
        self._runner.close()
        self._applier.drain()
        self._store.sync()
        self._store.close()
        self._eraser.close()

    def stop(self, *_: object) -> None:
        """Stop soon (a signal handler)."""
        self._stopping = True

    def _deletion(self, job: Job) -> DeletionTask:
        return DeletionTask(
            job,
            self._tools,
            open_store=partial(open_erase_store, self._directory),
            log=self._log,
            eraser=self._eraser,
        )

    def _sync(self) -> None:
        now = time.monotonic()
        if self._applier.position != self._synced and now - self._synced_at >= SYNC_EVERY_S:
            self._store.sync()
            self._synced, self._synced_at = self._applier.position, now

    def _wait(self, seconds: float, *, for_records: bool) -> None:
        watched = [LIFELINE, *self._runner.files()]
        if for_records:
            watched.append(self._wake)
            seconds = self._runner.wait_s(seconds)
        ready, _, _ = select.select(watched, [], [], seconds)
        if LIFELINE in ready:
            self._stopping = True
        if self._wake in ready:
            os.read(self._wake, 65536)
            self._runner.woken()


def main() -> None:
    """Run the applier as the supervisor ordered."""
    orders = receive_orders()
    logs.configure(orders.settings.log_level, "applier")
    os.set_blocking(orders.wake, False)
    os.nice(NICENESS)
    process = Process(orders)
    signal.signal(signal.SIGTERM, process.stop)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    process.run()


if __name__ == "__main__":
    main()
