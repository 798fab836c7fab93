"""What a process counts."""

import msgspec

from analytex.observability.board import SLOT_BYTES
from analytex.observability.meters import (
    FLUSH_RECORDS,
    FLUSH_S,
    ApplierMeter,
    Counts,
    FlushMeter,
    Histogram,
    WorkerMeter,
)

PATHS = ("", "/v1/identify", "/v1/track")


def test_a_value_falls_up_to_its_bound() -> None:
    """Prometheus calls a bucket `le`: less or equal."""
    histogram = Histogram((1, 2, 4))
    for value in (0.5, 1, 1.5, 4, 5):
        histogram.add(value)

    assert histogram.counts() == Counts(bounds=[1, 2, 4], counts=[2, 1, 1, 1], sum=12.0)


def test_both_ways_of_answering_are_counted_together() -> None:
    """Who reads the number does not know that there are two."""
    meter = WorkerMeter("worker-0", PATHS)
    meter.accepted[2] += 3
    meter.count("POST", "/v1/track", 202)
    meter.count("POST", "/v1/track", 400)
    worker = meter.snapshot().worker

    assert worker is not None
    assert [(each.path, each.status, each.count) for each in worker.requests] == [
        ("/v1/track", 202, 4),
        ("/v1/track", 400, 1),
    ]


def test_a_failed_flush_is_remembered_until_one_goes_well() -> None:
    """Readiness asks how things are now, and not how they once were."""
    meter = FlushMeter()
    failed_at = []
    for failed in (True, False):
        meter.count(3, 0.001, failed=failed)
        failed_at.append(meter.failed_at)

    assert failed_at[0] is not None
    assert failed_at[1] is None
    assert (meter.failures, meter.records.counts().sum) == (1, 3)


def test_a_process_knows_its_own_needs() -> None:
    """A process that leaks or spins is seen by these two numbers."""
    found = ApplierMeter().snapshot()

    assert found.process == "applier"
    assert found.cpu_s > 0
    assert 1_000_000 < found.resident_bytes < 10_000_000_000


def test_the_most_that_a_worker_can_count_fits_into_its_slot() -> None:
    """Labels are bounded: by the routes, the methods that they answer, and the statuses."""
    meter = WorkerMeter("worker-63", PATHS)
    for path in range(100):
        for status in (200, 400, 401, 404, 408, 409, 413):
            meter.count("DELETE", f"/api/v1/analytics/exports/{path:020}", status)
    snapshot = meter.snapshot()
    assert snapshot.worker is not None
    for counts in (snapshot.worker.flush_seconds, snapshot.worker.flush_records):
        counts.counts = [2**53] * (len(counts.bounds) + 1)

    assert len(FLUSH_S) == len(FLUSH_RECORDS) == 10
    assert len(msgspec.json.encode(snapshot)) < SLOT_BYTES - 8
