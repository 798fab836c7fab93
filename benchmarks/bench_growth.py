"""Does it stay as fast when millions of events are stored already?

Fills a store through the log and the product's own applier, then measures `POST /v1/track` as
bench_track and bench_drain do, in turns with an empty store: the ratio is loaded / empty. Also
says how fast apply was at the beginning and at the end of the filling.
"""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path

import broken
import options
import preload
import servers
import turn
from options import Options
from report import Report, ratio, spread
from turn import Turn

OF_EMPTY = 0.90  # of the empty store's calls per second

Turns = dict[str, list[Turn]]


def fill(folder: Path, given: Options, report: Report) -> list[float]:
    """Make the loaded data directory; apply's records per second, slice by slice."""
    report.progress(f"storing {given.events:,} events")
    made = preload.make_records(
        given.events,
        preload.kinds(identify_share=0.05),
        environment_id=preload.environment(folder),
        start_us=time.time_ns() // 1000 - given.events * preload.APART_US,
    )
    return preload.fill_store(folder, made, given.events)


def measure(given: Options, report: Report) -> tuple[list[float], Turns]:
    """The speed of filling, and all rounds: empty, loaded, empty, loaded."""
    start = partial(servers.analytex, workers=given.workers)
    turns: Turns = {"empty": [], "loaded": []}
    with options.scratch(given) as folder:
        filling = fill(folder / "loaded", given, report)
        pool = turn.write_pool(folder)
        for number in range(given.rounds):
            for name in turns:
                data = folder / (name if name == "loaded" else f"empty-{number}")
                with start(data) as server:
                    one = turn.take(server, pool, given, connections=given.connections[0])
                turns[name].append(one)
                report.progress(f"round {number + 1}, {name}: {one.load.rate:,.0f}/s")
    return filling, turns


def show(filling: list[float], turns: Turns, given: Options, report: Report) -> None:
    figures = {
        "accepted/s": ([one.load.rate for one in turns[name]] for name in turns),
        "drained/s": ([one.drained for one in turns[name]] for name in turns),
        "p50 ms": ([one.load.p50_ms for one in turns[name]] for name in turns),
        "p99 ms": ([one.load.p99_ms for one in turns[name]] for name in turns),
        "CPU us/event": ([one.cpu_us for one in turns[name]] for name in turns),
    }
    rows = []
    ratios = {}
    for title, (empty, loaded) in figures.items():
        form = ",.0f" if title.endswith("/s") else ".2f"
        ratios[title] = ratio(loaded, empty)
        rows.append(
            [
                title,
                spread(empty).text(form),
                spread(loaded).text(form),
                ratios[title].text(".2f"),
            ]
        )
    report.table(
        f"{given.events:,} events stored, {given.connections[0]} connections",
        ["", "empty", "loaded", "loaded / empty"],
        rows,
    )
    fifth = max(1, len(filling) // 5)
    first, last = spread(filling[:fifth]), spread(filling[-fifth:])
    print(
        f"apply while filling, records/s: {first.text()} in the first fifth, {last.text()} in the "
        f"last, ratio {last.median / first.median:.2f}\n"
    )
    report.target("accepted/s of the empty store's", ratios["accepted/s"].median, at_least=OF_EMPTY)


def main() -> int:
    given = options.read(
        __doc__ or "", needs=("wrk", "analytex"), events=5_000_000, smoke_events=20_000
    )
    report = Report(__doc__ or "", given)
    filling, turns = measure(given, report)
    show(filling, turns, given, report)
    report.keep("filling_per_s", filling)
    report.keep("turns", {name: [one.plain() for one in list_] for name, list_ in turns.items()})
    return report.finish()


if __name__ == "__main__":
    broken.run(main)
