"""How many rows per second does an export write, in how much memory, and who waits for it?

Exports of a million rows out of ten million in history, through the HTTP API: from the request
until the job is completed and its links can be followed. The reference is plain DuckDB that copies
the same rows out of one Parquet file (plain.py) into a file of the same format; it makes no Avro.
Then calls come at a pace far below what the server can take, first while it does nothing else, then
while it exports all the time.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import duckdb
import fastavro

import broken
import filled
import load
import options
import processes
import reads
import servers
import turn
from analytex.domain.times import SECOND
from broken import Broken
from filled import DAYS, Filled
from load import Load
from options import Options
from plain import NAME, Plain
from report import Report, ratio, spread
from servers import Server

ROWS = 1_000_000
FORMATS = ("ndjson", "csv", "parquet", "avro")
COPY = {
    "ndjson": "FORMAT json, COMPRESSION gzip",
    "csv": "FORMAT csv, HEADER",
    "parquet": "FORMAT parquet, COMPRESSION zstd",
}
EXPORTS = "/api/v1/analytics/exports"
LOOK_EVERY = 0.02  # seconds between two looks at a job
REST = 1.0  # seconds from ready until idle memory is read
PACED = 1_000  # calls per second
CONNECTIONS = 16
RATE = 150_000.0  # rows per second, NDJSON
MEMORY_MB = 200.0


@dataclass(frozen=True)
class Run:
    rate: float  #: rows per second
    memory_mb: float  #: proportional set size of all processes at its highest, less idle before
    row_bytes: float  #: of the files, per row


@dataclass(frozen=True)
class Part:
    """Which events are exported: the last ones."""

    rows: int
    since: int  #: microseconds since 1970-01-01 UTC
    until: int

    @property
    def text(self) -> tuple[str, str]:
        """From when, and until when."""
        since, until = (
            f"{datetime.fromtimestamp(at // SECOND, UTC):%Y-%m-%dT%H:%M:%S}.{at % SECOND:06d}Z"
            for at in (self.since, self.until)
        )
        return since, until


def part_of(made: Filled) -> Part:
    """The last million, or all if there are no more."""
    rows = min(ROWS, made.events)
    apart = DAYS * 86_400 * SECOND // made.events
    return Part(rows, made.since + (made.events - rows) * apart, made.until)


def export(server: Server, form: str, part: Part) -> dict[str, Any]:
    """Ask for an export, and wait; what is shown of it."""
    since, until = part.text
    with closing(server.connect()) as connection:

        def ask(method: str, target: str, body: str | None = None) -> Any:
            connection.request(method, target, body, reads.HEADERS)
            answer = connection.getresponse()
            content = answer.read()
            if answer.status not in (200, 201):
                raise Broken(f"{method} {target} was answered {answer.status} {content[:300]!r}")
            return json.loads(content)

        body = json.dumps({"from": since, "to": until, "format": form})
        id = ask("POST", EXPORTS, body)["job_id"]
        while True:
            job: dict[str, Any] = ask("GET", f"{EXPORTS}/jobs/{id}")
            if job["status"] == "failed":
                raise Broken(f"an export as {form} failed: {job['reason']}")
            if job["status"] == "completed":
                return job
            time.sleep(LOOK_EVERY)


def analytex(server: Server, form: str, part: Part) -> Run:
    """Ours."""
    idle = processes.memory_bytes(server.pid)[1]
    with processes.watch_memory(server.pid) as peak:
        begun = time.perf_counter()
        job = export(server, form, part)
        seconds = time.perf_counter() - begun
    folder = server.folder / "exports" / job["job_id"]
    size = sum(file.stat().st_size for file in folder.iterdir())
    _check(server, job, form, part)
    return Run(part.rows / seconds, (peak.bytes - idle) / 1e6, size / part.rows)


def plain_copy(plain: Plain, form: str, part: Part, folder: Path) -> Run:
    """The reference."""
    path = folder / f"plain.{form}"
    begun = time.perf_counter()
    ((rows,),) = plain.ask(
        f"COPY (FROM events WHERE inserted_at >= make_timestamptz({part.since}) "
        f"AND inserted_at < make_timestamptz({part.until})) TO '{path}' ({COPY[form]})"
    )
    seconds = time.perf_counter() - begun
    size = path.stat().st_size
    path.unlink()
    if rows != part.rows:
        raise Broken(f"plain DuckDB wrote {rows:,} rows of {part.rows:,}")
    return Run(rows / seconds, 0.0, size / rows)


def _check(server: Server, job: dict[str, Any], form: str, part: Part) -> None:
    """Raises Broken unless the files that the links lead to have every row once."""
    rows = sum(_READERS[form](content) for content in _downloads(server, job))
    if rows != part.rows:
        raise Broken(f"the export as {form} has {rows:,} rows of {part.rows:,}")


def _downloads(server: Server, job: dict[str, Any]) -> Iterator[bytes]:
    with closing(server.connect()) as connection:
        for each in job["presigned_urls"]:
            link = urlsplit(each["url"])
            connection.request("GET", f"{link.path}?{link.query}")
            answer = connection.getresponse()
            content = answer.read()
            if answer.status != 200:
                raise Broken(f"a link was answered {answer.status} {content[:300]!r}")
            yield content


def _parquet_rows(content: bytes) -> int:
    with tempfile.NamedTemporaryFile() as file:
        file.write(content)
        file.flush()
        query = "SELECT count(*) FROM read_parquet(?)"
        (rows,) = duckdb.execute(query, [file.name]).fetchall()[0]
    return int(rows)


def _avro_rows(content: bytes) -> int:
    return sum(block.num_records for block in fastavro.block_reader(io.BytesIO(content)))


_READERS: dict[str, Callable[[bytes], int]] = {
    "ndjson": lambda content: gzip.decompress(content).count(b"\n"),
    "csv": lambda content: content.count(b"\r\n") - 1,
    "parquet": _parquet_rows,
    "avro": _avro_rows,
}

Runs = dict[str, dict[str, list[Run]]]  # format → contender → rounds


def measure(given: Options, made: Filled, report: Report) -> Runs:
    """All rounds of each format: ours, the reference."""
    part = part_of(made)
    runs: Runs = {form: {"analytex": [], "plain": []} for form in FORMATS}
    with (
        options.scratch(given) as folder,
        servers.analytex(made.folder, workers=given.workers) as server,
        closing(Plain(made.folder, made.files, made.events)) as plain,
    ):
        time.sleep(REST)
        for number in range(given.rounds):
            for form in FORMATS:
                one = analytex(server, form, part)
                runs[form]["analytex"].append(one)
                if form in COPY:
                    runs[form]["plain"].append(plain_copy(plain, form, part, folder))
                report.progress(
                    f"round {number + 1}, {form}: {one.rate:,.0f} rows/s, {one.memory_mb:.0f} MB"
                )
        shutil.rmtree(made.folder / "exports")
    return runs


def measure_live(given: Options, made: Filled, report: Report) -> dict[str, list[Load]]:
    """Calls at a pace, without and with exports beside them, on a copy of the directory."""
    part = part_of(made)
    loads: dict[str, list[Load]] = {"idle": [], "exporting": []}
    with options.scratch(given) as folder:
        shutil.copytree(made.folder, folder / "copy", ignore=shutil.ignore_patterns(NAME))
        os.sync()  # or the first turns would share the disk with the copy
        pool = turn.write_pool(folder)
        with servers.analytex(folder / "copy", workers=given.workers) as server:
            for number in range(given.rounds):
                for name in loads:
                    with exporting(server, part, begin=name == "exporting"):
                        one = _paced(server, pool, given)
                    loads[name].append(one)
                    report.progress(f"round {number + 1}, {name}: 202 p99 {one.p99_ms:.2f} ms")
    return loads


def _paced(server: Server, pool: Path, given: Options) -> Load:
    one = load.run(server.url, pool, connections=CONNECTIONS, seconds=given.seconds, rate=PACED)
    if one.rate < 0.95 * PACED:
        raise Broken(f"only {one.rate:,.0f} of {PACED:,} calls per second were answered")
    return one


@contextmanager
def exporting(server: Server, part: Part, *, begin: bool) -> Iterator[None]:
    """Export NDJSON from a thread, one export after the other, until the block ends."""
    end = threading.Event()
    problems: list[Exception] = []

    def work() -> None:
        try:
            while not end.is_set():
                export(server, "ndjson", part)
        except Exception as error:  # reported by the main thread
            problems.append(error)

    thread = threading.Thread(target=work)
    if begin:
        thread.start()
        time.sleep(REST)
    try:
        yield
    finally:
        end.set()
        if begin:
            thread.join()
    if problems:
        raise problems[0]


def show(runs: Runs, loads: dict[str, list[Load]], made: Filled, report: Report) -> None:
    table = []
    for form, of in runs.items():
        ours, theirs = of["analytex"], of["plain"]
        rates = [one.rate for one in ours]
        table.append(
            [
                form,
                spread(rates).text(),
                spread([one.rate for one in theirs]).text() if theirs else "",
                ratio(rates, [one.rate for one in theirs]).text(".2f") if theirs else "",
                spread([one.memory_mb for one in ours]).text(".0f"),
                spread([one.row_bytes for one in ours]).text(".0f"),
                spread([one.row_bytes for one in theirs]).text(".0f") if theirs else "",
            ]
        )
    header = [
        *("", "rows/s", "plain DuckDB, rows/s", "of plain"),
        *("memory grown, MB", "bytes/row", "plain, bytes/row"),
    ]
    rows = part_of(made).rows
    report.table(f"{rows:,} of {made.events:,} events; rows that are missing: 0", header, table)
    figures: dict[str, Sequence[list[float]]] = {
        "202 p50 ms": [[one.p50_ms for one in some] for some in loads.values()],
        "202 p99 ms": [[one.p99_ms for one in some] for some in loads.values()],
        "202 slowest ms": [[one.max_ms for one in some] for some in loads.values()],
    }
    report.table(
        f"{PACED:,} calls/s, {CONNECTIONS} connections",
        ["", "idle", "while it exports", "exporting / idle"],
        [
            [title, spread(a).text(".2f"), spread(b).text(".2f"), ratio(b, a).text(".2f")]
            for title, (a, b) in figures.items()
        ],
    )
    ours = runs["ndjson"]["analytex"]
    report.target("rows/s, NDJSON", spread([one.rate for one in ours]).median, at_least=RATE)
    for form, of in runs.items():
        grown = spread([one.memory_mb for one in of["analytex"]]).median
        report.target(f"memory growth, {form}, MB", grown, at_most=MEMORY_MB)


def main() -> int:
    given = options.read(
        __doc__ or "",
        needs=("wrk", "analytex"),
        events=10_000_000,
        smoke_events=50_000,
        can_keep=True,
    )
    report = Report(__doc__ or "", given)
    with filled.directory(given, report) as made:
        runs = measure(given, made, report)
        loads = measure_live(given, made, report)
        show(runs, loads, made, report)
    report.keep(
        "runs",
        {
            form: {name: [asdict(one) for one in some] for name, some in of.items()}
            for form, of in runs.items()
        },
    )
    report.keep("loads", {name: [asdict(one) for one in some] for name, some in loads.items()})
    return report.finish()


if __name__ == "__main__":
    broken.run(main)
