"""Speaking with a server: its address, the key, and what refusals and broken connections say."""

import io
import json
import socket
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from click.testing import Result

from analytex.cli.client import IMPORTS, Client
from analytex.cli.connection import checked_url, default_url
from analytex.cli.tables import harmless, json_text
from analytex.cli.uploads import PIECE_BYTES, Upload, file_size
from analytex.errors import (
    AnalytexError,
    BadRequest,
    BodyTooLarge,
    JobRunning,
    NotFound,
    RateLimited,
    SettingsError,
    TooManyRows,
    Unauthorized,
    Unavailable,
)
from analytex.http.errors import STATUS, error_reply
from analytex.settings import Settings
from tests.unit.cli.fake_server import KEY, FakeServer

Run = Callable[..., Result]
Handler = Callable[[httpx.Request], httpx.Response]


def client(handler: Handler) -> Client:
    return Client("http://server", KEY, transport=httpx.MockTransport(handler))


def answering(status: int, body: object = None, **headers: str) -> Client:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return client(lambda _: httpx.Response(status, content=content, headers=headers))


# Where, and with which key


@pytest.mark.parametrize(
    ("settings", "url"),
    [
        ({}, "http://127.0.0.1:8080"),
        ({"port": 9000, "host": "10.0.0.7"}, "http://10.0.0.7:9000"),
        ({"host": "0.0.0.0"}, "http://127.0.0.1:8080"),
        ({"host": "::"}, "http://[::1]:8080"),
    ],
)
def test_the_address_is_that_of_the_settings(settings: dict[str, object], url: str) -> None:
    """On the server's machine nothing has to be said."""
    assert default_url(Settings(**settings)) == url  # type: ignore[arg-type]


def test_a_port_that_nobody_knows_must_be_said() -> None:
    """With port 0 the system chose one."""
    with pytest.raises(SettingsError, match="nobody knows"):
        default_url(Settings(port=0))


@pytest.mark.parametrize(
    "text", ["http://server:8080", "http://server:8080/", " http://server:8080/v1/ "]
)
def test_an_address_may_end_as_people_write_it(text: str) -> None:
    """`/v1` is in every example of the API."""
    assert checked_url(text) == "http://server:8080"


@pytest.mark.parametrize(
    "text",
    [
        "localhost:8080",
        "server",
        "ftp://server",
        "http://",
        "http://server?a=1",
        "http://a:b@server",
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    """Before anything is sent anywhere."""
    with pytest.raises(BadRequest, match="address"):
        checked_url(text)


def test_without_a_key_it_says_how_to_make_one(run: Run) -> None:
    """The commonest first try."""
    result = run("jobs", "list")

    assert (result.exit_code, result.stdout) == (1, "")
    assert "Error: An API key is needed" in result.stderr
    assert "export ANALYTEX_API_KEY=$(analytex keys create)" in result.stderr


@pytest.mark.parametrize("key", ["gehört-nicht", "two\nlines", "\x1b[31m"])
def test_a_key_that_cannot_be_sent_is_not_shown_either(run: Run, key: str) -> None:
    """It may be a real one that was copied badly."""
    result = run("jobs", "list", "--key", key)

    assert result.exit_code == 1
    assert "holds characters that no key has" in result.stderr
    assert key not in result.output


def test_the_key_is_sent_as_the_api_wants_it(run: Run, fake: FakeServer) -> None:
    """Line ends around it, as files have them, are no part of it."""
    assert run("jobs", "list", "--key", f"{KEY}\n").exit_code == 0
    assert fake.asked[0].headers["authorization"] == f"Token {KEY}"


def test_a_wrong_key_is_refused_and_not_shown(run: Run, fake: FakeServer) -> None:
    """The sentence is the server's, and says where the key came from."""
    result = run("jobs", "list", "--key", "another-key")

    assert result.exit_code == 1
    assert "Error: The API key is not valid." in result.stderr
    assert "`--key` or the variable ANALYTEX_API_KEY" in result.stderr
    assert "another-key" not in result.output


def test_where_no_server_answers_it_says_so(run: Run) -> None:
    """And that `analytex serve` starts one."""
    with socket.socket() as taken:  # bound, and nobody listens
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        result = run("jobs", "list", "--url", url, "--key", KEY)

    assert result.exit_code == 1
    assert f"Error: No server answers at {url}." in result.stderr
    assert "`analytex serve`" in result.stderr


# Refusals


@pytest.mark.parametrize("kind", STATUS, ids=lambda kind: kind.__name__)
def test_a_refusal_is_the_same_error_here(kind: type[AnalytexError]) -> None:
    """So that a command can act on it, and its sentence reaches the person."""
    status, body, headers = error_reply(kind("What it is.", details="Why."))

    with pytest.raises(kind) as caught:
        client(lambda _: httpx.Response(status, content=body, headers=headers)).jobs()

    assert caught.value.message == "What it is."
    assert caught.value.details.startswith("Why.")


@pytest.mark.parametrize(
    ("kind", "hint"),
    [
        (Unauthorized, "ANALYTEX_API_KEY"),
        (NotFound, "`analytex jobs list`"),
        (JobRunning, "`analytex jobs watch ID`"),
        (RateLimited, "Try again"),
        (Unavailable, "Try again"),
    ],
)
def test_a_refusal_says_what_to_do(kind: type[AnalytexError], hint: str) -> None:
    """Where the server cannot know how the command line is meant."""
    status, body, _ = error_reply(kind())

    with pytest.raises(kind) as caught:
        answering(status, json.loads(body)).job("x")

    assert hint in caught.value.details


def test_how_long_to_wait_is_the_servers_word() -> None:
    """Retry-After, in seconds."""
    status, body, headers = error_reply(RateLimited(retry_after_s=7))

    with pytest.raises(RateLimited) as caught:
        answering(status, json.loads(body), **headers).jobs()

    assert caught.value.retry_after_s == 7


def test_an_accident_of_the_server_names_the_request() -> None:
    """Its log tells more under that id."""
    status, body, _ = error_reply(AnalytexError())

    with pytest.raises(AnalytexError) as caught:
        answering(status, json.loads(body), **{"x-request-id": "abc"}).jobs()

    assert "(status 500, request abc)" in caught.value.details


@pytest.mark.parametrize(
    ("status", "kind", "words"),
    [
        (413, BodyTooLarge, "proxy"),
        (502, Unavailable, "behind it"),
        (429, RateLimited, "later"),
        (404, AnalytexError, "address of an analytex server"),
        (599, AnalytexError, "address of an analytex server"),
    ],
)
def test_what_another_program_answers_is_explained(
    status: int, kind: type[AnalytexError], words: str
) -> None:
    """A proxy, or whatever else listens on that port."""
    with pytest.raises(kind) as caught:
        answering(status, b"<html>").jobs()

    assert f"http://server answered {status}" in caught.value.message
    assert words in caught.value.details


def test_a_redirection_is_not_followed() -> None:
    """The key would go to an address that nobody chose."""
    with pytest.raises(AnalytexError) as caught:
        answering(301, b"", location="https://server/").jobs()

    assert "https://server/" in caught.value.details


@pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b"[1]", b"\xff"])
def test_an_answer_in_another_form_is_an_error(body: bytes) -> None:
    """No traceback for the wrong port."""
    with pytest.raises(AnalytexError, match="not what analytex answers"):
        answering(200, body).jobs()


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (httpx.ConnectTimeout("slow"), "No server answers"),
        (httpx.ReadTimeout("slow"), "did not answer in time"),
        (httpx.RemoteProtocolError("Server disconnected"), "Server disconnected"),
    ],
)
def test_a_connection_that_fails_is_explained(error: httpx.RequestError, words: str) -> None:
    """With what is known of the cause."""

    def fail(_: httpx.Request) -> httpx.Response:
        raise error

    with pytest.raises(Unavailable) as caught:
        client(fail).jobs()

    assert words in f"{caught.value.message} {caught.value.details}"


