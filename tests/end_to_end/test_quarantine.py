"""The quarantine: what was refused can be looked at, mended and sent again, in little room."""

import gzip
import json
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import pytest

from analytex.domain.environments import Permission
from tests.server import KEY, Client, Server

FORM: Final = (
    b'--b\r\nContent-Disposition: form-data; name="file"; filename="rows.ndjson"\r\n\r\n%b\r\n'
    b"--b--\r\n"
)


def listed(client: Client, query: str = "") -> list[dict[str, Any]]:
    """Return the refused requests, newest first."""
    reply = client.get(f"/v1/quarantine{query}")
    assert reply.status_code == 200, reply.text
    return list(reply.json()["data"])


def refused(client: Client, body: object, path: str = "/v1/track") -> str:
    """Send what is refused, and return the id of the refusal."""
    reply = client.post(path, body)
    assert 400 <= reply.status_code < 500, reply.text
    return reply.headers["x-request-id"]


# What is kept


def test_a_refused_call_can_be_looked_at(client: Client) -> None:
    """The developer sees what the sender sent, and what was wrong with it."""
    id = refused(client, {"user_id": "ada", "plan": "team"})

    (found,) = listed(client)

    assert client.get(f"/v1/quarantine/{id}").json() == found
    assert found == {
        "id": id,
        "refused_at": found["refused_at"],
        "method": "POST",
        "path": "/v1/track",
        "query": "",
        "status": 400,
        "error": "bad_request",
        "message": "`event_name` is missing.",
        "details": "Expected a string that is not empty.",
        "key_id": found["key_id"],
        "content_type": "",
        "body": '{"user_id": "ada", "plan": "team"}',
        "body_base64": None,
        "body_size": 34,
        "body_cut": False,
        "replayed_at": None,
        "replayed_as": None,
    }


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/v1/identify", b"{}", 400),
        ("POST", "/v1/companies/identify?x=1", b"[]", 400),
        ("POST", "/v1/track", b"x" * 1_048_577, 413),
        ("POST", "/v1/users/bulk_identify", b'{"companies":[]}', 400),
        ("POST", "/v1/companies/bulk_identify", b"", 400),
        ("POST", "/v1/imports", b"event_type\n", 400),
        ("DELETE", "/v1/users", b'{"user":"ada"}', 400),
        ("DELETE", "/v1/companies/", b'{"companies":1}', 400),
    ],
)
def test_every_call_that_takes_something_in_is_watched(
    client: Client, method: str, path: str, body: bytes, status: int
) -> None:
    """Nothing is dropped silently."""
    reply = client.request(method, path, content=body)
    assert reply.status_code == status, reply.text

    (found,) = listed(client)
    address, _, query = path.partition("?")
    assert (found["method"], found["path"]) == (method, address.rstrip("/"))
    assert (found["query"], found["status"]) == (query, status)
    assert found["body_size"] == len(body)


def test_what_is_not_a_mistake_of_a_sender_is_not_kept(client: Client) -> None:
    """Neither reads, nor addresses that do not exist, nor what strangers send."""
    client.get("/v1/events", limit=0)
    client.get("/v1/nothing")
    client.request("PUT", "/v1/track", content=b"{}")
    client._replace(key="unknown").post("/v1/track", {})
    client.track("ada", "fine")
    reader = client.server.new_environment(Permission.READ)
    reader.post("/v1/track", {})

    assert listed(client) == listed(reader) == []


def test_a_long_body_is_cut(client: Client) -> None:
    """It is kept to see what is wrong, not to store what was refused; its length is told."""
    body = '{"user_id": "ada", "text": "%s"}' % ("é" * 10_000)
    reply = client.request("POST", "/v1/track", content=body.encode())
    id = reply.headers["x-request-id"]

    found = client.get(f"/v1/quarantine/{id}").json()

    assert found["body"].startswith('{"user_id": "ada"')
    assert len(found["body"].encode()) <= 4096
    assert (found["body_size"], found["body_cut"]) == (20_030, True)


def test_a_body_that_is_no_text_comes_as_base64(client: Client) -> None:
    """Byte for byte, for those who look for the reason there."""
    client.request("POST", "/v1/track", content=b"\xff\xfe{\x00")

    (found,) = listed(client)
    assert (found["body"], found["body_base64"]) == (None, "//57AA==")


