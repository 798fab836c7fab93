"""Asking a server what is stored: through its API, and by counting the rows of its file."""

from __future__ import annotations

import json
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from urllib.parse import urlencode

from broken import Broken
from servers import KEY, Server

LAG = "x-analytex-lag"  # on a read that gave up waiting: how many records were still unapplied
HEADERS = {"Authorization": f"Token {KEY}"}
# One statement, so that what is sealed meanwhile counts once.
ALL_EVENTS = """
SELECT (SELECT count(*) FROM events WHERE sequence > (SELECT sealed FROM history))
    + (SELECT coalesce(sum(rows), 0) FROM history_files)
"""


def send_one(server: Server, body: bytes, target: str = "/v1/track") -> str:
    """Send a call by hand and check that the answer is the one the contract names.

    Returns the x-request-id; empty for a server that gives none.
    """
    with closing(server.connect()) as connection:
        headers = {**HEADERS, "Content-Type": "application/json"}
        connection.request("POST", target, body, headers)
        answer = connection.getresponse()
        content = answer.read()
        if answer.status != 202 or content.strip() != b"{}":
            raise Broken(f"{server.name} answered {answer.status} {content[:200]!r}")
        return answer.headers.get("x-request-id", "")


def lag(server: Server, **filters: str) -> int:
    """Read the newest event; how many acknowledged records that read could not yet see."""
    with closing(server.connect()) as connection:
        target = "/v1/events?" + urlencode({"limit": "1", **filters})
        connection.request("GET", target, headers=HEADERS)
        answer = connection.getresponse()
        content = answer.read()
        if answer.status != 200 or "data" not in json.loads(content):
            raise Broken(f"{server.name} answered a read {answer.status} {content[:200]!r}")
        return int(answer.headers.get(LAG, "0"))


def wait_until_readable(server: Server, *, within: float) -> float:
    """Wait until everything acknowledged so far is readable; the moment (perf_counter) it was.

    Raises Broken if that takes longer than `within` seconds.
    """
    begun = time.perf_counter()
    while (behind := lag(server)) > 0:
        if time.perf_counter() > begun + within:
            raise Broken(f"{server.name} was still {behind:,} records behind after {within:.0f} s")
        time.sleep(0.01)
    return time.perf_counter()


def stored_events(path: Path) -> int:
    """Events in a server's SQLite file, read beside it; and ours with those moved to history."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)) as connection:
        tables = "SELECT count(*) FROM sqlite_schema WHERE name = 'history_files'"
        has_history = connection.execute(tables).fetchone()[0]
        query = ALL_EVENTS if has_history else "SELECT count(*) FROM events"
        count: int = connection.execute(query).fetchone()[0]
        return count


def last_sequence(path: Path) -> int:
    """The sequence of the newest event in a server's SQLite file; 0 if there is none."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)) as connection:
        query = "SELECT coalesce(max(sequence), 0) FROM events"
        sequence: int = connection.execute(query).fetchone()[0]
        return sequence


def store_path(server: Server) -> Path:
    return server.folder / ("afternoon.db" if server.name == "afternoon" else "store.db")


def check_count(server: Server, *, before: int, acknowledged: int) -> None:
    """Raises Broken unless exactly what was acknowledged has been added."""
    extra = stored_events(store_path(server)) - before - acknowledged
    if extra:
        raise Broken(
            f"{server.name}: {abs(extra):,} events {'doubled' if extra > 0 else 'lost'} "
            f"of {acknowledged:,} acknowledged"
        )
