"""`analytex events`, `users` and `companies`: lists and lookups, against a stand-in."""

import json
from collections.abc import Callable, Mapping, Sequence

import msgspec
import pytest
from click.testing import Result

from tests.unit.cli.fake_server import AT, Answer, Asked, FakeServer
from tests.unit.cli.test_tail_command import EVENT

Run = Callable[..., Result]

USER = {
    "user_id": "a\x1b[31mda",
    "company_id": "acme",
    "metadata": {"plan": "pro", "seats": 5.0, "tags": ["a", "\x9b"]},
    "first_seen_at": AT,
    "last_seen_at": AT,
}
COMPANY = {"company_id": "acme", "metadata": {}, "first_seen_at": AT, "last_seen_at": AT}


def serve(fake: FakeServer, path: str, items: Sequence[Mapping[str, object]]) -> None:
    """Answer pages of a list."""

    def answer(asked: Asked) -> Answer | None:
        if asked.path != path:
            return None
        start, limit = int(asked.query.get("after_cursor", 0)), int(asked.query["limit"])
        end = min(start + limit, len(items))
        cursor = {"after": str(end) if end < len(items) else None}
        metadata = {"cursor": cursor, "limit": limit, "total_count": None}
        return Answer(200, msgspec.json.encode({"data": items[start:end], "metadata": metadata}))

    fake.instead.append(answer)


def serve_one(fake: FakeServer, path: str, item: Mapping[str, object]) -> None:
    """Answer one thing."""
    fake.instead.append(
        lambda asked: Answer(200, msgspec.json.encode(item)) if asked.path == path else None
    )


def test_events_are_a_table(run: Run, fake: FakeServer) -> None:
    """Newest first, as the server sends them, and harmless."""
    page_view = {**EVENT, "event_type": "page_view", "event_name": "", "pathname": "/home"}
    serve(fake, "/v1/events", [EVENT, {**page_view, "user_id": None, "metadata": {}}])

    result = run("events", "list")

    assert (result.exit_code, result.stderr) == (0, "")
    assert [line.split("  ")[0] for line in result.stdout.splitlines()] == [
        "TIME",
        "2026-02-16T12:00:00Z",
        "2026-02-16T12:00:00Z",
    ]
    first, second = (line.split() for line in result.stdout.splitlines()[1:])
    assert first[1:] == ["track", "ada", "@acme", "Plan", "\\x1b[31mUpgraded", '{"plan":"pro"}']
    assert second[1:] == ["page_view", "@acme", "/home"]


def test_the_filters_are_those_of_the_api(run: Run, fake: FakeServer) -> None:
    """The server answers for their values."""
    serve(fake, "/v1/events", [])

    words = ("--user", "ada", "--company", "acme", "--type", "track", "--name", "a b", "--id", "6")
    run("events", "list", *words, "--from", "2026-01-01", "--to", "2026-02-01", "--limit", "7")

    assert fake.asked[0].query == {
        "user_id": "ada",
        "company_id": "acme",
        "event_type": "track",
        "event_name": "a b",
        "id": "6",
        "from": "2026-01-01",
        "to": "2026-02-01",
        "limit": "7",
    }


@pytest.mark.parametrize(
    ("limit", "listed", "asked"),
    [
        (1, 1, ["1"]),
        (1000, 1000, ["1000"]),
        (2500, 2500, ["1000", "1000", "500"]),
        (3000, 2600, ["1000"] * 3),
    ],
)
def test_as_many_pages_are_read_as_are_wanted(
    run: Run, fake: FakeServer, limit: int, listed: int, asked: list[str]
) -> None:
    """And no more; scripts get a line for each."""
    serve(fake, "/v1/events", [{**EVENT, "id": str(n)} for n in range(2600)])

    result = run("events", "list", "--json", "--limit", str(limit))

    ids = [json.loads(line)["id"] for line in result.stdout.splitlines()]
    assert ids == [str(n) for n in range(listed)]
    assert [each.query["limit"] for each in fake.asked] == asked
    assert result.stdout.replace("\n", "").isprintable()


def test_a_list_that_is_cut_says_so(run: Run, fake: FakeServer) -> None:
    """On standard error, where it is in nobody's way."""
    found: dict[str, Mapping[str, object]] = {"events": EVENT, "users": USER, "companies": COMPANY}
    for path, item in found.items():
        serve(fake, f"/v1/{path}", [item] * 3)

        assert "see `--limit`" in run(path, "list", "--limit", "2").stderr
        assert run(path, "list", "--limit", "4").stderr == ""


def test_users_and_companies_are_tables(run: Run, fake: FakeServer) -> None:
    """With what is known of them, as far as it fits."""
    serve(fake, "/v1/users", [USER])
    serve(fake, "/v1/companies", [COMPANY])

    users = run("users", "list").stdout.splitlines()
    companies = run("companies", "list").stdout.splitlines()

    assert users[0].split("  ")[0] == "USER"
    assert users[1].split(maxsplit=4) == [
        "a\\x1b[31mda",
        "acme",
        "2026-02-16T12:00:00Z",
        "2026-02-16T12:00:00Z",
        'plan: "pro", seats: 5.0, tags: ["a","\\x9b"]',
    ]
    assert companies[1].split() == ["acme", "2026-02-16T12:00:00Z", "2026-02-16T12:00:00Z"]


def test_show_says_all_that_is_known(run: Run, fake: FakeServer) -> None:
    """A property on each line."""
    serve_one(fake, "/v1/users/ada", USER)
    serve_one(fake, "/v1/companies/acme", COMPANY)

    assert run("users", "show", "ada").stdout.splitlines() == [
        "user        a\\x1b[31mda",
        "company     acme",
        "first seen  2026-02-16T12:00:00Z",
        "last seen   2026-02-16T12:00:00Z",
        "",
        "Properties:",
        '  plan: "pro"',
        "  seats: 5.0",
        '  tags: ["a","\\x9b"]',
    ]
    assert "Properties" not in run("companies", "show", "acme").stdout
    assert json.loads(run("users", "show", "ada", "--json").stdout) == USER


@pytest.mark.parametrize("id", ["..", "a/b", "a?b#c", "ä b", "%2e", "-x"])
def test_an_id_may_be_anything(run: Run, fake: FakeServer, id: str) -> None:
    """It is a name, not a path."""
    serve_one(fake, f"/v1/users/{id}", USER)

    assert run("users", "show", "--", id).exit_code == 0


def test_an_id_that_nobody_has_is_a_sentence(run: Run, fake: FakeServer) -> None:
    """And an empty one is nobody's, not a list."""
    assert run("users", "show", "nobody").exit_code == 1
    assert "The id is empty." in run("companies", "show", "").stderr