def test_a_refusals_words_do_no_harm_on_a_terminal() -> None:
    """They may quote what a sender chose."""
    status, body, _ = error_reply(TooManyRows("\x1b[31m", details="\u202e"))

    with pytest.raises(TooManyRows) as caught:
        answering(status, json.loads(body)).jobs()

    assert (caught.value.message + caught.value.details).isprintable()


# Uploads


def test_a_file_is_sent_piece_by_piece(run: Run, fake: FakeServer, tmp_path: Path) -> None:
    """Memory does not depend on its length."""

    class Counting(io.BytesIO):
        largest = 0

        def read(self, size: int | None = -1) -> bytes:
            assert size is not None
            self.largest = max(self.largest, size)
            return super().read(size)

    content = b"0123456789abcde\n" * 100_000
    file, seen = Counting(content), list[int]()
    server = Client(fake.url, KEY)

    job = server.upload(IMPORTS, Upload("a.ndjson", file, None, sent=seen.append))
    server.close()

    assert fake.uploads() == [("a.ndjson", content)]
    assert file.largest == PIECE_BYTES
    assert seen[-1] == len(content)
    assert job.total_rows == 100_000


def test_a_file_that_grows_meanwhile_is_sent_as_far_as_it_went(fake: FakeServer) -> None:
    """A log that is written to; the length was said before."""
    server = Client(fake.url, KEY)

    server.upload(IMPORTS, Upload("a", io.BytesIO(b"one\ntwo\n"), 4))
    server.close()

    assert fake.uploads() == [("a", b"one\n")]


def test_a_file_that_shrinks_meanwhile_is_not_sent(fake: FakeServer) -> None:
    """Half of it would look like all of it."""
    server = Client(fake.url, KEY)

    with pytest.raises(AnalytexError, match="became shorter"):
        server.upload(IMPORTS, Upload("a", io.BytesIO(b"one\n"), 8))
    server.close()


def test_a_name_cannot_break_the_form(fake: FakeServer) -> None:
    """Files may be called anything."""
    server = Client(fake.url, KEY)

    server.upload(IMPORTS, Upload('a"\r\nb', io.BytesIO(b"one\n"), 4))
    server.close()

    assert fake.uploads() == [("a%22%0D%0Ab", b"one\n")]


def test_only_a_files_length_is_known(tmp_path: Path) -> None:
    """A pipe says 0, which would be sent as the length."""
    (tmp_path / "a").write_bytes(b"12345")

    with (tmp_path / "a").open("rb") as file, Path("/dev/null").open("rb") as device:
        assert (file_size(file), file_size(device)) == (5, None)
    assert file_size(io.BytesIO(b"12345")) is None


# Words


def test_what_a_terminal_obeys_is_escaped() -> None:
    """Colours, titles, and letters that turn the line around."""
    assert harmless("plain \u00e9") == "plain \u00e9"
    assert harmless("\x1b[31m\u202e\x9b") == "\\x1b[31m\\u202e\\x9b"
    assert harmless("a" * 10, at_most=3) == "aaa..."


@pytest.mark.parametrize("text", ["\x7f\x9b", "\u202e", "\U000e0001", "plain"])
def test_json_is_harmless_and_still_says_the_same(text: str) -> None:
    """Scripts read it, and people look at it."""
    written = json_text({"a": text})

    assert written.isprintable()
    assert json.loads(written) == {"a": text}
