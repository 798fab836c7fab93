"""The applier's process: follows the log, sleeps while there is nothing to do."""

import os
import select
import signal
import time
from typing import Final

from analytex.apply.loop import Applier
from analytex.eventlog.open import open_log_reader
from analytex.observability import logs
from analytex.service.child import LIFELINE, Orders, receive_orders
from analytex.storage.interface import ApplyStore
from analytex.storage.open import open_apply_store

NICENESS: Final = 10  # answering calls goes first where processors are short (nice(2))
SMALL: Final = 512  # records; after fewer it is worth waiting for company
PAUSE_S: Final = 0.004  # that long: rows per transaction grow, and so does the delay of a read
LOOK_EVERY_S: Final = 1.0  # without being woken: others may append to the log as well
SYNC_EVERY_S: Final = 1.0


class Process:
    """Runs until it is told to stop, or the supervisor is gone."""

    def __init__(self, orders: Orders) -> None:
        directory = orders.settings.directory
        self._wake = orders.wake
        self._store: ApplyStore = open_apply_store(directory)
        self._applier = Applier(
            open_log_reader(directory),
            self._store,
            company_from_metadata=orders.settings.company_from_metadata,
        )
        self._stopping = False
        self._synced = self._applier.position
        self._synced_at = time.monotonic()

    def run(self) -> None:
        """Apply what comes; when told to stop, apply first what the log holds."""
        while not self._stopping:
            applied = self._applier.step()
            self._sync()
            if applied < SMALL:
                self._wait(PAUSE_S if applied else LOOK_EVERY_S, for_records=not applied)
        self._applier.drain()
        self._store.sync()
        self._store.close()

    def stop(self, *_: object) -> None:
        """Stop soon (a signal handler)."""
        self._stopping = True

    def _sync(self) -> None:
        now = time.monotonic()
        if self._applier.position != self._synced and now - self._synced_at >= SYNC_EVERY_S:
            self._store.sync()
            self._synced, self._synced_at = self._applier.position, now

    def _wait(self, seconds: float, *, for_records: bool) -> None:
        watched = [LIFELINE, self._wake] if for_records else [LIFELINE]
        ready, _, _ = select.select(watched, [], [], seconds)
        if LIFELINE in ready:
            self._stopping = True
        if self._wake in ready:
            os.read(self._wake, 65536)


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
