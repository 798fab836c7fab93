"""Forms, as clients send them and as nobody should."""

import logging
from collections.abc import Callable

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytex.errors import BadRequest
from analytex.http.multipart import (
    MAX_FIELD_BYTES,
    MAX_FIELDS,
    MAX_HEADER_BYTES,
    Form,
    display_name,
    is_multipart,
)
from tests.unit.http.requests import BOUNDARY, FORM, form, in_pieces, part, request_of

ROWS = b'{"user_id":"ada"}\n{"user_id":"bob"}\r\n--x7-bound\r\n'  # nearly a boundary at its end


def read(
    body: bytes, *, pieces: list[bytes] | None = None, content_type: str = FORM
) -> tuple[Form, bytes]:
    """Return the form that is in the body, and what is in its file."""
    found = Form(request_of([], content_type=content_type))
    content = b"".join(each for piece in pieces or [body] for each in found.feed(piece))
    found.finish()
    return found, content


@given(st.lists(st.integers(min_value=0)))
def test_however_a_form_is_cut_it_says_the_same(cuts: list[int]) -> None:
    """A network cuts anywhere, in boundaries and headers too."""
    body = form(
        part("dry_run", b"true"), part("file", ROWS, filename="rows.ndjson"), part("note", b"")
    )
    found, content = read(body, pieces=in_pieces(body, cuts))

    assert content == ROWS
    assert found.file_name == "rows.ndjson"
    assert found.fields == {"dry_run": "true", "note": ""}


def test_what_httpx_sends_is_understood() -> None:
    """Its boundary, its quoting, and its Content-Type in the part."""
    request = httpx.Request(
        "POST", "http://a/", files={"file": ("größe.csv", ROWS, "text/csv")}, data={"a": "ü"}
    )
    found, content = read(request.read(), content_type=request.headers["content-type"])

    assert content == ROWS
    assert found.file_name == "größe.csv"
    assert found.fields == {"a": "ü"}


@pytest.mark.parametrize(
    ("content_type", "expected"),
    [
        (FORM, True),
        ("Multipart/Form-Data; Boundary=x", True),
        ("multipart/form-data", True),
        ("multipart/mixed; boundary=x", False),
        ("application/json", False),
        ("", False),
        (None, False),
    ],
)
def test_a_form_is_known_by_its_content_type(content_type: str | None, expected: bool) -> None:
    """Without a boundary too: then the error says that it is missing."""
    assert is_multipart(request_of([], content_type=content_type)) is expected


@pytest.mark.parametrize(
    ("content_type", "message"),
    [
        ("application/json", "not multipart/form-data"),
        ("multipart/form-data", "no boundary"),
        ("multipart/form-data; boundary=", "no boundary"),
        ('multipart/form-data; boundary=""', "no boundary"),
        ("multipart/form-data; boundary=" + "x" * 300, "not valid multipart"),
    ],
)
def test_a_form_needs_its_boundary(content_type: str, message: str) -> None:
    """It is in the header, so nothing of the body is read."""
    with pytest.raises(BadRequest, match=message):
        Form(request_of([], content_type=content_type))


FILE = part("file", ROWS)
OPEN = f"--{BOUNDARY}\r\n".encode()
WRONG = {
    "no part": (form(), "no part named `file`"),
    "named otherwise": (form(part("data", b"x"), part("a\nb", b"")), "no part named `file`"),
    "named otherwise and long": (form(part("upload", b"x" * 2000)), "`upload` is longer"),
    "two files": (form(FILE, FILE), "several parts named `file`"),
    "without a name": (form(OPEN + b"A: b\r\n\r\nx\r\n"), "has no name"),
    "without headers": (form(OPEN + b"\r\nx\r\n"), "has no name"),
    "an attachment": (
        form(OPEN + b'Content-Disposition: attachment; name="file"\r\n\r\nx\r\n'),
        "has no name",
    ),
    "cut in its content": (FILE[:-5], "not valid multipart"),
    "without its last boundary": (FILE, "not valid multipart"),
    "cut in its last boundary": (form(FILE)[:-4], "not valid multipart"),
    "empty": (b"", "not valid multipart"),
    "another boundary": (form(FILE).replace(b"x7", b"x8"), "not valid multipart"),
    "rows alone": (ROWS, "not valid multipart"),
    "a huge header": (
        form(OPEN + b"A: " + b"x" * MAX_HEADER_BYTES + b"\r\n\r\nx\r\n"),
        "not valid multipart",
    ),
    "a huge header name": (form(OPEN + b"x" * 1_000_000), "not valid multipart"),
    "headers that are huge together": (
        form(OPEN + (b"A: " + b"x" * 2000 + b"\r\n") * 5 + b"\r\nx\r\n"),
        "not valid multipart",
    ),
    "headers without end": (form(OPEN + b"A: b\r\n" * 1000), "not valid multipart"),
    "a header without a name": (form(OPEN + b": b\r\n\r\n"), "not valid multipart"),
    "a long field": (form(FILE, part("a", b"x" * (MAX_FIELD_BYTES + 1))), "`a` is longer"),
    "many fields": (form(FILE, *[part("a", b"")] * (MAX_FIELDS + 1)), "more than 20 fields"),
    "a field that is not UTF-8": (form(part("a", b"\xff"), FILE), "`a` is not valid UTF-8"),
    "zeros": (bytes(1000), "not valid multipart"),
}


@pytest.mark.parametrize(("body", "message"), WRONG.values(), ids=WRONG)
@pytest.mark.parametrize("cut", [lambda body: [body], lambda body: in_pieces(body, range(5000))])
def test_what_is_wrong_with_a_form_is_said(
    body: bytes,
    message: str,
    cut: Callable[[bytes], list[bytes]],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """To its sender, and not to our log, which a stranger could fill."""
    with caplog.at_level(logging.DEBUG), pytest.raises(BadRequest, match=message):
        read(body, pieces=cut(body))
    assert not caplog.records


def test_the_parts_that_there_were_are_named() -> None:
    """So that a misspelt name is seen at once."""
    with pytest.raises(BadRequest) as caught:
        read(form(part("data", b"x"), part("File", b"y")))
    assert caught.value.details == "It has: `data`, `File`."


def test_as_many_and_as_long_fields_as_allowed_are_taken() -> None:
    """To the last byte, and the file does not count."""
    fields = [part(f"f{n}", b"x" * MAX_FIELD_BYTES) for n in range(MAX_FIELDS)]
    found, _ = read(form(FILE, *fields))
    assert found.fields == {f"f{n}": "x" * MAX_FIELD_BYTES for n in range(MAX_FIELDS)}


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        (b"rows.csv", "rows.csv"),
        (b"../../x", "x"),
        (b"/etc/passwd", "passwd"),
        (b"C:\\files\\rows.csv", "rows.csv"),
        (b"..\\..\\x", "x"),
        (b"..", "upload"),
        (b".", "upload"),
        (b"a/", "upload"),
        (b"", "upload"),
        (b" ", "upload"),
        (b"a\0b\nc\x1b[31m\x7f", "abc[31m"),
        ("\u202egpj.exe".encode(), "gpj.exe"),
        ("größe 1.csv".encode(), "größe 1.csv"),
        (b"\xff.csv", "\ufffd.csv"),
        (b"x" * 300, "x" * 255),
    ],
)
def test_a_file_name_is_for_people_only(raw: bytes, name: str) -> None:
    """No path, nothing that a terminal obeys, and not long."""
    assert display_name(raw) == name
