"""The pages of questions: trends, funnels, retention, top lists, and each as a CSV file."""

import time
from typing import Final, NamedTuple
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from analytex.console.addresses import Pairs, api_parameters, in_order
from analytex.console.answers import Answer
from analytex.console.names import KnownNames
from analytex.console.pages import Console
from analytex.console.question_forms import (
    OPS,
    QUESTIONS,
    TIMES,
    ZONES,
    Form,
    Question,
    zone_of,
)
from analytex.console.reader import reader_zone
from analytex.console.tables import csv_text
from analytex.errors import AnalytexError
from analytex.http.asking import Parameters
from analytex.http.deps import Deps
from analytex.http.errors import error_reply

#: Values that a breakdown tells apart, unless the address says otherwise: each has its own colour.
MOST_DRAWN: Final = 8


class Asked(NamedTuple):
    """A question from an address, and what came of it."""

    pairs: Pairs  #: as they stand in the address of the page
    api: Pairs  #: as the API takes them
    answer: Answer | None
    error: AnalytexError | None


def routes(console: Console) -> list[Route]:
    """Return the pages and files of all questions."""
    known = KnownNames(console.deps.lookups)
    found = []
    for question in QUESTIONS:
        page = _Page(console, question, known)
        found.append(Route(f"/console/{question.name}", page.show))
        found.append(Route(f"/console/{question.name}.csv", page.file))
    return found


class _Page:
    """The page of one kind of question."""

    def __init__(self, console: Console, question: Question, known: KnownNames) -> None:
        self._console = console
        self._question = question
        self._known = known

    async def show(self, request: Request) -> Response:
        """Answer with the form, and with the answer or what is wrong with the question."""
        question, scope = self._question, self._console.scope(request)
        given = request.query_params.multi_items()
        pairs = _with_zone(in_order(given, groups=question.groups), request)
        if sorted(pairs) != sorted(given):
            return RedirectResponse(self._address(pairs), 303)
        names = await self._known.find(scope.environment_id)
        asked = await ask(question, self._console.deps, scope.environment_id, pairs)
        base = self._console.base_url(request)
        values = {
            "question": question,
            "form": Form(pairs, zone_of(pairs)),
            "answer": asked.answer,
            "error": asked.error,
            "names": names,
            "ops": OPS,
            "times": TIMES,
            "zones": ZONES,
            "address": self._address(pairs),
            "csv_address": self._address(pairs, ".csv"),
            "api_address": f"{base}/v1/insights/{question.call}?{urlencode(asked.api)}",
        }
        status = error_reply(asked.error).status if asked.error else 200
        return self._console.render(request, "question.html", values, status=status)

    async def file(self, request: Request) -> Response:
        """Answer with the rows as CSV. Raises what the question is refused with."""
        question, scope = self._question, self._console.scope(request)
        pairs = in_order(request.query_params.multi_items(), groups=question.groups)
        asked = await ask(question, self._console.deps, scope.environment_id, pairs)
        if asked.error:
            raise asked.error
        if asked.answer is None:
            return RedirectResponse(self._address(pairs), 303)
        return Response(
            csv_text(asked.answer.head, asked.answer.rows),
            media_type="text/csv; charset=utf-8",
            headers={"content-disposition": f'attachment; filename="{question.name}.csv"'},
        )

    def _address(self, pairs: Pairs, ending: str = "") -> str:
        query = f"?{urlencode(pairs)}" if pairs else ""
        return f"/console/{self._question.name}{ending}{query}"


async def ask(question: Question, deps: Deps, environment_id: int, pairs: Pairs) -> Asked:
    """Ask what an address asks; what is wrong with it is part of what comes of it."""
    asked = _api(question, pairs)
    if question.needs and question.needs not in dict(pairs):
        return Asked(pairs, asked, None, None)
    chart = dict(pairs).get("chart", "")
    try:
        given = Parameters(_request(asked), question.known)
        await deps.reads.caught_up()
        answer = await question.ask(deps.insights, environment_id, given, chart)
    except AnalytexError as error:
        return Asked(pairs, asked, None, error)
    return Asked(pairs, asked, answer, None)


def _api(question: Question, pairs: Pairs) -> Pairs:
    now = int(time.time())
    found = api_parameters(pairs, zone_of(pairs), now, interval=bool(question.intervals))
    names = dict(found)
    if question.name == "trends" and "by" in names and "limit" not in names:
        found.append(("limit", str(MOST_DRAWN)))
    if question.name == "retention" and "interval" not in dict(pairs):
        # It has no hours.
        found = [("interval", "day") if pair == ("interval", "hour") else pair for pair in found]
    return found


def _with_zone(pairs: Pairs, request: Request) -> Pairs:
    """Return them with the reader's zone, so that who is shown the address sees the same days."""
    zone = reader_zone(request).key
    if "tz" in dict(pairs) or zone == "UTC":
        return pairs
    return [*pairs, ("tz", zone)]


def _request(pairs: Pairs) -> Request:
    """Return a request for what reads questions from one."""
    return Request({"type": "http", "headers": [], "query_string": urlencode(pairs).encode()})
