"""Files of rows, some of them bad, and what must be found of them when their job has ended."""

import csv
import gzip
import io
import json
import random
from collections import Counter
from collections.abc import Iterable
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any, Final, NamedTuple

from analytex.domain.events import Event
from analytex.storage.open import open_read_store
from tests.rows import csv_file, ndjson, track
from tests.server import Client

KINDS: Final = ("NDJSON", "packed CSV", "bulk")
USERS: Final = 40
_NAMES: Final = {"NDJSON": "import", "packed CSV": "import", "bulk": "bulk_identify_users"}
_BAD: Final = 0.03  # that part of the rows


class File(NamedTuple):
    """A file of rows. Every row carries a number of its own in its metadata."""

    path: str  #: where it is uploaded to
    type: str  #: of its job
    content: bytes
    good: frozenset[int]  #: numbers of the rows that must become events, each once
    bad: list[int]  #: places of the rows that must fail, from 1
    failed: list[str]  #: event names or ids in the rows that must come back


def make_file(kind: str, first: int, rows: int, rng: random.Random) -> File:
    """Return a file of one of the `KINDS`, with numbers from `first` on."""
    bad = sorted(place for place in range(1, rows + 1) if rng.random() < _BAD)
    numbers = range(first, first + rows)
    good = frozenset(numbers) - {first + place - 1 for place in bad}
    if kind == "bulk":
        listed = [_bulk_row(number, number in good) for number in numbers]
        content, path = ndjson(listed), "/v1/users/bulk_identify"
    else:
        listed = [_import_row(number, number in good) for number in numbers]
        content = ndjson(listed) if kind == "NDJSON" else gzip.compress(csv_file(listed), 1)
        path = "/v1/imports"
    failed = [_mark(listed[place - 1]) for place in bad]
    return File(path, _NAMES[kind], content, good, bad, failed)


def user_of(number: int) -> str:
    """Return whom a row is about; no id is the beginning of another."""
    return f"user-{number % USERS:03}"


def _import_row(number: int, good: bool) -> dict[str, Any]:
    row = track(number, user_id=user_of(number), event_name=f"event, {number}")
    if number % 5 == 0:
        row |= {"event_type": "identify_user", "company_id": f"company-{number % 4}"}
    return row if good else row | {"inserted_at": f"never, {number}"}


def _bulk_row(number: int, good: bool) -> dict[str, Any]:
    row = {"user_id": user_of(number), "metadata": {"number": number, f"p{number % 9}": 1}}
    return row if good else {"user_id": None, "event_name": f"{number}"}


def _mark(row: dict[str, Any]) -> str:
    return str(row["event_name"])


def check_job(client: Client, file: File, job: dict[str, Any]) -> None:
    """Compare a job that has ended, its errors and its failed rows with its file."""
    total = len(file.good) + len(file.bad)
    assert job["status"] == "completed", job["reason"]
    assert (job["type"], job["total_rows"]) == (file.type, total)
    found = (job["completed_rows"], job["failed_rows"], job["remaining_rows"])
    assert found == (len(file.good), len(file.bad), 0)
    assert (job["duplicate_rows"], job["erased_rows"]) == (0, 0)
    errors = client.get(job["links"] + "/errors", format="csv").text
    assert [int(error["row"]) for error in csv.DictReader(io.StringIO(errors))] == file.bad
    if file.bad:
        reply = client.get(job["links"] + "/errors", format="rows")
        assert list(_marks(reply.text)) == file.failed


def _marks(rows: str) -> Iterable[str]:
    if rows.startswith("{"):
        return (_mark(json.loads(line)) for line in rows.splitlines())
    return (_mark(row) for row in csv.DictReader(io.StringIO(rows, newline="")))


def check_events(directory: Path, numbers: Iterable[int]) -> None:
    """Compare all stored events with the numbers that must be there, each once."""
    with closing(open_read_store(directory)) as store:
        events = [event for batch in store.scan_events(batch=1000) for event in batch]
    found = Counter(map(_number, events))
    doubled = [number for number, times in found.items() if times > 1]
    lost = set(numbers) - found.keys()
    false = found.keys() - set(numbers)
    assert not doubled, f"{len(doubled)} rows are there twice, such as {doubled[:3]}"
    assert not lost, f"{len(lost)} rows are lost, such as {list(islice(lost, 3))}"
    assert not false, f"{len(false)} rows are there that are bad, such as {list(islice(false, 3))}"
    assert len({event.id for event in events}) == len(events), "a record id is there twice"


def _number(event: Event) -> int:
    return int(json.loads(event.metadata)["number"])
