"""From accepted to readable: how long after its 202 a call is a row that anyone can read."""

from __future__ import annotations

import sqlite3
import threading
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import load
import reads
from bodies import track_bodies
from broken import Broken
from load import Load
from servers import Server

PROBES_PER_SECOND = 100
LOOK_EVERY = 0.001  # seconds between two looks at the store: what the figures resolve


@dataclass(frozen=True)
class Visibility:
    """One paced run."""

    load: Load
    delays: list[float]  #: seconds from a probe's 202 to the moment its row was seen


def accepted_to_readable(
    server: Server, pool: Path, *, rate: int, connections: int, seconds: float
) -> Visibility:
    """Load `analytex` at `rate` calls per second, and send probes on a connection of our own.

    A second connection, to the file store.db itself, notes when each probe's row appears.
    Raises Broken if a probe never does, or if the server could not keep the pace.
    """
    reads.send_one(server, next(track_bodies(1)))
    reads.wait_until_readable(server, within=60)
    sent_all, seen_all = threading.Event(), threading.Event()
    accepted: dict[str, float] = {}
    seen: dict[str, float] = {}
    failures: list[Exception] = []

    # Before the first probe is sent, or the watcher could begin behind it.
    last = reads.last_sequence(reads.store_path(server))
    watcher = threading.Thread(
        target=_watch, args=(reads.store_path(server), last, seen, failures, seen_all)
    )
    sender = threading.Thread(target=_send_probes, args=(server, accepted, failures, sent_all))
    watcher.start()
    sender.start()
    try:
        result = load.run(server.url, pool, connections=connections, seconds=seconds, rate=rate)
    finally:
        # The last probe must be readable before the last look, or it would count as never stored.
        sent_all.set()
        sender.join()
        try:
            reads.wait_until_readable(server, within=60)
        finally:
            seen_all.set()
            watcher.join()
    if failures:
        raise Broken(f"the probe failed: {failures[0]!r}")
    missing = accepted.keys() - seen.keys()
    if missing:
        raise Broken(f"{len(missing)} of {len(accepted)} probes were accepted and never stored")
    if result.rate < 0.95 * rate:
        raise Broken(f"only {result.rate:,.0f} of {rate:,} calls per second were answered")
    # The row can be seen before we have read the 202 that was sent for it.
    return Visibility(result, [max(0.0, seen[id_] - at) for id_, at in accepted.items()])


def _send_probes(
    server: Server, accepted: dict[str, float], failures: list[Exception], stop: threading.Event
) -> None:
    """Send at fixed times, so that a stall is hit as often as it lasts."""
    bodies = track_bodies(1_000_000, seed=3)
    try:
        with closing(server.connect()) as connection:
            due = time.perf_counter()
            while not stop.wait(max(0.0, due - time.perf_counter())):
                due += 1 / PROBES_PER_SECOND
                connection.request("POST", "/v1/track", next(bodies), reads.HEADERS)
                answer = connection.getresponse()
                answer.read()
                if answer.status != 202:
                    raise Broken(f"a probe was answered {answer.status}")
                accepted[answer.headers["x-request-id"]] = time.perf_counter()
    except Exception as error:  # reported by the main thread
        failures.append(error)


def _watch(
    path: Path, last: int, seen: dict[str, float], failures: list[Exception], stop: threading.Event
) -> None:
    """Note when each row behind `last` is first seen; rows of imports are passed over."""
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)) as connection:
            query = (
                "SELECT sequence, id FROM events WHERE sequence > ? AND source = 'backend-http' "
                "ORDER BY sequence"
            )
            end = False
            while not end:
                end = stop.is_set()  # one more look after that
                rows = connection.execute(query, (last,)).fetchall()
                now = time.perf_counter()
                for _, id_ in rows:
                    seen[id_] = now
                last = rows[-1][0] if rows else last
                time.sleep(LOOK_EVERY)
    except Exception as error:  # reported by the main thread
        failures.append(error)
