"""Writing refused requests down, beside all that is accepted.

Whoever refuses puts the request into a bounded queue, which takes a microsecond. A thread writes
what waits, a few times a second. A flood of refusals fills the queue: the oldest in it are dropped,
and counted, so that the flood costs no more than the queue holds.
"""

import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from typing import Final

from analytex.domain.quarantine import ROWS_KEPT, Refused
from analytex.errors import AnalytexError
from analytex.storage.quarantine import Bounds, QuarantineStore

QUEUE: Final = 500  # refused requests of one environment that may wait
QUEUES: Final = 2000  # of all
GATHER_S: Final = 0.1  # between two writes: one transaction for all that came meanwhile
# A deletion looks at what is kept a second after its time, and relies on finding all from before
# (jobs/deletes.py, GRACE_US). So what could not be written by then is dropped.
MAX_AGE_US: Final = 500_000
HOUSEKEEPING_S: Final = 60.0
EXPIRED: Final = 500  # removed at a time
FLUSH_WAIT_S: Final = 0.5
QUIET_S: Final = 60.0  # after a line that says that they cannot be written

log = logging.getLogger(__name__)


class Recorder:
    """Takes refused requests from one event loop; has a thread of its own."""

    def __init__(
        self, open_store: Callable[[], QuarantineStore], *, keep_s: float, limit_bytes: int
    ) -> None:
        """`open_store` is called at once. With `keep_s` 0 nothing is written."""
        self._store = open_store()
        self._keep_us = round(keep_s * 1_000_000)
        self._bounds = Bounds(rows=ROWS_KEPT, bytes=limit_bytes)
        self._waiting: dict[int, deque[Refused]] = {}
        self._not_kept: Counter[int] = Counter()  # to be counted with the next write
        self._came = self._handled = 0  # requests: in all, and those that do not wait any more
        self._changed = threading.Condition()  # guards these four; held for moments
        self._news = threading.Event()
        self._hurry = threading.Event()
        self._closing = False
        self._kept_house_at = float("-inf")
        self._silent_until = float("-inf")
        self.recorded = 0  #: written since the start
        self.dropped = 0  #: only counted since the start
        self._thread = threading.Thread(target=self._run, name="quarantine", daemon=True)
        self._thread.start()

    def record(self, refused: Refused) -> None:
        """Let a refused request be written soon; never waits for the disk."""
        if self._keep_us == 0:
            return
        with self._changed:
            waiting = self._waiting.setdefault(refused.environment_id, deque())
            if len(waiting) >= QUEUE:
                self._drop_oldest(waiting)
            elif self._came - self._handled >= QUEUES:
                self._drop_oldest(max(self._waiting.values(), key=len))
            waiting.append(refused)
            self._came += 1
        self._news.set()

    def flush(self) -> None:
        """Wait, but not long, until what was recorded before is written. Blocks."""
        with self._changed:
            wanted = self._came
            if self._handled < wanted:
                self._hurry.set()
                self._changed.wait_for(lambda: self._handled >= wanted, FLUSH_WAIT_S)

    def close(self) -> None:
        """Write what waits, and stop."""
        self._closing = True
        self._hurry.set()
        self._news.set()
        self._thread.join()
        self._store.close()

    def _run(self) -> None:
        while not self._closing:
            if self._news.wait(HOUSEKEEPING_S):
                self._hurry.wait(GATHER_S)
            self._news.clear()
            self._hurry.clear()
            self._write()
            self._keep_house()
        self._write()

    def _write(self) -> None:
        with self._changed:
            waiting = [each for queue in self._waiting.values() for each in queue]
            self._waiting.clear()
            not_kept, self._not_kept = self._not_kept, Counter()
        if not (waiting or not_kept):
            return
        try:
            written = self._store.add(waiting, not_kept, bounds=self._bounds, max_age_us=MAX_AGE_US)
            self.recorded += written
            self.dropped += len(waiting) - written
        except AnalytexError as error:
            self._failed(waiting, not_kept, error)
        with self._changed:
            self._handled += len(waiting)
            self._changed.notify_all()

    def _failed(
        self, waiting: list[Refused], not_kept: "Counter[int]", error: AnalytexError
    ) -> None:
        with self._changed:
            self._not_kept.update(not_kept)
            for each in waiting:
                self._drop(each.environment_id)
        if time.monotonic() >= self._silent_until:
            self._silent_until = time.monotonic() + QUIET_S
            log.warning('action="quarantine_failed" cause="%s"', error.details)

    def _drop_oldest(self, waiting: deque[Refused]) -> None:
        if waiting:  # else all of them are being written
            self._handled += 1
            self._drop(waiting.popleft().environment_id)

    def _drop(self, environment_id: int) -> None:
        self._not_kept[environment_id] += 1
        self.dropped += 1

    def _keep_house(self) -> None:
        now = time.monotonic()
        if now - self._kept_house_at < HOUSEKEEPING_S:
            return
        self._kept_house_at = now
        before = time.time_ns() // 1000 - self._keep_us
        try:
            while self._store.expire(before, limit=EXPIRED) == EXPIRED and not self._closing:
                pass
        except AnalytexError as error:
            log.warning('action="quarantine_failed" cause="%s"', error.details)
