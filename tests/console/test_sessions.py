"""Who is signed in, for how long, and what a form must bring along."""

import base64
import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import Response

from analytex.auth.environments import create_environment
from analytex.auth.keys import Keyring, NewKey, create_key, now
from analytex.auth.sign_ins import SignIns
from analytex.console.sessions import (
    COOKIE,
    LASTS_S,
    Sessions,
    is_cross_site,
    own_page,
)
from analytex.domain.environments import Permission
from analytex.storage.interface import KeyStore
from analytex.storage.open import open_key_store, open_sign_in_store
from tests.console.browser import Browser
from tests.console.clock import Clock
from tests.console.keyring import revoke
from tests.server import Client, Server

SECRET = b"kept by the store"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[KeyStore]:
    """Keys of one directory."""
    with closing(open_key_store(tmp_path)) as store:
        yield store


@pytest.fixture
def sign_ins(store: KeyStore, tmp_path: Path) -> Iterator[SignIns]:
    """Sessions that ended, of the same directory."""
    with closing(SignIns(lambda: open_sign_in_store(tmp_path))) as found:
        yield found


def a_key(store: KeyStore, environment: str = "production") -> NewKey:
    made = create_environment(store, name=environment, at=now())
    return create_key(
        store, environment_id=made.id, name="", permissions={Permission.READ}, at=now()
    )


def a_request(
    cookie: str = "", *, scheme: str = "http", headers: dict[str, str] | None = None
) -> Request:
    sent = {"host": "analytics.test", "cookie": f"{COOKIE}={cookie}", **(headers or {})}
    return Request(
        {
            "type": "http",
            "method": "POST",
            "scheme": scheme,
            "path": "/console",
            "query_string": b"",
            "server": ("analytics.test", 80),
            "headers": [(name.encode(), value.encode()) for name, value in sent.items()],
        }
    )


async def written(sessions: Sessions, key: NewKey, keyring: Keyring, request: Request) -> str:
    """Sign in, and return the header that sets the cookie."""
    scope = keyring.scope_of(key.key.id)
    assert scope is not None
    response = Response()
    sessions.write(request, response, await sessions.begin(scope))
    return response.headers["set-cookie"]


def value_of(header: str) -> str:
    return header.partition(";")[0].partition("=")[2]


# The cookie


def test_scripts_cannot_read_the_cookie_and_other_sites_cannot_send_forms_with_it(
    client: Client, stranger: Browser
) -> None:
    """HttpOnly, SameSite and the path are all that stands between a session and other pages."""
    header = stranger.sign_in(client).headers["set-cookie"]

    flags = {part.strip().lower() for part in header.split(";")[1:]}
    assert flags == {"httponly", "samesite=lax", "path=/console", f"max-age={LASTS_S}"}


@pytest.mark.parametrize(
    ("scheme", "headers"),
    {
        "with us": ("https", {}),
        "with a proxy that tells so by Origin": ("http", {"origin": "https://analytics.test"}),
    }.values(),
)
async def test_over_tls_the_cookie_is_never_sent_in_clear(
    store: KeyStore, sign_ins: SignIns, scheme: str, headers: dict[str, str]
) -> None:
    """A cookie without Secure would go out with the first link that says http."""
    key, keyring = a_key(store), Keyring(store)
    request = a_request(scheme=scheme, headers=headers)

    sessions = Sessions(SECRET, keyring, sign_ins)
    assert "Secure" in await written(sessions, key, keyring, request)


def test_the_cookie_holds_the_id_of_the_key_and_not_the_key(
    client: Client, stranger: Browser
) -> None:
    """Whoever finds the cookie in a log must not find a key that works for ever."""
    value = value_of(stranger.sign_in(client).headers["set-cookie"])

    body = value.split(".")[0]
    text = base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)).decode()
    assert client.key not in text
    assert set(json.loads(text)) == {"id", "at", "keys"}


def test_a_cookie_that_was_changed_is_worth_nothing(client: Client, stranger: Browser) -> None:
    """The id of a key is no secret: only the signature says that its owner was here."""
    stranger.sign_in(client)
    body, _, signature = stranger.http.cookies[COOKIE].rpartition(".")
    other = Browser(client.server)

    for cookie in (
        f"{body[:-2]}AA.{signature}",
        f"{body}.{signature[:-4]}AAAA",
        body,
        "",
        "x" * 9999,
    ):
        other.http.headers["cookie"] = f"{COOKIE}={cookie}"
        assert other.get("/console").status_code == 303, cookie[:50]
    other.http.headers["cookie"] = f"{COOKIE}={body}.{signature}"
    assert other.get("/console").status_code == 200
    other.http.close()


