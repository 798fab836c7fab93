"""The supervisor: prepares the data directory, starts the other processes, keeps them alive."""

import logging
import os
import select
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from typing import Final, NamedTuple

from analytex.auth.keys import FirstStart, now, prepare_first_start
from analytex.errors import AnalytexError, SettingsError
from analytex.eventlog.open import prepare_log
from analytex.service import child, lock
from analytex.service.child import Orders
from analytex.settings import Loaded, Settings
from analytex.storage.files import JobFiles
from analytex.storage.open import open_job_store, open_key_store, open_read_store

STOP_WITHIN_S: Final = 15.0  # then a child is killed; what it acknowledged is on disk
BACKLOG: Final = 2048
_LONGEST_PAUSE_S: Final = 5.0
_STEADY_S: Final = 10.0  # a child that lived so long is started again at once

log = logging.getLogger(__name__)


class Running(NamedTuple):
    """What is told to the person who started the server."""

    url: str
    settings: Settings
    first_start: FirstStart


class _Child:
    """One child process, and when it may be started again."""

    def __init__(self, name: str, start: "Callable[[], subprocess.Popen[bytes]]") -> None:
        self.name = name
        self._start = start
        self._failures = 0
        self.start_at = 0.0
        self.process: subprocess.Popen[bytes] | None = None
        self._started_at = 0.0

    def keep_alive(self) -> None:
        """Start it if it does not run; wait a little longer after each quick death."""
        if self.process is not None and (code := self.process.poll()) is not None:
            lived = time.monotonic() - self._started_at
            self._failures = 0 if lived > _STEADY_S else self._failures + 1
            pause = min(0.1 * 2**self._failures, _LONGEST_PAUSE_S) if self._failures else 0.0
            log.error(
                'action="child_died" child=%s code=%d again_in_s=%.1f', self.name, code, pause
            )
            self.start_at = time.monotonic() + pause
            self._close()
        if self.process is None and time.monotonic() >= self.start_at:
            self._started_at = time.monotonic()
            self.process = self._start()

    def stop(self, deadline: float) -> None:
        """Ask it to end, and wait until it has."""
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(max(deadline - time.monotonic(), 0.1))
        except subprocess.TimeoutExpired:
            log.error('action="child_killed" child=%s', self.name)
            self.process.kill()
            self.process.wait()
        self._close()

    def _close(self) -> None:
        if self.process is not None and self.process.stdin is not None:
            self.process.stdin.close()
        self.process = None


class Supervisor:
    """One server: its data directory, its port, its processes."""

    def __init__(self, loaded: Loaded) -> None:
        """Take the directory and the port, and make what a first start needs.

        Raises DataDirectoryError, and SettingsError if the port is taken.
        """
        settings = self._settings = loaded.settings
        self._origins = dict(loaded.origins)
        self._lock = lock.hold(settings.directory)
        store = open_key_store(settings.directory)
        self._first_start = prepare_first_start(
            store, api_key=settings.api_key, app_token=settings.app_token, at=now()
        )
        store.close()
        _prepare_log(settings)
        _sweep_uploads(settings)
        self._listener = _listen(settings)
        lock.note_url(self._lock, _url(self._listener))
        self._wake_read, self._wake_write = os.pipe()
        self._ready_read, self._ready_write = os.pipe()
        self._alarm_read, self._alarm_write = os.pipe()
        for end in (self._alarm_read, self._alarm_write, self._ready_read):
            os.set_blocking(end, False)
        self._stopping = False
        self._applier = _Child("applier", self._start_applier)
        self._workers = [
            _Child(f"worker-{number}", lambda number=number: self._start_worker(number))  # type: ignore[misc]
            for number in range(settings.workers)
        ]

    def run(self, ready: Callable[[Running], None]) -> None:
        """Serve until SIGTERM or SIGINT; `ready` is called once all workers answer.

        Raises AnalytexError if a worker cannot start at all.
        """
        signal.set_wakeup_fd(self._alarm_write)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        waiting = len(self._workers)
        try:
            while not self._stopping:
                for each in (self._applier, *self._workers):
                    each.keep_alive()
                waiting = self._wait(waiting, ready)
        finally:
            self._stop_children()

    def _wait(self, waiting: int, ready: Callable[[Running], None]) -> int:
        """Sleep until a child is ready or dead, or a signal came."""
        children = (self._applier, *self._workers)
        pauses = [each.start_at - time.monotonic() for each in children if each.process is None]
        timeout = max(min(pauses), 0.01) if pauses else None
        readable, _, _ = select.select([self._alarm_read, self._ready_read], [], [], timeout)
        if self._alarm_read in readable:
            os.read(self._alarm_read, 4096)
        if self._ready_read in readable:
            before = waiting
            waiting -= len(os.read(self._ready_read, 4096))
            if before > 0 >= waiting:
                ready(Running(_url(self._listener), self._settings, self._first_start))
        if waiting > 0 and any(w.process and w.process.poll() for w in self._workers):
            raise AnalytexError(
                "A worker could not start.", details="Its lines above on standard error say why."
            )
        return waiting

    def _stop(self, *_: object) -> None:
        self._stopping = True

    def _stop_children(self) -> None:
        """Workers first, so that the applier then sees the end of the log."""
        deadline = time.monotonic() + STOP_WITHIN_S
        for worker in self._workers:
            if worker.process is not None:
                worker.process.terminate()
        for each in (*self._workers, self._applier):
            each.stop(deadline)
        self._listener.close()
        self._lock.close()

    def _start_worker(self, number: int) -> "subprocess.Popen[bytes]":
        files = (self._listener.fileno(), self._ready_write, self._wake_write, self._lock.fileno())
        orders = Orders(
            settings=self._settings,
            origins=self._origins,
            number=number,
            listener=files[0],
            ready=self._ready_write,
            wake=self._wake_write,
        )
        return child.start("worker", orders, files)

    def _start_applier(self) -> "subprocess.Popen[bytes]":
        orders = Orders(settings=self._settings, wake=self._wake_read)
        return child.start("applier", orders, (self._wake_read, self._lock.fileno()))


def _prepare_log(settings: Settings) -> None:
    store = open_read_store(settings.directory)
    try:
        if prepare_log(settings.directory, applied=store.applied()):
            log.warning('action="log_restarted" position=%d', store.applied())
    finally:
        store.close()


def _sweep_uploads(settings: Settings) -> None:
    """Remove what a crash left of uploads that were never answered; no worker runs yet."""
    with closing(open_job_store(settings.directory)) as store:
        for id in JobFiles(settings.directory).sweep(store.job_ids()):
            log.info('action="upload_swept" job=%s', id)


def _listen(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        return socket.create_server((settings.host, settings.port), family=family, backlog=BACKLOG)
    except (OSError, OverflowError) as error:
        raise SettingsError(
            f"The server cannot listen on {settings.host} port {settings.port}.",
            details=f"{error}. Choose another port with --port.",
        ) from None


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
