"""The command line that all benchmarks share, and a folder on a real disk to work in."""

from __future__ import annotations

import argparse
import importlib.util
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

INSTALL = {
    "wrk": "wrk, the load generator (Debian: apt install wrk)",
    "nginx": "nginx, the reference for HTTP (Debian: apt install nginx-light)",
    "fastapi": "fastapi, for the afternoon service (pip install -e '.[bench]')",
    "sqlalchemy": "sqlalchemy, for the afternoon service (pip install -e '.[bench]')",
    "sqlite_utils": "sqlite-utils, the reference for imports (pip install -e '.[bench]')",
    "analytex": "analytex itself in the same environment (pip install -e .)",
}
PROGRAMS = ("wrk", "nginx")


@dataclass(frozen=True)
class Options:
    smoke: bool  #: short: is anything broken? Targets are printed, not asserted
    rounds: int  #: each contender is measured this often, in turns
    seconds: float  #: of load in one turn
    connections: tuple[int, ...]
    events: int  #: stored, applied or imported; 0 where a benchmark has no such number
    workers: int  #: of `analytex serve`
    folder: Path  #: where the data directories are made
    json: Path | None  #: write every figure there too
    filled: Path | None  #: a data directory that is made once and kept (see filled.py)

    @property
    def warm_up(self) -> float:
        """Seconds of load before the measured ones."""
        return 0.3 if self.smoke else 1.0

    @property
    def readable_within(self) -> float:
        """Seconds after a load until it is broken that not everything can be read."""
        return 30.0 if self.smoke else 300.0


def read(
    question: str,
    *,
    needs: Sequence[str],
    rounds: int = 5,
    seconds: float = 5.0,
    connections: Sequence[int] = (64,),
    events: int = 0,
    smoke_events: int = 0,
    can_keep: bool = False,
) -> Options:
    """Read the command line; the arguments after `needs` are the benchmark's defaults.

    `can_keep`: it takes --filled. Exits with a sentence for each of `needs` that is missing.
    """
    parser = argparse.ArgumentParser(description=question.strip().splitlines()[0])
    parser.add_argument("--smoke", action="store_true", help="1 short round; targets not asserted")
    parser.add_argument("--rounds", type=int, help=f"default {rounds}")
    parser.add_argument("--seconds", type=float, help=f"of load in a turn, default {seconds}")
    parser.add_argument(
        "--connections",
        type=lambda text: tuple(int(part) for part in text.split(",")),
        default=tuple(connections),
        help=f"comma-separated, default {','.join(map(str, connections))}",
    )
    if events:
        parser.add_argument("--events", type=int, help=f"how many, default {events:,}")
    if can_keep:
        parser.add_argument(
            "--filled", type=Path, help="keep what is filled in this folder, and use it again"
        )
    parser.add_argument("--workers", type=int, default=1, help="of analytex serve, default 1")
    parser.add_argument(
        "--dir", type=Path, default=Path(tempfile.gettempdir()), help="a folder on a real disk"
    )
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    given = parser.parse_args()
    _check(needs)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # leave through every `with`
    return Options(
        smoke=given.smoke,
        rounds=given.rounds or (1 if given.smoke else rounds),
        seconds=given.seconds or (1.0 if given.smoke else seconds),
        connections=given.connections,
        events=(given.events or (smoke_events if given.smoke else events)) if events else 0,
        workers=given.workers,
        folder=given.dir,
        json=given.json,
        filled=given.filled if can_keep else None,
    )


@contextmanager
def scratch(options: Options) -> Iterator[Path]:
    """A new folder under --dir, removed at the end."""
    options.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="analytex-bench-", dir=options.folder) as name:
        yield Path(name)


def _check(needs: Sequence[str]) -> None:
    if not sys.platform.startswith("linux"):
        sys.exit("The benchmarks read /proc and so run on Linux only.")
    missing = [
        name
        for name in needs
        if (shutil.which(name) if name in PROGRAMS else importlib.util.find_spec(name)) is None
    ]
    if missing:
        sys.exit("\n".join(f"This benchmark needs {INSTALL[name]}." for name in missing))
