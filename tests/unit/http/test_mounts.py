"""Applications that are made when they are first asked for."""

import asyncio
import threading
import time
from types import SimpleNamespace
from typing import Any, cast

import httpx
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp

from analytex.http.asgi import app
from analytex.http.deps import Deps


class _Anything:
    """Stands for what the routes are given and these tests do not ask."""

    def __getattr__(self, name: str) -> Any:
        return _Anything()

    def __call__(self, *_: Any, **__: Any) -> Any:
        return _Anything()


def asker(make: Any) -> httpx.AsyncClient:
    """Return a client of a server that has `make` below `/pages`."""
    deps = SimpleNamespace(ids=SimpleNamespace(next=lambda: "0" * 20), watch=_Anything())
    for name in Deps.__annotations__:
        if not hasattr(deps, name):
            setattr(deps, name, _Anything())
    served = app(cast(Deps, deps), {"/pages": make})
    transport = httpx.ASGITransport(served, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://test")


async def test_one_is_made_once_and_not_in_the_thread_of_the_calls() -> None:
    """Its imports take a tenth of a second, in which calls are answered; others wait for it."""
    made_in: list[threading.Thread] = []

    def make() -> ASGIApp:
        time.sleep(0.05)
        made_in.append(threading.current_thread())
        return PlainTextResponse("a page")

    async with asker(make) as http:
        replies = await asyncio.gather(*(http.get("/pages/x") for _ in range(3)))

    assert [reply.text for reply in replies] == ["a page"] * 3
    assert len(made_in) == 1
    assert made_in[0] is not threading.main_thread()


async def test_one_that_cannot_be_made_is_tried_again() -> None:
    """A disk that failed for a moment must not take the pages away until the next start."""
    tries: list[str] = []

    def make() -> ASGIApp:
        tries.append("")
        if len(tries) == 1:
            raise OSError("Input/output error")
        return PlainTextResponse("a page")

    async with asker(make) as http:
        first, second = await http.get("/pages"), await http.get("/pages")

    assert first.status_code == 500
    assert second.text == "a page"