async def test_every_worker_and_every_start_reads_the_same_cookies(
    store: KeyStore, sign_ins: SignIns
) -> None:
    """Signing is by a secret of the store, not of a process; another server's is refused."""
    key, keyring = a_key(store), Keyring(store)
    sessions = Sessions(SECRET, keyring, sign_ins)
    value = value_of(await written(sessions, key, keyring, a_request()))

    assert Sessions(SECRET, Keyring(store), sign_ins).read(a_request(value)) is not None
    assert Sessions(b"of another server", keyring, sign_ins).read(a_request(value)) is None


async def test_a_session_that_one_worker_ended_is_over_in_all(
    store: KeyStore, sign_ins: SignIns, tmp_path: Path
) -> None:
    """Also in one that has read its cookie a moment ago."""
    key, keyring = a_key(store), Keyring(store)
    one = Sessions(SECRET, keyring, sign_ins)
    request = a_request(value_of(await written(one, key, keyring, a_request())))
    with closing(SignIns(lambda: open_sign_in_store(tmp_path))) as of_the_other:
        other = Sessions(SECRET, Keyring(store), of_the_other)
        session = other.read(request)
        assert session is not None

        await one.end(session)

        assert other.read(request) is None


async def test_a_session_ends_after_twelve_hours(store: KeyStore, sign_ins: SignIns) -> None:
    """Also if the browser keeps the cookie longer than it was told to."""
    key, keyring, clock = a_key(store), Keyring(store), Clock()
    sessions = Sessions(SECRET, keyring, sign_ins, clock=clock)
    value = value_of(await written(sessions, key, keyring, a_request()))

    clock.now += LASTS_S - 1
    assert sessions.read(a_request(value)) is not None
    clock.now += 2
    assert sessions.read(a_request(value)) is None


async def test_a_further_key_does_not_make_the_first_last_longer(
    store: KeyStore, sign_ins: SignIns
) -> None:
    """Twelve hours count for each key, or a session could be kept alive for ever."""
    first, second = a_key(store), a_key(store, "staging")
    keyring, clock = Keyring(store), Clock()
    sessions = Sessions(SECRET, keyring, sign_ins, clock=clock)
    one, two = keyring.scope_of(first.key.id), keyring.scope_of(second.key.id)
    assert one is not None
    assert two is not None
    session = await sessions.begin(one)
    clock.now += LASTS_S - 10
    response = Response()
    sessions.write(a_request(), response, await sessions.begin(two, session))
    value = value_of(response.headers["set-cookie"])

    clock.now += 20
    left = sessions.read(a_request(value))

    assert left is not None
    assert [each.scope.key_id for each in left.keys] == [second.key.id]


def test_a_revoked_key_opens_no_page_any_more(client: Client, browser: Browser) -> None:
    """Whoever left the company is out at once, though the cookie is young and well signed."""
    assert browser.get("/console").status_code == 200

    revoke(client)

    assert browser.get("/console").status_code == 303


def test_signing_out_takes_the_cookie_away(browser: Browser) -> None:
    """A shared computer must be left without a session."""
    reply = browser.post("/console/sign-out")

    assert reply.headers["location"] == "/console/sign-in"
    assert COOKIE not in browser.http.cookies
    assert browser.get("/console").status_code == 303


# Several environments


def test_one_session_may_hold_keys_of_several_environments(
    server: Server, client: Client, browser: Browser
) -> None:
    """A key opens one environment; who has keys for several changes between them."""
    other = server.new_environment()
    browser.sign_in(other)
    assert f"app token is <code>{other.app_token}<" in browser.page("/console/keys")

    browser.post("/console/environment", {"app": client.app_token})

    assert f"app token is <code>{client.app_token}<" in browser.page("/console/keys")


def test_nobody_is_shown_an_environment_without_its_key(server: Server, browser: Browser) -> None:
    """Asking for it by name changes nothing."""
    other = server.new_environment()
    before = browser.page("/console/keys")

    browser.post("/console/environment", {"app": other.app_token})

    assert other.app_token not in before + browser.page("/console/keys")


# Signing in


@pytest.mark.parametrize("key", ["", "wrong", "ax_" + "0" * 40, "two words", "schlüssel", "\x00"])
def test_a_failed_sign_in_never_says_what_was_wrong(stranger: Browser, key: str) -> None:
    """A guesser would learn from it which keys exist."""
    reply = stranger.http.post("/console/sign-in", data={"key": key})

    assert reply.status_code in (401, 429)
    if reply.status_code == 401:
        assert "This key does not open the console." in reply.text
    assert COOKIE not in reply.cookies


def test_a_key_that_may_only_send_does_not_open_the_console(
    server: Server, stranger: Browser
) -> None:
    """Such keys lie in programs of senders; they shall not read."""
    sender = server.new_environment(Permission.INGEST)

    assert stranger.sign_in(sender).status_code in (401, 429)
    assert stranger.get("/console").status_code == 303


