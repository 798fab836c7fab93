"""`analytex users delete` and `analytex companies delete`, against a stand-in for a server."""

import json
from collections.abc import Callable

import pytest
from click.testing import Result

from analytex.cli import deletions
from analytex.cli.outcomes import ROWS_FAILED
from analytex.errors import RateLimited
from tests.unit.cli.fake_server import FakeServer

Run = Callable[..., Result]


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody sits there and can be asked."""
    monkeypatch.setattr(deletions, "_can_ask", lambda: True)


@pytest.mark.parametrize("what", ["users", "companies"])
def test_delete_prints_the_receipt(run: Run, fake: FakeServer, what: str) -> None:
    """What the server says, and where how much was removed."""
    result = run(what, "delete", "--yes", "ada", "bob")

    assert (result.exit_code, result.stderr) == (0, "")
    assert fake.asked[0].method == "DELETE"
    assert json.loads(fake.asked[0].body) == {what: ["ada", "bob"]}
    assert result.stdout.splitlines()[0] == f"2 {what} are scheduled for deletion."
    assert "has completed: 2 ids in 2.00 s." in result.stdout
    assert "  events                 7  removed" in result.stdout


@pytest.mark.usefixtures("terminal")
@pytest.mark.parametrize(("answer", "code", "sent"), [(b"y\n", 0, True), (b"n\n", 1, False)])
def test_a_person_is_asked(
    run: Run, fake: FakeServer, answer: bytes, code: int, sent: bool
) -> None:
    """It cannot be undone; the ids in the question do no harm."""
    result = run("users", "delete", "ada", "\x1b[31m", input=answer)

    assert result.exit_code == code
    assert bool(fake.asked) == sent
    assert "Delete 2 users and all that is known of them, for good: ada, \\x1b[31m?" in (
        result.stderr
    )


@pytest.mark.usefixtures("terminal")
def test_the_question_fits_on_a_screen(run: Run, fake: FakeServer) -> None:
    """A thousand ids are counted, and some named."""
    result = run("users", "delete", *(f"user-{n:04}" for n in range(1000)), input=b"n\n")

    assert "Delete 1,000 users" in result.stderr
    assert "user-0009, ...?" in result.stderr


def test_a_script_has_to_say_yes(run: Run, fake: FakeServer) -> None:
    """A question that nobody can answer is no consent."""
    result = run("users", "delete", "ada")

    assert result.exit_code == 2
    assert "`--yes`" in result.stderr
    assert fake.asked == []


def test_a_deletion_for_later_is_not_waited_for(run: Run, fake: FakeServer) -> None:
    """The server may delete at night."""
    fake.changes = {"status": "queued", "due_at": "2999-01-01T02:00:00.000000Z"}

    result = run("users", "delete", "--yes", "ada")

    assert result.exit_code == 0
    assert "It runs at 2999-01-01 02:00 UTC" in result.stdout
    assert "`analytex jobs cancel " in result.stdout


def test_nobody_has_to_wait(run: Run, fake: FakeServer) -> None:
    """Standard output holds the job's id alone."""
    result = run("users", "delete", "--yes", "--no-wait", "ada")

    assert (result.exit_code, result.stdout) == (0, f"{fake.jobs[0].job_id}\n")
    assert "1 users are scheduled" in result.stderr


def test_a_script_reads_the_receipt(run: Run, fake: FakeServer) -> None:
    """The job as the API shows it."""
    result = run("users", "delete", "--yes", "--json", "ada")

    assert json.loads(result.stdout)["jobs"][0]["removed"] == {"events": 7}


def test_a_deletion_that_failed_is_a_failure(run: Run, fake: FakeServer) -> None:
    """Somebody has to look after it."""
    fake.changes = {"status": "failed", "reason": "The disk is full."}

    result = run("users", "delete", "--yes", "ada")

    assert result.exit_code == ROWS_FAILED
    assert "The disk is full." in result.stdout


def test_too_many_deletions_are_told(run: Run, fake: FakeServer) -> None:
    """With the published limits, one every two seconds."""
    fake.refuse("DELETE", "/v1/users", RateLimited())

    result = run("users", "delete", "--yes", "ada")

    assert result.exit_code == 1
    assert "Too many requests" in result.stderr


def test_without_an_id_nothing_is_deleted(run: Run, fake: FakeServer) -> None:
    """An empty list in a script must not mean everybody."""
    assert run("users", "delete", "--yes").exit_code == 2
    assert fake.asked == []
