"""The table's log (Delta Lake, through the package `deltalake`).

A commit names files, how many rows each has, its environment and day, and between which times and
sequences its events lie: nothing of what is in the events. The package's own writer would add the
lowest and highest id of each file, and its `delete` the ids that were deleted; so files are written
by `files.py`, and only committed here.

The last sequence that a seal moved is kept in the log as the version of an application transaction,
in the same commit as the files. So after a crash it is known whether they are part of the table.
"""

import json
import os
import time
from collections.abc import Collection, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from deltalake import CommitProperties, DeltaTable, Field, Schema, Transaction
from deltalake.exceptions import TableNotFoundError
from deltalake.schema import PrimitiveType
from deltalake.transaction import AddAction, RemoveAction

from analytex.domain.history import FOLDER, NO_TABLE, HistoryFile
from analytex.history.columns import COLUMNS, PARTITIONS
from analytex.history.files import Written, day_number, day_text

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection as Connection

LOG: Final = "_delta_log"
DESCRIPTION: Final = "Events of analytex, sealed; documented in docs/history.md"
CONFIGURATION: Final = {
    # No other column's lowest and highest values shall be in the log: they are ids and names.
    "delta.dataSkippingStatsColumns": "inserted_at,sequence",
    "delta.checkpointInterval": "50",
    "delta.logRetentionDuration": "interval 7 days",
    "delta.deletedFileRetentionDuration": "interval 1 hours",
}

_SCHEMA: Final = Schema(
    [Field(each.name, PrimitiveType(each.delta)) for each in (*COLUMNS, *PARTITIONS)]
)
_PARTITION_BY: Final = [each.name for each in PARTITIONS]


class HistoryTable:
    """The table of a data directory. Only one process may commit to it at a time."""

    def __init__(self, directory: Path) -> None:
        """Open the table if there is one."""
        self._path = directory / FOLDER
        self._table: DeltaTable | None = None
        with suppress(TableNotFoundError):
            self._table = DeltaTable(self._path)

    @property
    def version(self) -> int:
        """The number of the last commit."""
        return NO_TABLE if self._table is None else self._table.version()

    def sealed(self, store_id: str) -> int:
        """Return the last sequence of a store that is in the table."""
        found = None if self._table is None else self._table.transaction_version(store_id)
        return found or 0

    def files(self, db: "Connection") -> list[HistoryFile]:
        """Return the files of the last version."""
        if self._table is None:
            return []
        db.register("actions", self._table.get_add_actions(flatten=True))
        try:
            found = db.execute(
                'SELECT path, "partition.environment_id", "partition.day", num_records, '
                'size_bytes, epoch_us("min.inserted_at"), epoch_us("max.inserted_at") FROM actions'
            ).fetchall()
        finally:
            db.unregister("actions")
        return [
            HistoryFile(
                path=path,
                environment_id=environment_id,
                day=day_number(day),
                rows=rows,
                bytes=size,
                oldest=oldest,
                newest=newest,
            )
            for path, environment_id, day, rows, size, oldest, newest in found
        ]

    def commit(
        self,
        added: Sequence[Written],
        removed: Collection[HistoryFile],
        *,
        sealed: tuple[str, int] | None = None,
        same_events: bool = False,
    ) -> None:
        """Take files in and others out, in one commit, which is on disk on return.

        `sealed`: a store, and the last sequence of it that is then in the table. `same_events`: the
        new files hold what the old ones held.
        """
        before = self.version
        table = self._table or self._create()
        at = time.time_ns() // 1_000_000
        transactions = [] if sealed is None else [Transaction(*sealed)]
        table.create_write_transaction(
            [
                *(_add(each, at, changes=not same_events) for each in added),
                *(_remove(each, at, changes=not same_events) for each in removed),
            ],
            "append",
            _SCHEMA,
            _PARTITION_BY,
            commit_properties=CommitProperties(app_transactions=transactions),
        )
        self._table = DeltaTable(self._path)
        self._flush(before)

    def _create(self) -> DeltaTable:
        return DeltaTable.create(
            self._path,
            _SCHEMA,
            partition_by=_PARTITION_BY,
            name="events",
            description=DESCRIPTION,
            configuration=CONFIGURATION,
        )

    def _flush(self, after: int) -> None:
        """Make the commits behind a version survive a power cut; the package does not."""
        folder = self._path / LOG
        newer = [path for path in folder.iterdir() if _number(path) > after]
        for path in (*newer, folder, self._path):
            opened = os.open(path, os.O_RDONLY)
            try:
                os.fsync(opened)
            finally:
                os.close(opened)


def _number(path: Path) -> float:
    """The version that a file of the log is of; what has none counts as the newest."""
    start = path.name.partition(".")[0]
    return int(start) if start.isdecimal() else float("inf")


def _partition(file: HistoryFile) -> dict[str, str | None]:
    return {"environment_id": str(file.environment_id), "day": day_text(file.day)}


def _add(written: Written, at: int, *, changes: bool) -> AddAction:
    file = written.file
    statistics = {
        "numRecords": file.rows,
        "minValues": {"inserted_at": _moment(file.oldest), "sequence": written.first},
        "maxValues": {"inserted_at": _moment(file.newest), "sequence": written.last},
        "nullCount": {"inserted_at": 0, "sequence": 0},
    }
    return AddAction(
        path=file.path,
        size=file.bytes,
        partition_values=_partition(file),
        modification_time=at,
        data_change=changes,
        stats=json.dumps(statistics),
    )


def _remove(file: HistoryFile, at: int, *, changes: bool) -> RemoveAction:
    return RemoveAction(file.path, changes, at, file.bytes, _partition(file))


def _moment(at: int) -> str:
    seconds, micros = divmod(at, 1_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{micros:06d}Z"
