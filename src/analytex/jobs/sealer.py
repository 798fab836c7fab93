"""The process that works on history: `python -m analytex.jobs.sealer`.

It seals, puts files together, takes out what is too old, and erases; then it ends, and so gives its
memory back. One at a time works on a data directory (`sealer.lock`). Whatever it is told to do, it
first says what the table is, so that the store learns what a process before it had committed.

A crash before a commit leaves files that are not part of the table; the next one removes them. A
crash behind a commit leaves a table that the store does not know yet; the next one tells.
"""

import fcntl
import os
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import IO, Final

from analytex.domain.history import FOLDER, HistoryFile, Report, day_of
from analytex.history import files as table_files
from analytex.history.columns import DEFINITION, FROM_STORED
from analytex.history.engine import TEMPORARY, open_engine, put_rows, read_parquet, text
from analytex.history.files import Written, flush_names
from analytex.history.leases import only_newer_are_read
from analytex.history.table import HistoryTable
from analytex.jobs.erasing import Erasure
from analytex.jobs.sealer_pipe import Collected, Erase, Erased, Line, Seal, Tidy
from analytex.storage.open import open_sealed_reader
from analytex.storage.sealing import LARGE_ROWS, Crowd

LOCK: Final = "sealer.lock"  #: name in the data directory
NICENESS: Final = 5  # on top of the applier's own: what is live goes first (nice(2))
MEMORY_MIB: Final = 1024  # above it, DuckDB writes temporary files
THREADS: Final = 2
ROWS_AT_ONCE: Final = 122_880  # a row group of DuckDB: it takes fewer at a time four times slower
FEW_DAYS: Final = 4
TIDY_ROWS: Final = 4_000_000  # put together in one run, and in one file
WAIT_S: Final = 0.05  # for readers of an older version


