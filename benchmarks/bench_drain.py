"""How many events per second until everything is readable, and is the count exact?

Loads each server with wrk, waits until a read no longer lags behind what was acknowledged, and
counts the rows: one lost or doubled event fails the benchmark. The reference is the afternoon
service, whose events are readable when they are acknowledged. Then a paced load, below what the
server can take, shows how long after its 202 an event can be read.
"""

from __future__ import annotations

import statistics
from functools import partial
from pathlib import Path

import broken
import options
import probe
import servers
import turn
from options import Options
from probe import Visibility
from report import Report, percentile, ratio, spread
from servers import Contender
from turn import Turn

PACED = 5_000  # calls per second
PACED_CONNECTIONS = 64
PACED_SMOKE = 1_000
DRAINED = 20_000.0  # events per second
READABLE_P99_MS = 100.0


def measure(given: Options, report: Report) -> tuple[dict[str, list[Turn]], list[Visibility]]:
    """All rounds: ours, the afternoon's, then ours paced."""
    ours = partial(servers.analytex, workers=given.workers)
    contenders: dict[str, Contender] = {"analytex": ours, "afternoon": servers.afternoon}
    turns: dict[str, list[Turn]] = {name: [] for name in contenders}
    paced = []
    with options.scratch(given) as folder:
        pool = turn.write_pool(folder)
        for number in range(given.rounds):
            for name, contender in contenders.items():
                with contender(folder / f"{name}-{number}") as server:
                    one = turn.take(server, pool, given, connections=given.connections[0])
                turns[name].append(one)
                report.progress(f"round {number + 1}, {name}: {one.drained:,.0f}/s drained")
            with ours(folder / f"paced-{number}") as server:
                paced.append(_paced(server, pool, given))
                report.progress(
                    f"round {number + 1}, paced: p99 {percentile(paced[-1].delays, 99) * 1000:.1f} "
                    f"ms over {len(paced[-1].delays)} probes"
                )
    return turns, paced


def _paced(server: servers.Server, pool: Path, given: Options) -> Visibility:
    return probe.accepted_to_readable(
        server,
        pool,
        rate=PACED_SMOKE if given.smoke else PACED,
        connections=PACED_CONNECTIONS,
        seconds=given.seconds,
    )


def show_drained(turns: dict[str, list[Turn]], given: Options, report: Report) -> None:
    drained = {name: [one.drained for one in list_] for name, list_ in turns.items()}
    rows = [
        [
            name,
            spread([one.load.rate for one in list_]).text(),
            spread(drained[name]).text(),
            ratio(drained[name], drained["afternoon"]).text(".1f"),
            spread([one.apply_after for one in list_]).text(".2f"),
            f"{sum(one.load.answered for one in list_):,}",
            "0",
        ]
        for name, list_ in turns.items()
    ]
    report.table(
        f"{given.connections[0]} connections, {given.seconds:g} s of load",
        [
            "",
            "accepted/s",
            "drained/s",
            "of afternoon",
            "behind at the end, s",
            "events",
            "lost or doubled",
        ],
        rows,
    )
    ours = spread(drained["analytex"]).median
    report.target("drained events per second", ours, at_least=DRAINED)


def show_paced(paced: list[Visibility], report: Report) -> None:
    p50 = spread([percentile(one.delays, 50) * 1000 for one in paced])
    p99 = spread([percentile(one.delays, 99) * 1000 for one in paced])
    rows = [
        [
            f"{statistics.median(one.load.rate for one in paced):,.0f}",
            p50.text(".1f"),
            p99.text(".1f"),
            spread([one.load.p99_ms for one in paced]).text(".1f"),
            f"{sum(len(one.delays) for one in paced):,}",
        ]
    ]
    header = ["calls/s", "readable p50 ms", "readable p99 ms", "202 p99 ms", "probes"]
    report.table("From accepted to readable, paced", header, rows)
    report.target("accepted to readable p99, ms", p99.median, at_most=READABLE_P99_MS)


def main() -> int:
    given = options.read(__doc__ or "", needs=("wrk", "fastapi", "sqlalchemy", "analytex"))
    report = Report(__doc__ or "", given)
    turns, paced = measure(given, report)
    show_drained(turns, given, report)
    show_paced(paced, report)
    report.keep("turns", {name: [one.plain() for one in list_] for name, list_ in turns.items()})
    report.keep("readable_after_s", [one.delays for one in paced])
    return report.finish()


if __name__ == "__main__":
    broken.run(main)
