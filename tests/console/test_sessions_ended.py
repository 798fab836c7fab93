"""When a session ends or changes its environment, nothing happens in the wrong place."""

import sqlite3
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from analytex.console.sessions import COOKIE
from analytex.domain.environments import Permission
from tests.console.browser import Browser
from tests.console.keyring import keys, revoke
from tests.server import Client, Server


@pytest.fixture
def other(server: Server, browser: Browser) -> Client:
    """A second environment, to which `browser` is signed in as well, and which is shown."""
    made = server.new_environment()
    browser.sign_in(made)
    return made


def choose(browser: Browser, client: Client) -> None:
    browser.post("/console/environment", {"app": client.app_token})
    browser.get("/console/sign-in")


def shown(browser: Browser) -> str:
    """Return the page of keys, which names the app token of the environment."""
    return browser.page("/console/keys")


def key_names(client: Client) -> list[str]:
    return [key.name for key in keys(client)]


NEW_KEY = {"new_id": "0123abcd", "name": "wrong place", "permission": "read"}


def test_a_form_runs_in_the_environment_in_which_it_was_loaded_or_not_at_all(
    client: Client, other: Client, browser: Browser
) -> None:
    """Another tab may have changed it since; `Delete` would hit a user of the other one."""
    loaded_in_other = browser.token
    choose(browser, client)

    reply = browser.post("/console/keys", {**NEW_KEY, "csrf": loaded_in_other})

    assert reply.status_code == 403
    assert "of another environment" in reply.text
    assert "wrong place" not in key_names(client) + key_names(other)


@pytest.mark.parametrize("path", ["/console/environment", "/console/sign-out"])
def test_changing_the_environment_and_signing_out_work_from_every_tab(
    client: Client, other: Client, browser: Browser, path: str
) -> None:
    """These forms are the session's own; a tab that is behind must still be able to send them."""
    loaded_in_other = browser.token
    choose(browser, client)

    reply = browser.post(path, {"csrf": loaded_in_other, "app": other.app_token})

    assert reply.status_code == 303


def test_a_form_of_an_environment_whose_key_was_revoked_runs_nowhere(
    client: Client, other: Client, browser: Browser
) -> None:
    """The session goes on in another environment, where the form was not meant to run."""
    revoke(other)

    reply = browser.post("/console/keys", NEW_KEY, follow=True)

    assert "You are signed out of the environment that was shown" in reply.text
    assert "Nothing was changed." in reply.text
    assert "wrong place" not in key_names(client) + key_names(other)
    assert f"app token is <code>{client.app_token}<" in shown(browser)


def test_the_environment_never_changes_without_a_word(
    client: Client, other: Client, browser: Browser
) -> None:
    """A page that suddenly shows other numbers would be believed; it says so first, once."""
    revoke(other)

    reply = browser.get("/console/keys")

    assert reply.status_code == 303
    assert reply.headers["location"] == "/console"
    assert "You are signed out of the environment that was shown" in browser.page("/console")
    assert "You are signed out" not in shown(browser)


def test_a_script_is_told_that_the_environment_is_gone(other: Client, browser: Browser) -> None:
    """It would put numbers of another environment into a page that is open."""
    revoke(other)

    reply = browser.http.get("/console/keys", headers={"accept": "application/json"})

    assert reply.status_code == 401


def test_the_key_of_an_environment_that_is_not_shown_may_end_in_silence(
    client: Client, other: Client, browser: Browser
) -> None:
    """What is shown stays; the other one is no longer in the menu."""
    revoke(client)

    text = shown(browser)

    assert f"app token is <code>{other.app_token}<" in text
    assert client.app_token not in text


def test_a_session_whose_last_key_ended_says_why_it_asks_for_a_key(
    server: Server, stranger: Browser
) -> None:
    """A form without a reason looks like a fault."""
    client = server.new_environment()
    stranger.sign_in(client)
    revoke(client)

    reply = stranger.http.get("/console/users", follow_redirects=True)

    assert "Your session has ended: its key was revoked" in reply.text


def test_revoking_the_own_key_says_so_where_it_leads(server: Server, stranger: Browser) -> None:
    """Without another key that is the sign-in."""
    client = server.new_environment()
    stranger.sign_in(client)
    id = keys(client)[0].id

    reply = stranger.post("/console/keys/revoke", {"id": id}, follow=True)

    assert reply.url.path == "/console/sign-in"
    assert f"The key {id} is revoked." in reply.text
    assert "with which you were signed in" in reply.text
    assert "Your session has ended" not in reply.text
    assert COOKIE not in stranger.http.cookies


def test_revoking_the_own_key_leads_to_another_environment_by_name(
    client: Client, other: Client, browser: Browser
) -> None:
    """The list of keys of the other environment would look as if the key was one of its."""
    id = keys(other)[0].id

    reply = browser.post("/console/keys/revoke", {"id": id}, follow=True)

    assert reply.url.path == "/console"
    assert f"The key {id} is revoked. You are signed out of its environment" in reply.text
    assert f"app token is <code>{client.app_token}<" in shown(browser)


