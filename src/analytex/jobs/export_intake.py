"""Asking for exports, and looking at them: what HTTP asks for."""

import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

from analytex.domain.environments import Scope
from analytex.domain.exports import KEPT, Export, ExportRequest
from analytex.domain.jobs import FileFormat, Job, JobKind, RowsFile
from analytex.errors import JobRunning, NotFound
from analytex.storage.export_files import ExportFiles
from analytex.storage.exports import ExportStore
from analytex.storage.threads import StoreThreads

THREADS: Final = 1
MAX_LISTED: Final = 1000
_NAME: Final = "events"  #: as background jobs show it

Result = TypeVar("Result")


class Exports:
    """One server's exports, as those see them who ask for them."""

    def __init__(
        self,
        open_store: Callable[[], ExportStore],
        files: ExportFiles,
        *,
        wake: Callable[[], None],
    ) -> None:
        """`wake` tells the runner of new ones."""
        self._stores = StoreThreads(open_store, threads=THREADS, name="exports")
        self._files = files
        self._wake = wake
        self._secret = b""

    async def create(self, scope: Scope, request: ExportRequest) -> Export:
        """Take an export; it is on disk on return. Raises JobRunning."""
        at = time.time_ns() // 1000
        # Its rows are not in a file of the job, but in those of the export.
        file = RowsFile(name=_NAME, format=FileFormat.NDJSON, packed=False, size=0, rows=0)
        job = Job(
            id=str(uuid.uuid4()),
            environment_id=scope.environment_id,
            kind=JobKind.EXPORT,
            file=file,
            key_id=scope.key_id,
            submitted_at=at,
            due_at=at,
        )
        try:
            export = await self._stores.run(lambda store: store.create(job, request))
        except JobRunning:
            raise JobRunning(
                details="One export of an app may be under way. Ask again when it has ended."
            ) from None
        self._wake()
        return export

    async def get(self, scope: Scope, name: str) -> Export:
        """Return an export by its UUID, alone or behind `export:jobs:`. Raises NotFound."""
        id = name.rpartition(":")[2].lower()
        export = await self._stores.run(lambda store: store.export(scope.environment_id, id))
        if export is None or _is_over(export.job):
            raise NotFound("There is no such export.", details=f"job_id: {name!r}")
        return export

    async def list_exports(self, scope: Scope) -> list[Export]:
        """Return exports, newest first."""
        return await self._stores.run(
            lambda store: store.list_exports(
                scope.environment_id, ended_after=_ended_after(), limit=MAX_LISTED
            )
        )

    async def secret(self) -> bytes:
        """Return what links are signed with."""
        self._secret = self._secret or await self._stores.run(lambda store: store.secret())
        return self._secret

    def path(self, id: str, name: str) -> Path:
        """Return where a file lies whose link was signed here."""
        return self._files.folder(id) / name

    def close(self) -> None:
        """Stop the thread."""
        self._stores.close()


def _is_over(job: Job) -> bool:
    return job.finished_at is not None and job.finished_at <= _ended_after()


def _ended_after() -> int:
    return time.time_ns() // 1000 - KEPT
