"""The pages of jobs: a file is uploaded, checked, stored; its errors; what is done with a job."""

import json
import os
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import httpx
import pytest

from analytex.console.jobs import PER_PAGE
from analytex.domain.environments import Permission
from tests.console.browser import Browser
from tests.console.insight_pages import MOST_BYTES, links, rows
from tests.rows import csv_file, ndjson, track
from tests.server import Client, Server

GOOD: Final = [track(number) for number in range(3)]
BAD: Final = [track(7, inserted_at="soon"), track(8, source="fax")]
HOSTILE: Final = "<img src=x onerror=alert('1')>\"&{{ 7 * 7 }}"


@contextmanager
def resting_applier(server: Server) -> Iterator[None]:
    """Let no job get on, so that what is said while one waits can be looked at."""
    applier = server.applier()
    os.kill(applier, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(applier, signal.SIGCONT)


def send(
    browser: Browser,
    rows: bytes,
    *,
    what: str = "events",
    name: str = "rows.ndjson",
    check: bool = True,
    token: str | None = None,
    accept: str = "text/html",
) -> httpx.Response:
    """Upload a file as the form does."""
    return browser.http.post(
        f"/console/jobs/new/{what}",
        params={"csrf": browser.token if token is None else token},
        files={"file": (name, rows)},
        data={"dry_run": "true" if check else "false"},
        headers={"accept": accept},
    )


def ended(client: Client, reply: httpx.Response) -> str:
    """Return the address of a job that an upload led to, once it has ended."""
    assert reply.status_code == 303, reply.text
    address = reply.headers["location"]
    client.ended({"links": f"/v1/background_jobs/{address.rpartition('/')[2]}"})
    return str(address)


def counts(page: str) -> dict[str, int]:
    """Return the numbers of a job's page by their names."""
    found = re.findall(r"<dt>(?:<[^>]*></span>)?([^<]+)</dt><dd[^>]*>([0-9,]+)</dd>", page)
    return {name: int(number.replace(",", "")) for name, number in found}


def test_a_file_is_checked_first_and_then_stored(browser: Browser, client: Client) -> None:
    """Two steps: the first one stores nothing, and its page leads to the second one."""
    checked = browser.page(ended(client, send(browser, ndjson(GOOD + BAD))))

    assert "nothing is stored yet" in checked
    assert counts(checked) == {"Good": 3, "Failed": 2, "Left": 0, "Rows in all": 5}
    assert client.events() == []
    [form] = re.findall(r'<form class="upload".*?</form>', checked, re.DOTALL)
    assert 'name="dry_run" value="false">Store these rows' in form

    stored = browser.page(ended(client, send(browser, ndjson(GOOD + BAD), check=False)))

    assert counts(stored) == {"Stored": 3, "Failed": 2, "Left": 0, "Rows in all": 5}
    assert "<strong>2 rows were not stored.</strong>" in stored
    assert len(client.events()) == 3


def test_checking_is_what_the_first_button_does(browser: Browser) -> None:
    """Whoever presses Enter has stored nothing."""
    form = browser.page("/console/jobs/new")

    buttons = re.findall(r'<button[^>]*name="dry_run" value="(\w+)"', form)
    assert buttons == ["true", "false"]


def test_the_form_carries_the_token_that_an_upload_needs(browser: Browser, client: Client) -> None:
    """A file comes before the server could look for a field: the token stands in the address."""
    form = browser.page("/console/jobs/new/users")
    [action] = re.findall(r'<form class="upload"[^>]*action="([^"]+)"', form)

    reply = browser.http.post(action, files={"file": ("u.ndjson", ndjson([{"user_id": "ada"}]))})

    assert ended(client, reply)
    assert client.user("ada")["user_id"] == "ada"  # without `dry_run` it is stored, as with the API


@pytest.mark.parametrize("token", ["", "0" * 64])
def test_an_upload_without_the_token_stores_nothing(
    browser: Browser, client: Client, token: str
) -> None:
    """Another site could have sent it."""
    reply = send(browser, ndjson(GOOD), check=False, token=token)

    assert reply.status_code == 403
    assert client.get("/v1/background_jobs").json() == []


def test_errors_say_where_what_and_why(browser: Browser, client: Client) -> None:
    """The line in the file, the field or column, the value, a sentence, and a code."""
    page = browser.page(ended(client, send(browser, ndjson(GOOD + BAD))))
    [first, second] = [row for row in rows(page) if row and row[0] in ("4", "5")]

    assert first[:4] == ["4", "4", "/inserted_at", "soon"]
    assert "is not a time" in first[4]
    assert first[5] == "not_a_time"
    assert second[2:4] == ["/source", "fax"]
    assert second[5].startswith("not_allowed")  # the rest of the page follows


def test_errors_of_a_csv_file_name_the_column(browser: Browser, client: Client) -> None:
    """That is how somebody finds the cell."""
    page = browser.page(ended(client, send(browser, csv_file(GOOD + BAD), name="rows.csv")))

    assert ["5", "4", "inserted_at", "soon"] in [row[:4] for row in rows(page)]


def test_many_errors_are_on_pages_that_stay_small(browser: Browser, client: Client) -> None:
    """Also with the longest values that are kept."""
    bad = [track(n, source="<'\">" * 500, event_name="") for n in range(PER_PAGE + 1)]
    address = ended(client, send(browser, ndjson(bad)))

    first = browser.get(address)
    [next] = [link for link in links(first.text, address) if "after_cursor" in link]
    second = browser.page(next.partition("#")[0])

    assert len(first.content) < MOST_BYTES
    codes = [row[0] for row in rows(second) if len(row) == 6 and row[0].isdecimal()]
    assert codes == [str(PER_PAGE + 1)]


def test_errors_can_be_downloaded_as_the_api_gives_them(browser: Browser, client: Client) -> None:
    """The same file, and no cell that a spreadsheet would run."""
    address = ended(client, send(browser, ndjson([*BAD, track(9, source="=cmd()")])))
    of_api = client.get(
        f"/v1/background_jobs/{address.rpartition('/')[2]}/errors", format="csv"
    ).content

    reply = browser.get(f"{address}/errors.csv")

    assert reply.content == of_api
    assert b"'=cmd()" in reply.content
    assert re.fullmatch(
        r'attachment; filename="errors-[0-9a-f]{8}\.csv"', reply.headers["content-disposition"]
    )


def test_failed_rows_can_be_downloaded_as_they_came(browser: Browser, client: Client) -> None:
    """To be mended and uploaded again."""
    address = ended(client, send(browser, ndjson(GOOD + BAD)))

    reply = browser.get(f"{address}/failed-rows")

    assert reply.content == ndjson(BAD)
    assert reply.headers["content-disposition"].endswith('.ndjson"')


def test_a_job_without_failed_rows_has_none_to_download(browser: Browser, client: Client) -> None:
    """Not an empty file, which says nothing."""
    address = ended(client, send(browser, ndjson(GOOD)))

    assert browser.get(f"{address}/failed-rows").status_code == 404
    assert "failed-rows" not in browser.page(address)


def test_names_and_values_are_text_and_nothing_else(browser: Browser, client: Client) -> None:
    """A file called `<img>`, and a row that holds one."""
    row = track(1, source=HOSTILE)
    address = ended(client, send(browser, ndjson([row]), name="<b>x</b>.ndjson"))

    for page in (browser.page(address), browser.page("/console/jobs")):
        assert "<b>x" not in page
        assert "<img src=x" not in page
    assert "&lt;img src=x onerror" in browser.page(address)
    assert "{{ 7 * 7 }}" in browser.page(address)


def test_only_one_import_may_be_under_way(browser: Browser, client: Client) -> None:
    """The form says so, before and after the file is sent."""
    with resting_applier(client.server):
        first = send(browser, ndjson(GOOD))
        before = browser.page("/console/jobs/new/events")
        second = send(browser, ndjson(GOOD))
        waiting = browser.page(first.headers["location"])

    assert "A job of this family is already running." in before
    assert second.status_code == 409
    assert "A job of this family is already running." in second.text
    assert '<form class="upload"' in second.text
    assert "waiting for its turn" in waiting
    assert "data-moves" in waiting
    assert "data-moves" not in browser.page(ended(client, first))


def test_a_file_with_too_many_rows_is_refused_at_the_form(browser: Browser, client: Client) -> None:
    """With the limit, and nothing of it is kept."""
    many = b'{"user_id":"ada"}\n' * 10_001

    reply = send(browser, many, what="users")

    assert reply.status_code == 413
    assert "At most 10000 rows are taken at once." in reply.text
    assert '<form class="upload"' in reply.text
    assert client.get("/v1/background_jobs").json() == []


@pytest.mark.parametrize(
    ("what", "rows", "says"),
    [
        ("events", b"", "The file is empty."),
        ("events", b"hello\n", "`event_type`"),
        ("users", b"user_id,plan\nada,team\n", "The file is not NDJSON."),
        ("events", b"\x1f\x8b\x08\x00broken", "is not valid gzip."),
    ],
    ids=["empty", "text", "CSV of users", "broken gzip"],
)
def test_what_is_no_file_of_rows_is_refused_at_the_form(
    browser: Browser, client: Client, what: str, rows: bytes, says: str
) -> None:
    """The reason is the one that the API gives."""
    reply = send(browser, rows, what=what)

    assert reply.status_code == 400
    assert says.replace("`event_type`", "<code>event_type</code>") in reply.text
    assert client.get("/v1/background_jobs").json() == []


def test_a_form_without_a_file_says_so(browser: Browser) -> None:
    """As a browser sends it in which nobody chose one."""
    reply = browser.post("/console/jobs/new/events", {"dry_run": "true"})

    assert reply.status_code == 400
    assert "No file was sent." in reply.text


def test_a_script_is_told_the_address_or_what_is_wrong(browser: Browser, client: Client) -> None:
    """It shows the one in place of the form, and the other beside it."""
    bad = send(browser, b"[]", accept="application/json")
    good = send(browser, ndjson(GOOD), accept="application/json")

    assert good.status_code == 200
    assert browser.page(good.json()["address"])
    assert bad.status_code == 400
    assert bad.json()["message"] == "The file is neither NDJSON nor CSV."


@pytest.mark.parametrize("what", ["users", "companies"])
def test_users_and_companies_come_in_bulk(browser: Browser, client: Client, what: str) -> None:
    """The same two steps, with rows of another form."""
    one = {"users": "user", "companies": "company"}[what]
    given: list[dict[str, Any]] = [{f"{one}_id": "x", "metadata": {"plan": "team"}}, {}]
    page = browser.page(ended(client, send(browser, ndjson(given), what=what, check=False)))

    assert counts(page) == {"Stored": 1, "Failed": 1, "Left": 0, "Rows in all": 2}
    found = client.user("x") if one == "user" else client.company("x")
    assert found["metadata"]["plan"] == "team"


@pytest.mark.slow  # 2 s: that long the reply waits for the end
def test_a_job_can_be_cancelled(browser: Browser, client: Client) -> None:
    """And the page says that it was."""
    with resting_applier(client.server):
        address = send(browser, ndjson(GOOD), check=False).headers["location"]
        assert f'action="{address}/cancel"' in browser.page(address)
        reply = browser.post(f"{address}/cancel")
    assert (reply.status_code, reply.headers["location"]) == (303, address)
    client.ended({"links": f"/v1/background_jobs/{address.rpartition('/')[2]}"})

    page = browser.page(address)

    assert "It was cancelled." in page
    assert f'action="{address}/cancel"' not in page
    assert client.events() == []


def test_a_job_that_has_ended_cannot_be_cancelled(browser: Browser, client: Client) -> None:
    """Somebody may press the button of an old page: they are told, on the page of the job."""
    address = ended(client, send(browser, ndjson(GOOD)))

    page = browser.post(f"{address}/cancel", follow=True)

    assert "The job has ended already." in page.text
    assert "<title>rows.ndjson" in page.text


def test_failed_rows_can_be_tried_again(browser: Browser, client: Client) -> None:
    """In a job of their own, which says whose they are."""
    first = ended(client, send(browser, ndjson(GOOD + BAD), check=False))

    again = ended(client, browser.post(f"{first}/retry"))
    page = browser.page(again)

    assert counts(page)["Rows in all"] == 2
    assert first in links(page, first)


def test_jobs_are_listed_by_family(browser: Browser, client: Client) -> None:
    """All of them, or those of one family."""
    ended(client, send(browser, ndjson(GOOD), name="history.ndjson"))
    ended(client, send(browser, ndjson([{"user_id": "ada"}]), what="users", name="users.ndjson"))

    def names(**query: str) -> list[str]:
        return [row[0] for row in rows(browser.page("/console/jobs", **query))[1:]]

    assert len(names()) == 2
    assert names(family="import") == ["history.ndjsonImport of events, check only"]
    assert names(family="bulk")[0].startswith("users.ndjson")
    assert names(family="delete") == []
    assert len(names(family="nonsense")) == 2


def test_an_environment_without_jobs_says_what_to_do(browser: Browser) -> None:
    """An empty table says nothing."""
    page = browser.page("/console/jobs")

    assert f"curl {browser.url}/v1/imports" in page
    assert 'href="/console/jobs/new"' in page


@pytest.mark.slow  # 1.2 s: a deletion gives those time who still write
def test_a_deletion_shows_its_receipt(browser: Browser, client: Client) -> None:
    """From where how many were removed, as the API tells."""
    client.identify("ada", {"plan": "team"})
    client.track("ada", "opened")
    client.events()
    job = client.delete("users", ["ada"])

    page = browser.page(f"/console/jobs/{job['job_id'].rpartition(':')[2]}")

    receipt = {row[0]: row[1] for row in rows(page) if len(row) == 2}
    assert receipt["User profiles"] == "1"
    assert receipt["Events, changed or removed"] == str(job["removed"]["events"])
    assert len(receipt) == len(job["removed"]) + 1  # and the head


def test_a_long_name_is_cut_in_the_list(browser: Browser, client: Client) -> None:
    """A file may be called anything of 255 characters, and fifty of them are on a page."""
    address = ended(client, send(browser, ndjson(GOOD), name="<" * 200 + ".ndjson"))

    assert "&lt;" * 59 + "…" in browser.page("/console/jobs")
    assert "&lt;" * 60 not in browser.page("/console/jobs")
    assert "&lt;" * 200 in browser.page(address)


def test_a_reader_sees_jobs_and_changes_nothing(server: Server) -> None:
    """The buttons of what a key may not do are not there."""
    admin = server.new_environment(Permission.READ, Permission.INGEST)
    reader = server.new_environment(Permission.READ)
    with Browser(server) as browser:
        browser.sign_in(admin)
        assert 'href="/console/jobs/new"' in browser.page("/console/jobs")
    with Browser(server) as browser:
        browser.sign_in(reader)
        assert 'href="/console/jobs/new"' not in browser.page("/console/jobs")
        assert send(browser, ndjson(GOOD)).status_code == 403
        assert browser.post("/console/jobs/x/cancel").status_code == 403


def test_a_job_of_another_environment_is_not_there(browser: Browser, server: Server) -> None:
    """Nor its errors, nor its rows."""
    other = server.new_environment()
    job = other.import_rows(ndjson(BAD))
    address = f"/console/jobs/{job['job_id'].rpartition(':')[2]}"

    for path in (address, f"{address}/errors.csv", f"{address}/failed-rows"):
        assert browser.get(path).status_code == 404
    assert browser.post(f"{address}/retry").status_code == 404


def test_a_kind_of_file_that_is_not_there_is_not_found(browser: Browser) -> None:
    """Of the three there are."""
    assert browser.get("/console/jobs/new/events").status_code == 200
    assert browser.get("/console/jobs/new/things").status_code == 404


def test_examples_of_rows_are_rows(browser: Browser, client: Client) -> None:
    """Whoever copies one and uploads it finds no error."""
    for what in ("events", "users", "companies"):
        page = browser.page(f"/console/jobs/new/{what}")
        examples = re.findall(r"<pre[^>]*><code>(.*?)</code>", page, re.DOTALL)
        assert examples
        for text in examples:
            file = text.replace("&#34;", '"').encode()
            shown = browser.page(ended(client, send(browser, file, what=what)))
            assert counts(shown)["Failed"] == 0
            assert counts(shown)["Good"] >= 1
            assert "All rows are good" in shown or "The row is good" in shown
    assert json.loads(examples[0].replace("&#34;", '"'))["company_id"] == "acme"
