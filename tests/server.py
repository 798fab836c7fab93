"""A real server for tests: its processes, on a free port, with a data directory of its own."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Final, NamedTuple, Self

import httpx

import analytex
from analytex.auth.environments import create_environment
from analytex.auth.keys import create_key, make_key, now
from analytex.domain.environments import Permission
from analytex.storage.open import open_key_store
from tests.connection import Connection

KEY: Final = "the-key-of-the-tests"  # of every server's first environment; it may do everything
APP_TOKEN: Final = "NX-tests"
START_WITHIN_S: Final = 20.0  # takes 0.6; more only where the machine is busy
STOP_WITHIN_S: Final = 20.0


class Server:
    """`python -m analytex serve`, started by `start` or by entering it, stopped on leaving it."""

    def __init__(
        self,
        folder: Path,
        *,
        settings: Mapping[str, object] | None = None,
        words: Sequence[str] = (),
    ) -> None:
        """Keep everything in `folder`; `settings` go into the environment, `words` to `serve`."""
        folder.mkdir(parents=True, exist_ok=True)
        self.data = folder / "data"
        self.settings = {"api_key": KEY, "app_token": APP_TOKEN, **(settings or {})}
        self.words = list(words)
        self.url = ""
        self.process: subprocess.Popen[bytes] | None = None
        self._folder = folder
        self._outputs = (folder / "standard-output", folder / "standard-error")
        self._http = httpx.Client(timeout=30, trust_env=False)
        self._children: set[int] = set()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Life and death

    def start(self, *, wait: bool = True) -> None:
        """Start it, and return once it is ready."""
        for path in self._outputs:
            path.unlink(missing_ok=True)
        with self._outputs[0].open("wb") as output, self._outputs[1].open("wb") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "analytex", "serve", "--port", "0", *self.words],
                stdout=output,
                stderr=errors,
                stdin=subprocess.DEVNULL,
                cwd=self._folder,
                env=self.environment(),
            )
        if wait:
            self.wait_until_ready()

    def environment(self) -> dict[str, str]:
        """Return the environment variables of the server, which `analytex keys` understands too."""
        given = {k: v for k, v in os.environ.items() if not k.startswith("ANALYTEX_")}
        given["PYTHONPATH"] = str(Path(analytex.__file__).parents[1])
        given["ANALYTEX_DATA"] = str(self.data)
        for name, value in self.settings.items():
            text = str(value).lower() if isinstance(value, bool) else str(value)
            given[f"ANALYTEX_{name.upper()}"] = text
        return given

    def wait_until_ready(self) -> None:
        """Return once the banner stands on standard output."""
        assert self.process is not None
        deadline = time.monotonic() + START_WITHIN_S
        while "stops it" not in (banner := self.output()):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"The server did not start.\n{banner}\n{self.errors()}")
            time.sleep(0.005)
        self.url = banner.split("ready at ", 1)[1].split()[0]

    def stop(self) -> int:
        """Send SIGTERM, wait for the end, and return the exit code."""
        assert self.process is not None
        self.process.terminate()
        return self.wait()

    def wait(self) -> int:
        """Return the exit code once the server has ended."""
        assert self.process is not None
        return self.process.wait(STOP_WITHIN_S)

    def kill(self) -> None:
        """Kill all its processes at once, as kill -9 does, and return once all are gone."""
        assert self.process is not None
        pids = self.pids()
        for pid in pids:  # stopped first, so that none of them sees another die
            _signal(pid, signal.SIGSTOP)
        for pid in pids:
            _signal(pid, signal.SIGKILL)
        self.process.wait()
        wait_for(lambda: not any(map(_lives, pids)), STOP_WITHIN_S)

    def restart(self) -> None:
        """Start it again on the same data directory, after `stop` or `kill`, on another port."""
        self.start()

    def close(self) -> None:
        """End it if it runs, and let go of everything."""
        if self.process is not None and self.process.poll() is None:
            try:
                self.stop()
            finally:
                if self.process.poll() is None:
                    self.kill()
        self._http.close()

    # What is known of it

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self.url.rsplit(":", 1)[1])

    def pids(self) -> list[int]:
        """Return all its processes, the supervisor first."""
        assert self.process is not None
        found = [self.process.pid]
        parents = _parents()
        for pid in found:
            found += [child for child, parent in parents.items() if parent == pid]
        return found

    def workers(self) -> list[int]:
        """Return the processes that answer requests."""
        return self._children_named("analytex.service.worker")

    def applier(self) -> int:
        """Return the process that applies."""
        return self._children_named("analytex.service.applier")[0]

    def loaders(self) -> list[int]:
        """Return the processes that read files of jobs at this moment, if there are any."""
        return [pid for pid in self.pids() if "analytex.jobs.loading" in _command(pid)]

    def output(self) -> str:
        """Return what stands on standard output."""
        return self._outputs[0].read_text() if self._outputs[0].exists() else ""

    def errors(self) -> str:
        """Return what stands on standard error."""
        return self._outputs[1].read_text() if self._outputs[1].exists() else ""

    def _children_named(self, module: str) -> list[int]:
        found: list[int] = []

        def look() -> bool:
            found[:] = [pid for pid in self.pids()[1:] if module in _command(pid)]
            return bool(found)

        wait_for(look, START_WITHIN_S)  # it may be about to be started again
        return found

    # Talking to it

    def client(self, key: str = KEY) -> "Client":
        """Return what speaks with that key."""
        return Client(self, self._http, APP_TOKEN, key)

    def new_environment(self, *permissions: Permission) -> "Client":
        """Make an environment that nobody else uses, and a key for it (default: admin)."""
        secret = make_key()
        with closing(open_key_store(self.data)) as store:
            environment = create_environment(store, name=secret[-12:], at=now())
            create_key(
                store,
                environment_id=environment.id,
                name="",
                permissions=permissions or (Permission.ADMIN,),
                at=now(),
                secret=secret,
            )
        client = Client(self, self._http, environment.app_token, secret)
        # A server that was asked for an unknown key a moment ago looks again a little later.
        wait_for(lambda: client.get("/v1/validate").status_code == 200, 5)
        return client

    def connect(self) -> "Connection":
        """Return a connection that sends bytes as they are given."""
        return Connection(self.port)

    def command(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """Run `analytex WORDS` on the server's data directory."""
        return subprocess.run(
            [sys.executable, "-m", "analytex", *words],
            env=self.environment(),
            cwd=self._folder,
            capture_output=True,
            text=True,
            timeout=30,
        )


