"""Sealing, seen from the applier: when events move into history, and what follows from it.

The work itself is done by a process that ends with it (`jobs/sealer.py`). What it reports is noted
in the store in one transaction, and from then on readers find those events in history. Then the hot
rows are removed, a few milliseconds' work at a time, while the applier has nothing better to do.
"""

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from analytex.domain.history import DAY, FOLDER, Report
from analytex.errors import Unavailable
from analytex.jobs.sealer_pipe import Keep, Orders, Run, Seal, Tidy
from analytex.storage.sealing import Hot, SealStore

LOOK_EVERY_S: Final = 0.2
TIDY_EVERY_S: Final = 60.0
FEW_EVENTS: Final = 10_000  # are not worth a file, however old they are
MOST_EVENTS: Final = 1_000_000  # in one run, which keeps its memory bounded
PRESSING: Final = 4  # times `hot_events`: so many sealed events are removed though others wait
FILES_OF_A_DAY: Final = 8  # more are put together
QUIET_US: Final = 600_000_000  # a day that got no file for so long gets one in the place of several
LEAVE_US: Final = 900_000_000  # others may read replaced files so long
AGAIN_AFTER_S: Final = 5.0  # where the process failed; twice as long each time
LONGEST_PAUSE_S: Final = 600.0

log = logging.getLogger(__name__)


class Plan(NamedTuple):
    """The settings of sealing."""

    hot_events: int  #: more than so many complete events are sealed
    seal_after_s: float  #: fewer, after so long
    keep: Callable[[int], Keep]  #: what is to be kept at a time (microseconds)


