"""A data directory in which users and companies are deleted, in this process and step by step."""

import asyncio
import json
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import pytest

from analytex.apply.loop import Applier
from analytex.apply.rebuild import Rebuild
from analytex.domain.calls import Call
from analytex.domain.events import Event, EventFilter
from analytex.domain.jobs import FileFormat, Job, JobKind, RowsFile
from analytex.eventlog.open import open_log_eraser, open_log_reader, open_log_writer
from analytex.jobs.deletes import Deletion
from analytex.storage.embedded import FILE
from analytex.storage.embedded.erase import EmbeddedEraseStore
from analytex.storage.open import open_apply_store, open_read_store
from analytex.wire import records

ENVIRONMENT: Final = 7
NOW: Final = 1_800_000_000_000_000  # microseconds
LATER: Final = NOW + 3_600_000_000
COMPANIES: Final = JobKind.DELETE_COMPANIES


class World:
    """A data directory with all that a deletion needs, in one process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = open_apply_store(folder)
        self.log = open_log_reader(folder)
        self.applier = Applier(self.log, self.store, company_from_metadata=True)
        self.erase = EmbeddedEraseStore(folder / FILE)
        self.eraser = open_log_eraser(folder)
        self.read = open_read_store(folder)
        self._clock = NOW - 10_000_000

    def call(
        self, call: Call, body: dict[str, Any] | bytes, *, at: int | None = None, env: int = 7
    ) -> bytes:
        """Return the record of a call, each a second after the one before, or at a time."""
        self._clock += 1
        text = body if isinstance(body, bytes) else json.dumps(body).encode()
        id = records.record_id(self._clock if at is None else at, "0000000")
        return records.encode(records.head(call, env), id, text)

    def identify(self, user: str | float, *, at: int | None = None, **rest: Any) -> bytes:
        """An identify."""
        return self.call(Call.IDENTIFY, {"user_id": user, **rest}, at=at)

    def company(self, id: str, *, at: int | None = None, **metadata: Any) -> bytes:
        """An identify of a company."""
        return self.call(Call.IDENTIFY_COMPANY, {"company_id": id, "metadata": metadata}, at=at)

    def track(self, user: str | float, *, at: int | None = None, **metadata: Any) -> bytes:
        """A track."""
        body = {"user_id": user, "event_name": "opened", "metadata": metadata}
        return self.call(Call.TRACK, body, at=at)

    def send(self, *sent: bytes) -> None:
        """Put records into the log."""

        async def append() -> None:
            loop = asyncio.get_running_loop()
            writer = open_log_writer(self.folder, loop, queue_limit=100_000, flushed=lambda: None)
            told = [loop.create_future() for _ in sent]
            for record, future in zip(sent, told, strict=True):
                writer.append(record, future.set_result)
            assert not any(await asyncio.gather(*told))
            await writer.close()

        asyncio.run(append())

    def apply(self, *sent: bytes) -> None:
        """Put records into the log, and apply all that is there."""
        if sent:
            self.send(*sent)
        self.applier.drain()

    def deletion(self, *ids: str, kind: JobKind = JobKind.DELETE_USERS, **rest: Any) -> Deletion:
        """Return a deletion of what is not newer than `NOW`."""
        return Deletion(
            job(kind, **{key: rest.pop(key) for key in ("due_at", "removed") if key in rest}),
            ids,
            self.erase,
            self.log,
            self.eraser,
            self.applier.memberships,
            **{"now": lambda: LATER, **rest},
        )

    def delete(self, *ids: str, kind: JobKind = JobKind.DELETE_USERS) -> dict[str, int]:
        """Delete, while the applier works on; return the counts."""
        deletion = self.deletion(*ids, kind=kind)
        self.finish(deletion)
        return {name: count for name, count in deletion.removed.items() if count}

    def finish(self, deletion: Deletion) -> None:
        """Let a deletion do all its steps."""
        for _ in range(10_000):
            if not deletion.step():
                return
            self.applier.step()
        pytest.fail("the deletion does not end")

    def events(self, **wanted: Any) -> list[Event]:
        """Return the environment's events, oldest first."""
        found = self.read.list_events(ENVIRONMENT, EventFilter(**wanted), after=None, limit=100_000)
        return [event for _, event in reversed(found)]

    def differences(self) -> list[object]:
        """Return what profiles say otherwise than the events (`analytex verify`)."""
        scratch = self.folder / "scratch"
        scratch.mkdir(exist_ok=True)
        for file in scratch.iterdir():
            file.unlink()
        with (
            closing(open_apply_store(scratch)) as store,
            closing(open_read_store(scratch)) as rebuilt,
            self.read.snapshot(),
        ):
            rebuild = Rebuild(self.read, store, rebuilt)
            rebuild.fold(lambda done, total: None)
            found: list[object] = list(rebuild.differences())
        for file in scratch.iterdir():
            file.unlink()
        return found

    def bytes_hold(self, *texts: str) -> dict[str, list[str]]:
        """Return which of the texts stand in which files."""
        found: dict[str, list[str]] = {}
        for file in self.folder.rglob("*"):
            content = file.read_bytes() if file.is_file() else b""
            some = [text for text in texts if text.encode() in content]
            if some:
                found[file.name] = some
        return found

    def close(self) -> None:
        """Let go of all files."""
        for each in (self.store, self.log, self.erase, self.eraser, self.read):
            each.close()


def job(kind: JobKind, **rest: Any) -> Job:
    """A deletion as it was submitted."""
    file = RowsFile(name="", format=FileFormat.NDJSON, packed=False, size=0, rows=1)
    given: dict[str, Any] = {"due_at": NOW, "number": 1, **rest}
    return Job(
        id="j",
        environment_id=ENVIRONMENT,
        kind=kind,
        file=file,
        key_id="k",
        submitted_at=NOW,
        **given,
    )


def all_records(world: World) -> list[bytes]:
    """Return the records of the log."""
    batches = world.log.read(0, max_records=10**9, max_bytes=10**9)
    return [record for batch in batches for record in batch.records]
