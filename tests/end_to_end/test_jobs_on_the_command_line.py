"""`analytex import`, `bulk`, `jobs` and `users` against a real server."""

import gzip
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from analytex.cli.main import main
from analytex.cli.outcomes import ROWS_FAILED
from tests.server import Client, Server, wait_for

Run = Callable[..., Result]


@pytest.fixture
def run(client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run `analytex` with the key of an environment that nobody else uses."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ANALYTEX_URL", client.server.url)
    monkeypatch.setenv("ANALYTEX_API_KEY", client.key)

    def run_it(*words: str, input: bytes | None = None) -> Result:
        result = CliRunner().invoke(main, words, prog_name="analytex", input=input)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run_it


def event(number: int, **changes: object) -> dict[str, object]:
    """Return a row of an import file."""
    return {
        "event_type": "track",
        "user_id": f"u-{number % 10}",
        "event_name": "invoice paid",
        "source": "backend-http-import",
        "inserted_at": f"2025-02-17 08:{number // 60 % 60:02}:{number % 60:02}.000000",
        "metadata": {"number": number},
        **changes,
    }


def lines(rows: Iterable[dict[str, object]]) -> bytes:
    """Return rows as NDJSON."""
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def sums(result: Result) -> tuple[int, int, int, int]:
    """Return what `--json` says: total, completed, duplicates, failed."""
    found = json.loads(result.stdout)
    names = ("total_rows", "completed_rows", "duplicate_rows", "failed_rows")
    total, completed, duplicates, failed = (found[name] for name in names)
    return total, completed, duplicates, failed


def test_what_was_imported_can_be_read(run: Run, client: Client, tmp_path: Path) -> None:
    """When the command ends, not some time later."""
    (tmp_path / "events.ndjson").write_bytes(lines(map(event, range(30))))

    result = run("import", "events.ndjson", "--json")

    assert (result.exit_code, sums(result)) == (0, (30, 30, 0, 0))
    assert len(client.events(event_name="invoice paid")) == 30


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "packed"])
def test_a_csv_file_comes_from_standard_input(
    run: Run, client: Client, pack: Callable[[bytes], bytes]
) -> None:
    """`zcat events.csv.gz | analytex import -`, or the packed file itself."""
    rows = (
        b"event_type,user_id,event_name,source,inserted_at,metadata.amount\n"
        b"track,u-1,invoice paid,backend-http-import,2025-02-17 08:03:11.25,99.5\n"
    )

    result = run("import", "-", "--json", input=pack(rows))

    assert (result.exit_code, sums(result)) == (0, (1, 1, 0, 0)), result.output
    [found] = client.events()
    assert (found["user_id"], found["metadata"]) == ("u-1", {"amount": 99.5})


def test_a_file_that_is_imported_again_changes_nothing(run: Run, client: Client) -> None:
    """After a broken connection one simply tries again."""
    rows = lines(map(event, range(5)))

    run("import", "-", input=rows)
    again = run("import", "-", "--json", input=rows)

    assert (again.exit_code, sums(again)) == (0, (5, 5, 5, 0))
    assert len(client.events()) == 5


def test_failed_rows_are_mended_and_sent_again(run: Run, client: Client, tmp_path: Path) -> None:
    """The way from a mistake in the file to all rows stored."""
    rows = [event(0), event(1, source="nowhere"), event(2)]
    first = run("import", "-", "--json", "--errors", "errors.csv", input=lines(rows))
    found = json.loads(first.stdout)
    id = found["jobs"][0]["job_id"]

    assert (first.exit_code, sums(first)) == (ROWS_FAILED, (3, 2, 0, 1))
    assert [(each["count"], each["line"], each["value"]) for each in found["errors"]] == [
        (1, 2, "nowhere")
    ]
    assert (tmp_path / "errors.csv").read_text().splitlines()[1].startswith("2,2,")
    assert "nowhere" in run("jobs", "errors", id.split(":")[-1][:8]).stdout

    failed = run("jobs", "errors", id, "--rows").stdout_bytes
    mended = run("import", "-", "--json", input=failed.replace(b"nowhere", b"backend-http"))

    assert (mended.exit_code, sums(mended)) == (0, (1, 1, 0, 0))
    assert len(client.events()) == 3


def test_retry_takes_the_failed_rows_only(run: Run) -> None:
    """What is wrong in the row stays wrong, and is told again."""
    run("import", "-", input=lines([event(0), event(1, source="nowhere")]))
    [job] = json.loads(run("jobs", "list", "--json").stdout)

    again = run("jobs", "retry", job["job_id"], "--json")

    assert (again.exit_code, sums(again)) == (ROWS_FAILED, (1, 0, 0, 1))


