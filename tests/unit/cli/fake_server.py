"""A stand-in for a server: it answers commands as they are told to be answered, over HTTP."""

import json
import re
import threading
import uuid
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, NamedTuple, Self
from urllib.parse import parse_qs, unquote, urlsplit

import msgspec

from analytex.domain.jobs import Family
from analytex.errors import AnalytexError, NotFound, Unauthorized
from analytex.http.errors import error_reply
from analytex.wire.job_replies import DeletionReply, JobReply, RowErrorReply, errors_csv

KEY: Final = "the-key-of-the-tests"
BAD: Final = b"bad"  # a row that holds it fails
AT: Final = "2026-02-16T12:00:00.000000Z"
TWO_SECONDS_LATER: Final = "2026-02-16T12:00:02.000000Z"


class Asked(NamedTuple):
    """A request as it came."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes


class Answer(NamedTuple):
    """What is answered to it."""

    status: int
    body: bytes
    headers: dict[str, str] = {}  # noqa: RUF012 - never changed


class FakeServer:
    """Takes uploads, and says that their jobs are done at the second look."""

    def __init__(self) -> None:
        self.key = KEY
        self.asked: list[Asked] = []
        self.jobs: list[JobReply] = []  #: newest first
        self.errors: dict[str, list[RowErrorReply]] = {}
        self.rows: dict[str, bytes] = {}  #: failed rows
        self.instead: list[Callable[[Asked], Answer | None]] = []  #: asked first
        self.changes: dict[str, Any] = {}  #: of the jobs that begin from now on
        self._http = _Quiet(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._http.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()

    def refuse(self, method: str, path: str, error: AnalytexError, *, times: int = 1) -> None:
        """Answer the next such requests with that error."""
        left = [times]
        status, body, headers = error_reply(error)

        def answer(asked: Asked) -> Answer | None:
            if left[0] == 0 or (asked.method, asked.path) != (method, path):
                return None
            left[0] -= 1
            return Answer(status, body, headers)

        self.instead.append(answer)

    def add_job(self, family: Family = Family.IMPORT, id: str = "", **changes: Any) -> JobReply:
        """Add a job, which has completed unless `changes` say otherwise."""
        public = f"{family}:jobs:NX-tests:{id or uuid.uuid4()}"
        job = JobReply(
            job_id=public,
            status="completed",
            type={"bulk": "bulk_identify_users", "delete": "delete_users"}.get(family, "import"),
            filename="events.csv",
            file_size=1234,
            total_rows=10,
            completed_rows=10,
            start_time=AT,
            end_time=TWO_SECONDS_LATER,
            elapsed_time=2,
            links=f"/v1/background_jobs/{public}",
            submitted_at=AT,
            failed_rows=0,
            remaining_rows=0,
            duplicate_rows=0,
            erased_rows=0,
            dry_run=False,
            retry_of=None,
            reason=None,
        )
        job = msgspec.structs.replace(job, **{**changes, **self.changes})
        self.jobs.insert(0, job)
        return job

    def uploads(self) -> list[tuple[str, bytes]]:
        """Return the names and contents of the files that came."""
        return [_file(each) for each in self.asked if "multipart" in each.headers["content-type"]]

    def paths(self) -> list[str]:
        """Return the method and path of every request."""
        return [f"{each.method} {each.path}" for each in self.asked]

    # Answers

    def answer(self, asked: Asked) -> Answer:
        """Answer a request."""
        self.asked.append(asked)
        for instead in self.instead:
            if answer := instead(asked):
                return answer
        try:
            if asked.headers.get("authorization") != f"Token {KEY}":
                raise Unauthorized("The API key is not valid.", details="It is another one.")
            return self._answer(asked)
        except AnalytexError as error:
            return Answer(*error_reply(error))

    def _answer(self, asked: Asked) -> Answer:
        match [asked.method, *asked.path.strip("/").split("/")[1:]]:
            case ["GET", "validate"]:
                return _json({})
            case ["POST", "imports"]:
                return _json(self._take(asked, Family.IMPORT), 200)
            case ["POST", "users" | "companies", "bulk_identify"]:
                return _json(self._take(asked, Family.BULK), 202)
            case ["DELETE", "users" | "companies" as what]:
                ids = json.loads(asked.body)[what]
                job = self.add_job(Family.DELETE, total_rows=len(ids), removed={"events": 7})
                reply = DeletionReply(
                    message=f"{len(ids)} {what} are scheduled for deletion.",
                    job_id=job.job_id,
                    links=job.links,
                )
                return _json(reply, 202)
            case ["GET", "background_jobs"]:
                return _json(self.jobs)
            case ["GET", "background_jobs", id]:
                return _json(self._look(id))
            case ["GET", "background_jobs", id, "errors"]:
                return self._errors(self._look(id), asked.query)
            case ["POST", "background_jobs", id, "cancel"]:
                return _json(self._change(id, status="failed", reason="It was cancelled."))
            case ["POST", "background_jobs", id, "retry"]:
                return _json(self.add_job(retry_of=self._look(id).job_id), 202)
        raise NotFound

    def _take(self, asked: Asked, family: Family) -> JobReply:
        name, content = _file(asked)
        rows = content.splitlines()
        bad = [number for number, row in enumerate(rows, 1) if BAD in row]
        job = self.add_job(
            family,
            filename=name,
            file_size=len(content),
            total_rows=len(rows),
            completed_rows=0,
            status="queued",
            end_time=None,
            dry_run=asked.query.get("dry_run") == "true",
        )
        self.errors[job.job_id] = [
            RowErrorReply(
                row=n, line=n, place="/user_id", value="\x1b[31m", code="missing", reason="It is."
            )
            for n in bad
        ]
        self.rows[job.job_id] = b"\n".join(row for row in rows if BAD in row)
        return job

    def _look(self, id: str) -> JobReply:
        found = [each for each in self.jobs if _is(each, id)]
        if not found:
            raise NotFound("There is no such job.", details=f"job_id: {id!r}")
        job = found[0]
        if job.status == "processing":
            failed = len(self.errors[job.job_id])
            return self._change(
                job.job_id,
                status="completed",
                failed_rows=failed,
                completed_rows=job.total_rows - failed,
                end_time=TWO_SECONDS_LATER,
            )
        return self._change(job.job_id, status="processing") if job.status == "queued" else job

    def _change(self, id: str, **changes: Any) -> JobReply:
        for place, job in enumerate(self.jobs):
            if _is(job, id):
                self.jobs[place] = msgspec.structs.replace(job, **changes)
                return self.jobs[place]
        raise NotFound

    def _errors(self, job: JobReply, query: dict[str, str]) -> Answer:
        errors = self.errors.get(job.job_id, [])
        if query.get("format") == "csv":
            rows = [msgspec.structs.astuple(each) for each in errors]
            return Answer(200, errors_csv(rows, header=True).encode())  # type: ignore[arg-type]
        if query.get("format") == "rows":
            return Answer(200, self.rows[job.job_id])
        limit, start = int(query["limit"]), int(query.get("after_cursor", 0))
        end = start + limit
        after = str(end) if end < len(errors) else None
        metadata = {"cursor": {"after": after}, "limit": limit, "total_count": None}
        return _json({"data": errors[start:end], "metadata": metadata})

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # headers and body are two writes

            def answer(self) -> None:
                address = urlsplit(self.path)
                query = {name: values[0] for name, values in parse_qs(address.query).items()}
                headers = {name.lower(): value for name, value in self.headers.items()}
                headers.setdefault("content-type", "")
                asked = Asked(
                    self.command, unquote(address.path), query, headers, self._body(headers)
                )
                status, body, more = fake.answer(asked)
                self.send_response(status)
                for name, value in {**more, "content-length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            do_GET = do_HEAD = do_POST = do_DELETE = answer

            def _body(self, headers: dict[str, str]) -> bytes:
                if headers.get("transfer-encoding") != "chunked":
                    return self.rfile.read(int(headers.get("content-length", 0)))
                body = b""
                while size := int(self.rfile.readline(), 16):
                    body += self.rfile.read(size)
                    self.rfile.readline()
                self.rfile.readline()
                return body

            def log_message(self, format: str, *args: object) -> None:
                pass

        return Handler


class _Quiet(ThreadingHTTPServer):
    """Says nothing of connections that end early."""

    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        pass


def _is(job: JobReply, id: str) -> bool:
    return id in (job.job_id, job.job_id.rpartition(":")[2])


def _json(value: object, status: int = 200) -> Answer:
    return Answer(status, msgspec.json.encode(value), {"content-type": "application/json"})


def _file(asked: Asked) -> tuple[str, bytes]:
    boundary = asked.headers["content-type"].partition("boundary=")[2].encode()
    pattern = (
        rb"--%b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"([^\"]*)\"\r\n"
        rb"Content-Type: [^\r]+\r\n\r\n(.*)\r\n--%b--\r\n" % (boundary, boundary)
    )
    found = re.fullmatch(pattern, asked.body, re.DOTALL)
    assert found, asked.body[:300]
    return found[1].decode(), found[2]
