"""What a storage engine promises about exports. Changes are on disk on return."""

from collections.abc import Sequence
from typing import Protocol

from analytex.domain.exports import Export, ExportFile, ExportRequest
from analytex.domain.jobs import Job


class ExportStore(Protocol):
    """Exports, beside their jobs in the same engine."""

    def create(self, job: Job, request: ExportRequest) -> Export:
        """Store an export with its job.

        Raises JobRunning (without details) if one of its environment has not ended.
        """

    def export(self, environment_id: int, id: str) -> Export | None:
        """Return an export, or None."""

    def find(self, number: int) -> Export | None:
        """Return the export of a job, or None."""

    def list_exports(self, environment_id: int, *, ended_after: int, limit: int) -> list[Export]:
        """Return exports that have not ended, or after that time; newest first."""

    def secret(self) -> bytes:
        """Return what links are signed with."""

    def note_chunks(self, number: int, chunks: Sequence[str], *, rows: int) -> None:
        """Note which chunks there are, and how many events they hold together."""

    def note_rows(self, number: int, rows: int) -> None:
        """Note how many events are written."""

    def add_file(self, number: int, file: ExportFile) -> None:
        """Note that a file is ready."""

    def complete(self, number: int) -> None:
        """Note that all files are ready: their events are all there are."""

    def begin_again(self, number: int) -> None:
        """Forget what was noted of an export that has not ended."""

    def forget(self, number: int) -> None:
        """Note that the files are gone, and forget whom the request named."""

    def of_environment(self, environment_id: int) -> list[Export]:
        """Return all exports of an environment."""

    def ids(self) -> set[str]:
        """Return the ids of all exports."""

    def remove_ended_before(self, at: int) -> list[str]:
        """Forget exports that ended before a time, or whose job is gone; return the ids known."""

    def close(self) -> None:
        """Let go of the engine."""
