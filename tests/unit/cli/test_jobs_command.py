"""`analytex jobs`, against a stand-in for a server."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from click.testing import Result

from analytex.cli import following
from analytex.cli import jobs as jobs_module
from analytex.cli.outcomes import ROWS_FAILED
from analytex.cli.progress import Show
from analytex.domain.jobs import Family
from analytex.errors import JobState
from analytex.wire.job_replies import RowErrorReply
from tests.unit.cli.fake_server import FakeServer

Run = Callable[..., Result]

ONE = "6f1c2d3e-0000-4000-8000-5a5a5a5a5a5a"
TWO = "6f1cffff-0000-4000-8000-5a5a5a5a5a5a"


def add_failed(fake: FakeServer, id: str = ONE, rows: int = 1) -> str:
    """Add a job with rows that failed, and return its public id."""
    job = fake.add_job(id=id, total_rows=rows, completed_rows=0, failed_rows=rows)
    fake.errors[job.job_id] = [
        RowErrorReply(row=n, line=n + 1, place="", value="\x1b[31m", code="bad", reason="It is.")
        for n in range(1, rows + 1)
    ]
    fake.rows[job.job_id] = b"user_id\n\x1b[31m\n"
    return job.job_id


def test_list_shows_the_newest_first(run: Run, fake: FakeServer) -> None:
    """The first characters of the id are enough for the other commands."""
    fake.add_job(id=ONE, filename="\x1b[31m")
    fake.add_job(Family.BULK, id=TWO, status="processing", completed_rows=3, dry_run=True)

    lines = run("jobs", "list").stdout.splitlines()

    assert lines[0].split() == ["ID", "TYPE", "STATUS", "ROWS", "FAILED", "SUBMITTED", "ELAPSED"]
    assert lines[1].startswith("6f1cffff  bulk_identify_users  processing (dry run)  3/10")
    assert lines[2].startswith("6f1c2d3e  import               completed             10/10")
    assert lines[2].endswith("2026-02-16T12:00:00Z  2.0 s")


def test_list_can_be_read_by_scripts(run: Run, fake: FakeServer) -> None:
    """The objects are those of the API."""
    job = fake.add_job(filename="\x1b[31m\x9b")

    result = run("jobs", "list", "--json")

    assert json.loads(result.stdout)[0]["job_id"] == job.job_id
    assert result.stdout.replace("\n", "").isprintable()


def test_an_empty_list_is_a_list(run: Run, fake: FakeServer) -> None:
    """Nothing went wrong."""
    assert run("jobs", "list").exit_code == 0
    assert json.loads(run("jobs", "list", "--json").stdout) == []


@pytest.mark.parametrize(
    "id", [f"import:jobs:NX-tests:{ONE}", ONE, ONE[:8], ONE[:6].upper(), f" {ONE[:10]} "]
)
def test_a_job_is_named_by_its_id_or_the_beginning_of_it(
    run: Run, fake: FakeServer, id: str
) -> None:
    """Nobody types a UUID."""
    fake.add_job(id=ONE)
    fake.add_job(id=TWO)

    assert json.loads(run("jobs", "show", id, "--json").stdout)["job_id"].endswith(ONE)


@pytest.mark.parametrize(
    ("id", "words"),
    [
        ("6f1c", "2 jobs begin with 6f1c."),
        ("6f1", "not the id of a job"),
        ("", "not the id of a job"),
        ("\x1b[31m", "not the id of a job"),
        ("../../v1", "not the id of a job"),
        ("abcd", "There is no job whose id begins with abcd."),
        ("import:jobs:NX-tests:x", "There is no such job."),
    ],
)
def test_an_id_that_is_none_is_a_sentence(run: Run, fake: FakeServer, id: str, words: str) -> None:
    """With what to do about it."""
    fake.add_job(id=ONE)
    fake.add_job(id=TWO)

    result = run("jobs", "show", id)

    assert (result.exit_code, result.stdout) == (1, "")
    assert words in result.stderr
    assert result.stderr.replace("\n", "").isprintable()


def test_show_says_all_that_is_known(run: Run, fake: FakeServer) -> None:
    """What does not apply is left out, and what senders chose does no harm."""
    fake.add_job(
        id=ONE,
        filename="\x1b[31m.csv",
        failed_rows=2,
        completed_rows=8,
        duplicate_rows=3,
        reason="It was cancelled.",
    )

    text = run("jobs", "show", ONE).stdout

    assert f"id         import:jobs:NX-tests:{ONE}\n" in text
    assert "file       \\x1b[31m.csv (1.2 kB)\n" in text
    assert "completed  8, of these 3 duplicate\n" in text
    assert "reason     It was cancelled.\n" in text
    assert "removed" not in text
    assert f"`analytex jobs errors {ONE[:8]}`" in text


def test_show_of_a_deletion_is_its_receipt(run: Run, fake: FakeServer) -> None:
    """When, how much, and from where."""
    fake.add_job(
        Family.DELETE, id=ONE, due_at="2026-02-16T12:00:00.000000Z", removed={"events": 1234}
    )

    text = run("jobs", "show", ONE).stdout

    assert "due              2026-02-16T12:00:00Z\n" in text
    assert "removed, events  1,234\n" in text


@pytest.mark.parametrize(
    ("kind", "title"),
    [
        ("import", "Storing"),
        ("bulk_identify_users", "Storing"),
        ("delete_users", "Deleting"),
        ("export", "Exporting"),
    ],
)
def test_the_bar_says_what_the_job_does(
    run: Run, fake: FakeServer, monkeypatch: pytest.MonkeyPatch, kind: str, title: str
) -> None:
    """An export stores nothing."""
    titles: list[str] = []

    @contextmanager
    def live(title: str) -> Iterator[Show]:
        titles.append(title)
        yield lambda done, total, words: None

    monkeypatch.setattr(following, "live", live)
    fake.add_job(id=ONE, type=kind)

    run("jobs", "watch", ONE[:8])

    assert titles == [title]


@pytest.mark.parametrize(("failed", "code"), [(0, 0), (1, ROWS_FAILED)])
def test_watch_ends_as_an_import_would(run: Run, fake: FakeServer, failed: int, code: int) -> None:
    """It is what one types after Ctrl-C, or after `--no-wait`."""
    job = fake.add_job(id=ONE, status="queued", total_rows=5, completed_rows=0, end_time=None)
    fake.errors[job.job_id] = [
        RowErrorReply(row=1, line=1, place="", value="", code="bad", reason="It is.")
    ] * failed

    result = run("jobs", "watch", ONE[:8])

    assert result.exit_code == code
    assert f"Job {ONE[:8]} has completed: 5 rows in 2.00 s" in result.stdout


def test_errors_are_a_table_of_all_pages(run: Run, fake: FakeServer) -> None:
    """A page at a time, so that a million of them need no memory."""
    add_failed(fake, rows=1500)

    lines = run("jobs", "errors", ONE).stdout.splitlines()

    assert lines[0].split() == ["ROW", "LINE", "PLACE", "VALUE", "CODE", "REASON"]
    assert lines[1] == "1      2      (the row)  \\x1b[31m  bad   It is."
    assert lines[-1].startswith("1,500  1,501  (the row)")
    assert len(lines) == 1500 + 2


def test_no_errors_are_a_sentence(run: Run, fake: FakeServer) -> None:
    """An empty table would look like a defect."""
    fake.add_job(id=ONE)

    assert run("jobs", "errors", ONE).stdout == "No row of it failed.\n"
    assert run("jobs", "errors", ONE, "--json").stdout == ""


def test_errors_can_be_read_by_scripts(run: Run, fake: FakeServer) -> None:
    """A JSON object on each line, or CSV as the server writes it."""
    add_failed(fake)

    [line] = run("jobs", "errors", ONE, "--json").stdout.splitlines()
    table = run("jobs", "errors", ONE, "--csv").stdout.splitlines()

    assert json.loads(line)["code"] == "bad"
    assert table[0] == "row,line,place,value,code,reason"
    assert len(table) == 2


def test_failed_rows_come_back_as_they_were(run: Run, fake: FakeServer) -> None:
    """Into a file, to be mended and sent again: byte by byte."""
    id = add_failed(fake)

    assert run("jobs", "errors", ONE, "--rows").stdout_bytes == fake.rows[id]


@pytest.mark.parametrize("form", ["--rows", "--csv"])
def test_on_a_terminal_failed_rows_do_no_harm(
    run: Run, fake: FakeServer, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever sent them chose what they hold."""
    add_failed(fake)
    monkeypatch.setattr(jobs_module, "_is_terminal", lambda: True)

    text = run("jobs", "errors", ONE, form).stdout

    assert "\\x1b[31m" in text
    assert text.replace("\n", "").isprintable()


