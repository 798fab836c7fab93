"""`analytex sql`, on a data directory whose server is stopped."""

import csv
import io
import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import Result

from analytex.apply.loop import Applier
from analytex.auth.environments import create_environment
from analytex.auth.keys import prepare_first_start
from analytex.cli.main import INTERRUPTED
from analytex.domain.environments import Environment
from analytex.domain.events import Event, EventType
from analytex.domain.profiles import Company, User
from analytex.domain.values import Json
from analytex.eventlog.open import open_log_reader
from analytex.service.sealing import seal
from analytex.settings import load
from analytex.storage.interface import Changes
from analytex.storage.open import open_apply_store, open_key_store

Run = Callable[..., Result]

AT = 1_767_225_600_000_000  # 2026-01-01
HOUR = 3_600_000_000


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two environments with four events each; of these, two are in history."""
    directory = tmp_path_factory.mktemp("made") / "analytex-data"
    with closing(open_key_store(directory)) as keys:
        prepare_first_start(keys, api_key="the-first-admin-key", app_token="NX-one", at=1_000)
        create_environment(keys, name="two", at=1_000, app_token="NX-two")
        environments = keys.environments()
    for part in range(2):
        with closing(open_apply_store(directory)) as store:
            store.write(_changes(environments, part), start=part, upto=part + 1)
        if part == 0:
            seal(load({"data": str(directory)}).settings)
    with closing(open_log_reader(directory)) as log, closing(open_apply_store(directory)) as store:
        Applier(log, store, company_from_metadata=True)
    return directory


def _changes(environments: list[Environment], part: int) -> Changes:
    users = [
        User(
            environment_id=each.id,
            id=f"user-{part}",
            company_id="acme",
            properties={"plan": Json(b'"pro"')},
            stamps={},
            first_seen_at=AT,
            identified_at=AT + HOUR,
        )
        for each in environments
    ]
    companies = [
        Company(environment_id=each.id, id="acme", properties={}, stamps={}, first_seen_at=AT)
        for each in environments
    ]
    events = [
        Event(
            id=f"{each.id}-{part}-{number}",
            environment_id=each.id,
            event_type=EventType.TRACK,
            event_name="Plan \x1b[31mUpgraded",
            user_id=f"user-{part}",
            company_id="acme",
            source="backend-http",
            inserted_at=AT + part * 24 * HOUR + number,
            metadata='{"seats":5}',
            company=None,
            web=None,
        )
        for each in environments
        for number in range(2)
    ]
    return Changes(users, companies, events, [])


@pytest.fixture
def data(made: Path, tmp_path: Path) -> Path:
    """Such a directory, where commands look for it."""
    return Path(shutil.copytree(made, tmp_path / "analytex-data"))


def rows(result: Result) -> list[dict[str, object]]:
    """Return what `--json` wrote."""
    assert (result.exit_code, result.stderr) == (0, "")
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_hot_events_and_history_are_one(run: Run, data: Path) -> None:
    """Nobody who asks needs to know where an event lies."""
    found = rows(
        run(
            *("sql", "--json"),
            "SELECT app_token, day, count(*) AS events, sum((metadata->>'seats')::INT) AS seats "
            "FROM events GROUP BY ALL ORDER BY ALL",
        )
    )

    assert found == [
        {"app_token": token, "day": day, "events": 2, "seats": 10}
        for token in ("NX-one", "NX-two")
        for day in ("2026-01-01", "2026-01-02")
    ]


def test_users_and_companies_are_joined(run: Run, data: Path) -> None:
    """Columns have the names of the API, and times its form."""
    found = rows(
        run(
            *("sql", "--json", "--app", "NX-two"),
            "SELECT u.*, c.first_seen_at AS since FROM users u JOIN companies c "
            "USING (app_token, company_id) ORDER BY user_id LIMIT 1",
        )
    )

    assert found == [
        {
            "app_token": "NX-two",
            "user_id": "user-0",
            "company_id": "acme",
            "metadata": '{"plan":"pro"}',
            "first_seen_at": "2026-01-01T00:00:00Z",
            "last_seen_at": "2026-01-01T01:00:00Z",
            "since": "2026-01-01T00:00:00Z",
        }
    ]


def test_one_environment_is_asked_alone(run: Run, data: Path) -> None:
    """In all three views; the others are not there at all."""
    for view, number in (("events", 4), ("users", 2), ("companies", 1)):
        question = f"SELECT count(*) AS n, count(DISTINCT app_token) AS apps FROM {view}"  # noqa: S608
        assert rows(run("sql", "--json", "--app", "NX-one", question)) == [{"n": number, "apps": 1}]
        assert rows(run("sql", "--json", question)) == [{"n": number * 2, "apps": 2}]
    assert "NX-one" in run("sql", "--app", "NX-none", "SELECT 1").stderr


def test_what_is_there_can_be_found_out(run: Run, data: Path) -> None:
    """By whoever knows the SQL and not the data."""
    names = [row["name"] for row in rows(run("sql", "--json", "SHOW TABLES"))]
    columns = [row["column_name"] for row in rows(run("sql", "--json", "DESCRIBE events"))]

    assert {"events", "users", "companies"} <= set(names)
    assert columns[:3] == ["id", "app_token", "event_type"]
    assert {"metadata", "inserted_at", "day"} <= set(columns)


@pytest.mark.parametrize(
    "question",
    [
        "DELETE FROM users",
        "CREATE TABLE mine AS SELECT 1",
        "COPY (SELECT 1) TO 'out.csv'",
        "COPY (SELECT 1) TO '{file}' (USE_TMP_FILE false)",
        "EXPLAIN ANALYZE COPY (SELECT 1) TO '{file}' (USE_TMP_FILE false)",
        "ATTACH 'other.db'",
        "SET enable_external_access = true",
        "RESET enable_external_access",
        "INSTALL httpfs",
        "LOAD httpfs",
        "PRAGMA database_list",
        "CALL pragma_version()",
        "EXPORT DATABASE 'out'",
        "CHECKPOINT",
        "SELECT 1; DROP TABLE users",
        "SELECT * FROM read_text('{secret}')",
        "SELECT * FROM '{secret}'",
        "SELECT * FROM read_csv('{secret}')",
        "SELECT * FROM glob('{folder}/*')",
        "SELECT * FROM read_blob('{store}')",
        "SELECT * FROM read_text('https://example.com/')",
        "SELECT * FROM query('SELECT * FROM read_text(''{secret}'')')",
        "SELECT getenv('HOME')",
        "FROM secret",
        "",
        "/* nothing */",
        "SELEC 1",
        "SELECT nothing FROM events",
        "SELECT '\udcff'",
    ],
)
def test_a_question_only_reads_and_only_the_views(
    run: Run, data: Path, tmp_path: Path, question: str
) -> None:
    """It may come from somebody else: no file, no network, no change."""
    secret = tmp_path / "secret.csv"
    secret.write_text("a,b\n1,2\n")
    file = next((data / "history").rglob("*.parquet"))
    before = file.read_bytes()
    for name, path in (
        *(("secret", secret), ("file", file), ("folder", tmp_path)),
        ("store", data / "store.db"),
    ):
        question = question.replace(f"{{{name}}}", str(path))

    result = run("sql", question)

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("Error: ")
    assert "Traceback" not in result.stderr
    assert file.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["analytex-data", "secret.csv"]


def test_values_of_all_kinds_are_json(run: Run, data: Path) -> None:
    """None is rounded, and none of two columns of the same name is lost."""
    question = """
        SELECT NULL AS a, true AS b, 170141183460469231731687303715884105727 AS c, 1.50 AS d,
        1.5::DOUBLE AS e, 'nan'::DOUBLE AS f, 'x'::BLOB AS g, [1, NULL] AS h, {'k': DATE
        '2026-01-01'} AS i, MAP {'k': 1} AS j, INTERVAL 1 DAY AS k, TIMESTAMP
        '2026-01-01 10:00:00' AS l, 2 AS b
    """

    result = run("sql", "--json", question)

    assert '"c":170141183460469231731687303715884105727,"d":1.50,' in result.stdout
    assert rows(result)[0] | {"c": 0} == {
        "a": None,
        "b": True,
        "c": 0,
        "d": 1.5,
        "e": 1.5,
        "f": None,
        "g": "78",
        "h": [1, None],
        "i": {"k": "2026-01-01"},
        "j": {"k": 1},
        "k": "1 day, 0:00:00",
        "l": "2026-01-01T10:00:00",
        "b_1": 2,
    }


def test_csv_is_what_a_spreadsheet_reads(run: Run, data: Path) -> None:
    """Into a file or pipe values go as they are."""
    result = run("sql", "--csv", "SELECT event_name, NULL AS n, metadata FROM events LIMIT 1")

    assert list(csv.reader(io.StringIO(result.stdout))) == [
        ["event_name", "n", "metadata"],
        ["Plan \x1b[31mUpgraded", "", '{"seats":5}'],
    ]


def test_a_table_is_harmless_and_not_endless(run: Run, data: Path) -> None:
    """Senders choose names, and a question may have a million answers."""
    result = run("sql", "SELECT event_name, NULL AS n FROM events LIMIT 1")
    many = run("sql", "SELECT range AS n FROM range(5000)")

    assert result.stdout == "EVENT_NAME             N\nPlan \\x1b[31mUpgraded  NULL\n"
    assert len(many.stdout.splitlines()) == 1001
    assert "Only the first 1,000 rows are shown" in many.stderr


def test_a_long_question_comes_from_a_file(run: Run, data: Path) -> None:
    """Nobody quotes forty lines of SQL for a shell."""
    assert rows(run("sql", "--json", "-", input=b"SELECT 1 AS a\n")) == [{"a": 1}]


def test_too_much_memory_is_refused(run: Run, data: Path) -> None:
    """The server beside it needs some, too."""
    question = "SELECT length(string_agg(repeat('x', 100000) || range, '')) FROM range(3000)"

    result = run("sql", "--query-memory", "67108864", question)

    assert result.exit_code == 1
    assert "needs more memory than it may have" in result.stderr


@pytest.mark.slow  # 1.5 seconds
def test_ctrl_c_ends_a_question_that_takes_for_ever(data: Path) -> None:
    """At once, and not when DuckDB has an answer."""
    endless = "SELECT sum(a.range * b.range) FROM range(10000000000) a, range(10000000000) b"
    process = subprocess.Popen(
        [sys.executable, "-m", "analytex", "sql", endless, "--data", str(data)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        time.sleep(1)
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == INTERRUPTED
    finally:
        process.kill()
        process.wait()


def test_one_form_at_a_time(run: Run, data: Path) -> None:
    """Which of them should it be?"""
    assert run("sql", "--csv", "--json", "SELECT 1").exit_code == 2
