"""Files of import rows: the same believable product as in bodies.py, made from a fixed seed.

A row takes about 350 bytes as NDJSON. Of ten rows eight are tracks, one is a page view with address
and user agent, one identifies a user who belongs to a company. Users come in random order, times
rise by 0.977 s from row to row, so a million rows are eleven days.
"""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from bodies import EVENT_NAMES, PLACES, PLANS, USERS, user_id

START = datetime(2025, 1, 1)  # without a zone: the contract writes times so
APART = timedelta(microseconds=977_131)
TRACKS, PAGE_VIEWS = 0.8, 0.1  # shares; the rest identifies users
AGENTS = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/{major}.0.{minor}.0 Safari/537.36",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:{major}.{minor}) Gecko/20100101 "
    "Firefox/{major}.{minor}",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/{major}.{minor} Safari/605.1.15",
)
VERSIONS = range(100, 130)
MINORS = range(6)  # so there are 540 different user agents
COLUMNS = (
    *("event_type", "user_id", "event_name", "company_id", "source", "inserted_at"),
    *("url", "user_agent", "metadata"),
)

Row = dict[str, object]


@dataclass(frozen=True)
class RowsFile:
    """A file to upload."""

    path: Path
    count: int  #: rows in it
    last: Row  #: the newest


def write_ndjson(path: Path, count: int) -> RowsFile:
    """Write rows as JSON, one on each line."""
    with path.open("wb") as file:

        def write(row: Row) -> None:
            file.write(_json(row).encode() + b"\n")

        return RowsFile(path, count, _each(count, write))


def write_csv(path: Path, count: int) -> RowsFile:
    """Write the same rows as CSV, with the metadata as JSON in a column of its own."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, restval="")
        writer.writeheader()

        def write(row: Row) -> None:
            writer.writerow({**row, "metadata": _json(row["metadata"])})

        return RowsFile(path, count, _each(count, write))


#: How a file of rows is made, by the ending of its name.
WRITERS: Mapping[str, Callable[[Path, int], RowsFile]] = {
    "ndjson": write_ndjson,
    "csv": write_csv,
}


def make(count: int, seed: int = 5) -> Iterator[Row]:
    """Rows, oldest first."""
    choose = random.Random(seed)
    for number in range(count):
        user = choose.randrange(USERS)
        common: Row = {
            "user_id": user_id(user),
            "inserted_at": (START + number * APART).isoformat(" ", "microseconds"),
        }
        kind = choose.random()
        if kind < TRACKS:
            yield common | _track(choose)
        elif kind < TRACKS + PAGE_VIEWS:
            yield common | _page_view(choose)
        else:
            yield common | _identify_user(choose, user)


def _track(choose: random.Random) -> Row:
    return {
        "event_type": "track",
        "event_name": choose.choice(EVENT_NAMES),
        "source": "backend-http-import",
        "metadata": {
            "plan": choose.choice(PLANS),
            "page": f"/projects/{choose.randrange(1_000_000)}/reports/{choose.randrange(100)}",
            "opened_from": choose.choice(PLACES),
            "pages": choose.randrange(1, 60),
            "duration_ms": choose.randrange(20, 90_000),
            "beta": choose.random() < 0.2,
            "session": f"{choose.getrandbits(128):032x}",
            "created_at": str(1_762_000_000 + choose.randrange(10_000_000)),
        },
    }


def _page_view(choose: random.Random) -> Row:
    agent = choose.choice(AGENTS)
    return {
        "event_type": "page_view",
        "source": "web-client",
        "url": f"https://app.example.org/projects/{choose.randrange(1000)}/reports",
        "user_agent": agent.format(major=choose.choice(VERSIONS), minor=choose.choice(MINORS)),
        "metadata": {"title": "Reports", "plan": choose.choice(PLANS)},
    }


def _identify_user(choose: random.Random, user: int) -> Row:
    return {
        "event_type": "identify_user",
        "company_id": f"company-{user // 50:04d}",
        "source": "backend-http-import",
        "metadata": {
            "name": f"User Number {user}",
            "email": user_id(user),
            "plan": choose.choice(PLANS),
            "seats": choose.randrange(1, 500),
            "beta": choose.random() < 0.2,
            "created_at": "2024-11-03 09:15:00.000000",
            "last_report": f"report-{choose.randrange(1_000_000)}",
        },
    }


def _each(count: int, write: Callable[[Row], None]) -> Row:
    """Write every row; the last."""
    row: Row = {}
    for row in make(count):
        write(row)
    return row


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))
