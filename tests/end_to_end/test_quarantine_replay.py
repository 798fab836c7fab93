"""What was refused can be mended, and sent again."""

from pathlib import Path

import pytest

from tests.end_to_end.quarantined import FORM, listed, refused
from tests.server import Client, Server


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
