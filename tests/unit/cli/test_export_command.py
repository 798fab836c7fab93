"""`analytex export`: asks, waits, saves, and goes on where a download broke."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
from click.testing import Result

from analytex.errors import JobRunning, Unavailable
from analytex.http.errors import error_reply
from analytex.wire.export_replies import CreatedReply, ExportReply, FileReply
from tests.unit.cli.fake_server import AT, Answer, Asked, FakeServer

Run = Callable[..., Result]

EXPORTS: Final = "/api/v1/analytics/exports"
ID: Final = "2b7d3f60-0000-4000-8000-1c1c1c1c1c1c"
SHORT: Final = "2b7d3f60"


class Exports:
    """An export that a stand-in answers; it is ready at the second look."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files
        self.bodies: list[dict[str, Any]] = []
        self.ranges: list[str] = []
        self.failed = ""
        self.breaks = 0  # so many downloads are refused before one is answered
        self._looks = 0

    def __call__(self, asked: Asked) -> Answer | None:
        """Answer."""
        if not asked.path.startswith(EXPORTS):
            return None
        if asked.method == "POST":
            self.bodies.append(json.loads(asked.body))
            created = CreatedReply(
                job_id=ID,
                environment_app_token="NX-tests",
                environment_name="production",
                start_time=AT,
                links=f"{EXPORTS}/jobs/{ID}",
            )
            return Answer(201, msgspec.json.encode(created))
        if asked.path.startswith(f"{EXPORTS}/jobs/"):
            return Answer(200, msgspec.json.encode(self._export()))
        return self._file(asked)

    def _export(self) -> ExportReply:
        self._looks += 1
        ready = self._looks > 1
        status = "failed" if self.failed else "completed" if ready else "processing"
        return ExportReply(
            job_id=ID,
            app_token="NX-tests",
            status=status,
            type="export",
            progress="100" if ready else "40",
            start_time=AT,
            end_time=AT if ready else "",
            current_chunk="",
            all_chunks=list(self.files),
            completed_chunks=list(self.files) if ready else [],
            presigned_urls=[
                FileReply(filename=name, url=f"https://elsewhere{EXPORTS}/files/{ID}/{name}?s=1")
                for name in self.files
                if ready
            ],
            reason=self.failed,
        )

    def _file(self, asked: Asked) -> Answer:
        content = self.files[asked.path.rpartition("/")[2]]
        if asked.method == "HEAD":
            return Answer(200, content)
        if self.breaks:
            self.breaks -= 1
            return Answer(*error_reply(Unavailable()))
        start = asked.headers.get("range", "")
        self.ranges.append(start)
        if not start:
            return Answer(200, content)
        return Answer(206, content[int(start.removeprefix("bytes=").rstrip("-")) :])


def serve(fake: FakeServer, files: dict[str, bytes]) -> Exports:
    """Let the stand-in have these files."""
    exports = Exports(files)
    fake.instead.append(exports)
    return exports


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait less than for a real server."""
    monkeypatch.setattr("analytex.cli.export.LOOK_EVERY_S", 0.001)
    monkeypatch.setattr("analytex.cli.export.AGAIN_AFTER_S", 0.001)


NDJSON: Final = {
    "events-2026-03-01.ndjson.gz": gzip.compress(b'{"n":1}\n'),
    "events-2026-03-02.ndjson.gz": gzip.compress(b'{"n":2}\n'),
}


def test_days_become_one_file(run: Run, fake: FakeServer, tmp_path: Path) -> None:
    """Unpacked, unless its name says otherwise; what else was there is gone."""
    serve(fake, NDJSON)
    done = run("export", "--from", "2026-03-01", "-o", "march.ndjson")
    assert done.exit_code == 0, done.output
    assert (tmp_path / "march.ndjson").read_bytes() == b'{"n":1}\n{"n":2}\n'

    run("export", "-o", "march.ndjson.gz")
    packed = (tmp_path / "march.ndjson.gz").read_bytes()
    assert gzip.decompress(packed) == b'{"n":1}\n{"n":2}\n'
    assert {path.name for path in tmp_path.iterdir()} == {"march.ndjson", "march.ndjson.gz"}


def test_csv_has_one_header(run: Run, fake: FakeServer, tmp_path: Path) -> None:
    """Each day's file has one."""
    serve(fake, {"events-1.csv": b"a,b\r\n1,2\r\n", "events-2.csv": b"a,b\r\n3,4\r\n"})
    run("export", "--format", "csv", "-o", "all.csv")
    run("export", "--format", "csv", "-o", "all.csv.gz")

    assert (tmp_path / "all.csv").read_bytes() == b"a,b\r\n1,2\r\n3,4\r\n"
    packed = (tmp_path / "all.csv.gz").read_bytes()
    assert gzip.decompress(packed) == b"a,b\r\n1,2\r\n3,4\r\n"


