"""The pages of questions: the answers of the HTTP API, as charts, tables and files."""

import csv
import json

import httpx
import pytest

from tests.console.browser import Browser
from tests.console.insight_pages import MOST_BYTES, Pages, rows
from tests.server import Client

HOSTILE = "<svg onload=alert('1')>\"&"


@pytest.fixture
def pages(browser: Browser, client: Client) -> Pages:
    return Pages(browser, client)


@pytest.fixture
def life(pages: Pages) -> Pages:
    """Pages about a few users who sign up, come back, and pay or do not."""
    rows = []
    for place in range(9):
        rows.append(happened(place, "signed up", 3, plan=f"p{place % 3}"))
        if place % 2:
            rows.append(happened(place, "opened", 4))
        if place % 4 == 1:
            rows.append(happened(place, "paid", 5))
    job = pages.client.import_rows(b"\n".join(map(str.encode, map(json.dumps, rows))))
    assert job["failed_rows"] == 0, job
    return pages


def happened(place: int, name: str, day: int, **metadata: object) -> dict[str, object]:
    return {
        "user_id": f"u{place}",
        "event_type": "track",
        "event_name": name,
        "source": "backend-http",
        "inserted_at": f"2025-11-{day:02}T12:00:00Z",
        "metadata": metadata,
    }


TIMES = "from=2025-11-01&to=2025-11-11&tz=UTC"
QUESTIONS = {
    "trends": f"{TIMES}&event=signed+up&by=event.plan",
    "funnels": f"{TIMES}&step=signed+up&step=opened&step=paid&window=7d",
    "retention": f"{TIMES}&start=signed+up&return=@any",
    "top": f"{TIMES}&by=event.plan&event=signed+up",
}


def table(file: httpx.Response) -> list[list[str]]:
    return list(csv.reader(file.text.splitlines()))


def test_trends_are_those_of_the_api(life: Pages) -> None:
    """As a chart with its table, and as a file."""
    answer = life.client.get(f"/v1/insights/trends?{QUESTIONS['trends']}").json()

    page = life.get(f"/console/trends?{QUESTIONS['trends']}")
    file = table(life.get(f"/console/trends.csv?{QUESTIONS['trends']}"))

    assert file[0] == ["time", *(each["value"] for each in answer["series"])]
    assert [row[0] for row in file[1:]] == answer["buckets"]
    assert [[int(cell) for cell in row[1:]] for row in file[1:]] == [
        list(counts) for counts in zip(*(each["counts"] for each in answer["series"]), strict=True)
    ]
    assert ["Mon 3 Nov 2025", "3", "3", "3"] in rows(page.text)


def test_a_funnel_is_that_of_the_api(life: Pages) -> None:
    """Each step with who took it, and who left."""
    asked = QUESTIONS["funnels"]
    answer = life.client.get(f"/v1/insights/funnel?{asked}").json()

    page = life.get(f"/console/funnels?{asked}")
    file = table(life.get(f"/console/funnels.csv?{asked}"))

    assert [(row[1], int(row[2])) for row in file[1:]] == [
        (step["event"], step["count"]) for step in answer["steps"]
    ]
    assert [step["count"] for step in answer["steps"]] == [9, 4, 2]
    assert "44.4% went on, 5 (55.6%) did not" in page.text


def test_retention_is_that_of_the_api(life: Pages) -> None:
    """A row for each day on which somebody began."""
    asked = QUESTIONS["retention"]
    answer = life.client.get(f"/v1/insights/retention?{asked}").json()

    page = life.get(f"/console/retention?{asked}")
    file = table(life.get(f"/console/retention.csv?{asked}"))

    assert [[int(cell) for cell in row[1:] if cell] for row in file[1:]] == [
        [cohort["size"], *cohort["returned"]] for cohort in answer["cohorts"]
    ]
    assert ["Mon 3 Nov 2025", "9", "0%", "44.4%", "22.2%"] in [row[:5] for row in rows(page.text)]


def test_a_top_list_is_that_of_the_api(life: Pages) -> None:
    """In its order, with all three counts."""
    asked = QUESTIONS["top"]
    answer = life.client.get(f"/v1/insights/top?{asked}").json()

    page = life.get(f"/console/top?{asked}")
    file = table(life.get(f"/console/top.csv?{asked}"))

    expected = [
        [item["value"], *(str(item[count]) for count in ("events", "users", "companies"))]
        for item in answer["items"]
    ]
    assert file[1:] == expected
    assert [row[0] for row in rows(page.text)[1:]] == [row[0] for row in expected]


@pytest.mark.parametrize("name", QUESTIONS)
def test_the_address_holds_the_question(life: Pages, name: str) -> None:
    """It can be shared: the form is filled with it, and sending the form leads back to it."""
    page = life.get(f"/console/{name}?{QUESTIONS[name]}")

    assert not page.history
    assert f"/v1/insights/{name.removesuffix('s') if name == 'funnels' else name}?" in page.text
    assert "signed up" in page.text
    assert 'name="from" value="2025-11-01"' in page.text
    assert 'name="day" value="2025-11-10"' in page.text


