"""How many durable `POST /v1/track` calls per second, against nginx and an afternoon's service?

Contenders take turns, each in a fresh folder: nginx answers a constant 202 (what this machine and
wrk can do at all), the afternoon service commits once per request on the same disk. Processor
time per event is that of all the server's processes until everything is readable.
"""

from __future__ import annotations

from functools import partial

import broken
import options
import servers
import turn
from options import Options
from report import Report, ratio, spread
from servers import Contender
from turn import Turn

OF_NGINX = 0.30  # at 64 connections; 0.40 is the aim
OF_AFTERNOON = 60.0
P99_MS = 15.0
CPU_US = 60.0
TARGET_CONNECTIONS = 64

Turns = dict[str, list[Turn]]


def measure(given: Options, contenders: dict[str, Contender], report: Report) -> dict[int, Turns]:
    """All rounds: A B C A B C, at each number of connections."""
    turns: dict[int, Turns] = {c: {name: [] for name in contenders} for c in given.connections}
    with options.scratch(given) as folder:
        pool = turn.write_pool(folder)
        for round_number in range(given.rounds):
            for connections in given.connections:
                for name, contender in contenders.items():
                    with contender(folder / f"{name}-{connections}-{round_number}") as server:
                        one = turn.take(server, pool, given, connections=connections)
                    turns[connections][name].append(one)
                    report.progress(
                        f"round {round_number + 1}, {connections} connections, {name}: "
                        f"{one.load.rate:,.0f}/s, p99 {one.load.p99_ms:.1f} ms"
                    )
    return turns


def show(connections: int, turns: Turns, report: Report) -> None:
    rates = {name: [one.load.rate for one in list_] for name, list_ in turns.items()}
    rows = [
        [
            name,
            spread(rates[name]).text(),
            ratio(rates[name], rates["nginx"]).text(".3f"),
            ratio(rates[name], rates["afternoon"]).text(".1f"),
            spread([one.load.p50_ms for one in list_]).text(".2f"),
            spread([one.load.p99_ms for one in list_]).text(".2f"),
            spread([one.cpu_us for one in list_]).text(".1f"),
        ]
        for name, list_ in turns.items()
    ]
    header = ["", "requests/s", "of nginx", "of afternoon", "p50 ms", "p99 ms", "CPU us/event"]
    report.table(f"{connections} connections (refused or unanswered: 0)", header, rows)
    if connections != TARGET_CONNECTIONS:
        return
    ours = turns["analytex"]
    of_nginx = ratio(rates["analytex"], rates["nginx"])
    of_afternoon = ratio(rates["analytex"], rates["afternoon"])
    p99 = spread([one.load.p99_ms for one in ours])
    cpu = spread([one.cpu_us for one in ours])
    report.target("requests/s of nginx's", of_nginx.median, at_least=OF_NGINX)
    report.target("requests/s of the afternoon's", of_afternoon.median, at_least=OF_AFTERNOON)
    report.target("p99 of the 202, ms", p99.median, at_most=P99_MS)
    report.target("CPU us per event, all processes", cpu.median, at_most=CPU_US)
    print()


def main() -> int:
    given = options.read(
        __doc__ or "",
        needs=("wrk", "nginx", "fastapi", "sqlalchemy", "analytex"),
        connections=(64, 256),
    )
    report = Report(__doc__ or "", given)
    contenders: dict[str, Contender] = {
        "nginx": servers.nginx,
        "analytex": partial(servers.analytex, workers=given.workers),
        "afternoon": servers.afternoon,
    }
    for connections, turns in measure(given, contenders, report).items():
        show(connections, turns, report)
        report.keep(
            f"{connections} connections",
            {name: [one.plain() for one in list_] for name, list_ in turns.items()},
        )
    return report.finish()


if __name__ == "__main__":
    broken.run(main)