class Sealer:
    """One run."""

    def __init__(self, directory: Path, line: Line) -> None:
        """Wait until no other one works on the directory, and open everything."""
        self._directory = directory
        self._line = line
        self._lock = _lock(directory)
        (directory / FOLDER).mkdir(mode=0o700, exist_ok=True)
        self._store = open_sealed_reader(directory)
        self._table = HistoryTable(directory)
        self._db = open_engine(
            directory,
            spill=directory / TEMPORARY / "sealer",
            memory_mib=MEMORY_MIB,
            threads=THREADS,
        )

    def run(self, task: Seal | Tidy | Erase) -> None:
        """Do what is ordered."""
        self._report({})
        match task:
            case Seal():
                self._seal(task.upto)
            case Tidy():
                self._retire(task)
                self._compact(task)
            case Erase():
                self._erase(task)
                return
        self._sweep(patient=False)

    def close(self) -> None:
        """Let go of everything."""
        self._db.close()
        self._store.close()
        self._lock.close()

    def _report(self, removed: dict[str, int]) -> None:
        """Say what the table is beside what the store knows, and wait until it knows it.

        `removed`: until when others may still read files that were part of it before.
        """
        known = {file.path for file in self._store.files()}
        now = self._table.files(self._db)
        sealed = self._table.sealed(self._store.store_id())
        report = Report(
            sealed=max(sealed, self._store.sealed().upto),
            version=self._table.version,
            added=[file for file in now if file.path not in known],
            removed={
                path: removed.get(path, 0) for path in known.difference(file.path for file in now)
            },
        )
        self._line.say(report)
        self._line.wait()

    def _seal(self, upto: int) -> None:
        start = self._store.sealed().upto
        if upto <= start:
            return
        self._db.execute(f"CREATE TEMP TABLE sealing ({DEFINITION})")
        for rows in self._store.rows(start, upto, batch=ROWS_AT_ONCE):
            put_rows(self._db, rows, f"INSERT INTO sealing {FROM_STORED}")
        tokens = self._store.app_tokens()
        days = self._db.execute(
            "SELECT DISTINCT environment_id, day_number FROM sealing ORDER BY ALL"
        ).fetchall()
        if len(days) > FEW_DAYS:
            # Each day then reads a part of the table instead of all of it.
            self._db.execute("CREATE TEMP TABLE by_day AS FROM sealing ORDER BY day_number")
            self._db.execute("DROP TABLE sealing")
            self._db.execute("ALTER TABLE by_day RENAME TO sealing")
        written = [
            self._write(
                f"(SELECT * REPLACE ({_text(tokens.get(environment_id))} AS app_token) FROM sealing"
                f" WHERE environment_id = {environment_id} AND day_number = {day})",
                environment_id,
                day,
            )
            for environment_id, day in days
        ]
        self._commit(written, [], sealed=(self._store.store_id(), upto))
        self._report({})

    def _compact(self, task: Tidy) -> None:
        written: list[Written | None] = []
        gone: list[HistoryFile] = []
        by_day: dict[tuple[int, int], list[HistoryFile]] = {}
        for file in self._table.files(self._db):
            by_day.setdefault((file.environment_id, file.day), []).append(file)
        for crowd in self._store.crowds(files=task.files, quiet_before=task.quiet_before):
            some = _together(by_day.get((crowd.environment_id, crowd.day), []))
            if sum(file.rows for file in (*gone, *some)) > TIDY_ROWS and gone:
                break
            if len(some) > 1:
                written.append(self._put_together(crowd, some))
                gone += some
        if gone:
            self._commit(written, gone, same_events=True)
            self._report({file.path: task.leave_until for file in gone})

    def _put_together(self, crowd: Crowd, some: Sequence[HistoryFile]) -> Written | None:
        source = read_parquet([table_files.path_of(self._directory, file) for file in some])
        written = self._write(source, crowd.environment_id, crowd.day)
        before, after = sum(file.rows for file in some), written.file.rows if written else 0
        if before != after:
            raise RuntimeError(f"{before} events became {after}.")
        return written

    def _retire(self, task: Tidy) -> None:
        gone = []
        for file in self._table.files(self._db):
            since = task.keep.since(file.environment_id)
            if since is not None and file.day < day_of(since):
                gone.append(file)
        if gone:
            self._commit([], gone)
            self._report({})

    def _erase(self, task: Erase) -> None:
        mine = [
            file
            for file in self._table.files(self._db)
            if file.environment_id == task.environment_id
        ]
        erasure = Erasure(task, self._directory, self._db, mine)
        for message in erasure.collect():
            self._line.say(message)
        self._line.say(Collected())
        self._line.wait()
        written: list[Written | None] = []
        gone = []
        for file, source in erasure.rewrite():
            written.append(self._write(source, file.environment_id, file.day))
            gone.append(file)
        if gone:
            self._commit(written, gone)
        self._line.say(Erased(events=erasure.changed))
        self._report({})
        self._sweep(patient=True)

    def _write(self, source: str, environment_id: int, day: int) -> Written | None:
        return table_files.write(
            self._db, self._directory, source, environment_id=environment_id, day=day
        )

    def _commit(
        self,
        written: Iterable[Written | None],
        gone: Sequence[HistoryFile],
        *,
        sealed: tuple[str, int] | None = None,
        same_events: bool = False,
    ) -> None:
        added = [each for each in written if each is not None]
        flush_names(self._directory, added)
        self._table.commit(added, gone, sealed=sealed, same_events=same_events)

    def _sweep(self, *, patient: bool) -> None:
        """Remove the files that are not part of the table any more, once nobody reads them.

        `patient`: wait for those who do, and leave none for others. Else what is in use stays.
        """
        now = time.time_ns() // 1000
        kept, known = self._store.leftovers(now=now)
        if patient:
            known |= kept
            kept = set()
        parts = {file.path for file in self._table.files(self._db)}
        unused = known | table_files.present(self._directory).difference(parts, kept)
        if not unused:
            return
        while not only_newer_are_read(self._directory, self._store.sealed().version):
            if not patient:
                return
            time.sleep(WAIT_S)
        swept = table_files.remove(self._directory, sorted(unused - parts))
        sealed = self._store.sealed()
        self._line.say(
            Report(sealed=sealed.upto, version=sealed.version, added=[], removed={}, swept=swept)
        )
        self._line.wait()


def _together(files: Sequence[HistoryFile]) -> list[HistoryFile]:
    """Return which files of a day to put together: the small ones, and not with much larger ones.

    So a day that gets files all the time is not written again as a whole each time.
    """
    some: list[HistoryFile] = []
    rows = 0
    for file in sorted(files, key=lambda file: file.rows):
        too_large = len(some) > 3 and file.rows > 2 * rows
        if file.rows >= LARGE_ROWS or rows + file.rows > TIDY_ROWS or too_large:
            break
        some.append(file)
        rows += file.rows
    return some


def _text(value: str | None) -> str:
    return "CAST(NULL AS VARCHAR)" if value is None else text(value)


def _lock(directory: Path) -> IO[str]:
    lock = (directory / LOCK).open("a+")
    fcntl.flock(lock, fcntl.LOCK_EX)
    return lock


def main() -> None:
    """Do what the applier orders."""
    line = Line()
    orders = line.orders()
    os.nice(NICENESS)
    sealer = Sealer(Path(orders.directory), line)
    try:
        sealer.run(orders.task)
    except BrokenPipeError:
        os._exit(0)  # the applier is gone, and so is whom to tell
    finally:
        sealer.close()


if __name__ == "__main__":
    main()
