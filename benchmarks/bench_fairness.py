"""What does a job of a million rows cost those who send and read meanwhile?

Calls come at a pace far below what the server can take, first while it has nothing else to do,
then while the same server works on an import of a million rows, which was uploaded before. The
reference is that idle server, round by round. Every call and every row is counted at the end.
"""

from __future__ import annotations

import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import broken
import load
import options
import probe
import reads
import rows
import servers
import turn
import uploads
from broken import Broken
from options import Options
from probe import Visibility
from report import Report, percentile, ratio, spread
from rows import RowsFile
from servers import Server

PACED = 1_000  # calls per second
SETTLE = 1.0  # seconds between the warm-up and what is measured
OF_IDLE = 2.0  # the p99 of the 202
READABLE_P99_MS = 500.0


@dataclass(frozen=True)
class Round:
    idle: Visibility
    busy: Visibility  #: while the job runs
    job_rate: float  #: rows per second that the job got on by meanwhile


def take(server: Server, file: RowsFile, pool: Path, given: Options) -> Round:
    """Measure a fresh server, without the job and with it."""
    warm = load.run(
        server.url, pool, connections=given.connections[0], seconds=given.warm_up, rate=PACED
    )
    time.sleep(SETTLE)
    idle = _paced(server, pool, given)
    job = uploads.send(server, file.path)
    uploads.wait_until_begun(server, job, within=given.readable_within)
    before, begun = uploads.look(server, job), time.perf_counter()
    busy = _paced(server, pool, given)
    after, ended = uploads.look(server, job), time.perf_counter()
    if after.ended:
        raise Broken(
            f"the job of {file.count:,} rows ended before the load did: give more --events, "
            "or fewer --seconds"
        )
    uploads.wait_until_completed(server, job, file, within=given.readable_within)
    calls = warm.answered + _calls(idle) + _calls(busy)
    reads.check_count(server, before=0, acknowledged=calls + file.count)
    return Round(idle, busy, (after.completed - before.completed) / (ended - begun))


def _paced(server: Server, pool: Path, given: Options) -> Visibility:
    return probe.accepted_to_readable(
        server, pool, rate=PACED, connections=given.connections[0], seconds=given.seconds
    )


def _calls(part: Visibility) -> int:
    """How many calls were accepted: the load, the probes and the one that went before."""
    return part.load.answered + len(part.delays) + 1


def measure(given: Options, report: Report) -> list[Round]:
    rounds = []
    with options.scratch(given) as folder:
        pool = turn.write_pool(folder)
        file = rows.write_ndjson(folder / "rows.ndjson", given.events)
        for number in range(given.rounds):
            os.sync()  # or the disk would be busy with the file that we wrote
            with servers.analytex(folder / f"data-{number}", workers=given.workers) as server:
                one = take(server, file, pool, given)
            rounds.append(one)
            report.progress(
                f"round {number + 1}: 202 p99 {one.idle.load.p99_ms:.1f} ms idle, "
                f"{one.busy.load.p99_ms:.1f} ms during a job at {one.job_rate:,.0f} rows/s"
            )
    return rounds


def show(rounds: list[Round], given: Options, report: Report) -> None:
    idle, busy = [one.idle for one in rounds], [one.busy for one in rounds]
    figures = {
        "202 p50 ms": ([part.load.p50_ms for part in parts] for parts in (idle, busy)),
        "202 p99 ms": ([part.load.p99_ms for part in parts] for parts in (idle, busy)),
        "202 slowest ms": ([part.load.max_ms for part in parts] for parts in (idle, busy)),
        "readable p50 ms": (_readable_ms(parts, 50) for parts in (idle, busy)),
        "readable p99 ms": (_readable_ms(parts, 99) for parts in (idle, busy)),
    }
    table = []
    of_idle = {}
    for title, (without, during) in figures.items():
        of_idle[title] = ratio(during, without)
        table.append(
            [
                title,
                spread(without).text(".2f"),
                spread(during).text(".2f"),
                of_idle[title].text(".2f"),
            ]
        )
    report.table(
        f"{PACED:,} calls/s on {given.connections[0]} connections, {given.seconds:g} s each, "
        f"and a job of {given.events:,} rows at {spread([r.job_rate for r in rounds]).text()}/s",
        ["", "no job", "during the job", "job / no job"],
        table,
    )
    report.target("p99 of the 202 of idle", of_idle["202 p99 ms"].median, at_most=OF_IDLE)
    readable = spread(_readable_ms(busy, 99)).median
    report.target("readable p99 during the job, ms", readable, at_most=READABLE_P99_MS)


def _readable_ms(parts: list[Visibility], percent: float) -> list[float]:
    return [percentile(part.delays, percent) * 1000 for part in parts]


def main() -> int:
    given = options.read(
        __doc__ or "",
        needs=("wrk", "analytex"),
        seconds=10.0,
        connections=(16,),
        events=1_000_000,
        smoke_events=300_000,  # or the job would end before the load does
    )
    report = Report(__doc__ or "", given)
    rounds = measure(given, report)
    show(rounds, given, report)
    report.keep("rounds", [asdict(one) for one in rounds])
    return report.finish()


if __name__ == "__main__":
    broken.run(main)
