"""A copy of a data directory, as it is at one moment, while a server uses it.

First that moment is taken, within milliseconds, and everything is held as it is then:

1. The lease of the version of history that the store names, so that no file of it is removed.
2. A read transaction on `store.db`, in which the store still names that version.
3. One on `log.db`. It began later, so the log has every record that the store has not applied,
   and everything that was acknowledged before the backup began.
4. One on each other SQLite file, which have no part in this order.
5. The files of jobs that have not ended in 2, opened: their bytes stay though their names go.

If a job ended between 2 and 5, all of it is done again. Then everything is copied, however long
that takes. Meanwhile the server goes on, with these differences: the `-wal` files grow with what is
written; and a deletion, which must leave nothing behind, waits for the end of our transactions and
lease with its last steps. So the copy has a person as a whole, or not at all, and history has the
version that the store names: the table's own log is copied up to it and no further.
"""

import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

import msgspec

from analytex import __version__
from analytex.domain.history import FOLDER as HISTORY
from analytex.domain.history import NO_TABLE
from analytex.domain.jobs import JobKind
from analytex.errors import BackupError, DataDirectoryError
from analytex.eventlog.open import FILE as LOG_FILE
from analytex.history.leases import Lease
from analytex.history.table import LOG as TABLE_LOG
from analytex.history.table import HistoryTable
from analytex.service.copies import (
    DATA,
    FORMAT,
    MANIFEST,
    UNFINISHED,
    Advance,
    CopiedFile,
    Manifest,
    Meter,
    copy_file,
    describe,
    sync_folders,
    write_manifest,
)
from analytex.storage.embedded import FILE as STORE_FILE
from analytex.storage.embedded.snapshot import Snapshot, StoreSnapshot, check
from analytex.storage.export_files import FOLDER as EXPORTS
from analytex.storage.files import FOLDER as JOBS
from analytex.storage.files import sync_directory
from analytex.storage.last_backup import LastBackup, note
from analytex.storage.open import make_directory
from analytex.wire.replies import time_text

ATTEMPTS: Final = 20  # to find a moment
AGAIN_AFTER_S: Final = 0.1
_LAST_CHECKPOINT: Final = "_last_checkpoint"


class _Again(Exception):
    """The moment was missed."""


class _Moment(NamedTuple):
    """What a data directory is at one moment, held open."""

    began_at: int  #: microseconds since 1970-01-01 UTC
    store: StoreSnapshot
    others: list[Snapshot]  #: the log first
    version: int  #: of history
    history: list[str]  #: its files
    jobs: dict[str, BinaryIO]  #: files of jobs that have not ended, by name
    ended: list[str]  #: names of files of jobs that have, and of exports

    def total(self, directory: Path) -> int:
        """Return about how many bytes are to be copied."""
        names = [f"{HISTORY}/{path}" for path in self.history] + [*self.jobs, *self.ended]
        return sum(each.bytes for each in (self.store, *self.others)) + sum(
            (directory / name).stat().st_size for name in names if (directory / name).exists()
        )


def back_up(directory: Path, target: Path, advance: Advance) -> Manifest:
    """Copy a data directory into a folder that is missing or empty.

    `advance` is called again and again. On return everything is on disk, and was read again. What
    fails leaves nothing behind; a kill leaves a folder that is no backup.
    Raises BackupError, and DataDirectoryError if there is no data.
    """
    if not (directory / STORE_FILE).is_file():
        raise DataDirectoryError(
            f"There is no analytex data in {directory}.",
            details="`--data` or `ANALYTEX_DATA` names another directory.",
        )
    existed = target.is_dir()
    try:
        _prepare(directory, target)
        try:
            return _copy(directory, target, advance)
        except BaseException:
            _remove(target, existed)
            raise
    except (OSError, sqlite3.Error) as error:
        raise BackupError(
            f"The backup of {directory} could not be made.", details=f"{error}."
        ) from error


def _prepare(directory: Path, target: Path) -> None:
    if target.resolve().is_relative_to(directory.resolve()):
        raise BackupError(
            "The backup would lie in the data directory itself.",
            details="Choose a folder outside of it, best on another disk.",
        )
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        unfinished = (target / UNFINISHED).exists() and not (target / DATA).exists()
        raise BackupError(
            f"{target} is not empty.",
            details="It holds a backup that was never finished, which can be removed."
            if unfinished
            else "Each backup needs a new folder, so that an old one is never mixed with it.",
        )
    make_directory(target)


def _remove(target: Path, existed: bool) -> None:
    shutil.rmtree(target / UNFINISHED, ignore_errors=True)
    (target / MANIFEST).unlink(missing_ok=True)
    if not existed:
        shutil.rmtree(target, ignore_errors=True)


def _copy(directory: Path, target: Path, advance: Advance) -> Manifest:
    root = target / UNFINISHED
    with _moment(directory, root) as (moment, files):
        meter = Meter(moment.total(directory), advance)
        _check_room(target, moment.total(directory))
        for name, file in moment.jobs.items():
            files.append(copy_file(file, root, name, meter))
        for name in moment.ended:
            files += _copy_if_there(directory, root, name, meter)
        for each in moment.others:
            files.append(_copy_database(each, root, meter))
        files.append(_copy_database(moment.store, root, meter))
        for path in moment.history:
            name = f"{HISTORY}/{path}"
            with (directory / name).open("rb") as file:
                files.append(copy_file(file, root, name, meter))
        began_at = time_text(moment.began_at)
    manifest = Manifest(format=FORMAT, analytex=__version__, began_at=began_at, files=files)
    sync_folders(root)
    write_manifest(target, manifest)
    root.rename(target / DATA)
    sync_directory(target)
    with suppress(OSError):  # of a directory that may only be read: the backup is good all the same
        note(directory, _noted(moment, target, manifest))
    return manifest