def test_a_dry_run_stores_nothing(run: Run, client: Client) -> None:
    """It only says what would fail."""
    result = run(
        "import", "-", "--dry-run", "--json", input=lines([event(0), event(1, user_id="")])
    )

    assert (result.exit_code, sums(result)) == (ROWS_FAILED, (2, 1, 0, 1))
    assert client.events() == []


def test_a_long_bulk_file_is_sent_in_parts(run: Run, client: Client, tmp_path: Path) -> None:
    """Lines in errors are those of the whole file."""
    rows: list[dict[str, object]] = [{"user_id": f"u-{n}", "metadata": {"n": n}} for n in range(25)]
    rows[17] = {"metadata": {}}
    (tmp_path / "users.ndjson").write_bytes(lines(rows))

    result = run("bulk", "users.ndjson", "--part-rows", "10", "--json")

    found = json.loads(result.stdout)
    assert (result.exit_code, sums(result)) == (ROWS_FAILED, (25, 24, 0, 1))
    assert len(found["jobs"]) == 3
    assert found["errors"][0]["line"] == 18
    assert client.user("u-24")["metadata"]["n"] == 24


def test_bulk_takes_companies(run: Run, client: Client) -> None:
    """With their own flag."""
    row: dict[str, object] = {"company_id": "c-1", "metadata": {"industry": "shipping"}}

    assert run("bulk", "-", "--companies", input=lines([row])).exit_code == 0
    assert client.company("c-1")["metadata"]["industry"] == "shipping"


def test_a_file_of_more_rows_than_the_server_takes_is_refused(run: Run) -> None:
    """If it is told to be sent as one part."""
    result = run("bulk", "-", "--part-rows", "20000", input=lines([{"user_id": "u-1"}]) * 10_001)

    assert (result.exit_code, result.stdout) == (1, "")
    assert "Error: The file has too many rows." in result.stderr
    assert "`--part-rows N`" in result.stderr


def test_what_is_no_file_of_rows_is_refused(run: Run) -> None:
    """The sentence is the server's."""
    result = run("import", "-", input=b"\x00\x01\x02\x03")

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("Error: ")


@pytest.mark.slow  # 1.2 s: a deletion waits a second for calls that came just before it
def test_users_are_deleted_with_a_receipt(run: Run, client: Client) -> None:
    """When the command ends, nothing of them is left."""
    client.identify("ada", {"plan": "team"})
    client.track("ada", "signed up")
    client.track("bob", "signed up")
    wait_for(lambda: len(client.events()) == 3, 5)

    result = run("users", "delete", "--yes", "ada", "--json")

    [job] = json.loads(result.stdout)["jobs"]
    assert (result.exit_code, job["status"]) == (0, "completed"), result.output
    assert sum(job["removed"].values()) >= 3
    assert client.get("/v1/users/ada").status_code == 404
    assert [each["user_id"] for each in client.events()] == ["bob"]
    assert "removed" in run("jobs", "show", job["job_id"]).stdout


def test_jobs_of_another_environment_are_not_there(run: Run, server: Server) -> None:
    """A key opens one environment."""
    run("import", "-", input=lines([event(0)]))
    [job] = json.loads(run("jobs", "list", "--json").stdout)

    result = run("jobs", "show", job["job_id"], "--key", server.new_environment().key)

    assert result.exit_code == 1
    assert "Error: There is no such job." in result.stderr


@pytest.mark.slow  # 5 s: a command in a process of its own, over a job of 100,000 rows
def test_ctrl_c_ends_the_command_and_not_the_job(run: Run, client: Client, tmp_path: Path) -> None:
    """And `jobs watch` picks it up again."""
    (tmp_path / "events.ndjson").write_bytes(lines(map(event, range(100_000))))
    words = ["import", "events.ndjson", "--url", client.server.url, "--key", client.key]
    process = subprocess.Popen(
        [sys.executable, "-m", "analytex", *words],
        cwd=tmp_path,
        env=client.server.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_for(lambda: bool(json.loads(run("jobs", "list", "--json").stdout)), 20)
    time.sleep(0.3)  # the server has answered; the command has begun to follow
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=20)

    assert (process.returncode, output) == (130, "")
    assert "The job goes on without us. `analytex jobs watch " in errors
    id = errors.split("jobs watch ")[1].split("`")[0]
    watched = run("jobs", "watch", id, "--json")
    assert (watched.exit_code, sums(watched)) == (0, (100_000, 100_000, 0, 0))
