"""The pages of users: the list, one of them, deletion, and the file of all that is held."""

from html import unescape

import pytest

from analytex.console.profiles_download import file_name
from analytex.console.profiles_held import EVENTS_AT_ONCE
from analytex.console.profiles_history import LOOKED_AT
from analytex.console.profiles_lists import PER_PAGE
from analytex.console.profiles_shown import EARLIER
from analytex.domain.environments import Permission
from tests.console.browser import Browser
from tests.console.insight_pages import MOST_BYTES, links, rows
from tests.console.profile_pages import HOSTILE, downloaded, page_of
from tests.server import Client, Server

LIST = "/console/users"
DELETE = "/console/profiles/users/delete"


def cells(text: str) -> dict[str, list[str]]:
    """Return the rows of the tables by what stands at their heads."""
    return {row[0]: row[1:] for row in rows(text) if row}


def test_users_are_listed_with_what_tells_who_they_are(browser: Browser, client: Client) -> None:
    """The id, a name, the company, a few properties."""
    client.identify("ada", {"name": "Ada Lovelace", "plan": "team"}, {"id": "acme"})
    client.track("bob", "opened")

    text = browser.page(LIST)

    (ada, bob) = [row for row in rows(text) if row[0].startswith(("ada", "bob"))]
    assert "Ada Lovelace" in ada[0]
    assert ada[1:3] == ["acme", "plan team"]
    assert bob[-1] == "Identified never"
    assert "2 users, by id" in text


def test_an_empty_list_says_what_to_do(browser: Browser) -> None:
    """An empty table says nothing."""
    text = browser.page(LIST)

    assert f"curl {browser.url}/v1/identify" in text
    assert "<table" not in text


def test_users_are_found_by_how_their_ids_begin(browser: Browser, client: Client) -> None:
    """The one that was typed whole comes first."""
    for id in ("u-1", "u-10", "u-2", "x-u-1"):
        client.track(id, "opened")

    text = browser.page(LIST, q="u-1")

    assert links(text, f"{LIST}/") == [f"{LIST}/u-1", f"{LIST}/u-10"]


def test_users_are_found_by_their_values(browser: Browser, client: Client) -> None:
    """Support knows an address more often than an id."""
    client.identify("u-1", {"email": "Ada@example.com"})
    client.identify("u-2", {"email": "bob@example.com"})

    assert links(browser.page(LIST, q="ada@"), f"{LIST}/") == [f"{LIST}/u-1"]


def test_a_search_without_result_says_so(browser: Browser, client: Client) -> None:
    """And leads back."""
    client.track("ada", "opened")

    text = browser.page(LIST, q="nobody")

    assert text.count("None.") == 2
    assert LIST in links(text, LIST)


def test_many_users_are_on_pages(browser: Browser, client: Client) -> None:
    """Each once, whether all are listed, searched by id, or by value."""
    ids = [f"u-{place:03}" for place in range(2 * PER_PAGE + 5)]
    client.bulk("users", [{"user_id": id, "metadata": {"plan": "team"}} for id in ids])

    for query in ("", "?q=u-&by=id", "?q=team&by=value"):
        found, address = [], f"{LIST}{query}"
        for _ in range(3):
            text = browser.page(address)
            found += [link.rpartition("/")[2] for link in links(text, f"{LIST}/")]
            address = next(iter(reversed(links(text, f"{LIST}?"))), "")
        assert found == ids, query
        assert "Next page" not in text


def test_long_ids_make_no_large_page(browser: Browser, client: Client) -> None:
    """A page ends where it has no more room, and the next one goes on there."""
    ids = [f"{place:02}" + "\U0001f600" * 510 for place in range(30)]
    client.bulk("users", [{"user_id": id} for id in ids])

    first = browser.get(LIST)
    second = browser.get(links(first.text, f"{LIST}?")[-1])

    assert max(len(first.content), len(second.content)) < MOST_BYTES
    shown = links(first.text, f"{LIST}/") + links(second.text, f"{LIST}/")
    assert [link.rpartition("/")[2][:2] for link in shown] == [id[:2] for id in ids[: len(shown)]]


def test_a_cursor_that_is_not_ours_is_refused(browser: Browser, client: Client) -> None:
    """With a page that says so."""
    client.track("ada", "opened")

    assert browser.get(LIST, after_cursor="x").status_code == 400


def test_a_property_shows_who_set_it_and_what_it_was(browser: Browser, client: Client) -> None:
    """Value, type, when and by which call last set, and the values before."""
    for plan in ("free", "team", "team"):
        last = client.identify("ada", {"plan": plan, "seats": 3})

    text = browser.page(f"{LIST}/ada")

    plan_row = cells(text)["plan"]
    assert plan_row[0].startswith("team1 earlierAs now from")
    assert "free from" in plan_row[0]
    assert "team from" not in plan_row[0]  # the same again is no change
    assert cells(text)["seats"][0] == "3"
    assert [cells(text)[name][1] for name in ("plan", "seats")] == ["string", "numeric"]
    call = browser.page(links(text, f"/console/live/{last}?at=")[0])
    assert f"{last}" in call
    assert "What it changed" in call