def _noted(moment: _Moment, target: Path, manifest: Manifest) -> LastBackup:
    return LastBackup(
        began_at=moment.began_at,
        ended_at=time.time_ns() // 1000,
        folder=str(target.resolve()),
        files=len(manifest.files),
        bytes=manifest.bytes,
    )


@contextmanager
def _moment(directory: Path, root: Path) -> Iterator[tuple[_Moment, list[CopiedFile]]]:
    """Find a moment, hold it, and copy the table's log, the one thing that cannot be held."""
    for attempt in range(ATTEMPTS):
        with ExitStack() as held:
            try:
                moment = _hold(directory, held, patient=attempt < ATTEMPTS // 2)
                root.mkdir(mode=0o700)
                files = _copy_table_log(directory, root, moment)
            except _Again:
                shutil.rmtree(root, ignore_errors=True)
            else:
                yield moment, files
                return
        time.sleep(AGAIN_AFTER_S)
    raise BackupError(
        "History changes all the time, or its log is broken.",
        details="Try again later; `analytex verify` says whether history can be read.",
    )


def _hold(directory: Path, held: ExitStack, *, patient: bool) -> _Moment:
    """Take the moment. Raises _Again; if not `patient`, files of jobs may be missing."""
    began_at = time.time_ns() // 1000
    with StoreSnapshot(directory / STORE_FILE) as now:
        version = now.history_version()
    held.enter_context(Lease(directory, version))
    store = held.enter_context(StoreSnapshot(directory / STORE_FILE))
    if store.history_version() != version:
        raise _Again
    names = [LOG_FILE] if (directory / LOG_FILE).is_file() else []
    names += sorted({path.name for path in directory.glob("*.db")} - {LOG_FILE, STORE_FILE})
    others = [held.enter_context(Snapshot(directory / name)) for name in names]
    jobs: dict[str, BinaryIO] = {}
    ended: list[str] = []
    for id, kind, is_open in store.jobs():
        if kind == JobKind.EXPORT:  # it has no rows
            ended += _export_files(directory, id)
            continue
        names = [f"{JOBS}/{id}/{name}" for name in ("rows", "failed")]
        if not is_open:
            ended += [name for name in names if (directory / name).exists()]
            continue
        for name in names:
            if (directory / name).exists():
                jobs[name] = held.enter_context((directory / name).open("rb"))
        if patient and names[0] not in jobs:
            raise _Again
    return _Moment(began_at, store, others, version, store.history_files(), jobs, ended)


def _export_files(directory: Path, id: str) -> list[str]:
    """Return the names of the files of an export that are ready."""
    folder = directory / EXPORTS / id
    ready = (path for path in folder.glob("*") if path.is_file() and path.suffix != ".part")
    return sorted(f"{EXPORTS}/{id}/{path.name}" for path in ready)


def _copy_table_log(directory: Path, root: Path, moment: _Moment) -> list[CopiedFile]:
    """Copy the log of the table up to the version of the moment. Raises _Again."""
    if moment.version == NO_TABLE:
        return []
    files: list[CopiedFile] = []
    for path in sorted((directory / HISTORY / TABLE_LOG).iterdir()):
        if path.is_file() and _version(path) <= moment.version:
            name = f"{HISTORY}/{TABLE_LOG}/{path.name}"
            files += _copy_if_there(directory, root, name, Meter(0, lambda *_: None))
    table = HistoryTable(root)
    if table.version != moment.version or _paths(table) != set(moment.history):
        raise _Again
    return files


def _version(path: Path) -> float:
    """Return the version that a file of the table's log is of; infinity if it is of none."""
    start = path.name.partition(".")[0]
    if start.isdecimal():
        return int(start)
    if path.name == _LAST_CHECKPOINT:
        try:
            return float(msgspec.json.decode(path.read_bytes())["version"])
        except (OSError, msgspec.MsgspecError, KeyError, TypeError):
            pass  # it is a hint, and the table can be read without it
    return float("inf")


def _paths(table: HistoryTable) -> set[str]:
    import duckdb  # slow to import

    with duckdb.connect(":memory:") as db:
        return {file.path for file in table.files(db)}


def _copy_if_there(directory: Path, root: Path, name: str, meter: Meter) -> list[CopiedFile]:
    try:
        file = (directory / name).open("rb")
    except FileNotFoundError:
        return []
    with file:
        return [copy_file(file, root, name, meter)]


def _copy_database(snapshot: Snapshot, root: Path, meter: Meter) -> CopiedFile:
    """Copy it and look whether the copy is sound; the original is let go of."""
    snapshot.copy(root / snapshot.name, meter.file())
    snapshot.close()
    check(root / snapshot.name)
    return describe(root, snapshot.name)


def _check_room(target: Path, size: int) -> None:
    free = shutil.disk_usage(target).free
    if size > free:
        raise BackupError(
            f"There is not enough room for the backup in {target}.",
            details=f"It needs {size:,} bytes, and {free:,} are free.",
        )
