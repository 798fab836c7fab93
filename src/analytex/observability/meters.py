"""What a process counts about itself: plain numbers, added to where things happen.

Counting costs one addition to a list or a dictionary, so it may stand on the fast way. Everything
else is done when somebody asks: a `Snapshot` holds the numbers of one process at one moment.
"""

import os
import resource
import sys
import time
from bisect import bisect_left
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

FLUSH_S: Final = (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
FLUSH_RECORDS: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256, 1024)

OTHER: Final = "other"  #: stands for every method and address that the server does not know

_STATM: Final = Path("/proc/self/statm")
_RUSAGE_MAXRSS_BYTES: Final = 1 if sys.platform == "darwin" else 1024


class Counts(msgspec.Struct, kw_only=True):
    """A histogram's numbers: how many values fell up to each bound, and behind the last."""

    bounds: list[float]
    counts: list[int]  #: one more than there are bounds; not added up
    sum: float


class Histogram:
    """Counts values by size."""

    __slots__ = ("_bounds", "_counts", "_sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        """A value falls into the first of the `bounds`, which ascend, that it does not exceed."""
        self._bounds = tuple(bounds)
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def add(self, value: float) -> None:
        """Count a value."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    def counts(self) -> Counts:
        """Return its numbers at this moment."""
        return Counts(bounds=list(self._bounds), counts=list(self._counts), sum=self._sum)


class FlushMeter:
    """What the log's writer counts. It may count in a thread, but one flush at a time."""

    def __init__(self) -> None:
        self.seconds = Histogram(FLUSH_S)
        self.records = Histogram(FLUSH_RECORDS)
        self.failures = 0
        self.failed_at: float | None = None  #: Unix seconds; None: the newest flush went well

    def count(self, records: int, seconds: float, *, failed: bool) -> None:
        """Count a flush, one that failed as well."""
        self.seconds.add(seconds)
        if failed:
            self.failures += 1
            self.failed_at = time.time()
        else:
            self.records.add(records)
            self.failed_at = None


class Requests(msgspec.Struct, kw_only=True, array_like=True):
    """How often one address gave one answer."""

    method: str
    path: str  #: as the routes have it: `/v1/users/{user_id}`
    status: int
    count: int


class WorkerCounts(msgspec.Struct, kw_only=True):
    """What a worker has counted."""

    requests: list[Requests]
    flush_seconds: Counts
    flush_records: Counts
    flush_failures: int
    flush_failed_at: float | None
    queue: int  #: calls that wait for the log
    connections: int


class ApplierCounts(msgspec.Struct, kw_only=True):
    """What the applier has counted."""

    records: int  #: that it applied
    seconds: float  #: that it took for them


class Snapshot(msgspec.Struct, kw_only=True):
    """The numbers of one process. Times are Unix seconds."""

    process: str  #: `worker-0`, `applier`
    pid: int
    began_at: float
    at: float
    cpu_s: float  #: user and system
    resident_bytes: int
    worker: WorkerCounts | None = None
    applier: ApplierCounts | None = None


class WorkerMeter:
    """What a worker counts."""

    def __init__(self, process: str, fast_paths: Sequence[str]) -> None:
        """`fast_paths` are the addresses of the calls, each at the call's number."""
        self.accepted = [0] * len(fast_paths)  #: calls that were answered 202 the fast way
        self.flushes = FlushMeter()
        self.queue = 0  #: set before a snapshot is taken
        self.connections = 0  #: likewise
        self._fast_paths = tuple(fast_paths)
        self._others: dict[tuple[str, str, int], int] = {}
        self._process = process
        self._began_at = time.time()

    def count(self, method: str, path: str, status: int) -> None:
        """Count an answer. Methods and paths must be few: they are kept for good."""
        key = (method, path, status)
        self._others[key] = self._others.get(key, 0) + 1

    def snapshot(self) -> Snapshot:
        """Return the numbers of this moment."""
        found = _process(self._process, self._began_at)
        found.worker = WorkerCounts(
            requests=self._requests(),
            flush_seconds=self.flushes.seconds.counts(),
            flush_records=self.flushes.records.counts(),
            flush_failures=self.flushes.failures,
            flush_failed_at=self.flushes.failed_at,
            queue=self.queue,
            connections=self.connections,
        )
        return found

    def _requests(self) -> list[Requests]:
        counts = dict(self._others)
        for path, count in zip(self._fast_paths, self.accepted, strict=True):
            if count:
                counts["POST", path, 202] = counts.get(("POST", path, 202), 0) + count
        return [
            Requests(method=method, path=path, status=status, count=count)
            for (method, path, status), count in sorted(counts.items())
        ]


class ApplierMeter:
    """What the applier counts."""

    def __init__(self) -> None:
        self.records = 0
        self.seconds = 0.0
        self._began_at = time.time()

    def snapshot(self) -> Snapshot:
        """Return the numbers of this moment."""
        found = _process("applier", self._began_at)
        found.applier = ApplierCounts(records=self.records, seconds=self.seconds)
        return found


def _process(name: str, began_at: float) -> Snapshot:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return Snapshot(
        process=name,
        pid=os.getpid(),
        began_at=began_at,
        at=time.time(),
        cpu_s=used.ru_utime + used.ru_stime,
        resident_bytes=_resident_bytes(used.ru_maxrss),
    )


def _resident_bytes(most: int) -> int:
    """Return what the process holds in memory; where that cannot be read, the most it ever held."""
    with suppress(OSError, ValueError, IndexError):
        return int(_STATM.read_bytes().split()[1]) * resource.getpagesize()
    return most * _RUSAGE_MAXRSS_BYTES