def test_a_packed_body_is_kept_unpacked(client: Client) -> None:
    """People read it, and deletions search it."""
    packed = gzip.compress(b'{"user_id":"ada"}')
    reply = client.request(
        "POST", "/v1/track", content=packed, headers={"content-encoding": "gzip"}
    )
    assert reply.status_code == 400

    (found,) = listed(client)
    assert found["body"] == '{"user_id":"ada"}'
    assert (found["body_size"], found["body_cut"]) == (len(packed), False)


def test_an_unknown_encoding_is_kept_without_a_body(client: Client) -> None:
    """It is refused before the body is read."""
    client.request("POST", "/v1/track", content=b"abc", headers={"content-encoding": "br"})

    (found,) = listed(client)
    assert (found["status"], found["body"], found["body_cut"]) == (415, "", True)


# Finding them


def test_they_are_listed_newest_first_in_pages(client: Client) -> None:
    """As events are."""
    ids = [refused(client, {"n": n}) for n in range(5)]
    found = []
    query: dict[str, object] = {"limit": 2}
    while True:
        page = client.get("/v1/quarantine", **query).json()
        found += [each["id"] for each in page["data"]]
        assert page["metadata"]["total_count"] == 5
        assert page["metadata"]["dropped_count"] == 0
        query["after_cursor"] = page["metadata"]["cursor"]["after"]
        if query["after_cursor"] is None:
            break

    assert found == ids[::-1]


def test_they_are_found_by_what_is_known_of_them(client: Client) -> None:
    """Filters may be combined."""
    first = refused(client, {})
    second = refused(client, {}, "/v1/identify")
    client.request("POST", "/v1/track", content=b"", headers={"content-encoding": "br"})
    at = listed(client)[1]["refused_at"]

    def ids(query: str) -> list[str]:
        return [each["id"] for each in listed(client, query)]

    assert ids("?status=400") == ids("?code=bad_request") == [second, first]
    assert ids("?path=/v1/identify") == ids("?status=400&path=/v1/identify") == [second]
    assert ids(f"?to={at}") == [first]
    assert len(ids(f"?from={at}")) == 2
    assert ids("?status=413") == []
    for wrong in ("status=4x", "from=then", "limit=0", "format=xml", "after_cursor=x"):
        assert client.get(f"/v1/quarantine?{wrong}").status_code == 400, wrong


def test_all_of_them_can_be_exported(client: Client) -> None:
    """For those who look at thousands with tools of their own."""
    ids = [refused(client, {"n": n}) for n in range(205)]
    reply = client.get("/v1/quarantine", format="ndjson")

    assert reply.headers["content-type"].startswith("application/x-ndjson")
    assert [json.loads(line)["id"] for line in reply.text.splitlines()] == ids[::-1]
    assert client.get("/v1/quarantine", format="ndjson", status=413).content == b""


def test_environments_do_not_see_each_other(client: Client) -> None:
    """A body is as private as an event."""
    other = client.server.new_environment()
    id = refused(client, {})

    assert listed(other) == []
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/replay")):
        assert other.request(method, f"/v1/quarantine/{id}{path}").status_code == 404


def test_keys_may_do_what_they_may_elsewhere(server: Server) -> None:
    """To look is to read, and to send again is to send."""
    sender = server.new_environment(Permission.INGEST)
    reader = server.new_environment(Permission.READ)

    assert sender.get("/v1/quarantine").status_code == 401
    assert sender.get("/v1/quarantine/x").status_code == 401
    assert reader.request("DELETE", "/v1/quarantine/x").status_code == 401
    assert reader.request("POST", "/v1/quarantine/x/replay").status_code == 401
    assert sender.request("DELETE", "/v1/quarantine/x").status_code == 404


def test_one_can_be_removed(client: Client) -> None:
    """Seen, and done with."""
    kept, gone = refused(client, {}), refused(client, {})

    assert client.request("DELETE", f"/v1/quarantine/{gone}").json() == {}
    assert [each["id"] for each in listed(client)] == [kept]
    assert client.request("DELETE", f"/v1/quarantine/{gone}").status_code == 404


# Sending again


def test_a_mended_call_is_accepted_like_any_other(client: Client) -> None:
    """The answer is the call's own, and the entry says what became of it."""
    id = refused(client, {"user_id": "ada"})
    mended = {"user_id": "ada", "event_name": "opened"}

    reply = client.post(f"/v1/quarantine/{id}/replay", mended)

    assert (reply.status_code, reply.content) == (202, b"{}")
    (event,) = client.events(id=reply.headers["x-request-id"])
    assert event["event_name"] == "opened"
    found = client.get(f"/v1/quarantine/{id}").json()
    assert found["replayed_as"] == event["id"]
    assert found["replayed_at"] > found["refused_at"]


