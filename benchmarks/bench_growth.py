"""Does it stay as fast when millions of events are stored already?

Takes a copy of a directory whose events are in history (filled.py), then measures `POST /v1/track`
as bench_track and bench_drain do, in turns with an empty store: the ratio is loaded / empty. Each
turn begins with no event that is to be sealed soon, so that history alone makes the difference.
Also says how fast apply was at the beginning and at the end of the filling, beside sealing.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from functools import partial

import broken
import filled
import options
import servers
import turn
from analytex.service.sealing import seal
from analytex.settings import load
from filled import Filled
from options import Options
from plain import NAME
from report import Report, ratio, spread
from turn import Turn

ENOUGH_RATES = 20  # figures of the filling: a smoke run is over before there are some
OF_EMPTY = 0.90  # of the empty store's calls per second

Turns = dict[str, list[Turn]]


def measure(given: Options, made: Filled, report: Report) -> Turns:
    """All rounds: empty, loaded, empty, loaded."""
    start = partial(servers.analytex, workers=given.workers)
    turns: Turns = {"empty": [], "loaded": []}
    with options.scratch(given) as folder:
        # What is sent is kept out of the directory that others use again.
        shutil.copytree(made.folder, folder / "loaded", ignore=shutil.ignore_patterns(NAME))
        pool = turn.write_pool(folder)
        for number in range(given.rounds):
            for name in turns:
                data = folder / (name if name == "loaded" else f"empty-{number}")
                if name == "loaded":
                    # What the last turn sent: both begin with no event that is to be sealed soon.
                    seal(load({"data": str(data)}, environment={}).settings)
                os.sync()  # or the disk would be busy with what was written before
                with start(data) as server:
                    one = turn.take(server, pool, given, connections=given.connections[0])
                turns[name].append(one)
                report.progress(f"round {number + 1}, {name}: {one.load.rate:,.0f}/s")
    return turns


def show(filling: Sequence[float], turns: Turns, given: Options, report: Report) -> None:
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
    if len(filling) >= ENOUGH_RATES:
        fifth = len(filling) // 5
        first, last = spread(filling[:fifth]), spread(filling[-fifth:])
        print(
            f"apply while filling, records/s: {first.text()} in the first fifth, {last.text()} in "
            f"the last, ratio {last.median / first.median:.2f}\n"
        )
    report.target("accepted/s of the empty store's", ratios["accepted/s"].median, at_least=OF_EMPTY)


def main() -> int:
    given = options.read(
        __doc__ or "",
        needs=("wrk", "analytex"),
        events=10_000_000,
        smoke_events=20_000,
        can_keep=True,
    )
    report = Report(__doc__ or "", given)
    with filled.directory(given, report) as made:
        turns = measure(given, made, report)
        show(made.rates, turns, given, report)
    report.keep("filling_per_s", [*made.rates])
    report.keep("turns", {name: [one.plain() for one in list_] for name, list_ in turns.items()})
    return report.finish()


if __name__ == "__main__":
    broken.run(main)
