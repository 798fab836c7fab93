"""How many rows per second from the start of an upload until all can be read, in how much memory?

Each turn imports one file into an empty store: ours through POST /v1/imports of a fresh server,
from the first byte of the upload until the job is completed (then every row is readable and safe
from a power cut). The reference is what people use for a file of rows, `sqlite-utils insert`, from
the start of its process to its end. Both get the same rows, as NDJSON and as CSV, on one disk.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import broken
import options
import processes
import reads
import rows
import servers
import uploads
from broken import Broken
from options import Options
from report import Report, ratio, spread
from rows import RowsFile
from servers import Server

REST = 1.0  # seconds from ready until idle memory is read
FLAGS = {"ndjson": "--nl", "csv": "--csv"}  # of sqlite-utils, by the form of the file
RATE = 40_000.0  # rows per second, NDJSON
OF_SQLITE_UTILS = 1.0
MEMORY_MB = 100.0


@dataclass(frozen=True)
class Run:
    rate: float  #: rows per second
    upload_s: float  #: of it until the upload was answered; 0 for sqlite-utils
    memory_mb: float  #: proportional set size of all processes at its highest, less idle before
    cpu_us: float  #: processor time of all processes per row
    disk_bytes: float  #: that the store grew by, per row


def analytex(file: RowsFile, folder: Path, *, given: Options) -> Run:
    """Ours."""
    with servers.analytex(folder, workers=given.workers) as server:
        time.sleep(REST)
        idle = processes.memory_bytes(server.pid)[1]
        disk, cpu = _disk_bytes(folder), processes.cpu_seconds(server.pid)
        with processes.watch_memory(server.pid) as peak:
            begun = time.perf_counter()
            job = uploads.send(server, file.path)
            uploaded = time.perf_counter()
            ended = uploads.wait_until_completed(server, job, file, within=given.readable_within)
        cpu = processes.cpu_seconds(server.pid) - cpu
        disk = _disk_bytes(folder) - disk
        _check(server, file)
    return Run(
        rate=file.count / (ended - begun),
        upload_s=uploaded - begun,
        memory_mb=(peak.bytes - idle) / 1e6,
        cpu_us=cpu / file.count * 1e6,
        disk_bytes=disk / file.count,
    )


def sqlite_utils(file: RowsFile, folder: Path, *, form: str) -> Run:
    """The reference."""
    folder.mkdir()
    store = folder / "events.db"
    command = [sys.executable, "-m", "sqlite_utils", "insert", str(store), "events"]
    begun, cpu = time.perf_counter(), _cpu_of_children()
    with (
        subprocess.Popen(
            [*command, str(file.path), FLAGS[form]],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        ) as process,
        processes.watch_memory(process.pid) as peak,
    ):
        _, said = process.communicate()
        ended = time.perf_counter()
    if process.returncode:
        raise Broken(f"sqlite-utils ended with {process.returncode}: {said.strip()[-500:]}")
    stored = reads.stored_events(store)
    if stored != file.count:
        raise Broken(f"sqlite-utils stored {stored:,} rows of {file.count:,}")
    return Run(
        rate=file.count / (ended - begun),
        upload_s=0.0,
        memory_mb=peak.bytes / 1e6,
        cpu_us=(_cpu_of_children() - cpu) / file.count * 1e6,
        disk_bytes=_disk_bytes(folder) / file.count,
    )


def _check(server: Server, file: RowsFile) -> None:
    """Raises Broken unless each row is stored once and the newest is what a read gives first."""
    stored = reads.stored_events(reads.store_path(server))
    if stored != file.count:
        raise Broken(f"{stored:,} events stored of {file.count:,} rows")
    with closing(server.connect()) as connection:
        connection.request("GET", "/v1/events?limit=1", headers=reads.HEADERS)
        (newest,) = json.loads(connection.getresponse().read())["data"]
    wanted = {key: file.last[key] for key in ("event_type", "user_id", "metadata")}
    found = {key: newest[key] for key in wanted}
    if found != wanted:
        raise Broken(f"the newest event is {found}, and not {wanted}")


def _disk_bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def _cpu_of_children() -> float:
    """Processor seconds of all processes that we started and that ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measure(given: Options, report: Report) -> dict[str, dict[str, list[Run]]]:
    """All rounds of each form of the file: ours, the reference, ours, the reference."""
    runs: dict[str, dict[str, list[Run]]] = {}
    with options.scratch(given) as folder:
        files = {form: rows.WRITERS[form](folder / f"rows.{form}", given.events) for form in FLAGS}
        for number in range(given.rounds):
            for form, file in files.items():
                contenders: dict[str, Callable[[RowsFile, Path], Run]] = {
                    "analytex": partial(analytex, given=given),
                    f"sqlite-utils {FLAGS[form]}": partial(sqlite_utils, form=form),
                }
                for name, contender in contenders.items():
                    one = _take(contender, file, folder / "turn")
                    runs.setdefault(form, {}).setdefault(name, []).append(one)
                    report.progress(
                        f"round {number + 1}, {form}, {name}: {one.rate:,.0f}/s, "
                        f"{one.memory_mb:.0f} MB"
                    )
    return runs


def _take(contender: Callable[[RowsFile, Path], Run], file: RowsFile, folder: Path) -> Run:
    os.sync()  # or the disk would be busy with what another one wrote
    try:
        return contender(file, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def show(form: str, runs: dict[str, list[Run]], given: Options, report: Report) -> None:
    ours, reference = ([one.rate for one in list_] for list_ in runs.values())
    table = [
        [
            name,
            spread([one.rate for one in list_]).text(),
            ratio([one.rate for one in list_], reference).text(".2f"),
            spread([one.upload_s for one in list_]).text(".1f"),
            spread([one.memory_mb for one in list_]).text(".0f"),
            spread([one.cpu_us for one in list_]).text(".1f"),
            spread([one.disk_bytes for one in list_]).text(".0f"),
        ]
        for name, list_ in runs.items()
    ]
    header = [
        *("", "rows/s", "of sqlite-utils", "of it uploading, s"),
        *("memory grown, MB", "CPU us/row", "bytes/row on disk"),
    ]
    report.table(f"{given.events:,} rows as {form}; failed, lost or doubled: 0", header, table)
    if form == "ndjson":
        report.target("rows/s, NDJSON", spread(ours).median, at_least=RATE)
        of_reference = ratio(ours, reference).median
        report.target("rows/s of sqlite-utils --nl", of_reference, at_least=OF_SQLITE_UTILS)
    memory = spread([one.memory_mb for one in runs["analytex"]]).median
    report.target(f"memory growth, {form}, MB", memory, at_most=MEMORY_MB)
    print()


def main() -> int:
    given = options.read(
        __doc__ or "",
        needs=("sqlite_utils", "analytex"),
        rounds=3,
        events=1_000_000,
        smoke_events=20_000,
    )
    report = Report(__doc__ or "", given)
    runs = measure(given, report)
    for form in runs:
        show(form, runs[form], given, report)
    report.keep(
        "runs",
        {
            form: {name: [asdict(one) for one in list_] for name, list_ in of_form.items()}
            for form, of_form in runs.items()
        },
    )
    return report.finish()


if __name__ == "__main__":
    broken.run(main)
