"""That the console reads a question from an address exactly as the HTTP API does."""

from types import SimpleNamespace
from typing import Any

import pytest
from starlette.requests import Request

from analytex.console import asked
from analytex.errors import BadRequest
from analytex.http import insights as api
from analytex.http.asking import Parameters

TIMES = "from=2025-11-01&to=2025-11-20&tz=Europe/Berlin"
QUESTIONS = [
    ("trends", f"{TIMES}&event=a&event=b&where=user.plan:eq:team&by=browser&limit=3&count=users"),
    ("trends", f"{TIMES}&interval=hour"),
    ("funnel", f"{TIMES}&step=a&step=b&where.2=event.x:set&where=browser:ne:y&window=14d"),
    ("retention", f"{TIMES}&start=a&interval=week&where.start=user.x:gt:3"),
    ("retention", f"{TIMES}&return=@page_view&count=companies"),
    ("top", f"{TIMES}&by=event.plan&event=a&limit=40"),
    ("top", f"{TIMES}&what=properties&count=users"),
]
WRONG = [
    ("trends", "interval=year"),
    ("trends", "evnet=a"),
    ("trends", "tz=Nowhere"),
    ("funnel", "step=a"),
    ("funnel", "step=a&step=b&where.3=browser:eq:x"),
    ("funnel", "step=a&step=b&count=events"),
    ("retention", "interval=hour"),
    ("top", "what=values"),
    ("top", "what=events&by=browser"),
]


class Asked(Exception):
    """Carries a question that was about to be asked."""


class Recorder:
    """Stands for `Insights`."""

    async def record(self, _: int, question: Any) -> None:
        raise Asked(question)

    trends = funnel = retention = top = record


async def of_the_api(call: str, query: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    async def caught_up() -> int:
        return 0

    monkeypatch.setattr(api, "authorise", lambda *_: SimpleNamespace(environment_id=1))
    reads = SimpleNamespace(caught_up=caught_up)
    deps: Any = SimpleNamespace(keyring=None, reads=reads, insights=Recorder())
    with pytest.raises(Asked) as found:
        await getattr(api, call)(deps)(request(query))
    return found.value.args[0]


def of_the_console(call: str, query: str) -> Any:
    known = getattr(api, call.upper())
    found = getattr(asked, call)(Parameters(request(query), known))
    return found if call == "top" else found[-1]


def request(query: str) -> Request:
    return Request({"type": "http", "headers": [], "query_string": query.encode()})


@pytest.mark.parametrize(("call", "query"), QUESTIONS)
async def test_a_question_is_the_same_in_the_console_and_in_the_api(
    call: str, query: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page says that the same can be had over HTTP."""
    assert of_the_console(call, query) == await of_the_api(call, query, monkeypatch)


@pytest.mark.parametrize(("call", "query"), WRONG)
async def test_what_the_api_refuses_the_console_refuses_by_the_same_name(
    call: str, query: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The form names what is to be mended."""
    with pytest.raises(BadRequest) as there:
        await of_the_api(call, query, monkeypatch)
    with pytest.raises(BadRequest) as here:
        of_the_console(call, query)

    assert here.value.message == there.value.message