def test_what_a_form_sends_becomes_an_address_of_the_api(life: Pages) -> None:
    """Empty fields are left out, and three fields are a condition."""
    form = {
        "event": ["signed up", ""],
        "where.property": ["event.plan", ""],
        "where.op": ["eq", "eq"],
        "where.value": ["p1", ""],
        "from": "2025-11-01",
        "day": "2025-11-10",
        "last": "",
        "tz": "UTC",
        "by": "",
    }
    page = life.get("/console/trends", **form)

    assert str(page.url).endswith(
        "?event=signed+up&tz=UTC&where=event.plan%3Aeq%3Ap1&from=2025-11-01&to=2025-11-11"
    )
    assert "3</dd>" in page.text


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("trends?by=plan", "`by` is not valid."),
        ("trends?where=nonsense&tz=UTC", "`where` is not valid."),
        ("trends?tz=Nowhere", "`tz` is not valid."),
        ("trends?from=2020-01-01&interval=hour", "`interval` is not valid."),
        ("funnels?step=one", "`step` is not valid."),
        ("retention?count=events", "`count` is not valid."),
        ("top?what=values", "`by` is not valid."),
        ("top?limit=0", "`limit` is not valid."),
    ],
)
def test_what_is_wrong_with_a_question_stands_at_its_form(
    pages: Pages, address: str, said: str
) -> None:
    """With what was typed still there to be mended."""
    page = pages.get(f"/console/{address}")

    assert page.status_code == 400
    assert said in page.text
    assert "<form" in page.text


def test_a_condition_that_is_wrong_is_still_in_its_field(pages: Pages) -> None:
    """It is mended there."""
    page = pages.get("/console/trends", where="nonsense")

    assert 'name="where.property" value="nonsense"' in page.text


def test_a_funnel_without_steps_says_how_to_begin(pages: Pages) -> None:
    """It is no mistake to look at the page."""
    page = pages.get("/console/funnels")

    assert page.status_code == 200
    assert "Choose two events or more" in page.text


def test_a_question_without_an_answer_says_so(pages: Pages) -> None:
    """An empty chart could be a failure."""
    page = pages.get("/console/trends", event="never")

    assert "Nothing of this kind came in this time." in page.text


def test_days_are_those_of_the_reader(pages: Pages) -> None:
    """The zone of the browser goes into the address, so that others see the same days."""
    pages.live_in("Europe/Berlin")

    page = pages.get("/console/trends", last="7d")

    assert page.url.params["tz"] == "Europe/Berlin"


def test_names_and_values_are_text_whatever_they_hold(pages: Pages) -> None:
    """In charts, legends, tables and forms."""
    pages.client.track(HOSTILE, HOSTILE, **{HOSTILE: HOSTILE})
    by = f"event.{HOSTILE}"

    found = [
        pages.get("/console/trends", event=HOSTILE, by=by),
        pages.get("/console/top", by=by),
        pages.get("/console/funnels", step=[HOSTILE, HOSTILE]),
        pages.get("/console/retention", start=HOSTILE),
        pages.get("/console/trends", by=HOSTILE, tz=HOSTILE, where=HOSTILE),
    ]

    for page in found:
        assert "<svg onload" not in page.text
        assert "&lt;svg onload" in page.text


def test_a_file_holds_no_formula(pages: Pages) -> None:
    """It is opened in a spreadsheet."""
    pages.client.track("ada", "=1+1")
    pages.client.track("ada", "@SUM(A1)")

    file = table(pages.get("/console/top.csv"))

    assert sorted(row[0] for row in file[1:]) == ["'=1+1", "'@SUM(A1)"]


def test_a_file_is_saved_under_the_name_of_its_question(pages: Pages) -> None:
    """And not shown."""
    file = pages.get("/console/trends.csv")

    assert file.headers["content-type"] == "text/csv; charset=utf-8"
    assert file.headers["content-disposition"] == 'attachment; filename="trends.csv"'


def test_a_page_about_many_long_names_stays_small(pages: Pages) -> None:
    """Fifty series of a month of hours, and hundreds of names to choose from."""
    for place in range(60):
        name = f"{place}" + "&" * 400
        pages.client.track("ada", name, **{f"{name}{each}": name for each in range(3)})
    asked = {"by": "event_name", "limit": "50", "interval": "hour", "tz": "UTC"}

    trends = pages.get("/console/trends", **asked)
    top = pages.get("/console/top", limit="1000", tz="UTC")

    assert trends.status_code == top.status_code == 200
    assert len(trends.content) < MOST_BYTES
    assert len(top.content) < MOST_BYTES


def test_a_grid_of_many_days_stays_small(pages: Pages) -> None:
    """The file has all of them."""
    times = {"from": "2025-01-01", "to": "2025-04-11", "tz": "UTC"}

    page = pages.get("/console/retention", **times)
    file = table(pages.get("/console/retention.csv", **times))

    assert len(page.content) < MOST_BYTES
    assert "The newest 45 of 100 days are shown" in page.text
    assert len(file) == 101