class Sealing:
    """Lives in the applier's process, between two runs of the log."""

    def __init__(
        self,
        directory: Path,
        store: SealStore,
        plan: Plan,
        *,
        sync: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], int] = lambda: time.time_ns() // 1000,
    ) -> None:
        """`sync` makes everything written to the store survive a power cut."""
        self._directory = directory
        self._store = store
        self._plan = plan
        self._sync = sync
        self._clock = clock
        self._now = now
        self._run: Run | None = None
        self._holds = 0
        self._failures = 0
        self._looked_at = self._tidied_at = float("-inf")
        self._not_before = float("-inf")
        self._few_since: float | None = None  # when there was something to seal first
        self._garbage = True  # whether something that was sealed may be left in the store
        self._retired_on = -1  # the day for which hot events were looked through
        self._retiring: int | None = None  # the sequence up to which they were

    @property
    def store(self) -> SealStore:
        """What is known of history."""
        return self._store

    def step(self, *, idle: bool) -> bool:
        """Do a little, at most about 10 ms; False if there was nothing to do.

        `idle`: nothing else waits.
        """
        if self._run is not None:
            return self._follow(self._run)
        if self._garbage and (idle or self._holds or self._pressing()):
            self._garbage = self._store.remove_slice()
            return True
        if self._retiring is not None:
            self._retire(self._retiring)
            return True
        if self._clock() - self._looked_at < LOOK_EVERY_S or self._holds:
            return False
        self._looked_at = self._clock()
        return self._clock() >= self._not_before and self._begin()

    def files(self) -> list[int]:
        """Return what to wait on after a step that had nothing to do."""
        return [] if self._run is None else [self._run.fileno()]

    def hold(self) -> None:
        """Begin nothing new until `release`: somebody is about to change events on both sides."""
        self._holds += 1

    def release(self) -> None:
        """The opposite of `hold`."""
        self._holds -= 1

    def rests(self) -> bool:
        """Tell whether no process is at work, and nothing that was sealed is left in the store."""
        hot = self._store.hot()
        return self._run is None and hot.removed >= hot.sealed

    def has_history(self) -> bool:
        """Tell whether there is a table, or was one."""
        return (self._directory / FOLDER).exists()

    def close(self) -> None:
        """Stop; what was begun is found at the next start."""
        if self._run is not None:
            self._run.close()
            self._run = None
        self._store.close()

    def _begin(self) -> bool:
        """Start what is due; False if nothing is."""
        hot = self._store.hot()
        if upto := self._due(hot):
            self._sync()  # what is sealed must not be lost by a power cut, and applied again
            self._start(Seal(upto=upto))
        elif self._plan.keep(self._now()) != Keep() and self._retired_on != self._now() // DAY:
            self._retired_on = self._now() // DAY
            self._retiring = 0
        elif self._untidy():
            self._start(
                Tidy(
                    keep=self._plan.keep(self._now()),
                    files=FILES_OF_A_DAY,
                    quiet_before=self._now() - QUIET_US,
                    leave_until=self._now() + LEAVE_US,
                )
            )
        else:
            return False
        return True

    def _due(self, hot: Hot) -> int:
        """Return the sequence to seal up to; 0: not yet."""
        complete = hot.sealable - hot.sealed
        if min(hot.asked, hot.last) > hot.sealed:  # the last ones may have been deleted since
            if hot.asked > hot.sealable:
                self._store.close_segment()
            upto = self._store.sealable(at_most=MOST_EVENTS)
            return upto if upto > hot.sealed else 0
        if complete < FEW_EVENTS:
            self._few_since = None
            return 0
        if self._few_since is None:
            self._few_since = self._clock()
        old = self._clock() - self._few_since >= self._plan.seal_after_s
        if complete < self._plan.hot_events and not old:
            return 0
        self._few_since = None
        return self._store.sealable(at_most=MOST_EVENTS)

    def _untidy(self) -> bool:
        if self._clock() - self._tidied_at < TIDY_EVERY_S:
            return False
        self._tidied_at = self._clock()
        now = self._now()
        if self._store.crowded(files=FILES_OF_A_DAY, quiet_before=now - QUIET_US):
            return True
        if self._store.sweepable(now=now):
            return True
        keep = self._plan.keep(now)
        oldest = {
            since: self._store.oldest_day(id, others=())
            for id, since in keep.environments.items()
            if since is not None
        }
        if keep.default is not None:
            oldest[keep.default] = self._store.oldest_day(None, others=keep.environments)
        return any(day is not None and day < since // DAY for since, day in oldest.items())

    def _start(self, task: Seal | Tidy) -> None:
        log.info('action="history_work_started" task=%s', type(task).__name__.lower())
        self._run = Run(Orders(directory=str(self._directory), task=task))

    def _follow(self, run: Run) -> bool:
        try:
            message = run.next()
        except Unavailable as error:
            self._failures += 1
            pause = min(AGAIN_AFTER_S * 2 ** (self._failures - 1), LONGEST_PAUSE_S)
            self._not_before = self._clock() + pause
            log.error('action="history_work_failed" cause="%s" again_in_s=%g', error.details, pause)
            self._end(run)
            return True
        if isinstance(message, Report):
            self.note(message)
            run.go()
            return True
        if run.ended:
            self._failures = 0
            self._looked_at = float("-inf")  # there may be more to do
            self._end(run)
            return True
        return False

    def note(self, report: Report) -> None:
        """Let readers see what history is now."""
        self._store.note(report, now=self._now())
        self._garbage = True
        if report.added or report.removed:
            log.info(
                'action="history_changed" version=%d sealed=%d added=%d removed=%d',
                *(report.version, report.sealed, len(report.added), len(report.removed)),
            )

    def _end(self, run: Run) -> None:
        run.close()
        self._run = None

    def _pressing(self) -> bool:
        hot = self._store.hot()
        return hot.sealed - hot.removed > PRESSING * self._plan.hot_events

    def _retire(self, after: int) -> None:
        keep = self._plan.keep(self._now())
        self._retiring = self._store.retire(after, keep=keep.environments, default=keep.default)
        if self._retiring is None:
            self._store.changed()
