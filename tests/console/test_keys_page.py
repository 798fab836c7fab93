"""The page of keys: what it makes works, what it ends does not, and no secret is left behind."""

import re
from contextlib import closing

import pytest

from analytex.domain.environments import Key
from analytex.storage.open import open_key_store
from tests.console.browser import Browser
from tests.server import Client, Server

SECRET = re.compile(r"ax_[0-9a-f]{40}")


def made(text: str) -> str:
    """Return the key that a page shows."""
    found = SECRET.search(text)
    assert found, text
    return found[0]


def new_id(browser: Browser) -> str:
    """Return the id that the page's forms choose for a new key."""
    found = re.search(r'name="new_id" value="([0-9a-f]{8})"', browser.page("/console/keys"))
    assert found
    return found[1]


def keys(client: Client) -> list[Key]:
    """Return the keys of a client's environment, oldest first."""
    with closing(open_key_store(client.server.data)) as store:
        environment = next(e for e in store.environments() if e.app_token == client.app_token)
        found = store.keys()
    return [key for key in found if key.environment_id == environment.id]


def create(browser: Browser, **fields: str | list[str]) -> str:
    """Make a key and return the page that shows it."""
    sent = {
        "new_id": new_id(browser),
        "name": "importer",
        "permission": ["ingest", "read"],
        **fields,
    }
    reply = browser.post("/console/keys", sent)
    assert reply.status_code == 200, reply.text
    return reply.text


def test_a_new_key_works_and_may_do_what_was_chosen(client: Client, browser: Browser) -> None:
    """Shown once, with lines to copy that hold it."""
    text = create(browser, permission=["ingest"])
    secret = made(text)

    sender = client._replace(key=secret)
    sender.track("ada", "signed up")
    assert sender.get("/v1/users").status_code == 401
    assert f"Authorization: Token {secret}" in text
    assert [key.name for key in keys(client)] == ["", "importer"]


def test_the_secret_is_in_one_page_and_nowhere_else(browser: Browser) -> None:
    """Not in an address, which browsers and proxies keep, nor in a cookie, nor in the list."""
    secret = made(create(browser))

    assert secret not in browser.page("/console/keys")
    assert all(secret not in (value or "") for value in browser.http.cookies.values())
    assert f"…{secret[-4:]}" in browser.page("/console/keys")


def test_sending_the_form_again_makes_no_second_key(client: Client, browser: Browser) -> None:
    """Reloading the page that shows the key sends the form again."""
    fields = {"new_id": new_id(browser), "name": "once", "permission": "read"}

    assert browser.post("/console/keys", fields).status_code == 200
    assert browser.post("/console/keys", fields).status_code == 409
    assert [key.name for key in keys(client)] == ["", "once"]


@pytest.mark.parametrize(
    ("fields", "problem"),
    {
        "no name": ({"name": " "}, "printable characters"),
        "a name that is too long": ({"name": "x" * 101}, "printable characters"),
        "a name with a line end": ({"name": "a\nb"}, "printable characters"),
        "no permission": ({"permission": []}, "Choose at least one."),
        "an unknown permission": ({"permission": ["root"]}, "Choose at least one."),
    }.values(),
)
def test_a_form_that_is_not_complete_says_what_is_missing(
    client: Client, browser: Browser, fields: dict[str, str | list[str]], problem: str
) -> None:
    """Beside the field, with what was typed still there."""
    sent = {"new_id": new_id(browser), "name": "importer", "permission": ["read"], **fields}

    reply = browser.post("/console/keys", sent)

    assert reply.status_code == 400
    assert problem in reply.text
    assert len(keys(client)) == 1


def test_a_name_is_shown_as_it_is_and_not_run(browser: Browser) -> None:
    """Another admin may have made it."""
    text = create(browser, name="<script>alert(1)</script>")

    for page in (text, browser.page("/console/keys")):
        assert "&lt;script&gt;alert(1)" in page
        assert "<script>alert" not in page