def test_values_from_before_the_newest_calls_are_one_click_away(
    browser: Browser, client: Client
) -> None:
    """The page looks at the newest calls only, says so, and leads to just those behind them."""
    rows = [{"user_id": "ada", "metadata": {"step": step}} for step in range(LOOKED_AT + 2)]
    client.bulk("users", rows)

    text = browser.page(f"{LIST}/ada")
    older = links(text, "/console/events/newest?user_id=ada&event_type=identify_user")[0]
    found = unescape(browser.page(older))

    assert f"those of the newest {LOOKED_AT} calls. Older calls:" in text
    assert [step for step in range(LOOKED_AT + 2) if f'"step": {step}\n' in found] == [0, 1]


def test_more_values_than_there_is_room_for_are_one_click_away(
    browser: Browser, client: Client
) -> None:
    """`2 more before` would otherwise be the end of the way."""
    for step in range(EARLIER + 3):
        client.identify("ada", {"step": step})

    text = browser.page(f"{LIST}/ada")

    assert "2 more before" in text
    assert links(text, "/console/events/newest?user_id=ada&event_type=identify_user")
    assert "All calls that set properties:" in text


def test_a_removed_property_is_shown_as_removed(browser: Browser, client: Client) -> None:
    """Somebody may ask where it went."""
    client.identify("ada", {"plan": "team"})
    client.identify("ada", {"plan": None})

    plan = cells(browser.page(f"{LIST}/ada"))["plan"]

    assert plan[0].startswith("removed1 earlier")
    assert "team from" in plan[0]


def test_a_user_has_the_company_of_the_newest_call(browser: Browser, client: Client) -> None:
    """And those before, as far as calls tell."""
    client.identify("ada", company={"id": "old"})
    client.identify("ada", company={"id": "new"})

    found = links(browser.page(f"{LIST}/ada"), "/console/companies/")

    assert found == ["/console/companies/new", "/console/companies/old"]


def test_the_timeline_is_all_events_newest_first(browser: Browser, client: Client) -> None:
    """In pages."""
    for place in range(35):
        client.track("ada", f"event-{place:02}")
    client.track("bob", "of somebody else")
    begin = "/console/events/name?name=event-"

    first = browser.page(f"{LIST}/ada")
    second = browser.page(links(first, f"{LIST}/ada?after_cursor")[0].partition("#")[0])

    shown = links(first, begin) + links(second, begin)
    assert [link[-2:] for link in shown] == [f"{place:02}" for place in reversed(range(35))]
    assert "of somebody else" not in first


def test_activity_counts_what_the_user_did(browser: Browser, client: Client) -> None:
    """Tracks, of nobody else; being identified is nothing that one does."""
    for user in ("ada", "ada", "bob"):
        client.track(user, "opened")
    client.identify("ada", {"plan": "team"})

    text = browser.page("/console/profiles/users/activity", id="ada")

    assert "2 events on 1 day, in 12 months" in " ".join(text.split())
    assert "<svg" in text


def test_a_user_that_is_not_there_is_not_found(browser: Browser) -> None:
    """On every page, and nothing is deleted."""
    addresses = [f"{LIST}/nobody"]
    addresses += [
        f"/console/profiles/users/{page}{query}"
        for page in ("one", "download", "delete")
        for query in ("", "?id=nobody")
    ]

    assert {browser.get(address).status_code for address in addresses} == {404}
    assert browser.post(DELETE, {"id": "nobody"}).status_code == 404


@pytest.mark.parametrize("id", HOSTILE.values(), ids=HOSTILE)
def test_an_id_may_hold_anything(browser: Browser, client: Client, id: str) -> None:
    """Its page, its links and its file are its own; nothing of it is markup."""
    client.identify(id, {"name": f"<b>{id[:40]}</b>", "<i>": id}, {"id": id})
    client.track(id, f"<u>{id[:100]}</u>", **{"<s>": id})
    client.track("other", "opened")

    listed = browser.page(LIST, q=id, by="id")
    begin = "/console/profiles/users/one" if id in (".", "..") else f"{LIST}/"
    one = browser.page(links(listed, begin)[0])
    known = browser.page(page_of("users", id))

    for text in (listed, one, known, browser.page(DELETE, id=id)):
        assert len(text.encode()) < MOST_BYTES
        for sign in ("<script>a", "<b>", "<i>", "<u>", "<s>"):
            assert sign not in text
    assert "<h1>" in one
    assert one.count("&lt;u&gt;") == known.count("&lt;u&gt;") >= 1
    assert downloaded(browser, "users", id)["user"]["user_id"] == id