def test_errors_come_in_one_form(run: Run, fake: FakeServer) -> None:
    """Two would be mixed."""
    assert run("jobs", "errors", ONE, "--csv", "--rows").exit_code == 2


def test_cancel_says_what_stays(run: Run, fake: FakeServer) -> None:
    """Rows that are stored are not taken back."""
    fake.add_job(id=ONE, status="processing", completed_rows=4)

    result = run("jobs", "cancel", ONE)

    assert result.exit_code == 0
    assert result.stdout == f"Job {ONE[:8]} is cancelled: 4 of 10 rows are stored.\n"


def test_what_has_ended_cannot_be_cancelled(run: Run, fake: FakeServer) -> None:
    """The sentence is the server's."""
    fake.add_job(id=ONE)
    fake.refuse(
        "POST",
        f"/v1/background_jobs/{ONE}/cancel",
        JobState("The job has ended already.", details="Its status is completed."),
    )

    result = run("jobs", "cancel", ONE)

    assert result.exit_code == 1
    assert result.stderr == "Error: The job has ended already.\nIts status is completed.\n"


def test_retry_follows_the_new_job(run: Run, fake: FakeServer) -> None:
    """It has an id of its own."""
    add_failed(fake)

    result = run("jobs", "retry", ONE)

    assert result.exit_code == 0
    assert fake.jobs[0].retry_of is not None
    assert f"Job {fake.jobs[0].job_id.split(':')[-1][:8]} has completed" in result.stdout


def test_retry_need_not_be_waited_for(run: Run, fake: FakeServer) -> None:
    """It prints the new id alone."""
    add_failed(fake)

    assert run("jobs", "retry", ONE, "--no-wait").stdout == f"{fake.jobs[0].job_id}\n"
