"""How fast are questions about ten million events in history, and how much room do they take?

Each question is asked of the running server over HTTP, from the request to the last byte of the
reply, and in the same round of plain DuckDB SQL over the same events in one Parquet file: the ratio
is ours / plain (plain.py). Both must give the same answer, or the benchmark is broken.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import broken
import filled
import options
import reads
import servers
from bodies import user_id
from broken import Broken
from filled import Filled
from options import Options
from plain import Plain, day_text
from report import Report, ratio, spread
from servers import Server

STEPS = ("project_created", "report_opened", "report_shared")
WINDOW_DAYS = 7
LAST = 100  # events of a user
USERS_A_ROUND = 11
TRENDS_S = 0.5
TIMELINE_S = 0.1
BYTES = 100.0

Answer = dict[Any, Any] | list[Any]

PER_DAY = "SELECT date_trunc('day', inserted_at) AS day, {} FROM events WHERE {} GROUP BY ALL"
TRACKED = "event_type = 'track'"
FUNNEL = f"""
WITH steps AS (
    SELECT user_id, event_name, inserted_at FROM events
    WHERE event_type = 'track' AND event_name IN {STEPS}
),
one AS (SELECT user_id, inserted_at AS begun FROM steps WHERE event_name = '{STEPS[0]}'),
two AS (
    SELECT user_id, begun, inserted_at AS came FROM one JOIN steps USING (user_id)
    WHERE event_name = '{STEPS[1]}' AND inserted_at > begun
        AND inserted_at <= begun + INTERVAL {WINDOW_DAYS} DAY
),
three AS (
    SELECT user_id FROM two JOIN steps USING (user_id)
    WHERE event_name = '{STEPS[2]}' AND inserted_at > came
        AND inserted_at <= begun + INTERVAL {WINDOW_DAYS} DAY
)
SELECT (SELECT count(DISTINCT user_id) FROM one), (SELECT count(DISTINCT user_id) FROM two),
    (SELECT count(DISTINCT user_id) FROM three)
"""  # noqa: S608 - our own words


@dataclass(frozen=True)
class Question:
    """Something that is asked of both."""

    text: str
    path: str
    parameters: Sequence[tuple[str, str]]
    read: Callable[[Any], Answer]  #: what our reply says
    plain: Callable[[Plain], Answer]  #: what the reference says, in the same form
    at_most_s: float | None = None


def questions() -> list[Question]:
    """Those about all events."""
    trends = "/v1/insights/trends"
    return [
        Question(
            "counts by day and name",
            trends,
            [("event", "@track"), ("by", "event_name"), ("limit", "50")],
            lambda reply: {
                (day, each["value"]): count
                for each in reply["series"]
                for day, count in zip(reply["buckets"], each["counts"], strict=True)
                if count
            },
            lambda plain: {
                (day_text(day), name): count
                for day, name, count in plain.ask(PER_DAY.format("event_name, count(*)", TRACKED))
            },
            TRENDS_S,
        ),
        Question(
            "unique users by day",
            trends,
            [("event", "@track"), ("count", "users")],
            _per_day,
            lambda plain: _days(plain.ask(PER_DAY.format("count(DISTINCT user_id)", TRACKED))),
            TRENDS_S,
        ),
        Question(
            "one event by day, where a property has a value",
            trends,
            [("event", STEPS[1]), ("where", "event.plan:eq:team")],
            _per_day,
            lambda plain: _days(
                plain.ask(
                    PER_DAY.format(
                        "count(*)",
                        f"{TRACKED} AND event_name = '{STEPS[1]}' AND metadata->>'$.plan' = 'team'",
                    )
                )
            ),
            TRENDS_S,
        ),
        Question(
            "all events by day, where a property has a value",
            trends,
            [("event", "@track"), ("where", "event.plan:eq:team")],
            _per_day,
            lambda plain: _days(
                plain.ask(PER_DAY.format("count(*)", f"{TRACKED} AND metadata->>'$.plan' = 'team'"))
            ),
        ),
        Question(
            "one event by day, where a property that is different each time contains a text",
            trends,
            [("event", STEPS[1]), ("where", "event.page:contains:/reports/42")],
            _per_day,
            lambda plain: _days(
                plain.ask(
                    PER_DAY.format(
                        "count(*)",
                        f"{TRACKED} AND event_name = '{STEPS[1]}' "
                        "AND contains(metadata->>'$.page', '/reports/42')",
                    )
                )
            ),
        ),
        Question(
            f"funnel of {len(STEPS)} steps within {WINDOW_DAYS} days",
            "/v1/insights/funnel",
            [*(("step", step) for step in STEPS), ("window", f"{WINDOW_DAYS}d")],
            lambda reply: [step["count"] for step in reply["steps"]],
            lambda plain: [*plain.ask(FUNNEL)[0]],
        ),
    ]


def _per_day(reply: Any) -> Answer:
    found = zip(reply["buckets"], reply["series"][0]["counts"], strict=True)
    return {day: count for day, count in found if count}


def _days(rows: list[tuple[Any, ...]]) -> Answer:
    return {day_text(day): count for day, count in rows}


def timeline(user: str) -> Question:
    """A user's last events."""
    return Question(
        f"a user's last {LAST} events",
        "/v1/events",
        [("user_id", user), ("limit", str(LAST))],
        lambda reply: [each["id"] for each in reply["data"]],
        lambda plain: [
            id
            for (id, _) in plain.ask(
                "SELECT id, metadata FROM events WHERE user_id = ? "
                "ORDER BY inserted_at DESC LIMIT ?",
                user,
                LAST,
            )
        ],
        TIMELINE_S,
    )