def test_after_signing_in_one_sees_the_page_that_one_came_for(
    client: Client, stranger: Browser
) -> None:
    """A link from a colleague must survive the sign-in."""
    reply = stranger.get("/console/events?q=signed+up")
    assert (
        reply.headers["location"] == "/console/sign-in?next=%2Fconsole%2Fevents%3Fq%3Dsigned%2Bup"
    )

    form = stranger.page("/console/sign-in", next="/console/events?q=signed+up")
    assert 'name="next" value="/console/events?q=signed+up"' in form
    reply = stranger.sign_in(client, next="/console/events?q=signed+up")
    assert reply.headers["location"] == "/console/events?q=signed+up"


@pytest.mark.parametrize(
    "address",
    [
        "https://evil.test/",
        "//evil.test/console",
        "/\\evil.test",
        "/console\\..\\..\\evil",
        "/consoles",
        "/console/../v1/users",
        "/console/%2e%2e/docs",
        "/console//evil.test",
        "/console/a b",
        "/console\r\nset-cookie: a=b",
        "javascript:alert(1)",
        "",
    ],
)
def test_signing_in_never_leads_out_of_the_console(address: str) -> None:
    """An open redirect would lend our name to a page that asks for the key again."""
    assert own_page(address) == "/console"


@pytest.mark.parametrize("address", ["/console", "/console/users/a%20b?tab=events", "/console?a=b"])
def test_pages_of_the_console_are_led_to(address: str) -> None:
    """Otherwise links would be lost at every sign-in."""
    assert own_page(address) == address


# Forms


@pytest.mark.parametrize(
    ("token", "headers", "status"),
    {
        "missing": (None, {}, 403),
        "empty": ("", {}, 403),
        "wrong": ("0" * 64, {}, 403),
        "not ASCII": ("ü", {}, 403),
        "right": ("right", {}, 303),
        "in the header": (None, {"x-csrf-token": "right"}, 303),
        "right, from another site": ("right", {"origin": "https://evil.test"}, 403),
        "right, from another site, says the browser": (
            "right",
            {"sec-fetch-site": "cross-site"},
            403,
        ),
        "right, from a neighbour": ("right", {"sec-fetch-site": "same-site"}, 403),
        "right, from nowhere": ("right", {"origin": "null"}, 403),
        "right, from here": ("right", {"sec-fetch-site": "same-origin"}, 303),
    }.values(),
)
def test_a_form_is_taken_only_from_our_own_page(
    client: Client, browser: Browser, token: str | None, headers: dict[str, str], status: int
) -> None:
    """The cookie alone comes along with whatever another site makes the browser send."""
    fields = {"app": client.app_token}
    if token is not None:
        fields["csrf"] = browser.token if token == "right" else token
    sent = {name: value.replace("right", browser.token) for name, value in headers.items()}

    reply = browser.http.post("/console/environment", data=fields, headers=sent)

    assert reply.status_code == status


def test_the_token_of_another_session_is_not_taken(
    server: Server, client: Client, browser: Browser
) -> None:
    """Anybody with a key could get a token; it must fit the cookie."""
    with Browser(server) as other:
        other.sign_in(client)
        assert other.token != browser.token
        assert browser.post("/console/environment", {"csrf": other.token}).status_code == 403


def test_an_upload_may_carry_its_token_in_the_address_and_no_other_form_may(
    browser: Browser,
) -> None:
    """A file is read as it comes, so its form's fields come too late for the check."""
    address = f"/console/environment?csrf={browser.token}"

    assert browser.http.post(address, data={"app": "x"}).status_code == 403
    assert browser.http.post(address, files={"file": b"rows"}).status_code == 303


def test_another_site_cannot_sign_anybody_in(client: Client, stranger: Browser) -> None:
    """A victim would work on in the attacker's environment."""
    reply = stranger.http.post(
        "/console/sign-in", data={"key": client.key}, headers={"origin": "https://evil.test"}
    )

    assert reply.status_code == 403
    assert COOKIE not in reply.cookies


@pytest.mark.parametrize(
    ("headers", "public_url", "crosses"),
    {
        "a program": ({}, "", False),
        "our page": ({"origin": "http://analytics.test"}, "", False),
        "behind a proxy that hides the host": (
            {"origin": "https://public.test"},
            "https://public.test",
            False,
        ),
        "the same, without the setting": ({"origin": "https://public.test"}, "", True),
        "another port": ({"origin": "http://analytics.test:8081"}, "", True),
        "the browser knows better": (
            {"origin": "https://public.test", "sec-fetch-site": "same-origin"},
            "",
            False,
        ),
    }.values(),
)
def test_who_sends_is_told_by_the_browser(
    headers: dict[str, str], public_url: str, crosses: bool
) -> None:
    """The console works behind a proxy, and still knows other sites."""
    assert is_cross_site(a_request(headers=headers), public_url) is crosses


def test_a_script_that_is_not_signed_in_gets_401_and_no_form(server: Server) -> None:
    """It would take the sign-in page for what it asked for."""
    reply = httpx.get(f"{server.url}/console", headers={"accept": "application/json"})

    assert reply.status_code == 401