# Signing out


def test_a_copied_cookie_opens_nothing_after_signing_out(browser: Browser, client: Client) -> None:
    """A cookie lies in backups of browsers and in logs of proxies."""
    copied = browser.http.cookies[COOKIE]
    browser.post("/console/sign-out")

    with Browser(client.server) as thief:
        thief.http.headers["cookie"] = f"{COOKIE}={copied}"
        assert thief.get("/console").status_code == 303


@pytest.mark.slow  # 10 s: a worker waits so long for another writer
def test_one_is_signed_out_even_if_it_cannot_be_noted(browser: Browser, client: Client) -> None:
    """Whoever leaves a shared computer must not find the cookie still there."""
    with closing(sqlite3.connect(client.server.data / "store.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        reply = browser.post("/console/sign-out", follow=True)
        other.execute("ROLLBACK")

    assert COOKIE not in browser.http.cookies
    assert "This browser is signed out, but the server could not note it" in reply.text
    assert browser.get("/console").status_code == 303


@pytest.mark.slow  # 2 s: starts a server with two workers, twice
def test_no_worker_takes_a_copied_cookie_and_a_restart_changes_nothing(tmp_path: Path) -> None:
    """Whoever signs out does not know which of the workers answers."""
    with Server(tmp_path, settings={"workers": 2}) as server:
        copied = _signed_out(server)
        other = _signed_in(server)
        assert {_opened(server, copied) for _ in range(20)} == {303}
        assert {_opened(server, other) for _ in range(20)} == {200}
        server.stop()
        server.start()
        assert {_opened(server, copied) for _ in range(4)} == {303}
        assert {_opened(server, other) for _ in range(4)} == {200}


def _signed_in(server: Server) -> str:
    with Browser(server) as browser:
        browser.sign_in(server.client())
        return browser.http.cookies[COOKIE]


def _signed_out(server: Server) -> str:
    with Browser(server) as browser:
        browser.sign_in(server.client())
        copied = browser.http.cookies[COOKIE]
        browser.post("/console/sign-out")
        return copied


def _opened(server: Server, cookie: str) -> int:
    """Return what a cookie gets on a connection of its own: any worker may answer."""
    headers = {"accept": "text/html", "cookie": f"{COOKIE}={cookie}"}
    return httpx.get(f"{server.url}/console/live", headers=headers, trust_env=False).status_code


def test_the_cookie_before_a_further_key_ends_as_well(
    server: Server, client: Client, browser: Browser
) -> None:
    """Else a copy of it would outlive the sign-out."""
    copied = browser.http.cookies[COOKIE]
    browser.sign_in(server.new_environment())

    with Browser(client.server) as thief:
        thief.http.headers["cookie"] = f"{COOKIE}={copied}"
        assert thief.get("/console").status_code == 303
    assert browser.get("/console").status_code == 200


def test_signing_out_of_one_environment_leaves_the_other(
    client: Client, other: Client, browser: Browser
) -> None:
    """The one that is shown stays shown."""
    copied = browser.http.cookies[COOKIE]

    browser.post("/console/sign-out", {"app": client.app_token})

    text = shown(browser)
    assert f"app token is <code>{other.app_token}<" in text
    assert client.app_token not in text
    with Browser(client.server) as thief:
        thief.http.headers["cookie"] = f"{COOKIE}={copied}"
        assert thief.get("/console").status_code == 303


def test_signing_out_of_an_unknown_environment_ends_nothing(
    server: Server, client: Client, browser: Browser
) -> None:
    """The form of a tab that is behind names one that is signed out already."""
    reply = browser.post(
        "/console/sign-out", {"app": server.new_environment().app_token}, follow=True
    )

    assert "You are not signed in to that environment." in reply.text
    assert f"app token is <code>{client.app_token}<" in shown(browser)


# Leading on


@pytest.mark.parametrize(
    "page",
    [
        "/console/users/%C3%B6",
        "/console/users/http%3A%2F%2Fx",
        "/console/users/a%2Fb?before=1%262",
        "/console/users/100%25",
    ],
)
def test_signing_in_leads_to_the_page_that_was_asked_for(
    client: Client, stranger: Browser, page: str
) -> None:
    """Ids are any text: an address keeps its escapes on the way through the form."""
    reply = stranger.http.get(page)
    form = stranger.http.get(reply.headers["location"]).text
    came_for = form.split('name="next" value="')[1].split('"')[0].replace("&amp;", "&")

    reply = stranger.sign_in(client, next=came_for)

    assert reply.headers["location"] == page


def test_a_sign_in_form_from_before_the_session_leads_to_the_form_again(
    server: Server, browser: Browser
) -> None:
    """Two tabs were open when the session ran out; the second one is no attack."""
    reader = server.new_environment(Permission.READ)

    reply = browser.http.post(
        "/console/sign-in", data={"key": reader.key, "next": "/console/events"}
    )

    assert reply.status_code == 303
    assert reply.headers["location"] == "/console/sign-in?next=%2Fconsole%2Fevents"
    assert reader.app_token not in shown(browser)
