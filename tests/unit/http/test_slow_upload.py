"""How long the body of a request may take, by how it comes in. A tick is what the server counts."""

import asyncio
from types import SimpleNamespace
from typing import Any, Final, cast

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from analytex.http.deps import Deps
from analytex.http.fast import FAST_PATHS, LONG_BODIES, STEADY_BYTES, FastProtocol
from analytex.observability.meters import WorkerMeter
from analytex.settings import Settings

TICKS: Final = 12  # a request may take


class Sender(asyncio.Transport):
    """The other end of a connection to a server that answers 202 once it has read a body."""

    def __init__(self, *, answers: str = "at the end") -> None:
        super().__init__()
        self.got = b""
        self.closed = False
        self._answers = answers
        config = uvicorn.Config(
            self._app, interface="asgi3", ws="none", proxy_headers=False, log_config=None
        )
        config.load()
        ids = SimpleNamespace(next=lambda: "i" * 20)
        watch = SimpleNamespace(meter=WorkerMeter("worker-0", FAST_PATHS))
        self._protocol = FastProtocol(
            cast(Deps, SimpleNamespace(settings=Settings(), ids=ids, watch=watch)),
            config=config,
            server_state=ServerState(),
            app_state={},
        )
        self._protocol.connection_made(self)

    async def send(self, data: bytes) -> None:
        """Let the server have data, and time to look at it."""
        self._protocol.data_received(data)
        await asyncio.sleep(0.001)

    async def wait(self, ticks: int) -> None:
        """Let time pass."""
        for _ in range(ticks):
            self._protocol.tick(request_ticks=TICKS, idle_ticks=100)
        await asyncio.sleep(0.001)

    async def _app(self, scope: Scope, receive: Receive, send: Send) -> None:
        more = self._answers == "at the end"
        while more:
            message = await receive()
            more = message.get("more_body", False)
            if message["type"] == "http.disconnect":
                return
        await send({"type": "http.response.start", "status": 202, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    # What the protocol asks of a transport

    def write(self, data: Any) -> None:
        self.got += data

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            self._protocol.connection_lost(None)

    def is_closing(self) -> bool:
        return self.closed

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass


def head(path: str) -> bytes:
    """Return the head of an upload of a megabyte."""
    return f"POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 1048576\r\n\r\n".encode()


@pytest.mark.parametrize("path", [*sorted(LONG_BODIES), "/v1/imports/", "/v1/imports?dry_run=true"])
async def test_a_slow_but_steady_upload_goes_on(path: str) -> None:
    """2 GB take longer than a request may, on most lines."""
    sender = Sender()
    await sender.send(head(path))
    for _ in range(1048576 // STEADY_BYTES):
        await sender.wait(TICKS)
        await sender.send(bytes(STEADY_BYTES))
    assert sender.got.startswith(b"HTTP/1.1 202 ")
    assert not sender.closed


async def test_an_upload_that_stalls_is_ended() -> None:
    """A byte now and then does not count as more."""
    sender = Sender()
    await sender.send(head("/v1/imports"))
    await sender.send(bytes(STEADY_BYTES))
    await sender.wait(1)  # sees that it is steady
    for _ in range(TICKS):
        await sender.send(bytes(STEADY_BYTES // TICKS - 1))
        await sender.wait(1)
    assert not sender.closed

    await sender.wait(1)
    assert sender.got.startswith(b"HTTP/1.1 408 ")
    assert sender.closed


@pytest.mark.parametrize("path", ["/v1/track", "/v1/validate", "/v1/imports/x", "/v1/users"])
async def test_every_other_request_has_its_time_and_no_more(path: str) -> None:
    """However steadily its body comes."""
    sender = Sender()
    await sender.send(head(path).replace(b"Host: a", b"Host: a\r\nExpect: nothing"))
    for _ in range(TICKS):
        await sender.send(bytes(STEADY_BYTES))
        await sender.wait(1)
    assert not sender.closed

    await sender.wait(1)
    assert sender.got.startswith(b"HTTP/1.1 408 ")
    assert sender.closed


async def test_a_refused_upload_has_its_time_and_no_more() -> None:
    """Nobody wants the rest of a body that is answered."""
    sender = Sender(answers="at once")
    await sender.send(head("/v1/imports"))
    assert sender.got.startswith(b"HTTP/1.1 202 ")
    for _ in range(TICKS):
        await sender.send(bytes(STEADY_BYTES))
        await sender.wait(1)
    assert not sender.closed

    await sender.wait(1)
    assert sender.closed


async def test_an_upload_gives_no_time_to_the_next_request() -> None:
    """What came of one body does not count for another head."""
    sender = Sender()
    await sender.send(head("/v1/imports") + bytes(1048576))
    assert sender.got.startswith(b"HTTP/1.1 202 ")
    await sender.send(b"POST /v1/imports HTTP/1.1\r\n")
    await sender.wait(TICKS)
    assert not sender.closed

    await sender.wait(1)
    assert sender.closed