def test_what_was_accepted_is_not_accepted_twice(client: Client) -> None:
    """Two people may look at the same list."""
    id = refused(client, {"user_id": "ada"})
    mended = {"user_id": "ada", "event_name": "opened"}
    client.post(f"/v1/quarantine/{id}/replay", mended)

    again = client.post(f"/v1/quarantine/{id}/replay", mended)

    assert again.status_code == 409
    assert again.json()["errors"][0]["error"] == "already_replayed"
    assert len(client.events()) == 1


def test_a_replay_that_is_still_wrong_is_refused_and_not_kept_again(client: Client) -> None:
    """It stays one mistake, and can be mended better."""
    id = refused(client, {"user_id": "ada"})

    for body in (None, b'{"user_id":"ada","event_name":7}', b"{"):
        reply = client.request("POST", f"/v1/quarantine/{id}/replay", content=body)
        assert reply.status_code == 400, reply.text

    (found,) = listed(client)
    assert (found["id"], found["replayed_at"]) == (id, None)


def test_what_was_not_kept_whole_needs_a_body(client: Client) -> None:
    """Half a call is not what the sender meant."""
    id = refused(client, {"user_id": "ada", "x": "y" * 5000})

    reply = client.request("POST", f"/v1/quarantine/{id}/replay")

    assert reply.status_code == 400
    assert "whole" in reply.json()["errors"][0]["message"]
    mended = {"user_id": "ada", "event_name": "opened"}
    assert client.post(f"/v1/quarantine/{id}/replay", mended).status_code == 202


@pytest.mark.slow  # 4 s, for servers of its own
def test_a_refused_request_can_be_sent_again_as_it_was(tmp_path: Path) -> None:
    """Where the reason lay in a setting, nothing in it has to be mended."""
    with Server(tmp_path, settings={"bulk_rows_limit": 1}) as server:
        client = server.client()
        rows = {"users": [{"user_id": "ada"}, {"user_id": "bob"}]}
        id = refused(client, rows, "/v1/users/bulk_identify?dry_run=true")
        server.stop()
        server.settings["bulk_rows_limit"] = 2
        server.restart()
        client = server.client()

        reply = client.request("POST", f"/v1/quarantine/{id}/replay")

        assert reply.status_code == 202, reply.text
        job = client.ended(reply.json())
        assert (job["status"], job["completed_rows"], job["dry_run"]) == ("completed", 2, True)


@pytest.mark.slow  # 2 s: a deletion waits for a second
def test_a_file_and_a_deletion_can_be_mended_too(client: Client) -> None:
    """Their jobs begin as if they had come right."""
    headers = {"content-type": "multipart/form-data; boundary=b"}
    client.request("POST", "/v1/imports", content=FORM % b"", headers=headers)
    refused(client, {"users": "ada"}, "/v1/imports")
    deletion = client.request("DELETE", "/v1/users", content=b'{"users":"ada"}')
    row = b'{"event_type":"track","user_id":"ada","event_name":"e","source":"backend-http",'
    form = FORM % (row + b'"inserted_at":1}')
    found = listed(client)

    for each, body, sent in (
        (found[1], form, headers),
        (found[0], b'{"users":["ada"]}', {}),
    ):
        path = f"/v1/quarantine/{each['id']}/replay"
        reply = client.request("POST", path, content=body, headers=sent)
        assert reply.status_code in (200, 202), reply.text
        assert client.ended(client.job(reply.json()))["status"] == "completed"
    assert found[0]["id"] == deletion.headers["x-request-id"]
    assert client.events() == []


# How much is kept


@pytest.mark.slow  # 4 s, for servers of its own
def test_they_survive_a_restart(tmp_path: Path) -> None:
    """A crash is just when one wants to know."""
    with Server(tmp_path) as server:
        first = refused(server.client(), {})
        assert listed(server.client())
        server.kill()
        server.restart()
        second = refused(server.client(), {})
        server.stop()
        server.restart()

        assert [each["id"] for each in listed(server.client())] == [second, first]


