"""Writing the table's files: sorted, flushed, and described."""

import os
from collections.abc import Iterable
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple
from uuid import uuid4

from analytex.domain.history import FOLDER, HistoryFile
from analytex.history import shredded
from analytex.history.columns import NAMES, ORDER
from analytex.history.engine import read_parquet, text

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection as Connection

ROW_GROUP_ROWS: Final = 10240  # what a reader of one user has to unpack in each file
VERSION: Final = "V2"  # of Parquet: differences of times and numbers are read twice as fast
COMPRESSION_LEVEL: Final = 3

_EPOCH: Final = date(1970, 1, 1)


class Written(NamedTuple):
    """A new file, and what the table's log says of it beside what the store does."""

    file: HistoryFile
    first: int  #: lowest sequence in it
    last: int  #: highest


def day_text(day: int) -> str:
    """Return a day, given in days since 1970-01-01, as the table's log has it."""
    return str(_EPOCH + timedelta(days=day))


def day_number(day: date) -> int:
    """Return a day in days since 1970-01-01."""
    return (day - _EPOCH).days


def path_of(directory: Path, file: HistoryFile) -> Path:
    """Return where a file lies."""
    return directory / FOLDER / file.path


def write(
    db: "Connection",
    directory: Path,
    source: str,
    *,
    environment_id: int,
    day: int,
) -> Written | None:
    """Write a file of the rows of a relation, which are those of one environment and day.

    Its bytes are on disk on return; its name is once `flush_names` was called. None: no rows.
    """
    folder = f"environment_id={environment_id}/day={day_text(day)}"
    name = f"{folder}/{uuid4()}.parquet"
    path = directory / FOLDER / name
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    properties = shredded.choose(db, source)
    rows_of = shredded.shred(f"(SELECT {NAMES} FROM {source})", properties)
    db.execute(
        f"COPY (FROM {rows_of} ORDER BY {ORDER}) TO {text(str(path))} "
        f"(FORMAT parquet, PARQUET_VERSION {VERSION}, "
        f"COMPRESSION zstd, COMPRESSION_LEVEL {COMPRESSION_LEVEL}, "
        f"ROW_GROUP_SIZE {ROW_GROUP_ROWS}, KV_METADATA {shredded.key_values(properties)})"
    )
    ((rows, oldest, newest, first, last),) = db.execute(
        "SELECT count(*), epoch_us(min(inserted_at)), epoch_us(max(inserted_at)), "
        f"min(sequence), max(sequence) FROM {read_parquet([path])}"
    ).fetchall()
    if rows == 0:
        path.unlink()
        return None
    _flush(path)
    file = HistoryFile(
        path=name,
        environment_id=environment_id,
        day=day,
        rows=rows,
        bytes=path.stat().st_size,
        oldest=oldest,
        newest=newest,
    )
    return Written(file, first, last)


def flush_names(directory: Path, written: Iterable[Written]) -> None:
    """Make the names of new files survive a power cut (fsync(2))."""
    table = directory / FOLDER
    folders = {(table / each.file.path).parent for each in written}
    for folder in folders | {folder.parent for folder in folders} | {table, directory}:
        _flush(folder)


def remove(directory: Path, names: Iterable[str]) -> list[str]:
    """Remove files of the table, and folders that get empty; return the names."""
    table = directory / FOLDER
    removed = []
    for name in names:
        path = table / name
        path.unlink(missing_ok=True)
        removed.append(name)
        for folder in (path.parent, path.parent.parent):
            try:
                folder.rmdir()
            except OSError:  # there are others in it
                break
    return removed


def present(directory: Path) -> set[str]:
    """Return the names of all files that lie in the table's folder, part of it or not."""
    table = directory / FOLDER
    return {str(path.relative_to(table)) for path in table.glob("environment_id=*/day=*/*")}


def _flush(path: Path) -> None:
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
