"""Questions asked of a running server: right after the calls, typed as an address."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest

from analytex.domain.environments import Permission
from tests.rows import ndjson, track
from tests.server import Client, Server

QUESTIONS: Final = ("trends", "funnel", "retention", "top")
STEPS: Final = "step=one&step=two"


def ask(client: Client, question: str, query: str = "") -> Any:
    """Return the answer to a question."""
    reply = client.get(f"/v1/insights/{question}?{query}")
    assert reply.status_code == 200, reply.text
    return reply.json()


def test_a_trend_sees_what_was_sent_a_moment_ago(client: Client) -> None:
    """The default is the last thirty days by day, today the last."""
    client.identify("ada", {"plan": "team"})
    client.track("ada", "opened")
    client.track("ada", "opened")
    client.track("bob", "closed")

    answer = ask(client, "trends", "by=user.plan")
    users = ask(client, "trends", "count=users&event=opened&event=closed")

    today = f"{datetime.now(UTC):%Y-%m-%d}T00:00:00+00:00"
    assert answer["buckets"][-1] == today
    assert len(answer["buckets"]) == len(answer["counts"]) == 30
    assert [(each["value"], each["counts"][-1], each["total"]) for each in answer["series"]] == [
        ("team", 2, 2),
        (None, 1, 1),
    ]
    assert (answer["by"], answer["count"], answer["interval"]) == ("user.plan", "events", "day")
    assert (users["total"], users["counts"][-1], users["by"]) == (2, 2, None)


def test_a_time_without_a_zone_is_that_of_the_question(client: Client) -> None:
    """Midnight is that of the zone, also where clocks change in between."""
    answer = ask(client, "trends", "tz=Europe/Berlin&from=2026-03-28&to=2026-03-31")

    assert (answer["start"], answer["end"]) == (
        "2026-03-27T23:00:00.000000Z",
        "2026-03-30T22:00:00.000000Z",
    )
    assert answer["buckets"] == [
        "2026-03-28T00:00:00+01:00",
        "2026-03-29T00:00:00+01:00",
        "2026-03-30T00:00:00+02:00",
    ]
    assert answer["tz"] == "Europe/Berlin"


def test_a_funnel_tells_how_many_and_how_fast(client: Client) -> None:
    """Imported events count at the time they happened, and conditions may be of one step."""
    start = datetime(2026, 3, 1, 12, tzinfo=UTC)

    def row(number: int, user_id: str, name: str, minutes: int, **metadata: object) -> Any:
        at = f"{start + timedelta(minutes=minutes):%Y-%m-%dT%H:%M:%SZ}"
        given = {"user_id": user_id, "event_name": name, "inserted_at": at, "metadata": metadata}
        return track(number, **given)

    rows = [
        row(1, "ada", "one", 0),
        row(2, "ada", "two", 10, form="pdf"),
        row(3, "bob", "one", 0),
        row(4, "bob", "two", 20, form="csv"),
        row(5, "cy", "one", 5),
        row(6, "cy", "two", 60 * 24 * 8),
        row(7, "di", "two", 5),
    ]
    assert client.import_rows(ndjson(rows))["completed_rows"] == 7
    times = "from=2026-03-01&to=2026-03-02"

    answer = ask(client, "funnel", f"{STEPS}&{times}")
    pdf = ask(client, "funnel", f"{STEPS}&{times}&where.2=event.form:eq:pdf")
    long = ask(client, "funnel", f"{STEPS}&{times}&window=9d")

    assert answer["steps"][0] == {
        "step": 1,
        "event": "one",
        "count": 3,
        "conversion": 1.0,
        "step_conversion": 1.0,
        "median_time": None,
        "median_step_time": None,
    }
    assert answer["steps"][1]["count"] == 2
    assert answer["steps"][1]["median_time"] == answer["steps"][1]["median_step_time"] == 900.0
    assert answer["conversion"] == round(2 / 3, 6)
    assert answer["window"] == 7 * 86400
    assert [step["count"] for step in pdf["steps"]] == [3, 1]
    assert [step["count"] for step in long["steps"]] == [3, 3]


def test_a_funnel_of_nobody_has_no_conversion(client: Client) -> None:
    """Zero of zero is no number."""
    answer = ask(client, "funnel", STEPS)

    assert answer["conversion"] is None
    assert [step["conversion"] for step in answer["steps"]] == [None, None]


def test_retention_has_a_row_for_each_bucket(client: Client) -> None:
    """What is left out stands for `any`, and a return for the same as the start."""
    client.track("ada", "opened")
    client.track("ada", "closed")

    answer = ask(client, "retention", "interval=week")
    other = ask(client, "retention", "start=opened&return=paid")

    assert (answer["first_event"], answer["return_event"]) == ("@any", "@any")
    assert answer["cohorts"][-1]["returned"] == [1]
    assert answer["periods"][0] == {"period": 0, "size": 1, "returned": 1, "rate": 1.0}
    assert answer["periods"][1]["rate"] is None
    assert [len(each["returned"]) for each in answer["cohorts"]] == [
        *range(len(answer["cohorts"]), 0, -1)
    ]
    assert (other["total"], other["periods"][0]["returned"]) == (1, 0)
    assert other["return_event"] == "paid"


def test_the_top_lists_names_keys_and_values(client: Client) -> None:
    """A property in the address is enough to be asked for its values."""
    client.track("ada", "opened", form="pdf", pages=7)
    client.track("bob", "opened", form="pdf")
    client.track("bob", "closed")

    names = ask(client, "top", "limit=1")
    keys = ask(client, "top", "what=properties")
    values = ask(client, "top", "by=event.form&event=opened")

    assert names["items"] == [{"value": "opened", "events": 2, "users": 2, "companies": 0}]
    assert names["other"] == {"value": None, "events": 1, "users": 1, "companies": 0}
    assert (names["total"]["events"], names["others"]) == (3, 1)
    assert [item["value"] for item in keys["items"]] == ["form", "pages"]
    assert (values["what"], values["by"]) == ("values", "event.form")
    assert [(item["value"], item["events"]) for item in values["items"]] == [("pdf", 2)]


def test_environments_do_not_see_each_other(server: Server, client: Client) -> None:
    """Neither events nor profiles."""
    other = server.new_environment()
    other.identify("ada", {"plan": "team"})
    other.track("ada", "opened")
    client.track("ada", "opened")

    answer = ask(client, "trends", "by=user.plan")

    assert [(each["value"], each["total"]) for each in answer["series"]] == [(None, 1)]


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_key_that_may_not_read_gets_no_answer(server: Server, question: str) -> None:
    """Before a word of the question is looked at."""
    sender = server.new_environment(Permission.INGEST)

    assert sender.get(f"/v1/insights/{question}", nonsense=1).status_code == 401


BY: Final = "by=user.plan"


@pytest.mark.parametrize(
    ("question", "query", "named"),
    [
        *((question, "wher=a", "wher") for question in QUESTIONS),
        *(("trends", f"{name}=", name) for name in ("interval", "count", "by", "limit", "event")),
        *(("trends", f"tz={zone}", "tz") for zone in ("Nope", "../etc", "Europe", "%00", "/", "é")),
        ("trends", "tz=UTC&tz=UTC", "tz"),
        *(("trends", f"{name}=soon", name) for name in ("from", "to")),
        *(("trends", f"{name}=1969-12-31", name) for name in ("from", "to")),
        ("trends", "to=2101-01-01", "to"),
        ("trends", "from=2026-03-02&to=2026-03-02", "to"),
        ("trends", "from=2099-01-01", "from"),
        ("trends", "from=9999-12-31T23:59:59-23:00", "from"),
        ("trends", "interval=year", "interval"),
        ("trends", "interval=hour&from=2025-01-01&to=2026-01-01", "interval"),
        ("trends", "count=people", "count"),
        ("trends", "by=plan", "by"),
        *(("trends", f"{BY}&limit={limit}", "limit") for limit in ("0", "51", "-1", "1.5", "٣")),
        ("trends", "event=@nothing", "event"),
        ("trends", f"event={'x' * 513}", "event"),
        ("trends", "&".join(["event=a"] * 21), "event"),
        ("trends", "where=plan:eq:a", "where"),
        ("trends", "where=user.plan", "where"),
        ("trends", "&".join(["where=user.plan:set"] * 11), "where"),
        ("trends", "where=user.plan:in:" + "," * 100, "where"),
        ("funnel", "", "step"),
        ("funnel", "step=one", "step"),
        ("funnel", "&".join(["step=a"] * 11), "step"),
        ("funnel", "step=one&step=", "step"),
        ("funnel", f"{STEPS}&where.3=user.plan:set", "where.3"),
        ("funnel", f"{STEPS}&where.2=user.plan", "where.2"),
        ("funnel", f"{STEPS}&where.11=user.plan:set", "where.11"),
        *(("funnel", f"{STEPS}&window={w}", "window") for w in ("", "7", "0d", "d", "367d", "7w")),
        ("funnel", f"{STEPS}&count=events", "count"),
        ("retention", "interval=hour", "interval"),
        ("retention", "from=2025-01-01&to=2026-01-01", "interval"),
        ("retention", "return=", "return"),
        ("retention", "where.return=x", "where.return"),
        ("top", "what=everything", "what"),
        ("top", "what=values", "by"),
        ("top", f"what=events&{BY}", "by"),
        ("top", "limit=1001", "limit"),
    ],
)
def test_a_parameter_that_is_wrong_is_named(
    client: Client, question: str, query: str, named: str
) -> None:
    """It is typed by people, who want to know where the mistake is."""
    reply = client.get(f"/v1/insights/{question}?{query}")

    assert reply.status_code == 400, reply.text
    (error,) = reply.json()["errors"]
    assert f"`{named}`" in error["message"]
    assert error["details"]


@pytest.mark.slow  # 2 s
def test_a_question_that_takes_too_long_is_refused(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Others wait for their answers too."""
    folder = tmp_path_factory.mktemp("slow")
    with Server(folder, settings={"query_timeout": 0.000001}) as server:
        client = server.client()
        client.identify("ada", {"plan": "team"})
        client.track("ada", "opened")
        for question, query in (("trends", BY), ("funnel", STEPS), ("top", "")):
            refused = client.get(f"/v1/insights/{question}?{query}")

            assert refused.status_code == 503, refused.text
            assert "query_timeout" in refused.text
