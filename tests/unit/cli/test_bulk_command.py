"""`analytex bulk`, against a stand-in for a server."""

import gzip
import io
import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from click.testing import Result

from analytex.cli import bulk as bulk_module
from analytex.cli.bulk import PART_ROWS, parts
from analytex.cli.outcomes import ROWS_FAILED
from analytex.errors import AnalytexError, BadRequest, JobRunning, Unavailable
from analytex.http.errors import error_reply
from tests.unit.cli.fake_server import Answer, Asked, FakeServer

Run = Callable[..., Result]

SEVEN = b"".join(b'{"user_id":"u-%d"}\n' % n for n in range(7))


@pytest.fixture
def seven(tmp_path: Path) -> str:
    """A file of seven users."""
    (tmp_path / "seven.ndjson").write_bytes(SEVEN)
    return "seven.ndjson"


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits long here."""
    monkeypatch.setattr(bulk_module, "_ASK_EVERY_S", 0.001)


@pytest.mark.parametrize(
    ("words", "path"),
    [([], "/v1/users/bulk_identify"), (["--companies"], "/v1/companies/bulk_identify")],
)
def test_a_short_file_is_one_job(
    run: Run, fake: FakeServer, seven: str, words: list[str], path: str
) -> None:
    """Of users, unless it is said that they are companies."""
    result = run("bulk", seven, *words)

    assert (result.exit_code, result.stderr) == (0, "")
    assert fake.paths()[1] == f"POST {path}"
    assert fake.uploads() == [("seven.ndjson", SEVEN)]
    assert "has completed: 7 rows in" in result.stdout


def test_a_long_file_is_sent_in_parts(run: Run, fake: FakeServer, seven: str) -> None:
    """One after the other: a server takes 10,000 rows and one bulk job at a time."""
    result = run("bulk", seven, "--part-rows", "3")

    assert result.exit_code == 0
    assert [content.count(b"\n") for _, content in fake.uploads()] == [3, 3, 1]
    assert b"".join(content for _, content in fake.uploads()) == SEVEN
    posts = [n for n, path in enumerate(fake.paths()) if path.startswith("POST")]
    assert all(b - a > 1 for a, b in pairwise(posts))  # looked at in between
    assert "3 jobs have completed: 7 rows in 6.00 s" in result.stdout


def test_lines_are_counted_in_the_file_that_was_given(
    run: Run, fake: FakeServer, tmp_path: Path
) -> None:
    """Whoever mends it knows nothing of parts."""
    (tmp_path / "a.ndjson").write_bytes(b"one\ntwo\nthree\nfour bad\nfive bad\n")

    result = run("bulk", "a.ndjson", "--part-rows", "2", "--errors", "e.csv", "--json")

    assert result.exit_code == ROWS_FAILED
    found = json.loads(result.stdout)
    assert (found["failed_rows"], found["errors"][0]["count"]) == (2, 2)
    assert found["errors"][0]["line"] == 4
    lines = (tmp_path / "e.csv").read_text().splitlines()[1:]
    assert [line.split(",")[:2] for line in lines] == [["4", "4"], ["5", "5"]]


def test_another_job_is_waited_for(run: Run, fake: FakeServer, seven: str) -> None:
    """It says so once."""
    fake.refuse("POST", "/v1/users/bulk_identify", JobRunning(), times=3)

    result = run("bulk", seven)

    assert result.exit_code == 0
    assert result.stderr == "Another bulk job runs; waiting for its end.\n"


def test_another_job_is_not_waited_for_for_ever(
    run: Run, fake: FakeServer, seven: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A script would hang."""
    monkeypatch.setattr(bulk_module, "TURN_WITHIN_S", 0.0)
    fake.refuse("POST", "/v1/users/bulk_identify", JobRunning(), times=1000)

    result = run("bulk", seven)

    assert result.exit_code == 1
    assert "Error: A job of this family is already running." in result.stderr


def test_a_failure_in_the_middle_says_how_to_go_on(run: Run, fake: FakeServer, seven: str) -> None:
    """Nobody should have to count lines."""
    status, body, headers = error_reply(Unavailable("The disk is full."))

    def second(asked: Asked) -> Answer | None:
        return Answer(status, body, headers) if asked.method == "POST" and fake.jobs else None

    fake.instead.append(second)

    result = run("bulk", seven, "--part-rows", "3")

    assert result.exit_code == 1
    assert "Error: The disk is full." in result.stderr
    assert "The first 3 lines were sent." in result.stderr
    assert "`cat seven.ndjson | tail -n +4 | analytex bulk -`" in result.stderr


