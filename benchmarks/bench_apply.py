"""How many log records per second does apply alone turn into rows?

No HTTP and no load beside it: the log is filled first, then the applier runs until its position
reaches the end. The reference is what people write instead: the same records, decoded by the
same code, inserted into one plain SQLite table with two secondary indexes (user; time), 1,024 in
a transaction. It folds no profiles, so it does less; both use the same durability setting.
"""

from __future__ import annotations

import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path

import broken
import options
import preload
import reads
from analytex.eventlog.embedded import EmbeddedLogReader
from analytex.wire import records
from broken import Broken
from options import Options
from report import Report, ratio, spread

PLAIN_BATCH = 1024
PLAIN_BYTES = 16 * 1024 * 1024  # of records in memory at a time
MIXES = {"track only": 0.0, "half identify, half track": 0.5}

PLAIN_SCHEMA = """
CREATE TABLE events (
    id INTEGER PRIMARY KEY, record_id TEXT, user_id TEXT, event_type TEXT, event_name TEXT,
    inserted_at INTEGER, metadata TEXT
);
CREATE INDEX events_by_user ON events (user_id);
CREATE INDEX events_by_time ON events (inserted_at);
"""
PLAIN_INSERT = """
INSERT INTO events (record_id, user_id, event_type, event_name, inserted_at, metadata)
VALUES (?, ?, ?, ?, ?, ?)
"""


@dataclass(frozen=True)
class Run:
    rate: float  #: records per second
    cpu_us: float  #: processor time per record


def apply(folder: Path) -> None:
    """Ours."""
    with preload.applier(folder) as applier:
        applier.drain()


def insert_plainly(folder: Path) -> None:
    """The reference, into a store.db of its own kind."""
    (folder / "store.db").unlink()
    with closing(sqlite3.connect(folder / "store.db", isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")
        db.executescript(PLAIN_SCHEMA)
        for rows in _plain_rows(folder):
            db.execute("BEGIN")
            db.executemany(PLAIN_INSERT, rows)
            db.execute("COMMIT")


def _plain_rows(folder: Path) -> Iterator[list[tuple[object, ...]]]:
    reader = EmbeddedLogReader(folder / "log.db")
    position = 0
    while batches := reader.read(position, max_records=PLAIN_BATCH, max_bytes=PLAIN_BYTES):
        position = batches[-1].next
        events = [
            records.decode(record, company_from_metadata=True)
            for batch in batches
            for record in batch.records
        ]
        yield [
            (one.id, one.user_id, one.event_type, one.event_name, one.inserted_at, one.metadata)
            for one in events
        ]
    reader.close()


CONTENDERS: dict[str, Callable[[Path], None]] = {
    "analytex apply": apply,
    "plain table, two indexes": insert_plainly,
}


def take(action: Callable[[Path], None], filled: Path, events: int) -> Run:
    """Time one contender on a copy of a data directory whose log is full and store empty."""
    folder = filled.with_name("turn")
    shutil.copytree(filled, folder)
    begun, cpu = time.perf_counter(), time.process_time()
    action(folder)
    seconds, cpu = time.perf_counter() - begun, time.process_time() - cpu
    stored = reads.stored_events(folder / "store.db")
    shutil.rmtree(folder)
    if stored != events:
        raise Broken(f"{stored:,} events stored of {events:,} in the log")
    return Run(rate=events / seconds, cpu_us=cpu / events * 1e6)


def measure(given: Options, report: Report) -> dict[str, dict[str, list[Run]]]:
    """All rounds of each mix of calls."""
    runs: dict[str, dict[str, list[Run]]] = {mix: {n: [] for n in CONTENDERS} for mix in MIXES}
    with options.scratch(given) as folder:
        for mix, identify_share in MIXES.items():
            filled = folder / mix.replace(" ", "-")
            made = preload.make_records(
                given.events,
                preload.kinds(identify_share=identify_share),
                environment_id=preload.environment(filled),
                start_us=time.time_ns() // 1000 - given.events * preload.APART_US,
            )
            preload.fill_log(filled, made)
            for number in range(given.rounds):
                for name, action in CONTENDERS.items():
                    one = take(action, filled, given.events)
                    runs[mix][name].append(one)
                    report.progress(f"round {number + 1}, {mix}, {name}: {one.rate:,.0f}/s")
    return runs


def show(mix: str, runs: dict[str, list[Run]], given: Options, report: Report) -> None:
    rates = {name: [one.rate for one in list_] for name, list_ in runs.items()}
    reference = rates["plain table, two indexes"]
    rows = [
        [
            name,
            spread(rates[name]).text(),
            ratio(rates[name], reference).text(".2f"),
            spread([one.cpu_us for one in list_]).text(".1f"),
        ]
        for name, list_ in runs.items()
    ]
    header = ["", "records/s", "of the plain table", "CPU us/record"]
    report.table(f"{given.events:,} records, {mix}", header, rows)


def main() -> int:
    given = options.read(__doc__ or "", needs=("analytex",), events=200_000, smoke_events=10_000)
    report = Report(__doc__ or "", given)
    for mix, runs in measure(given, report).items():
        show(mix, runs, given, report)
        report.keep(mix, {name: [asdict(one) for one in list_] for name, list_ in runs.items()})
    return report.finish()


if __name__ == "__main__":
    broken.run(main)
