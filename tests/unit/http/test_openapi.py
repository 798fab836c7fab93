"""`/openapi.json` says what the server does: every route, every status, every field."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, cast

import msgspec
import pytest

from analytex.domain.calls import Call
from analytex.errors import BadRequest
from analytex.http import openapi
from analytex.http.asgi import path_template, routes
from analytex.http.deps import Deps
from analytex.http.described import SECTIONS, calls, files
from analytex.http.described.operation import Content, Operation
from analytex.http.errors import INTERNAL, STATUS
from analytex.wire import bodies, bulk_rows
from analytex.wire.replies import UserReply

PAGE: Final = (Path(__file__).parents[3] / "docs" / "http-api.md").read_text("utf-8")
DOCUMENT: Final = openapi.document(SECTIONS)
OPERATIONS: Final = {each.call: each for section in SECTIONS for each in section.operations}


def test_every_route_is_described_and_nothing_else() -> None:
    """If this fails for a new route: give it an `Operation` in `http/described/`."""
    offered = set()
    for route in routes(cast(Deps, None)):  # a route needs them only when it is asked
        methods = (route.methods or set()) - {"HEAD"}
        offered |= {f"{method} {path_template(route)}" for method in methods}

    assert set(OPERATIONS) == offered


def sections_of_the_page() -> Iterator[tuple[str, str]]:
    """Yield each call that has a heading, and what stands below it."""
    for part in re.split(r"^(?=#{2,3} )", PAGE, flags=re.MULTILINE):
        head, _, text = part.partition("\n")
        if found := re.fullmatch(r"### `([A-Z]+ /\S*)`", head):
            yield found[1], re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize(("call", "text"), list(sections_of_the_page()))
def test_the_page_and_the_document_name_the_same_statuses(call: str, text: str) -> None:
    """A program is written against one of them, and must find the other true."""
    operation = OPERATIONS[call]  # another test tells of one that is missing
    successes = {int(status) for status in re.findall(r"`(2\d\d)`", text)}
    refusals = {int(status) for status in re.findall(r"\b([45]\d\d)\b", text)}
    refusals &= {*STATUS.values(), INTERNAL}  # 512 is a number of characters

    assert successes <= set(operation.gives)
    assert refusals <= {*operation.gives, *openapi.refusals(operation)}


def test_names_are_unique() -> None:
    """Generators of clients make a function of each."""
    names = [each.id for each in OPERATIONS.values()]

    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"\w+", name) for name in names)


def test_every_reference_leads_somewhere() -> None:
    """A reader of the document follows them blindly."""
    for target in set(re.findall(r'"\$ref": "#/([^"]+)"', json.dumps(DOCUMENT))):
        found: Any = DOCUMENT
        for word in target.split("/"):
            found = found[word]


def contents() -> Iterator[tuple[str, Content]]:
    for call, operation in OPERATIONS.items():
        for content in (*operation.takes, *(c for all in operation.gives.values() for c in all)):
            if content.shape is not None:
                yield call, content


@pytest.mark.parametrize(("call", "content"), list(contents()))
def test_every_example_has_the_type_that_it_shows(call: str, content: Content) -> None:
    """An example is what people copy."""
    assert content.example is not None
    decoded = msgspec.json.decode(json.dumps(content.example), type=content.shape)

    if call.startswith("GET"):  # a reply has every field
        assert json.loads(msgspec.json.encode(decoded)) == content.example


@pytest.mark.parametrize(
    ("call", "body"),
    [
        (Call.IDENTIFY, calls.IDENTIFY),
        (Call.IDENTIFY_COMPANY, calls.IDENTIFY_COMPANY),
        (Call.TRACK, calls.TRACK),
    ],
)
def test_exactly_the_fields_that_are_required_are_said_to_be(call: Call, body: Content) -> None:
    """The type alone does not say so: the decoder checks it, to name the field."""
    bodies.check(call, json.dumps(body.example).encode())
    for field in body.shape.__struct_fields__:
        without = json.dumps({**body.example, field: None}).encode()
        if field in body.sharper.required:
            with pytest.raises(BadRequest, match=field):
                bodies.check(call, without)
        else:
            bodies.check(call, without)


def test_the_rows_of_a_list_have_the_fields_that_are_read() -> None:
    """They are described by hand: their types are taken apart row by row."""
    assert set(files.USER_ROW["properties"]) == set(bulk_rows.Row.__struct_fields__)
    assert set(files.COMPANY_ROW["properties"]) == {"company_id", "metadata"}


def test_a_field_of_a_reply_is_never_left_out() -> None:
    """Whoever generates a client need not ask whether it is there."""
    event = DOCUMENT["components"]["schemas"]["EventReply"]

    assert set(event["required"]) == set(event["properties"])
    assert "default" not in json.dumps(event)


def test_fields_are_explained_by_the_comments_beside_them() -> None:
    """So there is one text, and it stands where the field is changed."""
    fields = DOCUMENT["components"]["schemas"]["ErrorItem"]["properties"]

    assert fields["error"]["description"] == "short code, stable"
    assert openapi.comments(UserReply) == {}


def test_every_error_is_described_under_its_status() -> None:
    """The codes are what a program decides by."""
    described = DOCUMENT["components"]["responses"]
    for kind, status in STATUS.items():
        if status != 405:
            assert f"`{kind.code}`: " in described[str(status)]["description"]


@pytest.mark.parametrize(
    ("key", "security"),
    [
        ("none", []),
        ("any", [{"token": []}, {"bearer": []}]),
        ("ingest", [{"token": ["ingest"]}, {"bearer": ["ingest"]}]),
        ("local admin", [{"token": ["admin"]}, {"bearer": ["admin"]}, {}]),
    ],
)
def test_the_key_that_is_needed_is_said(key: Any, security: list[object]) -> None:
    """OpenAPI 3.1 lets a key have roles; ours are the permissions."""
    assert openapi._security(Operation("GET /", "", {}, key)) == security
