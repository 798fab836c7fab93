"""In whose file something is: all that mentions the id, by the rule of deletions, and no more."""

import json
from typing import Final
from urllib.parse import quote_plus

import pytest

from tests.console.browser import Browser
from tests.console.downloads import EXPORTS, OF_USERS, bad, download, filled, lines, refuse
from tests.console.profile_pages import HOSTILE, downloaded
from tests.server import Client, Server

#: Not the one that, escaped, takes more than is kept of a request.
KEPT_WHOLE: Final = {name: id for name, id in HOSTILE.items() if name != "long and wide"}


@pytest.mark.parametrize("id", KEPT_WHOLE.values(), ids=KEPT_WHOLE)
def test_an_id_is_found_whatever_it_is_made_of(browser: Browser, client: Client, id: str) -> None:
    """In JSON, where signs may be escaped, in a form, and in a row."""
    plain = json.dumps({"user_id": id}, ensure_ascii=False).encode()
    every = "".join(f"\\u{unit:04x}" for unit in _units(id)).encode()
    bodies = [plain, json.dumps({"user_id": id}).encode(), b'{"user_id":"' + every + b'"}']
    ids = [refuse(client, body) for body in bodies]
    ids.append(refuse(client, f"user_id={quote_plus(id)}".encode()))
    client.import_rows(plain + b"\n" + bodies[2] + b"\n" + lines(bad("u-1")))

    found = downloaded(browser, "users", id)

    assert [each["id"] for each in found["refused_requests"]] == ids
    texts = [each["text"].encode() for each in found["failed_rows"]]
    assert texts[:2] == [plain, bodies[2]]
    assert found["complete"] is True


@pytest.mark.parametrize("id", ["u-1", 'a"b', "\u00e4"])
def test_a_longer_id_is_somebody_else(browser: Browser, client: Client, id: str) -> None:
    """`u-1` is not in `u-12`."""
    body = json.dumps({"user_id": f"{id}2", "x": f"b{id}"}).encode()
    refuse(client, body)
    client.import_rows(body + b"\n")

    assert download(browser, id).status_code == 404


def test_other_environments_are_not_looked_at(
    browser: Browser, client: Client, server: Server
) -> None:
    """The same id elsewhere is somebody else, with or without something here."""
    other = server.new_environment()
    refuse(other, b'{"user_id":"ada"}')
    refuse(other, b"\xff\xfe")
    other.import_rows(lines(bad("ada")), name="ada.ndjson")
    other.post(EXPORTS, {"user_id": ["ada"]})

    assert download(browser, "ada").status_code == 404
    client.track("ada", "opened")
    assert filled(downloaded(browser, "users", "ada")) == {"events"}


def test_what_may_mention_them_is_listed_without_what_it_says(
    browser: Browser, client: Client
) -> None:
    """A deletion removes it, as it cannot know; but it may be of others."""
    cut = refuse(client, b'{"user_id":"bob","x":"' + b"x" * 5000)
    binary = refuse(client, b"\xff\xfebob")
    theirs = refuse(client, b'{"user_id":"ada","x":"' + b"x" * 5000)
    assert download(browser, "nobody").status_code == 404  # alone it is of nobody
    client.track("ada", "opened")

    text = download(browser, "ada").text

    found = json.loads(text)
    assert [each["id"] for each in found["refused_requests_in_doubt"]] == [cut, binary]
    assert found["refused_requests_in_doubt"][0]["body_cut"] is True
    assert "bob" not in text
    (request,) = found["refused_requests"]
    assert (request["id"], request["body_cut"]) == (theirs, True)
    assert len(request["body"]) == 4096


@pytest.mark.slow
@pytest.mark.parametrize(
    ("id", "missing"),
    [("ada", set()), ('a"\\d:\u00e4', {"file_names"})],  # a form escapes the quote of a name
)
def test_nothing_is_left_to_download_after_a_deletion(
    browser: Browser, client: Client, id: str, missing: set[str]
) -> None:
    """The file and the deletion know the same places. 1.5 s: two files and a deletion."""
    client.identify(id, {"name": "Ada"}, {"id": "acme"})
    client.import_rows(lines(bad(id), bad("bob"), bad(id)), name=f"{id}.ndjson")
    refuse(client, json.dumps({"user_id": id}).encode())
    refuse(client, b"\xff\xfe")
    client.post(EXPORTS, {"user_id": [id]})
    before = downloaded(browser, "users", id)

    removed = client.delete("users", [id])["removed"]

    assert set(OF_USERS) - filled(before) == {"waiting_rows", "unreadable_records"} | missing
    for name in ("events", "failed_rows"):
        assert removed[name] == before[f"{name}_count"]
    requests = ("refused_requests", "refused_requests_in_doubt")
    assert removed["refused_requests"] == sum(before[f"{name}_count"] for name in requests)
    assert download(browser, id).status_code == 404
    assert downloaded(browser, "users", "bob")["failed_rows_count"] == 1
    assert downloaded(browser, "companies", "acme")["events_count"] == 1


def _units(text: str) -> list[int]:
    """Return the units of UTF-16, as JSON escapes them."""
    data = text.encode("utf-16-be")
    return [int.from_bytes(data[place : place + 2], "big") for place in range(0, len(data), 2)]