@pytest.mark.slow  # 6 s
def test_a_flood_stays_within_bounds_and_is_counted(tmp_path: Path) -> None:
    """A sender gone wild neither fills the disk nor goes unnoticed."""
    limit = 200_000
    with Server(tmp_path, settings={"quarantine_limit": limit}) as server:
        client = server.client()
        sent = _flood(server, for_s=4.0)
        client.track("ada", "fine")
        page = client.get("/v1/quarantine").json()["metadata"]

        assert page["total_count"] + page["dropped_count"] == sent
        assert page["dropped_count"] > 0
        sizes = {path.name: path.stat().st_size for path in server.data.glob("refused.db*")}
        assert sizes["refused.db"] < limit + 500_000, sizes  # and what is written at once
        assert sizes["refused.db-wal"] < 8_000_000, sizes
        assert "Traceback" not in server.errors()


@pytest.mark.slow  # 1 s, for a server of its own
def test_nothing_is_kept_if_that_is_set(tmp_path: Path) -> None:
    """Some may not keep such bodies at all."""
    with Server(tmp_path, settings={"quarantine_keep": 0}) as server:
        refused(server.client(), {"user_id": "ada-lovelace"})

        assert listed(server.client()) == []
        assert not _holds(server, b"ada-lovelace")


# Deletions


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose data directory only these tests fill."""
    with Server(tmp_path_factory.mktemp("target")) as server:
        yield server


@pytest.mark.slow  # 2 s: a deletion waits for a second
@pytest.mark.parametrize(
    "body",
    [
        b'{"user_id":"ada-lovelace","secret":"SECRET"}',
        b'{"user_id":"ada\\u002dlovelace","secret":"SECRET"',
        b"user_id=ada%2Dlovelace&secret=SECRET",
        b'{"secret":"SECRET","text":"' + b"x" * 5000 + b'","user_id":"ada-lovelace"}',
        b'\xff{"user_id":"ada-lovelace","secret":"SECRET"}',
        '{"user_id":"ada-lovelace","secret":"SECRET"}'.encode("utf-16-le"),
    ],
    ids=["plain", "escaped", "form", "cut", "not UTF-8", "UTF-16"],
)
def test_a_deletion_reaches_what_was_refused(target: Server, body: bytes) -> None:
    """No byte of the data directory holds the person's id or values, refused or not."""
    client = target.new_environment()
    secret = f"secret-{time.time_ns()}".encode()
    utf_16 = b"\0" in body
    secret = secret.decode().encode("utf-16-le") if utf_16 else secret
    body = body.replace("SECRET".encode("utf-16-le") if utf_16 else b"SECRET", secret)
    assert client.request("POST", "/v1/identify", content=body).status_code in (202, 400)
    kept = refused(client, {"user_id": "ada-lovelaces"})
    client.request("POST", "/v1/track", content=body)
    assert listed(client)  # all are written
    assert _holds(target, secret)

    job = client.delete("users", ["ada-lovelace"])

    assert job["status"] == "completed"
    assert job["removed"]["refused_requests"] >= 1
    assert not _holds(target, secret)
    assert [each["id"] for each in listed(client)] == [kept]


@pytest.mark.slow  # 4 s
def test_a_deletion_reaches_what_is_refused_at_that_moment(target: Server) -> None:
    """What waits to be written is written before it looks, or never."""
    client = target.new_environment()
    stop = threading.Event()
    body = json.dumps({"user_id": "grace-hopper", "x": "grace-secret"})

    def send() -> None:
        while not stop.is_set():
            client.request("POST", "/v1/track", content=body.encode())

    sender = threading.Thread(target=send)
    sender.start()
    time.sleep(0.5)
    job = client.request("DELETE", "/v1/users", content=b'{"users":["grace-hopper"]}').json()
    stop.set()
    sender.join()
    due = client.ended(job)["due_at"]

    assert [each for each in listed(client) if each["refused_at"] <= due] == []


# Helpers


def _flood(server: Server, *, for_s: float) -> int:
    """Send what is refused as fast as one connection can; return how often."""
    body = json.dumps({"user_id": "ada", "x": "y" * 2000}).encode()
    head = f"POST /v1/track HTTP/1.1\r\nhost: x\r\nauthorization: Token {KEY}\r\n"
    request = f"{head}content-length: {len(body)}\r\n\r\n".encode() + body
    sent = 0
    with server.connect() as connection:
        end = time.monotonic() + for_s
        while time.monotonic() < end:
            connection.send(request * 20)
            for _ in range(20):
                assert connection.reply().status == 400
            sent += 20
    return sent


def _holds(server: Server, text: bytes) -> bool:
    for path in server.data.rglob("*"):
        with suppress(FileNotFoundError, IsADirectoryError):
            if text in path.read_bytes():
                return True
    return False
