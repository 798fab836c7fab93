"""`analytex tail`, against a stand-in for a server."""

import json
import time
from collections.abc import Callable

import pytest
from click.testing import Result

from analytex.cli.main import INTERRUPTED
from analytex.cli.sse import Message, messages
from analytex.errors import Unauthorized, Unavailable
from tests.unit.cli.fake_server import Answer, Asked, FakeServer

Run = Callable[..., Result]

STREAM = "/v1/events/stream"
EVENT = {
    "id": "6611683bbcaed500352c",
    "app_token": "NX-tests",
    "event_type": "track",
    "event_name": "Plan \x1b[31mUpgraded",
    "user_id": "ada",
    "company_id": "acme",
    "source": "backend-http",
    "inserted_at": "2026-02-16T12:00:00.123456Z",
    "internal_event_id": "6611683bbcaed500352c",
    "metadata": {"plan": "pro"},
    "company": None,
}
REFUSED = {
    "id": "6611683bc5464500352c",
    "refused_at": "2026-02-16T12:00:01.000000Z",
    "method": "POST",
    "path": "/v1/track",
    "query": "",
    "status": 400,
    "error": "bad_request",
    "message": "`event_name` is missing.",
    "details": "Expected \x9b a string.",
    "key_id": "4cc05c52",
    "content_type": "application/json",
    "body": "{}",
    "body_base64": None,
    "body_size": 2,
    "body_cut": False,
    "replayed_at": None,
    "replayed_as": None,
}


def told(id: str, data: object, kind: str = "") -> str:
    """Return a piece of a stream."""
    event = f"event: {kind}\n" if kind else ""
    return f"id: {id}\n{event}data: {json.dumps(data)}\n\n"


@pytest.fixture
def streams(fake: FakeServer, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the server streams, one connection after the other; behind the last is a Ctrl-C."""
    left: list[str] = []
    real_sleep = time.sleep

    def answer(asked: Asked) -> Answer | None:
        if asked.path != STREAM:
            return None
        return Answer(200, left.pop(0).encode(), {"content-type": "text/event-stream"})

    def sleep(seconds: float) -> None:
        if not left:
            raise KeyboardInterrupt
        real_sleep(0)

    fake.instead.append(answer)
    monkeypatch.setattr("analytex.cli.tail.time.sleep", sleep)
    return left


def test_events_are_lines(run: Run, streams: list[str]) -> None:
    """What senders chose does no harm."""
    streams.append(
        "id: 1.1\nretry: 1000\n\n"
        + told("2.1", EVENT)
        + told("2.2", REFUSED, "refused")
        + ":\nid: 3.2\n\n"
        + told("3.2", {"what": "is new"}, "something")
    )

    result = run("tail")

    assert result.exit_code == INTERRUPTED
    assert result.stdout.splitlines() == [
        "2026-02-16 12:00:00.123  track             ada @acme  Plan \\x1b[31mUpgraded  "
        '{"plan": "pro"}',
        "2026-02-16 12:00:01.000  refused           400 POST /v1/track  `event_name` is missing. "
        "Expected \\x9b a string.  6611683bc5464500352c",
    ]


def test_scripts_get_objects(run: Run, streams: list[str]) -> None:
    """Each on a line, as the API shows it, and refused ones apart."""
    pretty = "\n".join(f"data: {line}" for line in json.dumps(EVENT, indent=1).splitlines())
    gap = {"after": "1", "resumed_at": "2", "message": "Some are missing."}
    streams.append(f"id: 2\n{pretty}\n\n" + told("3", REFUSED, "refused") + told("3", gap, "gap"))

    result = run("tail", "--json")

    assert [json.loads(line) for line in result.stdout.splitlines()] == [
        EVENT,
        {"refused": REFUSED},
        {"gap": gap},
    ]
    assert result.stdout.replace("\n", "").isprintable()


def test_the_server_does_the_filtering(run: Run, fake: FakeServer, streams: list[str]) -> None:
    """With the parameters of the API."""
    streams.append("id: 1\n\n")

    words = ("--user", "ada", "--company", "acme", "--type", "track", "--name", "signed up")
    run("tail", *words, "--refused", "--files")

    assert fake.asked[0].query == {
        "user_id": "ada",
        "company_id": "acme",
        "event_type": "track",
        "event_name": "signed up",
        "refused": "true",
        "files": "true",
    }


def test_it_comes_back_to_where_it_was(run: Run, fake: FakeServer, streams: list[str]) -> None:
    """A server that is started again costs no event; half a message counts for nothing."""
    streams += [
        told("2.1", EVENT) + "id: 9.9\ndata: {",
        ":\nid: 3.1\n\n",
        told("4.1", EVENT),
    ]

    result = run("tail")

    assert [each.headers.get("last-event-id") for each in fake.asked] == [None, "2.1", "3.1"]
    assert len(result.stdout.splitlines()) == 2
    assert result.exit_code == INTERRUPTED


def test_a_lost_connection_is_told_once(run: Run, fake: FakeServer, streams: list[str]) -> None:
    """And that it is there again; both on standard error."""
    streams += [told("2", EVENT), told("3", EVENT)]
    answered = []

    def fail(asked: Asked) -> Answer | None:
        answered.append(asked)
        return Answer(503, b"", {}) if len(answered) in (2, 3) else None

    fake.instead.insert(0, fail)

    result = run("tail")

    assert result.stderr.count("Trying again.") == 1
    assert result.stderr.count("Connected again.") == 1
    assert len(result.stdout.splitlines()) == 2


@pytest.mark.parametrize("error", [Unavailable("Too many streams are open."), Unauthorized()])
def test_what_is_refused_at_first_is_a_failure(
    run: Run, fake: FakeServer, error: Unavailable | Unauthorized
) -> None:
    """Nobody waits for a server whose address is wrong."""
    fake.refuse("GET", STREAM, error)

    result = run("tail")

    assert (result.exit_code, result.stdout) == (1, "")
    assert error.message in result.stderr


def test_a_key_that_is_revoked_ends_it(run: Run, fake: FakeServer, streams: list[str]) -> None:
    """Trying again would not help."""
    streams += [told("2", EVENT), ""]
    answered = []

    def refuse(asked: Asked) -> Answer | None:
        answered.append(asked)
        return Answer(401, b"", {}) if len(answered) == 2 else None

    fake.instead.insert(0, refuse)

    assert run("tail").exit_code == 1


@pytest.mark.parametrize("data", ["<html>", '{"id": 5}'])
def test_something_that_is_no_event_is_a_sentence(run: Run, streams: list[str], data: str) -> None:
    """A proxy, or a server of another version."""
    streams.append(f"id: 1\ndata: {data}\n\n")

    result = run("tail")

    assert result.exit_code == 1
    assert "not what analytex tells" in result.stderr


def test_something_that_is_no_stream_is_a_sentence(run: Run, fake: FakeServer) -> None:
    """The same."""
    fake.instead.append(lambda _: Answer(200, b"<html>", {"content-type": "text/html"}))

    result = run("tail")

    assert result.exit_code == 1
    assert "not what analytex answers" in result.stderr


def test_a_stream_is_read_by_the_rules() -> None:
    """Of the standard: fields without a space, comments, fields that nobody knows."""
    lines = ["data:a", "data: b", "data", "id:1", "event:x", "new: y", ": c", "", "id: a\0b", ""]

    assert list(messages(lines)) == [Message("x", "a\nb\n", "1"), Message("message", "", "1")]