def test_after_a_job_that_failed_nothing_more_is_sent(
    run: Run, fake: FakeServer, seven: str
) -> None:
    """It was cancelled, or the server cannot go on."""
    fake.changes = {"status": "failed", "reason": "It was cancelled."}

    result = run("bulk", seven, "--part-rows", "3")

    assert result.exit_code == ROWS_FAILED
    assert len(fake.uploads()) == 1
    assert "tail -n +4" in result.stderr


def test_ctrl_c_says_what_is_sent_and_what_is_not(
    run: Run, fake: FakeServer, seven: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The job that runs goes on."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(bulk_module, "wait_for_end", interrupt)

    result = run("bulk", seven, "--part-rows", "3")

    assert (result.exit_code, result.stdout) == (130, "")
    assert "The first 3 lines were sent." in result.stderr
    assert "The last job goes on without us. `analytex jobs watch " in result.stderr
    assert "tail -n +4" in result.stderr


def test_without_waiting_only_the_last_job_is_left_alone(
    run: Run, fake: FakeServer, seven: str
) -> None:
    """The server takes the next part when the one before has ended."""
    result = run("bulk", seven, "--part-rows", "4", "--no-wait")

    assert result.exit_code == 0
    assert result.stdout.split() == [job.job_id for job in reversed(fake.jobs)]
    assert [job.status for job in reversed(fake.jobs)] == ["completed", "queued"]


def test_a_dry_run_is_one_of_every_part(run: Run, fake: FakeServer, seven: str) -> None:
    """And nothing is stored."""
    result = run("bulk", seven, "--part-rows", "4", "--dry-run")

    assert [each.query for each in fake.asked if each.method == "POST"] == [{"dry_run": "true"}] * 2
    assert "nothing was stored" in result.stdout


def test_a_packed_file_is_unpacked_on_the_way(run: Run, fake: FakeServer, tmp_path: Path) -> None:
    """Parts have to be cut between lines."""
    (tmp_path / "a.ndjson.gz").write_bytes(gzip.compress(SEVEN))

    assert run("bulk", "a.ndjson.gz", "--part-rows", "4").exit_code == 0
    assert b"".join(content for _, content in fake.uploads()) == SEVEN


def test_a_damaged_packed_file_is_a_sentence(run: Run, fake: FakeServer, tmp_path: Path) -> None:
    """A download that broke off."""
    (tmp_path / "a.gz").write_bytes(gzip.compress(SEVEN)[:-12])

    result = run("bulk", "a.gz")

    assert result.exit_code == 1
    assert "Error: a.gz cannot be read." in result.stderr
    assert fake.uploads() == []


def test_standard_input_is_a_file_too(run: Run, fake: FakeServer) -> None:
    """What another program writes."""
    assert run("bulk", "-", "--part-rows", "4", input=SEVEN).exit_code == 0
    assert b"".join(content for _, content in fake.uploads()) == SEVEN


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "holds no rows"),
        (b"\n \n", "holds no rows"),
        (b'[{"user_id":"u-1"}]', "is a JSON array"),
        (b'\xef\xbb\xbf\n  [\n{"user_id":"u-1"}]', "is a JSON array"),
    ],
)
def test_a_file_in_another_form_is_refused_before_it_is_sent(
    run: Run, fake: FakeServer, tmp_path: Path, content: bytes, words: str
) -> None:
    """Each of its lines would be an error."""
    (tmp_path / "a.json").write_bytes(content)

    result = run("bulk", "a.json")

    assert result.exit_code == 1
    assert words in result.stderr
    assert fake.uploads() == []


# Parts


@pytest.mark.parametrize(
    ("rows", "size", "lengths"),
    [(PART_ROWS, 1000, [7]), (3, 1000, [3, 3, 1]), (7, 1000, [7]), (100, 40, [2, 2, 2, 1])],
)
def test_parts_keep_to_rows_and_bytes(rows: int, size: int, lengths: list[int]) -> None:
    """Whichever comes first; together they are the file."""
    found = list(parts(io.BytesIO(SEVEN), "a", rows, size))

    assert [part.lines for part in found] == lengths
    assert [part.lines_before for part in found] == [sum(lengths[:n]) for n in range(len(lengths))]
    assert [part.last for part in found] == [False] * (len(lengths) - 1) + [True]
    assert b"".join(part.content for part in found) == SEVEN


def test_a_line_longer_than_a_part_is_named() -> None:
    """It is not read whole."""
    with pytest.raises(BadRequest, match="Line 2 of a is longer than 20 bytes"):
        list(parts(io.BytesIO(b"one\n" + b"x" * 1000), "a", 10, 20))


def test_a_disk_that_fails_is_a_sentence() -> None:
    """No traceback."""

    class Failing(io.BytesIO):
        def readline(self, size: int | None = -1) -> bytes:
            raise OSError("input/output error")

    with pytest.raises(AnalytexError, match="a cannot be read"):
        list(parts(Failing(), "a", 10))
