"""How long from an empty folder to ready, and what does an idle server use?

Ready is the first 200 of /healthz, counted from starting the process; the first start, which
writes the bytecode, is not counted. Memory and processor time are those of all the server's
processes together, after it has been left alone for a while. The reference is the afternoon
service.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from functools import partial

import broken
import options
import processes
import servers
from options import Options
from report import Report, ratio, spread
from servers import Contender, Server

REST = 2.0  # seconds after ready before anything is measured
READY_S = 1.0
MEMORY_MB = 120.0
IDLE_CPU_PERCENT = 0.5


@dataclass(frozen=True)
class Start:
    ready_s: float
    processes: int
    resident_mb: float  #: a page that two processes share counts twice
    proportional_mb: float  #: a shared page is divided among those that share it
    idle_cpu_percent: float  #: of one core


def watch(server: Server, given: Options) -> Start:
    """Leave the server alone and see what it uses."""
    time.sleep(REST)
    before, begun = processes.cpu_seconds(server.pid), time.perf_counter()
    time.sleep(given.seconds)
    cpu = processes.cpu_seconds(server.pid) - before
    resident, proportional = processes.memory_bytes(server.pid)
    return Start(
        ready_s=server.ready_after,
        processes=len(processes.descendants(server.pid)),
        resident_mb=resident / 1e6,
        proportional_mb=proportional / 1e6,
        idle_cpu_percent=cpu / (time.perf_counter() - begun) * 100,
    )


def measure(given: Options, report: Report) -> dict[str, list[Start]]:
    contenders: dict[str, Contender] = {
        "analytex": partial(servers.analytex, workers=given.workers),
        "afternoon": servers.afternoon,
    }
    starts: dict[str, list[Start]] = {name: [] for name in contenders}
    with options.scratch(given) as folder:
        for name, contender in contenders.items():
            with contender(folder / f"{name}-unmeasured"):
                pass
        for number in range(given.rounds):
            for name, contender in contenders.items():
                with contender(folder / f"{name}-{number}") as server:
                    starts[name].append(watch(server, given))
                report.progress(f"round {number + 1}, {name}: {starts[name][-1].ready_s:.2f} s")
    return starts


def show(starts: dict[str, list[Start]], report: Report) -> None:
    ready = {name: [one.ready_s for one in list_] for name, list_ in starts.items()}
    rows = [
        [
            name,
            spread(ready[name]).text(".2f"),
            ratio(ready[name], ready["afternoon"]).text(".2f"),
            str(list_[-1].processes),
            spread([one.resident_mb for one in list_]).text(".1f"),
            spread([one.proportional_mb for one in list_]).text(".1f"),
            spread([one.idle_cpu_percent for one in list_]).text(".2f"),
        ]
        for name, list_ in starts.items()
    ]
    report.table(
        "Start and idle",
        ["", "ready s", "of afternoon", "processes", "RSS MB", "PSS MB", "idle CPU %"],
        rows,
    )
    ours = starts["analytex"]
    report.target("seconds to ready", spread(ready["analytex"]).median, at_most=READY_S)
    memory = spread([one.proportional_mb for one in ours]).median
    report.target("idle memory of all processes (PSS), MB", memory, at_most=MEMORY_MB)
    cpu = spread([one.idle_cpu_percent for one in ours]).median
    report.target("idle CPU, % of one core", cpu, at_most=IDLE_CPU_PERCENT)


def main() -> int:
    given = options.read(__doc__ or "", needs=("fastapi", "sqlalchemy", "analytex"), seconds=10.0)
    report = Report(__doc__ or "", given)
    starts = measure(given, report)
    show(starts, report)
    report.keep("starts", {name: [asdict(one) for one in list_] for name, list_ in starts.items()})
    return report.finish()


if __name__ == "__main__":
    broken.run(main)
