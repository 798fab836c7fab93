"""What a benchmark prints: the machine, a table of medians and spreads, targets, problems."""

from __future__ import annotations

import json
import math
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from options import Options


@dataclass(frozen=True)
class Spread:
    """A figure over rounds."""

    median: float
    low: float
    high: float

    def text(self, form: str = ",.0f") -> str:
        if self.low == self.high:
            return format(self.median, form)
        return f"{self.median:{form}} ({self.low:{form}}-{self.high:{form}})"


def spread(values: Sequence[float]) -> Spread:
    return Spread(statistics.median(values), min(values), max(values))


def ratio(values: Sequence[float], reference: Sequence[float]) -> Spread:
    """Round by round, so that a machine that slows down during the run does not tilt it."""
    return spread([ours / theirs for ours, theirs in zip(values, reference, strict=True)])


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that at least this share of the values does not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


class Report:
    """Collects what was measured and ends with an exit status."""

    def __init__(self, question: str, options: Options) -> None:
        self._options = options
        self._missed: list[str] = []
        self._kept: dict[str, object] = {
            "question": question.strip().splitlines()[0],
            "machine": machine(options.folder),
            "rounds": options.rounds,
            "seconds": options.seconds,
            "smoke": options.smoke,
        }
        print(f"{self._kept['question']}\n{self._kept['machine']}")
        print(f"{options.rounds} rounds, medians (lowest-highest); ratios are round by round\n")

    def progress(self, text: str) -> None:
        """Say what was just measured; on standard error, so the result can be piped."""
        print(f"  {text}", file=sys.stderr, flush=True)

    def table(self, title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Print an aligned Markdown table."""
        widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
        lines = [
            "| " + " | ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)) + " |"
            for row in [header, ["-" * w for w in widths], *rows]
        ]
        print(f"{title}\n\n" + "\n".join(lines) + "\n")

    def keep(self, name: str, values: object) -> None:
        """Put raw figures into the file of --json."""
        self._kept[name] = values

    def target(
        self,
        text: str,
        value: float,
        *,
        at_least: float | None = None,
        at_most: float | None = None,
    ) -> None:
        """Compare with what the project wants to reach; a full run fails if it is missed."""
        met = (at_least is None or value >= at_least) and (at_most is None or value <= at_most)
        wanted = f"at least {at_least:g}" if at_least is not None else f"at most {at_most:g}"
        verdict = "met" if met else "not asserted" if self._options.smoke else "MISSED"
        print(f"{verdict}: {text}: {value:.4g} (wanted {wanted})")
        if not met:
            self._missed.append(text)

    def finish(self) -> int:
        """Write the file of --json; the exit status: 1 if a full run missed a target."""
        self._kept["missed"] = self._missed
        if self._options.json is not None:
            self._options.json.write_text(json.dumps(self._kept, indent=2) + "\n")
        return 1 if self._missed and not self._options.smoke else 0


def machine(folder: Path) -> str:
    """One line that says what the figures were measured on."""
    models = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    return (
        f"{os.cpu_count()} x {models[0] if models else platform.machine()}, "
        f"Linux {platform.release()}, Python {platform.python_version()}; "
        f"{_filesystem(folder)}, 4 KiB write + fdatasync {_flush_ms(folder):.2f} ms"
    )


def _flush_ms(folder: Path) -> float:
    """What one 4 KiB write and fdatasync takes there, median of 100."""
    taken = []
    with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
        for _ in range(100):
            begun = time.perf_counter()
            file.write(bytes(4096))
            os.fdatasync(file.fileno())
            taken.append(time.perf_counter() - begun)
    return statistics.median(taken) * 1000


def _filesystem(folder: Path) -> str:
    """Type of the file system the folder is on, with a warning if nothing on it is durable."""
    best, kind = "", "unknown"
    real = str(folder.resolve())
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        before, _, after = line.partition(" - ")
        point = before.split()[4]
        inside = real == point or real.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(best):
            best, kind = point, after.split()[0]
    warning = " (IN MEMORY: a flush costs nothing here, give --dir)" if kind == "tmpfs" else ""
    return kind + warning
