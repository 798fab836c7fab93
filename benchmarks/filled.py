"""A data directory with millions of events in its history, made by the product itself.

Calls are written into the log of a running server, which applies and seals them as it always does;
then everything is sealed, and the files of each day are put together, as the server does ten
minutes after the last one came. The calls are those of `bodies.py`, but no two are alike, spread
over the 30 days before now, about a hundred of each user.
"""

from __future__ import annotations

import json
import random
import sqlite3
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

import options
import preload
import reads
import servers
from analytex.domain.calls import Call
from analytex.domain.times import SECOND
from analytex.jobs.sealer_pipe import Keep, Orders, Tidy
from analytex.jobs.sealer_pipe import Run as SealerRun
from analytex.service.sealing import seal
from analytex.settings import load
from analytex.storage.open import open_seal_store
from analytex.wire import records
from bodies import EVENT_NAMES, PLACES, PLANS, identify_bodies
from broken import Broken
from options import Options
from report import Report

DAYS = 30
EVENTS_OF_A_USER = 100
IDENTIFY_SHARE = 0.05
SLICE = 250_000  # records between two looks at how far apply is
MOST_BEHIND = 1_000_000  # records that wait for apply, so that the log stays small
NOTE = "filled.json"  # in the data directory: what is in it
FILLED_WITHIN = 3600.0  # seconds
TRACK = (
    '{"user_id":"user-%06d@example.org","event_name":"%s","metadata":{"plan":"%s",'
    '"page":"/projects/%d/reports/%d","opened_from":"%s","pages":%d,"duration_ms":%d,"beta":%s,'
    '"session":"%032x","referrer":"https://app.example.org/projects/%d","created_at":"%d"}}'
)


@dataclass(frozen=True)
class Filled:
    """What is in the directory."""

    folder: Path
    events: int
    since: int  #: time of the first event, microseconds since 1970-01-01 UTC
    until: int  #: and behind the last one
    environment_id: int
    seconds: float  #: that it took
    rates: Sequence[float]  #: records per second that were applied meanwhile, slice by slice

    @property
    def users(self) -> int:
        """How many there are, numbered from 0 (`bodies.user_id`)."""
        return self.events // EVENTS_OF_A_USER

    @property
    def files(self) -> list[Path]:
        """The files of history, as the table's own log names them."""
        from deltalake import DeltaTable

        return sorted(Path(uri) for uri in DeltaTable(str(self.folder / "history")).file_uris())

    @property
    def history_bytes(self) -> int:
        """The size of the whole folder, with the table's log and what is about to be removed."""
        folder = self.folder / "history"
        return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


@contextmanager
def directory(given: Options, report: Report) -> Iterator[Filled]:
    """The directory of --filled, made if it is not there yet; else one that is removed at the end.

    Raises Broken if it holds another number of events than asked for.
    """
    if given.filled is None:
        with options.scratch(given) as folder:
            yield fill(folder / "filled", given.events, report)
    elif (given.filled / NOTE).exists():
        note = json.loads((given.filled / NOTE).read_text())
        found = Filled(**{**note, "folder": given.filled})
        if found.events != given.events:
            raise Broken(f"{given.filled} holds {found.events:,} events, not {given.events:,}")
        yield found
    else:
        yield fill(given.filled, given.events, report)


