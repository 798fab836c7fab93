"""wrk: the load generator, started with track.lua and read back.

What to know of wrk's figures: it waits for each answer before it sends the next request on that
connection, so a slow server is also asked less, and latency is that of a server kept exactly
full (about connections / rate). It adds samples for requests it "would have sent" during an
answer that took more than twice the mean. It counts statuses above 399 as refused and does not
tell 200 from 202; the benchmarks send one request by hand first and look at that.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from broken import Broken

SCRIPT = Path(__file__).with_name("track.lua")
POOL_SIZE = 20_000  # different requests; wrk sends them again and again in the same order
SLOWEST_ANSWER = 30  # seconds after the end of sending until we call it broken
TIMEOUT = 10  # seconds; wrk measures latencies up to here


@dataclass(frozen=True)
class Load:
    """What one run of wrk sent and got back; every request was answered."""

    answered: int  #: all of them with a status below 400
    begun: float  #: when the first was sent, on the clock of time.perf_counter()
    seconds: float  #: time in which requests were sent
    rate: float  #: answers per second in that time
    p50_ms: float
    p99_ms: float
    max_ms: float


def write_pool(path: Path, bodies: Iterable[bytes], *, key: str, target: str = "/v1/track") -> None:
    """Write whole requests, each ended by a zero byte, for track.lua."""
    with path.open("wb") as file:
        for body in bodies:
            file.write(request_bytes(body, key=key, target=target) + b"\0")


def request_bytes(body: bytes, *, key: str, target: str = "/v1/track") -> bytes:
    """One request as the contract's clients send it."""
    head = (
        f"POST {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Token {key}\r\n"
        "X-API-Version: 2020-09-22\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def run(
    url: str,
    pool: Path,
    *,
    connections: int,
    seconds: float,
    rate: int = 0,
    on_quiet: Callable[[], None] = lambda: None,
) -> Load:
    """Send for `seconds` (at `rate` calls per second, 0 = as fast as answers come), on 1 thread.

    `on_quiet` is called at the moment the last answer is in; wrk itself ends a little later.
    Raises Broken if a request was refused, lost or never answered.
    """
    backstop = int(seconds) + SLOWEST_ANSWER
    command = [
        *("wrk", "-t1", f"-c{connections}", f"-d{backstop}s", f"--timeout={TIMEOUT}s"),
        *("-s", str(SCRIPT), url, "--", str(pool), str(seconds), str(connections), str(rate)),
    ]
    said = ""
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                said += line
                if line == "quiet\n":
                    on_quiet()
        finally:
            process.kill()  # has no effect on one that ended
    return _read(said, connections, paced=rate > 0)


def _read(said: str, connections: int, *, paced: bool) -> Load:
    line = re.search(r"^counted (.*)$", said, re.MULTILINE)
    if line is None:
        raise Broken(f"wrk did not report: {said.strip()}")
    figures = {k: float(v) for k, v in (pair.split("=") for pair in line[1].split())}
    wrong = [
        f"{name} {figures[name]:.0f}"
        for name in ("refused", "connect", "read", "write", "timeout")
        if figures[name]
    ]
    if wrong:
        raise Broken(f"wrk saw errors: {', '.join(wrong)}")
    if not figures["quiet"]:
        raise Broken(f"a request was not answered within {SLOWEST_ANSWER} s")
    if figures["answered"] != figures["sent"]:
        raise Broken(f"{figures['sent'] - figures['answered']:.0f} requests were never answered")
    # Each connection sends once at the start and then once per answer, so the answers that came
    # while requests were sent are those sent less one per connection.
    in_time = figures["sent"] - (0 if paced else connections)
    return Load(
        answered=int(figures["answered"]),
        begun=figures["begun"],
        seconds=figures["window"],
        rate=in_time / figures["window"],
        p50_ms=figures["p50_us"] / 1000,
        p99_ms=figures["p99_us"] / 1000,
        max_ms=figures["max_us"] / 1000,
    )
