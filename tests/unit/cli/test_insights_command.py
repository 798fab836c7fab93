"""`analytex insights`, against a stand-in for a server."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from click.testing import Result

from analytex.cli.sparklines import bar, sparkline
from analytex.http.described.insights import SECTION
from tests.unit.cli.fake_server import Answer, Asked, FakeServer

Run = Callable[..., Result]

EXAMPLES: dict[str, Any] = {each.path: each.gives[200][0].example for each in SECTION.operations}


def answer_with(fake: FakeServer, question: str, **changes: object) -> dict[str, Any]:
    """Let the stand-in answer a question with the example of the documents."""
    path = f"/v1/insights/{question}"
    body: Mapping[str, Any] = {**EXAMPLES[path], **changes}

    def answer(asked: Asked) -> Answer | None:
        return Answer(200, json.dumps(body).encode()) if asked.path == path else None

    fake.instead.append(answer)
    return dict(body)


@pytest.mark.parametrize("question", ["trends", "funnel", "retention", "top"])
def test_json_is_the_answer_itself(run: Run, fake: FakeServer, question: str) -> None:
    """For scripts."""
    expected = answer_with(fake, question)
    words = ["--step", "a", "--step", "b"] if question == "funnel" else []

    result = run("insights", question, "--json", *words)

    assert (result.exit_code, result.stderr) == (0, "")
    assert json.loads(result.stdout) == expected


def test_options_are_the_parameters_of_the_question(run: Run, fake: FakeServer) -> None:
    """What is not given is left to the server."""
    answer_with(fake, "trends")
    words = [
        "--event",
        "a b",
        "--event",
        "c",
        "--where",
        "user.plan:eq:team",
        "--from",
        "2026-03-01",
    ]

    run("insights", "trends", *words)

    assert fake.asked[0].query == {
        "event": "a b",  # the stand-in looks at the first of several
        "where": "user.plan:eq:team",
        "from": "2026-03-01",
    }


def test_a_condition_may_be_of_one_step(run: Run, fake: FakeServer) -> None:
    """As `where.2` in the address."""
    answer_with(fake, "funnel")

    run("insights", "funnel", "--step", "a", "--step", "b", "--where-step", "2", "browser:set")

    assert fake.asked[0].query["where.2"] == "browser:set"


def test_trends_are_a_line_for_each_value(run: Run, fake: FakeServer) -> None:
    """With the total, and a small picture."""
    answer_with(fake, "trends")

    lines = run("insights", "trends", "--by", "user.plan").stdout.splitlines()

    assert lines == [
        "USER.PLAN  EVENTS  BY DAY",
        "team       7       ▆█",
        "(none)     1        █",
        "(all)      8       ▅█",
        "",
        "2026-03-01T00:00Z to 2026-03-03T00:00Z",
    ]


def test_trends_without_values_are_a_line_for_each_bucket(run: Run, fake: FakeServer) -> None:
    """And the picture below."""
    series = [{"value": None, "other": False, "counts": [3, 5], "total": 8}]
    answer_with(fake, "trends", by=None, series=series, tz="Europe/Berlin")

    lines = run("insights", "trends").stdout.splitlines()

    assert lines[1:3] == [f"2026-03-01  3       {'█' * 12}", f"2026-03-02  5       {'█' * 20}"]
    assert lines[-1].startswith("▅█  8 events in all; ")
    assert lines[-1].endswith("Europe/Berlin")


def test_a_funnel_is_a_line_for_each_step(run: Run, fake: FakeServer) -> None:
    """How many, what part of the first and of the step before, and how fast."""
    answer_with(fake, "funnel")

    lines = run("insights", "funnel", "--step", "a", "--step", "b").stdout.splitlines()

    assert lines[2].split() == [
        *("2", "report_exported", "10", "25.0%", "25.0%", "1.5", "h"),
        "█" * 5,
    ]
    assert lines[-1].endswith("; all steps within 7 d")


def test_retention_is_a_line_for_each_cohort(run: Run, fake: FakeServer) -> None:
    """And all of them together."""
    answer_with(fake, "retention")

    lines = [line.split() for line in run("insights", "retention").stdout.splitlines()]

    assert lines[1] == ["2026-03-01", "8", "█▄", "100.0%", "50.0%"]
    assert lines[3] == ["(all)", "10", "█▄", "90.0%", "50.0%"]


def test_the_top_ends_with_the_rest_and_all(run: Run, fake: FakeServer) -> None:
    """So that the list is not taken for everything; what might harm a terminal is escaped."""
    item = {"value": "\x1b[31m", "events": 7, "users": 2, "companies": 1}
    answer_with(fake, "top", items=[item])

    lines = run("insights", "top", "--by", "user.plan").stdout.splitlines()

    assert lines[1].split() == ["\\x1b[31m", "7", "2", "1", "█" * 20]
    assert lines[2].startswith("(1 more)")
    assert lines[3].split() == ["(all)", "8", "3", "1"]


@pytest.mark.parametrize(
    ("numbers", "width", "most", "expected"),
    [
        ([], 10, None, ""),
        ([0, 0], 10, None, "  "),
        ([0, 1, 8], 10, None, " ▁█"),
        ([1, 2, 3, 4], 2, None, "▄█"),
        ([5], 10, 10, "▄"),
        ([10], 10, 10, "█"),
    ],
)
def test_sparklines(numbers: list[int], width: int, most: int | None, expected: str) -> None:
    """Zero is empty, and the largest as high as it gets."""
    assert sparkline(numbers, width=width, most=most) == expected


@pytest.mark.parametrize(
    ("part", "expected"), [(0, ""), (1, "██"), (2, "██"), (0.25, "▌"), (-1, ""), (0.5, "█")]
)
def test_bars(part: float, expected: str) -> None:
    """They are never longer than they may be."""
    assert bar(part, width=2) == expected


@pytest.mark.parametrize("question", ["trends", "retention", "funnel"])
def test_an_answer_of_nothing_says_where_the_names_are(
    run: Run, fake: FakeServer, question: str
) -> None:
    """Most often the event's name is spelled otherwise; scripts read standard output alone."""
    nothing = {"by": None, "counts": [0, 0], "total": 0}
    shown = EXAMPLES["/v1/insights/funnel"]["steps"]
    steps = [{**step, "count": 0, "conversion": None} for step in shown]
    answer_with(fake, question, **({"steps": steps} if question == "funnel" else nothing))
    words = ["--step", "a", "--step", "b"] if question == "funnel" else []

    result = run("insights", question, *words)

    assert result.exit_code == 0
    assert "`analytex insights top`" in result.stderr


def test_help_names_what_a_question_takes(run: Run) -> None:
    """Nobody can be counted by events in a funnel, and no cohort lasts an hour."""
    assert "events, users, companies." in run("insights", "trends", "--help").stdout
    retention = run("insights", "retention", "--help").stdout

    assert "hour" not in retention
    assert "  users, companies.  [default: users]" in retention
