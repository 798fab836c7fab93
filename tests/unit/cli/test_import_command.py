"""`analytex import`, against a stand-in for a server."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import Result

from analytex.cli import following
from analytex.cli.outcomes import ROWS_FAILED
from analytex.cli.uploads import Upload
from analytex.errors import JobRunning, Unauthorized
from tests.unit.cli.fake_server import Answer, Asked, FakeServer

Run = Callable[..., Result]

GOOD = b'{"user_id":"u-1"}\n{"user_id":"u-2"}\n'
MIXED = GOOD + b'{"user_id":"bad"}\n'


@pytest.fixture
def good(tmp_path: Path) -> str:
    """A file whose rows are all valid."""
    (tmp_path / "good.ndjson").write_bytes(GOOD)
    return "good.ndjson"


@pytest.fixture
def mixed(tmp_path: Path) -> str:
    """A file with two good rows and one that fails."""
    (tmp_path / "mixed.ndjson").write_bytes(MIXED)
    return "mixed.ndjson"


def test_it_sends_the_file_and_waits_for_its_end(run: Run, fake: FakeServer, good: str) -> None:
    """The key is tried first, so that a long file is not sent for nothing."""
    result = run("import", good)

    assert (result.exit_code, result.stderr) == (0, "")
    assert fake.uploads() == [("good.ndjson", GOOD)]
    assert fake.paths()[:2] == ["GET /v1/validate", "POST /v1/imports"]
    assert result.stdout.splitlines() == [
        f"Job {fake.jobs[0].job_id.split(':')[-1][:8]} has completed: 2 rows in 2.00 s, 1 rows/s.",
        "  completed              2",
        "  failed                 0",
    ]


def test_rows_that_failed_are_explained_and_end_with_3(
    run: Run, fake: FakeServer, mixed: str
) -> None:
    """Counted by what is wrong and where, with the first of each kind as an example."""
    result = run("import", mixed)

    assert result.exit_code == ROWS_FAILED
    lines = result.stdout.splitlines()
    assert "  failed                 1" in lines
    assert lines[lines.index("Why rows failed, and the first row of each kind:") + 1 :][:2] == [
        "ROWS  CODE     PLACE     LINE  VALUE     REASON",
        "1     missing  /user_id  3     \\x1b[31m  It is.",
    ]
    assert "analytex jobs errors " in lines[-1]


def test_errors_of_one_kind_are_one_line(run: Run, fake: FakeServer, tmp_path: Path) -> None:
    """A million rows with one mistake are one mistake; all pages are counted."""
    (tmp_path / "a.ndjson").write_bytes(b"bad\n" * 2500)

    table = run("import", "a.ndjson").stdout.split("each kind:\n")[1].splitlines()

    assert table[1].split()[:4] == ["2,500", "missing", "/user_id", "1"]
    assert fake.paths().count(f"GET /v1/background_jobs/{fake.jobs[0].job_id}/errors") == 3


def test_errors_are_saved_as_csv(run: Run, fake: FakeServer, mixed: str, tmp_path: Path) -> None:
    """For a spreadsheet, or for whoever made the file."""
    assert run("import", mixed, "--errors", "errors.csv").exit_code == ROWS_FAILED

    lines = (tmp_path / "errors.csv").read_text().splitlines()
    assert lines == ["row,line,place,value,code,reason", "3,3,/user_id,\x1b[31m,missing,It is."]


def test_a_place_for_errors_that_cannot_be_written_is_known_at_once(
    run: Run, fake: FakeServer, good: str
) -> None:
    """Not after an hour."""
    assert run("import", good, "--errors", "no/such/folder.csv").exit_code == 2
    assert fake.asked == []


def test_a_script_reads_the_sums(run: Run, fake: FakeServer, mixed: str) -> None:
    """With the job as the server shows it."""
    result = run("import", mixed, "--json")

    found = json.loads(result.stdout)
    [job] = found.pop("jobs")
    assert (result.exit_code, job["job_id"]) == (ROWS_FAILED, fake.jobs[0].job_id)
    assert found == {
        "total_rows": 3,
        "completed_rows": 2,
        "duplicate_rows": 0,
        "erased_rows": 0,
        "failed_rows": 1,
        "seconds": 2.0,
        "errors": [
            {
                "code": "missing",
                "place": "/user_id",
                "count": 1,
                "line": 3,
                "value": "\x1b[31m",
                "reason": "It is.",
            }
        ],
    }
    assert result.stdout.replace("\n", "").isprintable()


def test_duplicates_and_erased_rows_are_told_apart(run: Run, fake: FakeServer, good: str) -> None:
    """They are no mistakes: both count as completed."""
    fake.changes = {"duplicate_rows": 2, "erased_rows": 1}

    result = run("import", good)

    assert result.exit_code == 0
    assert "    duplicate            2  stored before, by an earlier import" in result.stdout
    assert "    erased               1  left out" in result.stdout


def test_a_dry_run_stores_nothing(run: Run, fake: FakeServer, good: str) -> None:
    """And the summary says so."""
    result = run("import", good, "--dry-run")

    assert fake.asked[1].query == {"dry_run": "true"}
    assert "nothing was stored" in result.stdout


@pytest.mark.parametrize("words", [["--no-wait"], ["--no-wait", "--json"]])
def test_nobody_has_to_wait(run: Run, fake: FakeServer, good: str, words: list[str]) -> None:
    """`JOB=$(analytex import FILE --no-wait)`, and `analytex jobs watch $JOB` later on."""
    result = run("import", good, *words)

    assert result.exit_code == 0
    assert fake.paths()[-1] == "POST /v1/imports"
    if "--json" in words:
        assert json.loads(result.stdout)["jobs"][0]["status"] == "queued"
    else:
        assert result.stdout == f"{fake.jobs[0].job_id}\n"


def test_standard_input_is_a_file_too(run: Run, fake: FakeServer) -> None:
    """`zcat *.gz | analytex import -`: nobody knows how long it is."""
    assert run("import", "-", input=GOOD).exit_code == 0

    assert fake.uploads() == [("standard-input", GOOD)]
    assert fake.asked[1].headers["transfer-encoding"] == "chunked"


def test_a_job_that_ended_early_is_a_failure(run: Run, fake: FakeServer, good: str) -> None:
    """What was not reached is counted, and the reason told."""
    end = {"status": "failed", "reason": "It was cancelled.", "remaining_rows": 2}
    fake.changes = {**end, "end_time": "2026-02-16T12:00:02.000000Z"}

    result = run("import", good)

    assert result.exit_code == ROWS_FAILED
    assert "has failed" in result.stdout
    assert "  not reached            2" in result.stdout
    assert "It ended early: It was cancelled." in result.stdout


def test_a_key_that_may_not_read_still_learns_how_it_ended(
    run: Run, fake: FakeServer, mixed: str
) -> None:
    """Why rows failed is said by reads."""

    def refuse(asked: Asked) -> Answer | None:
        if not asked.path.endswith("/errors"):
            return None
        body = {"error": "unauthorized", "error_code": "401", "message": "No.", "details": ""}
        return Answer(401, json.dumps({"errors": [body]}).encode())

    fake.instead.append(refuse)

    result = run("import", mixed)

    assert result.exit_code == ROWS_FAILED
    assert "  failed                 1" in result.stdout
    assert "Why rows failed cannot be read: No." in result.stderr


def test_another_import_in_the_way_is_told(run: Run, fake: FakeServer, good: str) -> None:
    """One import runs at a time for an app."""
    fake.refuse("POST", "/v1/imports", JobRunning())

    result = run("import", good)

    assert result.exit_code == 1
    assert "Error: A job of this family is already running." in result.stderr
    assert "`analytex jobs watch ID`" in result.stderr


def test_a_wrong_key_is_known_before_the_file_is_sent(
    run: Run, fake: FakeServer, good: str
) -> None:
    """The file may have gigabytes."""
    fake.refuse("GET", "/v1/validate", Unauthorized("The API key was revoked."))

    assert run("import", good).exit_code == 1
    assert fake.uploads() == []


def test_a_server_that_starts_again_is_waited_for(run: Run, fake: FakeServer, good: str) -> None:
    """The job goes on, and so does the command."""
    refused = iter([True, True])

    def refuse(asked: Asked) -> Answer | None:
        if asked.path.startswith("/v1/background_jobs/") and next(refused, False):
            return Answer(503, b"<html>")
        return None

    fake.instead.append(refuse)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("analytex.cli.following.time.sleep", lambda _: None)
        assert run("import", good).exit_code == 0


def test_a_server_that_stays_away_is_given_up(
    run: Run, fake: FakeServer, good: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a word on what becomes of the job."""
    monkeypatch.setattr(following, "GIVE_UP_S", 0.0)

    def refuse(asked: Asked) -> Answer | None:
        return Answer(503, b"<html>") if asked.path.startswith("/v1/background_jobs/") else None

    fake.instead.append(refuse)

    result = run("import", good)

    assert result.exit_code == 1
    assert "The job goes on when the server runs." in result.stderr