def test_a_revoked_key_is_refused(client: Client, browser: Browser) -> None:
    """At once, by the worker that was asked."""
    sender = client._replace(key=made(create(browser)))
    key = keys(client)[-1]

    reply = browser.post("/console/keys/revoke", {"id": key.id}, follow=True)

    assert f"The key importer ({key.id}) is revoked." in reply.text
    assert sender.get("/v1/validate").status_code == 401


def test_revoking_ones_own_key_signs_out(client: Client, browser: Browser) -> None:
    """The page says so before; the environment's data stays."""
    assert "you are signed in with it" in browser.page("/console/keys")

    browser.post("/console/keys/revoke", {"id": keys(client)[0].id})

    assert browser.get("/console/keys").status_code == 303


def test_rotating_leaves_the_old_key_for_a_while(client: Client, browser: Browser) -> None:
    """Senders change over one after the other, without a gap."""
    old = client._replace(key=made(create(browser)))
    id = keys(client)[-1].id

    reply = browser.post(
        "/console/keys/rotate", {"id": id, "new_id": new_id(browser), "grace": "3600"}
    )

    new = client._replace(key=made(reply.text))
    assert "ends in an hour" in reply.text
    assert (old.get("/v1/validate").status_code, new.get("/v1/validate").status_code) == (200, 200)
    before, after = keys(client)[-2:]
    assert before.revoked_at is not None
    assert (after.name, after.permissions, after.revoked_at) == (
        before.name,
        before.permissions,
        None,
    )


def test_a_key_that_is_replaced_at_once_is_refused_at_once(
    client: Client, browser: Browser
) -> None:
    """It may be in wrong hands; a second more is a second too long."""
    old = client._replace(key=made(create(browser)))
    id = keys(client)[-1].id
    assert old.get("/v1/validate").status_code == 200

    browser.post("/console/keys/rotate", {"id": id, "new_id": new_id(browser), "grace": "0"})

    assert old.get("/v1/validate").status_code == 401


@pytest.mark.parametrize("what", ["revoke", "rotate"])
def test_keys_of_other_environments_do_not_exist_here(
    server: Server, browser: Browser, what: str
) -> None:
    """An admin of one environment must not end what another one lives on."""
    other = server.new_environment()
    id = keys(other)[0].id

    reply = browser.post(f"/console/keys/{what}", {"id": id, "new_id": new_id(browser)})

    assert reply.status_code == 404
    assert keys(other)[0].revoked_at is None
    assert id not in browser.page("/console/keys")


def test_a_new_environment_comes_with_a_key_and_is_shown(
    browser: Browser, stranger: Browser
) -> None:
    """As `analytex environments create` and `keys create` one after the other."""
    reply = browser.post("/console/environments", {"environment": "staging 7", "app_token": ""})

    assert "The environment “staging 7” is made" in reply.text
    text = browser.page("/console/keys")
    assert "<strong>staging 7</strong>" in text
    assert "first key" in text
    key = made(reply.text)
    assert stranger.http.post("/console/sign-in", data={"key": key}).status_code == 303


@pytest.mark.parametrize(
    ("fields", "problem"),
    {
        "no name": ({"environment": ""}, "printable characters"),
        "a bad app token": ({"environment": "new 1", "app_token": "a b"}, "is not valid"),
        "a taken app token": ({"environment": "new 2", "app_token": "NX-tests"}, "already"),
    }.values(),
)
def test_an_environment_that_cannot_be_made_says_why(
    browser: Browser, fields: dict[str, str], problem: str
) -> None:
    """The rules are those of the command line."""
    reply = browser.post("/console/environments", fields)

    assert reply.status_code == 400
    assert problem in reply.text


def test_lines_to_copy_begin_with_the_address_that_was_asked(browser: Browser) -> None:
    """And name the hosts that a client made for the hosted service must be pointed away from."""
    text = browser.page("/console/keys")

    assert f"curl {browser.url}/v1/track" in text
    for title in ("Python", "JavaScript", "https://analytex.userpilot.io"):
        assert title in text
