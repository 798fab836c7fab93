"""The metrics of a server: which there are, what they are called, and where each comes from.

Names, labels and meanings are stable (docs/operations.md). What a process counts begins anew with
it, and has its name as a label, so that Prometheus sees each begin.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from analytex.observability.exposition import Family, Sample
from analytex.observability.health import State, is_running
from analytex.observability.meters import ApplierCounts, Counts, Snapshot, WorkerCounts

UNAUTHORIZED = 401


class OpenJobs(NamedTuple):
    """Jobs of one kind and status that have not ended."""

    kind: str
    status: str
    jobs: int
    rows: int  #: of all their files
    completed: int
    failed: int


class EndedJobs(NamedTuple):
    """Jobs of one kind that ended with one status."""

    kind: str
    status: str
    jobs: int


class Details(NamedTuple):
    """What takes a look at the disk and the store."""

    files: Mapping[str, int]  #: bytes of each file or folder in the data directory
    jobs: Sequence[OpenJobs]
    ended: Sequence[EndedJobs] = ()


def families(version: str, state: State, details: Details, *, ready: bool) -> Iterator[Family]:
    """Yield every metric."""
    yield Family("analytex_info", "gauge", "Which version runs.", [Sample({"version": version}, 1)])
    yield _one("analytex_ready", "gauge", "Whether /readyz answers 200.", int(ready))
    yield from _processes(state.snapshots)
    running = [each for each in state.snapshots if is_running(each, time.time())]
    yield from _workers([(each.process, each.worker) for each in running if each.worker])
    yield from _applier([each.applier for each in running if each.applier])
    yield from _log(state)
    yield from _jobs(details.jobs)
    yield Family(
        "analytex_jobs_ended",
        "gauge",
        "Jobs that have ended and are still listed.",
        [Sample({"kind": each.kind, "status": each.status}, each.jobs) for each in details.ended],
    )
    yield from _disk(state, details.files)


def _processes(snapshots: Sequence[Snapshot]) -> Iterator[Family]:
    now = time.time()

    def of(value: Callable[[Snapshot], float], *, all: bool = False) -> list[Sample]:
        return [
            Sample({"process": each.process}, value(each))
            for each in snapshots
            if all or is_running(each, now)
        ]

    up = of(lambda each: is_running(each, now), all=True)
    if not any(each.applier for each in snapshots):
        up.append(Sample({"process": "applier"}, 0))  # it never came up
    yield Family("analytex_process_up", "gauge", "Whether a process lives and gets on.", up)
    yield Family(
        "analytex_process_start_time_seconds",
        "gauge",
        "When a process began, in Unix seconds.",
        of(lambda each: each.began_at),
    )
    yield Family(
        "analytex_process_cpu_seconds_total",
        "counter",
        "Processor time that a process took.",
        of(lambda each: each.cpu_s),
    )
    yield Family(
        "analytex_process_resident_bytes",
        "gauge",
        "Memory that a process holds.",
        of(lambda each: each.resident_bytes),
    )


def _workers(workers: Sequence[tuple[str, WorkerCounts]]) -> Iterator[Family]:
    def of(value: Callable[[WorkerCounts], float | Counts]) -> list[Sample]:
        return [Sample({"process": name}, value(counts)) for name, counts in workers]

    yield Family(
        "analytex_requests_total",
        "counter",
        "Answers, by address and status; an address that is none of ours is `other`.",
        [
            Sample(
                {
                    "process": name,
                    "method": each.method,
                    "path": each.path,
                    "status": str(each.status),
                },
                each.count,
            )
            for name, counts in workers
            for each in counts.requests
        ],
    )
    yield Family(
        "analytex_keys_refused_total",
        "counter",
        "Requests that were refused for their key.",
        of(lambda c: sum(each.count for each in c.requests if each.status == UNAUTHORIZED)),
    )
    yield Family(
        "analytex_connections", "gauge", "Connections that are open.", of(lambda c: c.connections)
    )
    yield Family(
        "analytex_log_queue", "gauge", "Calls that wait for the log.", of(lambda c: c.queue)
    )
    yield Family(
        "analytex_log_flush_seconds",
        "histogram",
        "How long a flush of the log took.",
        of(lambda c: c.flush_seconds),
    )
    yield Family(
        "analytex_log_flush_records",
        "histogram",
        "How many calls shared a flush.",
        of(lambda c: c.flush_records),
    )
    yield Family(
        "analytex_log_flush_failures_total",
        "counter",
        "Flushes that failed; their calls got 503.",
        of(lambda c: c.flush_failures),
    )


def _applier(appliers: Sequence[ApplierCounts]) -> Iterator[Family]:
    for counts in appliers:
        yield _one(
            "analytex_applied_records_total",
            "counter",
            "Log records that the applier has applied since it began.",
            counts.records,
        )
        yield _one(
            "analytex_apply_seconds_total", "counter", "Time that it took for them.", counts.seconds
        )


def _log(state: State) -> Iterator[Family]:
    if state.problem:
        return
    yield _one("analytex_log_end", "gauge", "Records ever written to the log.", state.log_end)
    yield _one("analytex_applied_position", "gauge", "Records of them applied.", state.applied)
    yield _one(
        "analytex_lag_records",
        "gauge",
        "Records that are not applied yet.",
        max(state.log_end - state.applied, 0),
    )
    yield _one("analytex_lag_seconds", "gauge", "Age of the oldest of them.", state.lag_s)


def _jobs(jobs: Sequence[OpenJobs]) -> Iterator[Family]:
    yield Family(
        "analytex_jobs",
        "gauge",
        "Jobs that have not ended.",
        [Sample({"kind": each.kind, "status": each.status}, each.jobs) for each in jobs],
    )
    rows: dict[tuple[str, str], int] = {}
    for each in jobs:
        remaining = each.rows - each.completed - each.failed
        states = {"completed": each.completed, "failed": each.failed, "remaining": remaining}
        for state, count in states.items():
            rows[each.kind, state] = rows.get((each.kind, state), 0) + count
    yield Family(
        "analytex_job_rows",
        "gauge",
        "Rows of jobs that have not ended.",
        [Sample({"kind": kind, "state": state}, count) for (kind, state), count in rows.items()],
    )


def _disk(state: State, files: Mapping[str, int]) -> Iterator[Family]:
    yield Family(
        "analytex_file_bytes",
        "gauge",
        "Size of a file or folder in the data directory.",
        [Sample({"file": name}, size) for name, size in sorted(files.items())],
    )
    yield _one("analytex_disk_size_bytes", "gauge", "Size of the disk.", state.disk_size)
    yield _one("analytex_disk_free_bytes", "gauge", "Room that is left on it.", state.disk_free)


def _one(name: str, kind: str, help: str, value: float) -> Family:
    return Family(name, "counter" if kind == "counter" else "gauge", help, [Sample({}, value)])
