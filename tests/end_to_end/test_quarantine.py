"""The quarantine: what was refused can be looked at, found again, and removed."""

import gzip
import json

import pytest

from analytex.domain.environments import Permission
from tests.end_to_end.quarantined import listed, refused
from tests.server import Client, Server

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
