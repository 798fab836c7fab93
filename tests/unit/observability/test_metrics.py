"""The text that Prometheus reads, and which metrics stand in it."""

import re
from pathlib import Path
from typing import Final

from analytex.observability.exposition import Family, Sample, render
from analytex.observability.health import State
from analytex.observability.meters import ApplierMeter, Histogram, WorkerMeter
from analytex.observability.metrics import Details, EndedJobs, OpenJobs, families

PAGE: Final = (Path(__file__).parents[3] / "docs" / "operations.md").read_text("utf-8")


def example() -> str:
    applier, worker = ApplierMeter(), WorkerMeter("worker-0", ("", "/v1/track"))
    applier.records, applier.seconds = 9, 0.25
    worker.accepted[1] = 4
    worker.count("GET", "/v1/users", 401)
    worker.flushes.count(4, 0.0002, failed=False)
    state = State(
        log_end=12,
        applied=9,
        lag_s=0.5,
        disk_size=1000,
        disk_free=400,
        snapshots=[applier.snapshot(), worker.snapshot()],
    )
    jobs = [
        OpenJobs("import", "processing", 1, 100, 60, 10),
        OpenJobs("import", "queued", 2, 7, 0, 0),
    ]
    ended = [EndedJobs("export", "failed", 3)]
    return render(families("1.2.3", state, Details({"log.db": 4096}, jobs, ended), ready=True))


def test_a_histogram_is_added_up() -> None:
    """Each bucket counts all values up to its bound; the last has them all."""
    histogram = Histogram((0.1, 1))
    for value in (0.05, 0.5, 0.5, 7):
        histogram.add(value)
    text = render([Family("h", "histogram", "Help.", [Sample({"a": "b"}, histogram.counts())])])

    assert text.splitlines() == [
        "# HELP h Help.",
        "# TYPE h histogram",
        'h_bucket{a="b",le="0.1"} 1',
        'h_bucket{a="b",le="1"} 3',
        'h_bucket{a="b",le="+Inf"} 4',
        'h_sum{a="b"} 8.05',
        'h_count{a="b"} 4',
    ]


def test_a_label_may_hold_anything() -> None:
    """A quote or a line end in it would break the whole text."""
    text = render([Family("m", "gauge", "Help.", [Sample({"file": 'a"b\\c\nd'}, 1.5)])])

    assert text.splitlines()[-1] == r'm{file="a\"b\\c\nd"} 1.5'


def test_every_line_has_the_form_that_prometheus_reads() -> None:
    """One line that it cannot read loses all of them."""
    label = r'[a-z]+="[^"\n]*"'
    sample = re.compile(rf"[a-z_]+({{{label}(,{label})*}})? [0-9.e+-]+")

    for line in example().splitlines():
        assert line.startswith(("# HELP ", "# TYPE ")) or sample.fullmatch(line), line


def test_the_numbers_are_those_that_were_counted() -> None:
    """One of each kind."""
    lines = set(example().splitlines())

    assert {
        'analytex_requests_total{process="worker-0",method="POST",path="/v1/track",status="202"} 4',
        'analytex_keys_refused_total{process="worker-0"} 1',
        'analytex_log_flush_records_bucket{process="worker-0",le="4"} 1',
        "analytex_applied_records_total 9",
        "analytex_lag_records 3",
        "analytex_lag_seconds 0.5",
        'analytex_jobs{kind="import",status="queued"} 2',
        'analytex_jobs_ended{kind="export",status="failed"} 3',
        'analytex_job_rows{kind="import",state="completed"} 60',
        'analytex_job_rows{kind="import",state="remaining"} 37',
        'analytex_file_bytes{file="log.db"} 4096',
        'analytex_process_up{process="applier"} 1',
        "analytex_ready 1",
    } <= lines


def test_a_server_without_applier_says_so() -> None:
    """An alert can only fire on a line that is there."""
    state = State(log_end=0, applied=0, lag_s=0, disk_size=1, disk_free=1, snapshots=[])
    text = render(families("1", state, Details({}, []), ready=False))

    assert 'analytex_process_up{process="applier"} 0' in text.splitlines()


def test_every_metric_is_documented() -> None:
    """A metric that is not on the page may change its meaning unnoticed."""
    named = set(re.findall(r"^# TYPE (\w+)", example(), re.MULTILINE))

    assert {name for name in named if f"`{name}`" not in PAGE} == set()
