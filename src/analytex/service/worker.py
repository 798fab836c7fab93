"""A worker's process: answers requests and appends what it accepts to the log."""

import asyncio
import contextlib
import os
import resource
import signal
import socket
import time
from collections.abc import Iterator
from functools import partial
from typing import Any, Final, cast

import uvicorn
from starlette.types import ASGIApp

from analytex.auth.administration import Administration
from analytex.auth.keys import Keyring
from analytex.auth.sign_ins import SignIns
from analytex.errors import AnalytexError
from analytex.eventlog.interface import LogWriter
from analytex.eventlog.open import open_log_reader, open_log_writer
from analytex.history.engine import TEMPORARY
from analytex.history.reading import Engine
from analytex.http.asgi import app
from analytex.http.deps import Deps
from analytex.http.fast import FAST_PATHS, FastProtocol
from analytex.ingest.accept import Ingest, RecordIds
from analytex.ingest.admission import FixedWindows, unlimited
from analytex.jobs.export_intake import Exports
from analytex.jobs.intake import Jobs
from analytex.jobs.quarantine import Quarantine
from analytex.observability import logs
from analytex.observability.board import Board
from analytex.observability.meters import WorkerMeter
from analytex.query.insights.questions import Insights
from analytex.query.live import Live
from analytex.query.lookups import Lookups
from analytex.query.reads import Reads
from analytex.query.relation import EventsRelation
from analytex.query.watch import Watch
from analytex.service.child import LIFELINE, Orders, receive_orders
from analytex.service.scheduling import take_short_slices
from analytex.storage.export_files import ExportFiles
from analytex.storage.files import JobFiles
from analytex.storage.open import (
    open_catalogue_reader,
    open_export_store,
    open_job_store,
    open_key_store,
    open_live_store,
    open_quarantine_store,
    open_read_store,
    open_sign_in_store,
    open_watch_store,
)

TICK_S: Final = 5.0  # how exactly slow requests and idle connections are timed
HOUSEKEEPING_S: Final = 1.0  # a revoked key is refused after at most this long
STOP_WITHIN_S: Final = 10  # requests that are not answered by then are cut off


class Server(uvicorn.Server):
    """uvicorn, stopped by us and not by signals of its own."""

    def __init__(self, config: uvicorn.Config, ready: int) -> None:
        """`ready` is a file descriptor that gets a byte once connections are taken."""
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to take connections, and tell so."""
        await super().startup(sockets)
        os.write(self._ready, b".")

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals alone."""
        yield

    def stop(self) -> None:
        """Take no more connections, answer what was taken, end."""
        self.should_exit = True


