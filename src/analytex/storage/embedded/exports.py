"""Exports in `store.db`, beside their jobs."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec

from analytex import sqlite
from analytex.domain.exports import Export, ExportFile, ExportRequest
from analytex.domain.jobs import Counts, Job
from analytex.errors import JobRunning, Unavailable
from analytex.storage.embedded import FILE, job_rows
from analytex.storage.embedded.job_rows import text

_SQL: Final = sqlite.queries(__package__, "exports.sql")
_COLUMNS: Final = job_rows.COLUMNS
_SELECT: Final = _SQL["select"].replace("%s", ", ".join(f"jobs.{name}" for name in _COLUMNS))

_decode_request: Final = msgspec.json.Decoder(ExportRequest).decode
_decode_chunks: Final = msgspec.json.Decoder(list[str] | None).decode
_decode_files: Final = msgspec.json.Decoder(list[ExportFile]).decode


class EmbeddedExportStore:
    """Keeps exports (see `ExportStore`); any number of processes may, at any time.

    Methods wait up to `sqlite.BUSY_TIMEOUT_S` for another writer, and raise Unavailable if the
    file cannot be read or written.
    """

    def __init__(self, path: Path) -> None:
        """Open or create the file. Raises sqlite3.Error if it cannot be opened."""
        self._db = sqlite.connect(path, __package__)

    def create(self, job: Job, request: ExportRequest) -> Export:
        """Store an export with its job (see `ExportStore.create`)."""
        with self._change() as db:
            running = db.execute(
                job_rows.SQL["count_open"], (job.environment_id, job.kind.family)
            ).fetchone()[0]
            if running:
                raise JobRunning
            number = db.execute(job_rows.SQL["add"], job_rows.values(job)).lastrowid
            assert number is not None
            db.execute(_SQL["add"], (number, text(request)))
        created = self.find(number)
        assert created is not None
        return created

    def export(self, environment_id: int, id: str) -> Export | None:
        """Return an export, or None."""
        return next(iter(self._select("one", environment_id, id)), None)

    def find(self, number: int) -> Export | None:
        """Return the export of a job, or None."""
        return next(iter(self._select("by_number", number)), None)

    def list_exports(self, environment_id: int, *, ended_after: int, limit: int) -> list[Export]:
        """Return exports that have not ended, or after that time; newest first."""
        return self._select("list", environment_id, ended_after, limit)

    def of_environment(self, environment_id: int) -> list[Export]:
        """Return all exports of an environment, oldest first."""
        return self._select("of_environment", environment_id)

    def secret(self) -> bytes:
        """Return what links are signed with."""
        with _using():
            return bytes(self._db.execute(_SQL["secret"]).fetchone()[0])

    def note_chunks(self, number: int, chunks: Sequence[str], *, rows: int) -> None:
        """Note which chunks there are, and how many events they hold together."""
        with self._change() as db:
            db.execute(_SQL["set_chunks"], (text(list(chunks)), number))
            self._note_job(number, Counts(), rows=rows, size=0)

    def note_rows(self, number: int, rows: int) -> None:
        """Note how many events are written."""
        with self._change() as db:
            db.execute(_SQL["note_rows"], (text(Counts(completed=rows)), number))

    def add_file(self, number: int, file: ExportFile) -> None:
        """Note that a file is ready, in the place of one of the same chunk."""
        with self._change() as db:
            export = self._found(number)
            if export is None:
                return
            files = [each for each in export.files if each.chunk != file.chunk] + [file]
            db.execute(_SQL["set_files"], (text(files), number))
            done = sum(each.rows for each in files)
            # Some may have come since they were counted.
            rows = max(export.job.file.rows, done)
            self._note_job(
                number, Counts(completed=done), rows=rows, size=sum(each.bytes for each in files)
            )

    def complete(self, number: int) -> None:
        """Note that all files are ready: their events are all there are."""
        with self._change():
            export = self._found(number)
            if export is not None:
                rows = sum(file.rows for file in export.files)
                size = sum(file.bytes for file in export.files)
                self._note_job(number, Counts(completed=rows), rows=rows, size=size)

    def begin_again(self, number: int) -> None:
        """Forget what was noted of an export that has not ended."""
        with self._change() as db:
            db.execute(_SQL["set_chunks"], ("null", number))
            db.execute(_SQL["set_files"], ("[]", number))
            self._note_job(number, Counts(), rows=0, size=0)

    def forget(self, number: int) -> None:
        """Note that the files are gone, and forget whom the request named."""
        with self._change() as db:
            export = self._found(number)
            if export is not None:
                request = msgspec.structs.replace(
                    export.request, user_ids=[], company_ids=[], emails=[]
                )
                db.execute(_SQL["forget"], (text(request), number))

    def ids(self) -> set[str]:
        """Return the ids of all exports."""
        with _using():
            return {row[0] for row in self._db.execute(_SQL["ids"])}

    def remove_ended_before(self, at: int) -> list[str]:
        """Forget exports that ended before a time, or whose job is gone; return the ids known."""
        with self._change() as db:
            db.execute(_SQL["remove"], (at,))
        return sorted(self.ids())

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def _note_job(self, number: int, counts: Counts, *, rows: int, size: int) -> None:
        export = self._found(number)
        if export is not None:
            file = msgspec.structs.replace(export.job.file, rows=rows, size=size)
            self._db.execute(_SQL["note_job"], (text(file), text(counts), number))

    def _select(self, condition: str, *values: object) -> list[Export]:
        with _using():
            found = self._db.execute(f"{_SELECT} {_SQL[condition]}", values)
            return [_export(row) for row in found]

    def _found(self, number: int) -> Export | None:
        row = self._db.execute(f"{_SELECT} {_SQL['by_number']}", (number,)).fetchone()
        return None if row is None else _export(row)

    @contextmanager
    def _change(self) -> Iterator[sqlite3.Connection]:
        with _using(), sqlite.transaction(self._db) as db:
            yield db


def _export(row: tuple[Any, ...]) -> Export:
    job, (app_token, name, request, chunks, files, gone) = (
        row[: len(_COLUMNS)],
        row[len(_COLUMNS) :],
    )
    return Export(
        job=job_rows.job(job),
        app_token=app_token,
        environment_name=name,
        request=_decode_request(request),
        chunks=_decode_chunks(chunks),
        files=_decode_files(files),
        gone=bool(gone),
    )


@contextmanager
def _using() -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, msgspec.MsgspecError) as error:
        raise Unavailable(f"{FILE} cannot be used.", details=f"{error}.") from error