def test_a_directory_gets_the_files(run: Run, fake: FakeServer, tmp_path: Path) -> None:
    """As the server names them."""
    serve(fake, NDJSON)
    done = run("export", "-o", "days/")

    assert {path.name: path.read_bytes() for path in (tmp_path / "days").iterdir()} == NDJSON
    assert "Saved 2 files" in done.output


def test_what_is_asked_for(run: Run, fake: FakeServer) -> None:
    """Options that may be given several times are lists."""
    exports = serve(fake, {})
    words = ["--to", "2026-03-31", "--event-type", "track", "--user-id", "a", "--user-id", "b"]
    run("export", *words, "--company-id", "c", "--format", "parquet")

    [body] = exports.bodies
    assert (body["to"], body["from"], body["format"]) == ("2026-03-31", None, "parquet")
    assert (body["event_type"], body["user_id"], body["company_id"]) == (
        ["track"],
        ["a", "b"],
        ["c"],
    )


def test_a_download_goes_on_where_it_broke(run: Run, fake: FakeServer, tmp_path: Path) -> None:
    """Also one that an earlier command had begun."""
    exports = serve(fake, NDJSON)
    exports.breaks = 2
    name, content = next(iter(NDJSON.items()))
    (tmp_path / f"{name}.{SHORT}.part").write_bytes(content[:10])
    done = run("export", "--job", ID)

    assert done.exit_code == 0, done.output
    assert exports.bodies == []
    assert exports.ranges == ["bytes=10-", ""]
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == NDJSON


def test_a_download_that_never_gets_on_is_given_up(run: Run, fake: FakeServer) -> None:
    """A person must be told."""
    serve(fake, NDJSON).breaks = 1000
    done = run("export")

    assert done.exit_code == 1


def test_an_export_that_failed_says_why(run: Run, fake: FakeServer) -> None:
    """And the exit code does."""
    serve(fake, NDJSON).failed = "No room."
    done = run("export")

    assert done.exit_code == 1
    assert "No room." in done.output


def test_parquet_needs_a_directory(run: Run, fake: FakeServer) -> None:
    """Such files cannot be put together; nothing is asked for in vain."""
    exports = serve(fake, {})
    done = run("export", "--format", "parquet", "-o", "one.parquet")

    assert done.exit_code == 1
    assert "Name a directory" in done.output
    assert exports.bodies == []


@pytest.mark.parametrize("name", ["../evil", ".bashrc", "a/b.csv"])
def test_a_server_cannot_choose_where_files_go(
    run: Run, fake: FakeServer, name: str, tmp_path: Path
) -> None:
    """Its names are names only."""
    serve(fake, {name: b""})
    done = run("export", "-o", "days/")

    assert done.exit_code == 1
    assert not list(tmp_path.rglob("*"))


def test_another_one_that_runs_is_an_error(run: Run, fake: FakeServer) -> None:
    """With what to do about it."""
    fake.refuse("POST", EXPORTS, JobRunning())
    done = run("export")

    assert done.exit_code == 1
    assert "analytex jobs list" in done.output


def test_json_is_the_export(run: Run, fake: FakeServer) -> None:
    """For scripts."""
    serve(fake, NDJSON)

    assert json.loads(run("export", "--json").stdout)["job_id"] == ID