def fill(folder: Path, events: int, report: Report) -> Filled:
    """Make the data directory; takes some 30 seconds for a million events."""
    report.progress(f"storing {events:,} events")
    begun = time.perf_counter()
    environment_id = preload.environment(folder)
    until = time.time_ns() // 1000
    apart = DAYS * 86_400 * SECOND // events
    since = until - events * apart
    made = _records(events, environment_id, since, apart)
    rates = []
    with servers.analytex(folder) as server:
        for start in range(0, events, SLICE):
            slice_begun, before = time.perf_counter(), _applied(folder)
            preload.fill_log(folder, islice(made, min(SLICE, events - start)))
            _wait_until_applied(folder, start + SLICE - MOST_BEHIND)
            rates.append((_applied(folder) - before) / (time.perf_counter() - slice_begun))
        reads.wait_until_readable(server, within=FILLED_WITHIN)
        report.progress("sealing what is left")
        seal(load({"data": str(folder)}, environment={}).settings, within_s=FILLED_WITHIN)
    _put_together(folder)
    with closing(sqlite3.connect(folder / "store.db")) as db:
        (rows,) = db.execute("SELECT sum(rows) FROM history_files").fetchone()
    if rows != events:
        raise Broken(f"{rows:,} events in history of {events:,}")
    filled = Filled(
        folder=folder,
        events=events,
        since=since,
        until=until,
        environment_id=environment_id,
        seconds=time.perf_counter() - begun,
        rates=rates,
    )
    (folder / NOTE).write_text(json.dumps(asdict(filled) | {"folder": ""}) + "\n")
    report.progress(f"stored and sealed in {filled.seconds:,.0f} s")
    return filled


def _records(count: int, environment_id: int, since: int, apart: int) -> Iterator[bytes]:
    choose = random.Random(7)
    tracks = _tracks(count // EVENTS_OF_A_USER)
    track = records.head(Call.TRACK, environment_id)
    identify = records.head(Call.IDENTIFY, environment_id)
    identifies = list(identify_bodies(5_000))
    for number in range(count):
        id = records.record_id(since + number * apart, preload.PROCESS)
        if choose.random() < IDENTIFY_SHARE:
            yield records.encode(identify, id, choose.choice(identifies))
        else:
            yield records.encode(track, id, next(tracks))


def _tracks(users: int) -> Iterator[bytes]:
    """Bodies as those of `bodies.track_bodies`; three times as fast, so that ten million do."""
    random_ = random.Random(8).random
    bits = random.Random(9).getrandbits
    names, plans, places = EVENT_NAMES, PLANS, PLACES
    while True:
        item = int(random_() * 1_000_000)
        values = (
            int(random_() * users),
            names[int(random_() * len(names))],
            plans[int(random_() * len(plans))],
            item,
            int(random_() * 100),
            places[int(random_() * len(places))],
            int(random_() * 59) + 1,
            int(random_() * 89_980) + 20,
            "true" if random_() < 0.2 else "false",
            bits(128),
            item,
            1_762_000_000 + int(random_() * 10_000_000),
        )
        yield (TRACK % values).encode()


def _applied(folder: Path) -> int:
    with closing(sqlite3.connect(f"file:{folder / 'store.db'}?mode=ro", uri=True)) as db:
        position: int = db.execute("SELECT position FROM applied").fetchone()[0]
        return position


def _wait_until_applied(folder: Path, position: int) -> None:
    deadline = time.perf_counter() + FILLED_WITHIN
    while _applied(folder) < position:
        if time.perf_counter() > deadline:
            raise Broken(f"apply did not get to {position:,} in {FILLED_WITHIN:.0f} s")
        time.sleep(0.05)


def _put_together(folder: Path) -> None:
    """Do now what the server does when nothing has come for a day for ten minutes."""
    now = time.time_ns() // 1000
    task = Tidy(keep=Keep(), files=2, quiet_before=now, leave_until=now)
    while _tidied(folder, task):
        pass


def _tidied(folder: Path, task: Tidy) -> bool:
    """Run the product's sealer once; whether it had something to do."""
    changed = False
    with closing(open_seal_store(folder)) as store:
        run = SealerRun(Orders(directory=str(folder), task=task))
        try:
            while not run.ended:
                message = run.next()
                if message is None:
                    time.sleep(0.01)
                else:
                    store.note(message, now=time.time_ns() // 1000)  # type: ignore[arg-type]
                    changed |= bool(message.added)  # type: ignore[union-attr]
                    run.go()
        finally:
            run.close()
    return changed


if __name__ == "__main__":
    sys.exit("This is a part of bench_history.py, bench_export.py and bench_growth.py.")