def test_a_user_with_much_has_a_small_page(browser: Browser, client: Client) -> None:
    """All properties can be reached, and all events."""
    for _ in range(30):
        client.track("ada", "<" * 500, **{f"{place}\"'": "<>" * 200 for place in range(50)})
    for turn in range(9):
        client.identify("ada", {f"p-{place:03}": f"{turn}" + "<'" * 300 for place in range(20)})
    seen, address = 0, f"{LIST}/ada?wait=1"

    while address:
        page = browser.get(address)
        assert len(page.content) < MOST_BYTES
        seen += sum(name.startswith("p-") for name in cells(page.text))
        more = [
            link
            for link in links(page.text, f"{LIST}/ada?properties=")
            if not link.startswith(f"{LIST}/ada?properties=0#")
        ]
        address = more[0].partition("#")[0] if more else ""

    assert seen == 20


def test_the_file_holds_everything(browser: Browser, client: Client) -> None:
    """Each property with its stamp, what was removed, every event, and that it is complete."""
    call = client.identify("ada", {"plan": "team", "gone": 1}, {"id": "acme", "name": "Acme"})
    removed = client.identify("ada", {"gone": None})
    for place in range(2 * EVENTS_AT_ONCE):
        client.track("ada", "e", n=place)
    client.track("bob", "e")

    found = downloaded(browser, "users", "ada")

    assert found["complete"] is True
    assert found["app_token"] == client.app_token
    assert found["user"]["company"]["company_id"] == "acme"
    assert found["user"]["company"]["set_by"] == call
    plan = found["user"]["properties"]["plan"]
    assert (plan["value"], plan["set_by"]) == ("team", call)
    assert found["user"]["removed_properties"]["gone"]["set_by"] == removed
    assert found["events"] == client.all_events(user_id="ada")
    assert found["events_count"] == len(found["events"]) == 2 * EVENTS_AT_ONCE + 2


def test_the_file_is_a_file_that_nobody_keeps(browser: Browser, client: Client) -> None:
    """Neither a cache nor a proxy; its name is harmless."""
    client.track("ada", "opened")

    headers = browser.get("/console/profiles/users/download", id="ada").headers

    assert headers["content-disposition"] == 'attachment; filename="user-ada.json"'
    assert headers["cache-control"] == "no-store"
    assert file_name("user", '../"\r\n;é/x') == "user-..-------x.json"


@pytest.mark.slow
def test_deleting_asks_first_and_makes_a_job(browser: Browser, client: Client) -> None:
    """The page names the user and leads to the receipt; the profile is gone. 1.2 s: the job."""
    client.identify("ada", {"plan": "team"})
    client.track("bob", "opened")
    asked = browser.page(DELETE, id="ada")
    assert "Delete ada for good" in asked
    assert "with 1 property" in asked

    reply = browser.post(DELETE, {"id": "ada"})

    (job,) = client.get("/v1/background_jobs").json()
    assert reply.status_code == 303
    assert reply.headers["location"] == f"/console/jobs/{job['job_id'].rpartition(':')[2]}"
    shown = browser.page(reply.headers["location"])
    assert f"The receipt is the job {job['job_id']}." in shown
    assert client.ended(job)["type"] == "delete_users"
    assert browser.get(f"{LIST}/ada").status_code == 404
    assert browser.get(f"{LIST}/bob").status_code == 200


def test_only_keys_that_may_ingest_delete(server: Server) -> None:
    """As over HTTP: the page has no button, and the form is refused."""
    reader = server.new_environment(Permission.READ)
    with Browser(server) as browser:
        browser.sign_in(reader)

        for reply in (browser.get(DELETE, id="ada"), browser.post(DELETE, {"id": "ada"})):
            assert reply.status_code == 403
        assert browser.get(LIST).status_code == 200
    assert reader.get("/v1/background_jobs").json() == []


def test_keys_that_may_not_read_see_nobody(server: Server) -> None:
    """No list, no page, no file: they cannot even sign in."""
    sender = server.new_environment(Permission.INGEST)
    sender.track("ada", "opened")
    with Browser(server) as browser:
        browser.sign_in(sender)

        for address in (LIST, f"{LIST}/ada", "/console/profiles/users/download?id=ada"):
            reply = browser.get(address)
            assert reply.headers["location"].startswith("/console/sign-in")


def test_users_of_other_environments_are_not_there(browser: Browser, server: Server) -> None:
    """Whatever the address."""
    other = server.new_environment()
    other.track("eve", "opened")

    assert browser.get(f"{LIST}/eve").status_code == 404
    assert browser.get("/console/profiles/users/download", id="eve").status_code == 404
    assert links(browser.page(LIST, q="eve"), f"{LIST}/") == []
