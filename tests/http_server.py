"""HTTP alone, in this process: real sockets and real code, over a log that tests look into."""

import asyncio
import socket
import threading
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final, Self, cast

import uvicorn
from starlette.types import Receive, Scope, Send

from analytex.auth.environments import create_environment
from analytex.auth.keys import Keyring, create_key
from analytex.domain.environments import Permission
from analytex.domain.quarantine import Refused
from analytex.errors import RateLimited, Unavailable
from analytex.eventlog.interface import Done
from analytex.http.asgi import app
from analytex.http.deps import Deps
from analytex.http.fast import FAST_PATHS, FastProtocol
from analytex.ingest.accept import Ingest, RecordIds
from analytex.ingest.admission import Limited
from analytex.observability.meters import WorkerMeter
from analytex.query.reads import Reads
from analytex.settings import Settings
from analytex.storage.open import open_key_store, open_read_store
from tests.connection import Connection
from tests.history.inside import engine

BODY_LIMIT: Final = 2048
KEYS: Final = {  # name: secret, permissions, revoked
    "admin": ("key-that-may-all", [Permission.ADMIN], False),
    "ingest": ("key-that-may-send", [Permission.INGEST], False),
    "read": ("key-that-may-read", [Permission.READ], False),
    "revoked": ("key-that-was-revoked", [Permission.ADMIN], True),
}


class RememberedLog:
    """A log in memory (see `LogWriter`), which fails when it is told to."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.records: list[bytes] = []
        self.full = False
        self.broken = False
        self.faulty = False
        self.held: list[Callable[[], object]] | None = None  #: a list: flushes wait in it
        self._loop = loop

    def append(self, record: bytes, done: Done) -> None:
        """Keep the record."""
        if self.faulty:
            raise RuntimeError("a mistake of ours")
        if self.full:
            raise Unavailable(details="The queue is full.")
        error = Unavailable(details="The disk is full.") if self.broken else None
        if error is None:
            self.records.append(record)
        flushed = partial(self._loop.call_soon_threadsafe, done, error)
        if self.held is None:
            flushed()
        else:
            self.held.append(flushed)

    def release(self) -> None:
        """Finish the flushes that were held back."""
        held, self.held = self.held or [], None
        for flushed in held:
            flushed()

    @property
    def waiting(self) -> int:
        """Nothing waits but what is held."""
        return len(self.held or ())

    def trim(self, before: int, older_than: int) -> None:
        """Keep everything."""

    async def close(self) -> None:
        """Nothing is open."""


class HttpServer:
    """A worker's HTTP side, in a thread. Enter it to start it."""

    def __init__(self, directory: Path) -> None:
        self.ordinary = 0  #: how many requests took the ordinary way
        self.limited = False
        self.refused: list[Refused] = []  #: that would be kept
        self.log: RememberedLog
        self.meter = WorkerMeter("worker-0", FAST_PATHS)
        self.port = 0
        self._directory = directory
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="http-server")
        self._loop: asyncio.AbstractEventLoop
        self._server: uvicorn.Server

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self.log.release()
        self._server.should_exit = True
        self._thread.join(20)

    def connect(self) -> Connection:
        """Return a new connection."""
        return Connection(self.port)

    def tick(self, *, request_ticks: int = 1000, idle_ticks: int = 1000) -> None:
        """Let time pass on every connection."""

        async def tick() -> None:
            for each in list(self._server.server_state.connections):
                cast(FastProtocol, each).tick(request_ticks=request_ticks, idle_ticks=idle_ticks)

        asyncio.run_coroutine_threadsafe(tick(), self._loop).result(5)

    def protocols(self) -> list[FastProtocol]:
        """Return the open connections, seen from inside."""
        return [cast(FastProtocol, each) for each in self._server.server_state.connections]

    def _run(self) -> None:
        with asyncio.Runner() as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        with closing(open_key_store(self._directory)) as store:
            _make_keys(store)
            self.log = RememberedLog(self._loop)
            ids = RecordIds()
            reads = Reads(
                partial(open_read_store, self._directory),
                lambda: 0,
                engine(self._directory),
                wait_s=0,
            )
            nothing = Deps(*[cast(Any, None)] * len(Deps._fields))  # few calls are asked here
            deps = nothing._replace(
                settings=Settings(data=str(self._directory), body_limit=BODY_LIMIT),
                keyring=Keyring(store),
                ingest=Ingest(self.log, ids, self._limit),
                ids=ids,
                reads=reads,
                watch=cast(Any, SimpleNamespace(meter=self.meter)),
                quarantine=cast(Any, SimpleNamespace(record=self.refused.append)),
            )
            # From a number, as in a worker: Python then knows that it is TCP and sends at once.
            number = socket.create_server(("127.0.0.1", 0)).detach()
            with socket.socket(fileno=number) as listener:
                self.port = listener.getsockname()[1]
                await self._uvicorn(deps, listener)
            reads.close()

    async def _uvicorn(self, deps: Deps, listener: socket.socket) -> None:
        inner = app(deps)

        async def counted(scope: Scope, receive: Receive, send: Send) -> None:
            self.ordinary += 1
            await inner(scope, receive, send)

        protocol = cast(Any, partial(FastProtocol, deps))
        config = uvicorn.Config(
            counted,
            http=protocol,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=5,
        )
        self._server = uvicorn.Server(config)
        self._loop.call_later(0.0, self._tell_ready)
        await self._server.serve([listener])

    def _tell_ready(self) -> None:
        if self._server.started:
            self._ready.set()
        else:
            self._loop.call_later(0.005, self._tell_ready)

    def _limit(self, environment_id: int, call: Limited) -> None:
        if self.limited:
            raise RateLimited(details="Too many.", retry_after_s=7)


def _make_keys(store: Any) -> None:
    at = time.time_ns() // 1000
    environment = create_environment(store, name="production", app_token="NX-one", at=at)
    for name, (secret, permissions, revoked) in KEYS.items():
        new = create_key(
            store,
            environment_id=environment.id,
            name=name,
            permissions=permissions,
            at=at,
            secret=secret,
        )
        if revoked:
            store.revoke_key(new.key.id, at=at)
