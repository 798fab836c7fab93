"""The contenders: started as child processes in a folder of their own, stopped by process id."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import processes
from broken import Broken

KEY = "benchmark-key-0123456789abcdef"
APP_TOKEN = "NX-be9c4a21"
READY_WITHIN = 60.0  # seconds; a store with millions of events may need a while
STOP_WITHIN = 60.0  # seconds from SIGTERM to the end

#: Starts a contender in a folder; leaving the context stops it.
Contender = Callable[[Path], AbstractContextManager["Server"]]


@dataclass(frozen=True)
class Server:
    """A contender that answers requests."""

    name: str
    pid: int
    port: int
    folder: Path  #: analytex: its data directory
    ready_after: float  #: seconds from starting the process to the first 200

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def connect(self, timeout: float = 60.0) -> HTTPConnection:
        return HTTPConnection("127.0.0.1", self.port, timeout=timeout)


def analytex(folder: Path, *, workers: int = 1) -> AbstractContextManager[Server]:
    """Our server on a data directory: fresh if the folder is new, else what is in it."""
    folder.mkdir(parents=True, exist_ok=True)
    port = _free_port()
    command = [
        *(sys.executable, "-m", "analytex", "serve", "--data", str(folder)),
        *("--host", "127.0.0.1", "--port", str(port), "--workers", str(workers)),
    ]
    environment = {"ANALYTEX_API_KEY": KEY, "ANALYTEX_APP_TOKEN": APP_TOKEN}
    return _run("analytex", command, port, folder, environment)


def nginx(folder: Path) -> AbstractContextManager[Server]:
    """The limit: one worker that reads the request and answers a constant 202 `{}`."""
    folder.mkdir(parents=True, exist_ok=True)
    port = _free_port()
    temporary = "\n".join(
        f"  {what}_temp_path {folder}/{what};"
        for what in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    configuration = folder / "nginx.conf"
    configuration.write_text(
        f"""daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log stderr;
events {{ worker_connections 4096; }}
http {{
  access_log off;
{temporary}
  default_type "application/json; charset=utf-8";
  keepalive_timeout 3600s;
  keepalive_requests 1000000000;  # there is no word for unlimited
  server {{
    listen 127.0.0.1:{port} backlog=1024;
    location = /healthz {{ return 200 '{{}}'; }}
    location / {{ return 202 '{{}}'; }}
  }}
}}
"""
    )
    command = ["nginx", "-p", str(folder), "-e", "stderr", "-c", str(configuration)]
    return _run("nginx", command, port, folder, {})


def afternoon(folder: Path) -> AbstractContextManager[Server]:
    """FastAPI + SQLAlchemy, one commit per request; see afternoon.py."""
    folder.mkdir(parents=True, exist_ok=True)
    port = _free_port()
    command = [
        *(sys.executable, "-m", "uvicorn", "afternoon:app"),
        *("--app-dir", str(Path(__file__).parent)),
        *("--host", "127.0.0.1", "--port", str(port), "--http", "httptools", "--loop", "uvloop"),
        *("--no-access-log", "--log-level", "warning", "--timeout-keep-alive", "120"),
    ]
    environment = {"AFTERNOON_DB": str(folder / "afternoon.db"), "AFTERNOON_KEY": KEY}
    return _run("afternoon", command, port, folder, environment)


@contextmanager
def _run(
    name: str, command: Sequence[str], port: int, folder: Path, extra: Mapping[str, str]
) -> Iterator[Server]:
    # Settings of the person who runs this must not change what is measured.
    environment = {k: v for k, v in os.environ.items() if not k.startswith("ANALYTEX_")}
    log_path = folder.with_name(folder.name + ".log")
    with log_path.open("ab") as log:
        started = time.perf_counter()
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**environment, **extra},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C reaches us alone, and we stop it in order
        )
        try:
            ready_after = _wait_until_ready(name, process, port, started, log_path)
            yield Server(name, process.pid, port, folder, ready_after)
        finally:
            _stop(name, process, log_path)


def _wait_until_ready(
    name: str, process: subprocess.Popen[bytes], port: int, started: float, log: Path
) -> float:
    while time.perf_counter() < started + READY_WITHIN:
        if process.poll() is not None:
            raise Broken(f"{name} ended with {process.returncode} at its start:\n{_tail(log)}")
        try:
            connection = HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/healthz")
            if connection.getresponse().status == 200:
                return time.perf_counter() - started
        except (OSError, HTTPException):
            pass  # not listening yet
        finally:
            connection.close()
        time.sleep(0.005)
    raise Broken(f"{name} did not answer /healthz in {READY_WITHIN:.0f} s:\n{_tail(log)}")


def _stop(name: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """SIGTERM and wait; what is left after that is killed, and the benchmark is broken."""
    if process.poll() is not None:
        raise Broken(f"{name} ended by itself with {process.returncode}:\n{_tail(log)}")
    family = [(pid, processes.started_at(pid)) for pid in processes.descendants(process.pid)]
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(STOP_WITHIN)
    time.sleep(0.05)
    left = [pid for pid, began in family if began and processes.started_at(pid) == began]
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    process.wait(5)
    if left:
        raise Broken(f"{name} left {len(left)} processes behind after SIGTERM:\n{_tail(log)}")


def _tail(log: Path, lines: int = 30) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
