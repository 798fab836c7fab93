"""Sending files of rows to `POST /v1/imports` and following the job, with flat memory."""

from __future__ import annotations

import json
import time
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from broken import Broken
from reads import HEADERS
from rows import RowsFile
from servers import Server

POLL_EVERY = 0.05  # seconds between two looks at a job
BOUNDARY = "rows-of-the-benchmark"
PIECE_BYTES = 1024 * 1024  # of the file in memory


@dataclass(frozen=True)
class Job:
    """A job as the server shows it."""

    status: str
    total: int  #: rows; so are the others
    completed: int
    failed: int
    duplicates: int  #: of the completed
    reason: str | None  #: why it failed as a whole

    @property
    def ended(self) -> bool:
        return self.status in ("completed", "failed")


def send(server: Server, path: Path) -> str:
    """Upload a file; the id of its job. Raises Broken for an answer other than 200."""
    head = (
        f"--{BOUNDARY}\r\nContent-Type: application/octet-stream\r\n"
        f'Content-Disposition: form-data; name="file"; filename="{path.name}"\r\n\r\n'
    ).encode()
    tail = f"\r\n--{BOUNDARY}--\r\n".encode()
    with closing(server.connect(timeout=300)) as connection, path.open("rb") as file:
        connection.blocksize = PIECE_BYTES
        connection.putrequest("POST", "/v1/imports")
        connection.putheader("Authorization", HEADERS["Authorization"])
        connection.putheader("Content-Type", f"multipart/form-data; boundary={BOUNDARY}")
        size = len(head) + path.stat().st_size + len(tail)
        connection.putheader("Content-Length", str(size))
        connection.endheaders()
        with suppress(BrokenPipeError, ConnectionResetError):  # refused: the answer says why
            connection.send(head)
            connection.send(file)
            connection.send(tail)
        answer = connection.getresponse()
        content = answer.read()
    if answer.status != 200:
        raise Broken(f"{server.name} answered an upload {answer.status} {content[:300]!r}")
    return str(json.loads(content)["job_id"])


def look(server: Server, job_id: str) -> Job:
    """The job as it is now."""
    with closing(server.connect()) as connection:
        connection.request("GET", f"/v1/background_jobs/{job_id}", headers=HEADERS)
        answer = connection.getresponse()
        content = answer.read()
    if answer.status != 200:
        raise Broken(f"{server.name} answered for a job {answer.status} {content[:300]!r}")
    shown = json.loads(content)
    return Job(
        status=shown["status"],
        total=shown["total_rows"],
        completed=shown["completed_rows"],
        failed=shown["failed_rows"],
        duplicates=shown["duplicate_rows"],
        reason=shown["reason"],
    )


def wait_until_begun(server: Server, job_id: str, *, within: float) -> None:
    """Wait until the first rows are stored. Raises Broken if that takes longer."""
    begun = time.perf_counter()
    while look(server, job_id).completed == 0:
        if time.perf_counter() > begun + within:
            raise Broken(f"no row of the job was stored within {within:.0f} s")
        time.sleep(POLL_EVERY)


def wait_until_completed(server: Server, job_id: str, file: RowsFile, *, within: float) -> float:
    """Wait for the end of the job; the moment (perf_counter) it was seen.

    Raises Broken if that takes longer than `within` seconds, or not every row of the file counts
    as completed.
    """
    begun = time.perf_counter()
    while not (job := look(server, job_id)).ended:
        if time.perf_counter() > begun + within:
            raise Broken(f"the job was still at {job} after {within:.0f} s")
        time.sleep(POLL_EVERY)
    ended = time.perf_counter()
    wanted = Job("completed", file.count, file.count, failed=0, duplicates=0, reason=None)
    if job != wanted:
        raise Broken(f"the job ended as {job}, and not as {wanted}")
    return ended
