"""The applier's process: follows the log and works on jobs, sleeps while there is nothing to do."""

import gc
import os
import select
import signal
import time
from functools import partial
from typing import Final

from analytex.apply.catalogue import Cataloguer
from analytex.apply.loop import Applier
from analytex.domain.jobs import Job
from analytex.eventlog.open import open_log_eraser, open_log_reader
from analytex.jobs.deleting import DeletionTask
from analytex.jobs.export_mail import announcer
from analytex.jobs.exports import DeletionFirst, Exporting
from analytex.jobs.history_deletion import HistoryDeletion
from analytex.jobs.mail import mailer
from analytex.jobs.pace import Pace
from analytex.jobs.rows import Tools
from analytex.jobs.runner import Runner
from analytex.observability import logs
from analytex.observability.board import APPLIER, WRITE_EVERY_S, Board
from analytex.observability.meters import ApplierMeter
from analytex.service.child import LIFELINE, Orders, receive_orders
from analytex.service.sealing import sealing_of
from analytex.settings import Settings
from analytex.storage.files import JobFiles
from analytex.storage.open import (
    open_apply_store,
    open_catalogue_store,
    open_erase_store,
    open_export_store,
    open_quarantine_store,
)

NICENESS: Final = 10  # answering calls goes first where processors are short (nice(2))
SMALL: Final = 512  # records; after fewer it is worth waiting for company
PAUSE_S: Final = 0.004  # that long: rows per transaction grow, and so does the delay of a read
BUSY: Final = 2048  # records; while the log brings so many at once, jobs get every fourth turn
LOOK_EVERY_S: Final = 1.0  # without being woken: others may append to the log as well
GARBAGE: Final = 50_000  # objects; rows are no cycles, and looking for some cost 4 % of the time
SYNC_EVERY_S: Final = 5.0  # for the log to be trimmed; calls wait behind each of these flushes


class Process:
    """Runs until it is told to stop, or the supervisor is gone."""

    def __init__(self, orders: Orders) -> None:
        settings = orders.settings
        directory = settings.directory
        self._directory = directory
        self._wake = orders.wake
        self._store = open_apply_store(directory, checkpoint_beside=True)
        self._log = open_log_reader(directory)
        self._applier = Applier(
            self._log, self._store, company_from_metadata=settings.company_from_metadata
        )
        self._eraser = open_log_eraser(directory)
        self._cataloguer = Cataloguer(open_catalogue_store(directory))
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
        self._sealing = sealing_of(settings, self._store.sync)
        self._exporting = self._new_exporting(settings)
        self._runner = Runner(
            self._tools,
            deletion=self._deletion,
            keep_s=settings.job_keep,
            exporting=self._exporting,
        )
        self._pace = Pace(settings.job_share, time.monotonic)
        self._meter = ApplierMeter()
        self._board = Board(directory, slots=settings.workers + 1)
        self._reported_at = float("-inf")
        self._stopping = False
        self._turn = 0
        self._synced = self._applier.position
        self._synced_at = time.monotonic()

    def run(self) -> None:
        """Apply what comes, and do jobs in between; when told to stop, apply what the log holds."""
        while not self._stopping:
            self._turn += 1
            self._report()
            began = time.monotonic()
            if applied := self._applier.step():
                self._pace.called()
                self._meter.records += applied
                self._meter.seconds += time.monotonic() - began
            worked = (applied < BUSY or self._turn % 4 == 0) and self._work_on_jobs()
            self._sync()
            # A job whose next rows are being read goes on as soon as they are there.
            idle = not worked and applied < SMALL and not self._runner.files()
            worked |= self._cataloguer.step(idle=idle)
            worked |= self._sealing.step(idle=idle and not worked)
            if not worked and applied < SMALL:
                self._wait(PAUSE_S if applied else LOOK_EVERY_S, for_records=not applied)
        self._runner.close()
        self._exporting.close()
        self._sealing.close()
        self._applier.drain()
        self._store.sync()
        self._store.close()
        self._eraser.close()
        self._cataloguer.close()

    def stop(self, *_: object) -> None:
        """Stop soon (a signal handler)."""
        self._stopping = True

    def _deletion(self, job: Job) -> DeletionFirst:
        task = DeletionTask(
            job,
            self._tools,
            open_store=partial(open_erase_store, self._directory),
            open_quarantine=partial(open_quarantine_store, self._directory),
            log=self._log,
            eraser=self._eraser,
            history=partial(HistoryDeletion, self._directory, self._sealing),
        )
        return self._exporting.deletion(task)

    def _new_exporting(self, settings: Settings) -> Exporting:
        store = open_export_store(self._directory)
        send = mailer(settings)
        ready = send and announcer(send, store.secret(), settings.public_url)
        return Exporting(self._directory, self._tools, store, ready=ready)

    def _work_on_jobs(self) -> bool:
        if self._pace.wait_s() > 0:
            return False
        began = time.monotonic()
        worked = self._runner.step()
        self._pace.worked(time.monotonic() - began)
        return worked

    def _report(self) -> None:
        """Write this process's numbers, which also tell that it lives."""
        now = time.monotonic()
        if now - self._reported_at >= WRITE_EVERY_S:
            self._board.write(APPLIER, self._meter.snapshot())
            self._reported_at = now

    def _sync(self) -> None:
        now = time.monotonic()
        if self._applier.position != self._synced and now - self._synced_at >= SYNC_EVERY_S:
            self._store.sync()
            self._synced, self._synced_at = self._applier.position, now

    def _wait(self, seconds: float, *, for_records: bool) -> None:
        watched = [LIFELINE, *self._sealing.files()]
        if pause := self._pace.wait_s():
            seconds = min(seconds, pause)
        else:
            watched += self._runner.files()
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
    logs.configure(orders.settings.log_level, "applier", orders.settings.log_format)
    os.set_blocking(orders.wake, False)
    os.nice(NICENESS)
    process = Process(orders)
    signal.signal(signal.SIGTERM, process.stop)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.freeze()
    gc.set_threshold(GARBAGE)
    process.run()


if __name__ == "__main__":
    main()