class Client(NamedTuple):
    """A key of one environment on one server."""

    server: Server
    http: httpx.Client
    app_token: str
    key: str

    def request(
        self,
        method: str,
        path: str,
        *,
        content: bytes | Iterator[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """Send a request; `path` may have a query."""
        sent = {"authorization": f"Token {self.key}", **(headers or {})}
        return self.http.request(method, self.server.url + path, content=content, headers=sent)

    def post(self, path: str, body: object, **headers: str) -> httpx.Response:
        """Send a JSON body."""
        return self.request("POST", path, content=json.dumps(body).encode(), headers=headers)

    def get(self, path: str, **query: object) -> httpx.Response:
        """Read something."""
        return self.request("GET", path + (f"?{httpx.QueryParams(_texts(query))}" if query else ""))

    def track(self, user_id: object, event_name: str, **metadata: object) -> str:
        """Track an event and return its record id."""
        body = {"user_id": user_id, "event_name": event_name, "metadata": metadata}
        return self._accepted("/v1/track", body)

    def identify(self, user_id: object, metadata: object = None, company: object = None) -> str:
        """Identify a user and return the record id."""
        body = {"user_id": user_id, "metadata": metadata, "company": company}
        return self._accepted("/v1/identify", body)

    def identify_company(self, company_id: object, metadata: object = None) -> str:
        """Identify a company and return the record id."""
        body = {"company_id": company_id, "metadata": metadata}
        return self._accepted("/v1/companies/identify", body)

    def upload(
        self,
        path: str,
        rows: bytes,
        *,
        name: str = "rows.ndjson",
        part: str = "file",
        fields: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """Send a form with a file of rows, and maybe fields before it."""
        return self.http.post(
            self.server.url + path,
            data=dict(fields or {}),
            files={part: (name, rows)},
            headers={"authorization": f"Token {self.key}"},
        )

    def import_rows(self, rows: bytes, **upload: Any) -> dict[str, Any]:
        """Import a file, wait for the end of the job, and return it."""
        reply = self.upload("/v1/imports", rows, **upload)
        assert reply.status_code == 200, reply.text
        return self.ended(reply.json())

    def bulk(self, key: str, rows: Sequence[object]) -> dict[str, Any]:
        """Identify many `users` or `companies`, wait for the end of the job, and return it."""
        reply = self.post(f"/v1/{key}/bulk_identify", {key: rows})
        assert reply.status_code == 202, reply.text
        return self.ended(reply.json())

    def delete(self, key: str, ids: Sequence[object]) -> dict[str, Any]:
        """Delete `users` or `companies`, wait for the end of the job, and return it."""
        reply = self.request("DELETE", f"/v1/{key}", content=json.dumps({key: ids}).encode())
        assert reply.status_code == 202, reply.text
        return self.ended(reply.json())

    def job(self, job: Mapping[str, Any]) -> dict[str, Any]:
        """Return a job as it is now."""
        return self._read(job["links"])

    def ended(self, job: Mapping[str, Any], *, within_s: float = 30) -> dict[str, Any]:
        """Wait for the end of a job, and return it."""
        found: dict[str, Any] = {}

        def look() -> bool:
            found.update(self.job(job))
            return found["end_time"] is not None

        wait_for(look, within_s)
        return found

    def all_events(self, **query: object) -> list[dict[str, Any]]:
        """Return the events of all pages, newest first."""
        found: list[dict[str, Any]] = []
        while True:
            reply = self.get("/v1/events", **{"limit": 1000, **query})
            assert reply.status_code == 200, reply.text
            page = reply.json()
            found += page["data"]
            query["after_cursor"] = page["metadata"]["cursor"]["after"]
            if query["after_cursor"] is None:
                return found

    def events(self, **query: object) -> list[dict[str, Any]]:
        """Return a page of events, newest first; `from_` stands for `from`."""
        reply = self.get("/v1/events", **{"limit": 1000, **query})
        assert reply.status_code == 200, reply.text
        return list(reply.json()["data"])

    def user(self, user_id: str) -> dict[str, Any]:
        """Return a user as it is read."""
        return self._read(f"/v1/users/{quote(user_id)}")

    def company(self, company_id: str) -> dict[str, Any]:
        """Return a company as it is read."""
        return self._read(f"/v1/companies/{quote(company_id)}")

    def _read(self, path: str) -> dict[str, Any]:
        reply = self.get(path)
        assert reply.status_code == 200, reply.text
        return dict(reply.json())

    def _accepted(self, path: str, body: object) -> str:
        reply = self.post(path, body)
        assert (reply.status_code, reply.content) == (202, b"{}"), reply.text
        return reply.headers["x-request-id"]


def quote(id: str) -> str:
    """Return an id as it stands in an address."""
    return "".join(f"%{byte:02X}" for byte in id.encode())


def memory_kib(pid: int) -> int:
    """Return the resident memory of a process."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise ProcessLookupError(pid)


def wait_for(condition: Callable[[], bool], within_s: float) -> None:
    """Return once the condition holds; fail if that takes too long."""
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, f"It did not happen within {within_s} s."
        time.sleep(0.005)


def _texts(query: Mapping[str, object]) -> dict[str, str]:
    return {name.rstrip("_"): str(value) for name, value in query.items()}


def _signal(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def _parents() -> dict[int, int]:
    found = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and (stat := _read(folder / "stat")):
            # The name before it stands in brackets and may hold anything.
            found[int(folder.name)] = int(stat.rpartition(b")")[2].split()[1])
    return found


def _lives(pid: int) -> bool:
    stat = _read(Path(f"/proc/{pid}/stat"))
    return bool(stat) and stat.rpartition(b")")[2].split()[0] != b"Z"


def _command(pid: int) -> str:
    return _read(Path(f"/proc/{pid}/cmdline")).replace(b"\0", b" ").decode()


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