class Worker:
    """Builds every object once, and ends them in the opposite order."""

    def __init__(self, orders: Orders, loop: asyncio.AbstractEventLoop) -> None:
        settings = orders.settings
        self._orders = orders
        self._settings = settings
        directory = settings.directory
        meter = WorkerMeter(f"worker-{orders.number}", FAST_PATHS)
        self._log: LogWriter = open_log_writer(
            directory,
            loop,
            queue_limit=settings.queue_limit,
            flushed=partial(_wake, orders.wake),
            meter=meter.flushes,
        )
        self._log_reader = open_log_reader(directory)
        self._keyring = Keyring(open_key_store(directory, create=False))
        self._store = open_read_store(directory)
        self._engine = Engine(
            directory,
            spill=directory / TEMPORARY / f"worker-{orders.number}",
            memory_mib=settings.query_memory // 2**20,
            threads=settings.query_threads,
            timeout_s=settings.query_timeout,
        )
        self._reads = Reads(
            partial(open_read_store, directory),
            self._log_reader.end,
            self._engine,
            wait_s=settings.read_wait,
        )
        self._relation = EventsRelation(partial(open_read_store, directory), self._engine)
        self._insights = Insights(
            self._relation, partial(open_read_store, directory), timeout_s=settings.query_timeout
        )
        self._lookups = Lookups(
            partial(open_catalogue_reader, directory), wait_s=settings.read_wait
        )
        ids = RecordIds()
        limiter = FixedWindows(time.monotonic) if settings.limits == "userpilot" else unlimited
        self._jobs = Jobs(
            partial(open_job_store, directory),
            JobFiles(directory),
            at_most=settings.job_limit,
            delete_at=settings.delete_at,
            wake=partial(_wake, orders.wake),
        )
        self._exports = Exports(
            partial(open_export_store, directory),
            ExportFiles(directory),
            wake=partial(_wake, orders.wake),
        )
        self._administration = Administration(partial(open_key_store, directory, create=False))
        self._sign_ins = SignIns(partial(open_sign_in_store, directory))
        self._watch = Watch(
            directory,
            meter,
            number=orders.number,
            board=Board(directory, slots=settings.workers + 1),
            log=self._log_reader,
            store=self._store,
            open_store=partial(open_watch_store, directory),
        )
        self._live = Live(
            partial(open_live_store, directory),
            partial(open_quarantine_store, directory),
            at_most=settings.stream_limit,
        )
        self._quarantine = Quarantine(
            partial(open_quarantine_store, directory),
            keep_s=settings.quarantine_keep,
            limit_bytes=settings.quarantine_limit,
        )
        deps = Deps(
            settings=settings,
            keyring=self._keyring,
            ingest=Ingest(self._log, ids, limiter),
            ids=ids,
            reads=self._reads,
            lookups=self._lookups,
            jobs=self._jobs,
            exports=self._exports,
            limiter=limiter,
            watch=self._watch,
            live=self._live,
            quarantine=self._quarantine,
            insights=self._insights,
        )
        console = partial(_console, deps, self._administration, self._sign_ins, orders.origins)
        self._server = Server(
            uvicorn.Config(
                app(deps, {"/console": console} if settings.console else {}),
                http=cast(Any, partial(FastProtocol, deps)),
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_keep_alive=int(settings.keep_alive),
                timeout_graceful_shutdown=STOP_WITHIN_S,
            ),
            orders.ready,
        )

    async def run(self) -> None:
        """Serve until told to stop, or until the supervisor is gone."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._stop)
        loop.add_reader(LIFELINE, self._supervisor_is_gone)
        self._report()
        chores = [
            asyncio.create_task(self._every(TICK_S, self._tick)),
            asyncio.create_task(self._every(HOUSEKEEPING_S, self._keep_house)),
        ]
        try:
            # The protocol is named because asyncio turns TCP_NODELAY on only where it knows it.
            listener = socket.socket(proto=socket.IPPROTO_TCP, fileno=self._orders.listener)
            await self._server.serve([listener])
        finally:
            for chore in chores:
                chore.cancel()
            loop.remove_reader(LIFELINE)
            await self._log.close()
            self._reads.close()
            self._insights.close()
            self._relation.close()
            self._engine.close()
            self._lookups.close()
            self._jobs.close()
            self._exports.close()
            self._live.close()
            self._quarantine.close()
            self._administration.close()
            self._sign_ins.close()
            self._watch.close()

    def _supervisor_is_gone(self) -> None:
        asyncio.get_running_loop().remove_reader(LIFELINE)
        self._stop()

    def _stop(self) -> None:
        self._server.stop()
        self._live.stop()  # a stream does not end by itself

    async def _every(self, seconds: float, chore: Any) -> None:
        while True:
            await asyncio.sleep(seconds)
            chore()

    def _tick(self) -> None:
        for connection in list(self._server.server_state.connections):
            cast(FastProtocol, connection).tick(
                request_ticks=round(self._settings.request_timeout / TICK_S),
                idle_ticks=round(self._settings.keep_alive / TICK_S),
            )

    def _keep_house(self) -> None:
        with contextlib.suppress(AnalytexError):  # what was known stays
            self._keyring.refresh()
        if self._orders.number == 0:
            oldest = time.time_ns() // 1000 - round(self._settings.log_keep * 1_000_000)
            self._log.trim(self._store.durable(), oldest)
        self._report()

    def _report(self) -> None:
        connections = len(self._server.server_state.connections)
        self._watch.report(queue=self._log.waiting, connections=connections)


def _console(
    deps: Deps, administration: Administration, sign_ins: SignIns, origins: dict[str, str]
) -> ASGIApp:
    # Imported when somebody opens it, so that the start does not wait for it.
    from analytex.console.app import application

    return application(deps, administration, sign_ins, origins, ahead=True)


def _wake(applier: int) -> None:
    # A full pipe: it will wake anyway. A broken one: the supervisor is gone, and so is it.
    with contextlib.suppress(BlockingIOError, BrokenPipeError):
        os.write(applier, b".")


def _allow_many_connections() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):  # macOS names a limit that it does not grant
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def main() -> None:
    """Run a worker as the supervisor ordered."""
    orders = receive_orders()
    logs.configure(orders.settings.log_level, f"worker-{orders.number}", orders.settings.log_format)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.set_blocking(orders.wake, False)
    take_short_slices()
    _allow_many_connections()

    async def run() -> None:
        await Worker(orders, asyncio.get_running_loop()).run()

    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(run())


def _loop_factory() -> Any:
    try:
        import uvloop
    except ImportError:  # no wheel for this platform
        return None
    return uvloop.new_event_loop


if __name__ == "__main__":
    main()