Times = dict[str, dict[str, list[float]]]  # question → contender → seconds of each round


class Asking:
    """Asks both, and compares."""

    def __init__(self, server: Server, plain: Plain, made: Filled) -> None:
        self._connection = server.connect(timeout=300)
        self._plain = plain
        day = timedelta(days=1)
        first = datetime.fromtimestamp(made.since / 1e6, UTC)
        last = datetime.fromtimestamp(made.until / 1e6, UTC) + day
        self._span = [("from", f"{first:%Y-%m-%d}"), ("to", f"{last:%Y-%m-%d}"), ("tz", "UTC")]

    def ours(self, question: Question) -> tuple[float, Answer]:
        """Seconds, and what the server says."""
        span = self._span if question.path.startswith("/v1/insights") else []
        target = question.path + "?" + urlencode([*question.parameters, *span])
        begun = time.perf_counter()
        self._connection.request("GET", target, headers=reads.HEADERS)
        reply = self._connection.getresponse()
        content = reply.read()
        seconds = time.perf_counter() - begun
        if reply.status != 200 or reply.headers.get(reads.LAG, "0") != "0":
            raise Broken(f"{target} was answered {reply.status} {content[:300]!r}")
        return seconds, question.read(json.loads(content))

    def both(self, question: Question) -> tuple[float, float]:
        """Seconds of ours and of the reference."""
        ours, answer = self.ours(question)
        begun = time.perf_counter()
        wanted = question.plain(self._plain)
        plain = time.perf_counter() - begun
        if not answer or answer != wanted:
            raise Broken(
                f"{question.text}: the server says {str(answer)[:300]}, "
                f"and the events are {str(wanted)[:300]}"
            )
        return ours, plain

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def measure(given: Options, made: Filled, report: Report) -> tuple[Times, float]:
    """All rounds of each question; and the seconds of a fresh server's first question."""
    times: Times = {}

    def note(question: Question, ours: float, plain: float) -> None:
        of_question = times.setdefault(question.text, {"analytex": [], "plain": []})
        of_question["analytex"].append(ours)
        of_question["plain"].append(plain)

    choose = random.Random(10)
    with (
        servers.analytex(made.folder, workers=given.workers) as server,
        closing(Plain(made.folder, made.files, made.events)) as plain,
        closing(Asking(server, plain, made)) as asking,
    ):
        first, _ = asking.ours(questions()[0])
        for question in questions():
            asking.both(question)  # neither begins with files that were not read yet
        for number in range(given.rounds):
            for question in questions():
                ours, theirs = asking.both(question)
                note(question, ours, theirs)
                report.progress(
                    f"round {number + 1}, {question.text}: {ours:.3f} s, plain {theirs:.3f} s"
                )
            some = []
            for _ in range(USERS_A_ROUND):
                question = timeline(user_id(choose.randrange(made.users)))
                some.append(asking.both(question))
            middle = [spread([pair[which] for pair in some]).median for which in (0, 1)]
            note(question, *middle)
            report.progress(
                f"round {number + 1}, {question.text}: {middle[0]:.3f} s, plain {middle[1]:.3f} s"
            )
    return times, first


def show(times: Times, first: float, made: Filled, given: Options, report: Report) -> None:
    rows = [
        [
            text,
            spread(of["analytex"]).text(".3f"),
            spread(of["plain"]).text(".3f"),
            ratio(of["analytex"], of["plain"]).text(".2f"),
        ]
        for text, of in times.items()
    ]
    report.table(
        f"{made.events:,} events in {len(made.files)} files; answers that differ: 0",
        ["", "seconds", "plain DuckDB, s", "of plain"],
        rows,
    )
    size = made.history_bytes / made.events
    plain = (made.folder / "events.parquet").stat().st_size / made.events
    print(f"bytes an event on disk: {size:.1f}; in the plain Parquet file: {plain:.1f}")
    print(f"the first question that a new server answers: {first:.2f} s\n")
    report.keep("bytes_an_event", {"analytex": size, "plain": plain})
    report.keep("first_question_s", first)
    wanted = {each.text: each.at_most_s for each in [*questions(), timeline("")]}
    for text, of in times.items():
        if wanted[text]:
            report.target(f"{text}, s", spread(of["analytex"]).median, at_most=wanted[text])
    report.target("bytes an event on disk", size, at_most=BYTES)


def main() -> int:
    given = options.read(
        __doc__ or "",
        needs=("analytex",),
        events=10_000_000,
        smoke_events=50_000,
        can_keep=True,
    )
    report = Report(__doc__ or "", given)
    with filled.directory(given, report) as made:
        times, first = measure(given, made, report)
        show(times, first, made, given, report)
    report.keep("seconds", times)
    return report.finish()


if __name__ == "__main__":
    broken.run(main)
