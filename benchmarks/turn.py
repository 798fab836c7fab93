"""One contender's turn: warm up, load it with `POST /v1/track`, wait until all is readable."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from pathlib import Path

import load
import processes
import reads
from bodies import track_bodies
from load import Load
from options import Options
from servers import KEY, Server

SETTLE = 0.2  # seconds between warm-up and load


@dataclass(frozen=True)
class Turn:
    """What one contender did in one turn."""

    load: Load
    cpu_us: float  #: processor time of all its processes per answered request, until readable
    drained: float  #: requests per second from the start of the load until all was readable
    apply_after: float  #: seconds from the last answer until all was readable

    def plain(self) -> dict[str, object]:
        """For the file of --json."""
        return asdict(self)


def write_pool(folder: Path) -> Path:
    """The requests that every turn sends."""
    path = folder / "requests"
    load.write_pool(path, track_bodies(load.POOL_SIZE), key=KEY)
    return path


def take(server: Server, pool: Path, given: Options, *, connections: int) -> Turn:
    """Measure a running server and check that it stored exactly what it acknowledged."""
    stores = server.name != "nginx"
    reads.send_one(server, next(track_bodies(1)))
    load.run(server.url, pool, connections=connections, seconds=given.warm_up)
    if stores:
        reads.wait_until_readable(server, within=given.readable_within)
    before = reads.stored_events(reads.store_path(server)) if stores else 0
    time.sleep(SETTLE)

    readable = [0.0, 0.0]  # the last answer is in; everything is readable

    def wait() -> None:
        readable[:] = [time.perf_counter()] * 2
        if stores:
            readable[1] = reads.wait_until_readable(server, within=given.readable_within)

    cpu_before = processes.cpu_seconds(server.pid)
    result = load.run(
        server.url, pool, connections=connections, seconds=given.seconds, on_quiet=wait
    )
    cpu = processes.cpu_seconds(server.pid) - cpu_before
    if stores:
        reads.check_count(server, before=before, acknowledged=result.answered)
    return Turn(
        load=result,
        cpu_us=cpu / result.answered * 1e6,
        drained=result.answered / (readable[1] - result.begun),
        apply_after=readable[1] - readable[0],
    )
