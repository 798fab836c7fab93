"""What a reader sees when something goes wrong: a page of ours, and nothing of the inside."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from analytex.auth.administration import Administration
from analytex.auth.environments import create_environment
from analytex.auth.keys import Keyring, create_key, now
from analytex.auth.sign_ins import SignIns
from analytex.console import app as console_app
from analytex.console import signing_in
from analytex.console.app import POLICY, application
from analytex.console.pages import Console
from analytex.domain.environments import Permission
from analytex.errors import AnalytexError, BadRequest, NotFound, Unavailable
from analytex.settings import Settings
from analytex.storage.interface import KeyStore
from analytex.storage.open import open_key_store, open_sign_in_store

SECRET = "a-key-of-the-error-pages"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[KeyStore]:
    """One environment, and a key that may read."""
    with closing(open_key_store(tmp_path)) as store:
        made = create_environment(store, name="production", at=now())
        create_key(
            store,
            environment_id=made.id,
            name="",
            permissions={Permission.READ},
            at=now(),
            secret=SECRET,
        )
        yield store


@asynccontextmanager
async def reader(
    store: KeyStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> AsyncIterator[httpx.AsyncClient]:
    """Give a browser that is signed in to a console whose first page fails with that error."""

    async def fail(_: Request) -> Response:
        raise error

    async def secret() -> bytes:
        return b"of the store"

    monkeypatch.setattr(
        console_app, "PAGES", (signing_in.routes, lambda _: [Route("/console", fail)])
    )
    deps = SimpleNamespace(
        keyring=Keyring(store), settings=Settings(), exports=SimpleNamespace(secret=secret)
    )
    administration = Administration(lambda: open_key_store(tmp_path))
    sign_ins = SignIns(lambda: open_sign_in_store(tmp_path))
    inner = application(cast(Any, deps), administration, sign_ins)

    async def served(scope: Scope, receive: Receive, send: Send) -> None:
        scope["state"] = {"request_id": "0123456789abcdef0123"}
        await inner(scope, receive, send)

    transport = httpx.ASGITransport(served, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
        reply = await http.post("/console/sign-in", data={"key": SECRET})
        assert reply.status_code == 303
        yield http
    administration.close()
    sign_ins.close()


@pytest.mark.parametrize(
    ("error", "status", "text"),
    {
        "not found": (NotFound("No <b>such</b> user.", details="id: <i>"), 404, "id: &lt;i&gt;"),
        "not valid": (BadRequest(details="`from` is no time."), 400, "`from` is no time."),
        "not now": (Unavailable(details="The disk is full.", retry_after_s=7), 503, "Try again"),
        "ours": (AnalytexError(details="0x1"), 500, "0x1"),
    }.values(),
)
async def test_an_error_is_a_page_with_its_words(
    store: KeyStore,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: AnalytexError,
    status: int,
    text: str,
) -> None:
    """Escaped, with the status that the API gives, in the frame of all pages."""
    async with reader(store, tmp_path, monkeypatch, error) as http:
        reply = await http.get("/console")

    assert reply.status_code == status
    assert text in reply.text
    assert "<b>such" not in reply.text
    assert "Sign out" in reply.text
    assert reply.headers["content-security-policy"] == POLICY
    assert reply.headers.get("retry-after") == ("7" if status == 503 else None)


async def test_a_bug_shows_the_id_of_the_request_and_nothing_of_the_inside(
    store: KeyStore,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The traceback is in the server's log, where the id leads to it."""
    async with reader(store, tmp_path, monkeypatch, RuntimeError("password=hunter2")) as http:
        reply = await http.get("/console")

    assert reply.status_code == 500
    assert "0123456789abcdef0123" in reply.text
    assert "hunter2" not in reply.text
    assert "Traceback" not in reply.text
    assert reply.headers["content-security-policy"] == POLICY
    assert reply.headers["cache-control"] == "no-store"
    assert "hunter2" in caplog.text


async def test_a_store_that_cannot_be_read_is_a_page_too(
    store: KeyStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether the key still counts cannot be told then, so no page is shown; nobody is let in."""
    async with reader(store, tmp_path, monkeypatch, NotFound()) as http:

        def unreadable() -> int:
            raise Unavailable(details="store.db cannot be read.")

        monkeypatch.setattr(store, "version", unreadable)
        reply = await http.get("/console")

    assert reply.status_code == 503
    assert "store.db cannot be read." in reply.text
    assert "Sign out" not in reply.text


async def test_a_fault_in_the_frame_of_all_pages_still_answers_with_a_page(
    store: KeyStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error page has that frame too; what is left is plain, escaped, and leads on."""
    error = NotFound("No <b>such</b> user.", details="id: <i>")
    async with reader(store, tmp_path, monkeypatch, error) as http:

        def fail(*_: object, **__: object) -> Response:
            raise RuntimeError("password=hunter2")

        monkeypatch.setattr(Console, "render", fail)
        reply = await http.get("/console")

    assert reply.status_code == 404
    assert reply.headers["content-type"] == "text/html; charset=utf-8"
    assert "No &lt;b&gt;such&lt;/b&gt; user." in reply.text
    assert "hunter2" not in reply.text
    assert reply.headers["content-security-policy"] == POLICY