def test_ctrl_c_leaves_the_job_alone(
    run: Run, fake: FakeServer, good: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And says how to see it again."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(following, "wait_for_end", interrupt)

    result = run("import", good)

    id = fake.jobs[0].job_id.split(":")[-1][:8]
    assert (result.exit_code, result.stdout) == (130, "")
    assert "The job goes on without us." in result.stderr
    assert f"`analytex jobs watch {id}`" in result.stderr


def test_ctrl_c_while_the_file_is_sent_says_that_nothing_is_stored(
    run: Run, fake: FakeServer, good: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file counts when all of it has arrived."""

    def interrupt(*_: object, **__: object) -> Iterator[bytes]:
        yield b"--"
        raise KeyboardInterrupt

    monkeypatch.setattr(Upload, "_body", interrupt)

    result = run("import", good)

    assert result.exit_code == 130
    assert "nothing of it is stored" in result.stderr
    assert fake.jobs == []


@pytest.mark.parametrize(
    "words", [["missing.csv"], ["."], [], ["good.ndjson", "--no-wait", "--errors", "e.csv"]]
)
def test_a_line_that_makes_no_sense_is_exit_code_2(
    run: Run, fake: FakeServer, good: str, words: list[str]
) -> None:
    """Nothing is sent then."""
    assert run("import", *words).exit_code == 2
    assert fake.asked == []


def test_an_unreachable_server_is_a_sentence(run: Run, good: str) -> None:
    """Before the file is read."""
    result = run("import", good, "--url", "http://127.0.0.1:1", "--key", "k")

    assert result.exit_code == 1
    assert "Error: No server answers at http://127.0.0.1:1." in result.stderr
