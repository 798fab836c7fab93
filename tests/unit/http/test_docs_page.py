"""`/docs`: one page that needs nothing else."""

import re
from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser
from typing import Final

import pytest

from analytex.http import docs_page
from analytex.http.described import SECTIONS

PAGE: Final = docs_page.page().decode()


class Parsed(HTMLParser):
    """The tags of a page, balanced."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.attributes: list[tuple[str, str, str]] = []
        self.open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in ("meta", "input", "wbr"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


PARSED: Final = Parsed(PAGE)


def test_every_operation_is_on_it_and_in_its_contents() -> None:
    """A page that leaves one out hides it."""
    for section in SECTIONS:
        for operation in section.operations:
            assert f"<article id='{operation.id}'>" in PAGE
            assert f"<li><a href='#{operation.id}'>" in PAGE


def test_it_is_whole() -> None:
    """Every element is closed, and every link inside leads somewhere."""
    ids = [value for _, name, value in PARSED.attributes if name == "id"]
    links = {value for tag, name, value in PARSED.attributes if (tag, name) == ("a", "href")}

    assert PARSED.open == []
    assert len(set(ids)) == len(ids)
    assert {link[1:] for link in links if link.startswith("#")} <= set(ids)
    assert {link for link in links if not link.startswith("#")} == {"/openapi.json"}


def test_it_asks_for_nothing_else() -> None:
    """It works on a machine without a network."""
    assert {name for _, name, _ in PARSED.attributes} & {
        "src",
        "style",
        "onclick",
        "action",
    } == set()
    assert {tag for tag, _, _ in PARSED.attributes} & {"script", "img", "link", "iframe"} == set()
    assert re.findall(r"url\(|@import", PAGE) == []


def test_its_policy_allows_its_own_style_and_nothing_else() -> None:
    """A browser then refuses whatever somebody might smuggle in."""
    (style,) = re.findall(r"<style>(.*?)</style>", PAGE, re.DOTALL)
    digest = b64encode(sha256(style.encode()).digest()).decode()

    assert docs_page.policy() == (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )


@pytest.mark.parametrize(
    ("schema", "text"),
    [
        ({"type": "string"}, "string"),
        ({"type": ["object", "null"]}, "object or null"),
        (
            {"type": "integer", "minimum": 1, "maximum": 9, "default": 5},
            "integer from 1 to 9, default 5",
        ),
        ({"enum": ["a", "<b>"]}, "<code>a</code> or <code>&lt;b&gt;</code>"),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, "string or null"),
        ({"type": "array", "items": {"type": "number"}}, "list of number"),
        ({"type": "object", "maxProperties": 0}, "<code>{}</code>"),
        ({}, "anything"),
        (
            {"$ref": "#/components/schemas/ListReply_UserReply_"},
            "<a href='#shape-ListReply_UserReply_'>ListReply[UserReply]</a>",
        ),
    ],
)
def test_a_type_is_said_in_a_few_words(schema: dict[str, object], text: str) -> None:
    """A reader does not want to read JSON Schema."""
    assert docs_page.type_text(schema) == text
