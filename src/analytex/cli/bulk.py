"""`analytex bulk`: a file of users or companies, into a running server, in parts that it takes."""

import gzip
import io
import shlex
import time
import zlib
from collections.abc import Callable, Iterator
from typing import BinaryIO, Final, NamedTuple, cast

import click

from analytex.cli.client import Client
from analytex.cli.connection import with_server
from analytex.cli.following import has_ended, how_to_go_on, leave, rows_done, wait_for_end
from analytex.cli.imports import dry_run_option, errors_option, no_wait_option, refuse_both
from analytex.cli.options import json_option
from analytex.cli.outcomes import EXIT_CODES, Ended, print_ids, report
from analytex.cli.progress import Rate, Show, live
from analytex.cli.tables import harmless
from analytex.cli.uploads import STANDARD_INPUT, Upload, file_name, file_size, unreadable
from analytex.domain.jobs import JobStatus
from analytex.errors import AnalytexError, BadRequest, JobRunning
from analytex.wire.job_replies import JobReply

PART_ROWS: Final = 10_000  # what a server takes, unless its settings say otherwise
PART_BYTES: Final = 49_000_000  # it takes 50 MB, with what a form adds
TURN_WITHIN_S: Final = 900.0  # another job with 10,000 rows takes 333 s at the published speed
_ASK_EVERY_S: Final = 2.0
_GZIP: Final = b"\x1f\x8b"
_BOM: Final = b"\xef\xbb\xbf"  # some programs write it first


class Part(NamedTuple):
    """Some lines of the file."""

    content: bytes
    lines_before: int
    lines: int
    last: bool


@click.command(epilog=EXIT_CODES)
@click.argument(
    "file",
    type=click.File("rb"),
    help="NDJSON: a JSON object on each line, also packed with gzip; - is standard input.",
)
@click.option("--companies", is_flag=True, help="The rows are companies, not users.")
@click.option(
    "--part-rows",
    type=click.IntRange(1, 10_000_000),
    metavar="N",
    default=PART_ROWS,
    show_default=True,
    help="Rows sent at a time; the server's setting `bulk_rows_limit` says how many it takes.",
)
@dry_run_option
@no_wait_option
@errors_option
@json_option
@with_server
@click.pass_context
def bulk(
    ctx: click.Context,
    file: BinaryIO,
    companies: bool,
    part_rows: int,
    dry_run: bool,
    no_wait: bool,
    errors_to: BinaryIO | None,
    as_json: bool,
    server: Client,
) -> None:
    """Identify many users or companies at once, in a running server.

    Each line of the file is an object; `company_id` and `metadata` may be left out:

    \b
        {"user_id": "u-1", "company_id": "c-1", "metadata": {"plan": "team"}}

    With `--companies` it is a company:

    \b
        {"company_id": "c-1", "metadata": {"industry": "shipping"}}

    A file of more than 10,000 rows or 49 MB is sent in parts, one after the other, each of them a
    job. If another bulk job runs, the command waits up to 15 minutes for its turn.

    Rows that fail do not stop the others. Ctrl-C ends the command, not the job that runs, and says
    which lines were not sent.
    """
    refuse_both(no_wait, errors_to)
    server.check()
    sending = _Sending(
        server, file, companies=companies, part_rows=part_rows, dry_run=dry_run, wait=not no_wait
    )
    ended = sending.run()
    if no_wait:
        print_ids([each.job for each in ended], as_json=as_json)
        return
    ctx.exit(report(server, ended, as_json=as_json, errors_to=errors_to))


class _Sending:
    """One file on its way, part by part."""

    def __init__(
        self,
        server: Client,
        file: BinaryIO,
        *,
        companies: bool,
        part_rows: int,
        dry_run: bool,
        wait: bool,
    ) -> None:
        self._server = server
        self._name = file_name(file)
        self._size = file_size(file)
        self._given = getattr(file, "name", "")
        self._file, self._packed = unpacked(file)
        self._path = f"/v1/{'companies' if companies else 'users'}/bulk_identify"
        self._part_rows = part_rows
        self._dry_run = dry_run
        self._wait = wait
        self._ended: list[Ended] = []
        self._lines = 0  # that the server has
        self._bytes = 0
        self._all_sent = False
        self._rate = Rate()

    def run(self) -> list[Ended]:
        """Send every part; return their jobs, all ended but the last one if nobody waits for it."""
        try:
            with live("Storing" if not self._dry_run else "Checking") as show:
                for part in parts(self._file, self._name, self._part_rows):
                    if not self._send(part, show):
                        break
        except KeyboardInterrupt:
            leave(self._left_behind())
        except AnalytexError as error:
            if self._ended:
                error.details = f"{error.details} {self._left_behind()}".strip()
            raise
        return self._ended

    def _send(self, part: Part, show: Show) -> bool:
        """Send a part and wait for its end; False if there is no sense in sending the next one."""
        job = self._submit(part)
        rows_before = sum(each.job.total_rows for each in self._ended)
        self._ended.append(Ended(job, rows_before, part.lines_before))
        self._lines = part.lines_before + part.lines
        self._all_sent = part.last
        if part.last and not self._wait:
            return False
        job = wait_for_end(self._server, job, lambda now: self._show(now, part, show))
        self._ended[-1] = self._ended[-1]._replace(job=job)
        self._bytes += len(part.content)
        if job.status == JobStatus.FAILED and not part.last:
            click.echo(f"A job failed, so the rest stays here. {self._left_behind()}", err=True)
        return job.status == JobStatus.COMPLETED

    def _submit(self, part: Part) -> JobReply:
        deadline = None
        while True:
            upload = Upload(self._name, io.BytesIO(part.content), len(part.content))
            try:
                return self._server.upload(self._path, upload, dry_run=self._dry_run)
            except JobRunning:
                if deadline is None:
                    deadline = time.monotonic() + TURN_WITHIN_S
                    click.echo("Another bulk job runs; waiting for its end.", err=True)
                elif time.monotonic() > deadline:
                    raise
            time.sleep(_ASK_EVERY_S)

    def _show(self, job: JobReply, part: Part, show: Show) -> None:
        share = rows_done(job) / job.total_rows if job.total_rows else 0.0
        earlier = [each.job for each in self._ended[:-1]]
        done = sum(map(rows_done, earlier)) + rows_done(job)
        failed = sum(each.failed_rows for each in earlier) + job.failed_rows
        words = f"{done:,} rows, {self._rate.at(done):,.0f} rows/s"
        if failed:
            words += f", {failed:,} failed"
        # How many rows the file has nobody knows yet; how many bytes, often.
        size = None if self._packed else self._size
        show(self._bytes + share * len(part.content), size, words)

    def _left_behind(self) -> str:
        """Return what is stored, and how to go on."""
        if not self._ended:
            return "Nothing was sent."
        job = self._ended[-1].job
        parts = [f"{'All' if self._all_sent else 'The first'} {self._lines:,} lines were sent."]
        if not has_ended(job):
            parts.append(f"The last job goes on without us. {how_to_go_on(job)}")
        if not self._all_sent:
            given = "FILE" if self._name == STANDARD_INPUT else shlex.quote(harmless(self._given))
            read = f"{'zcat' if self._packed else 'cat'} {given}"
            parts.append(
                f"To send the others: `{read} | tail -n +{self._lines + 1} | analytex bulk -`."
            )
        return " ".join(parts)


def unpacked(file: BinaryIO) -> tuple[BinaryIO, bool]:
    """Return a reader of the file's lines, and whether gzip had packed them."""
    raw = cast(io.RawIOBase, file)
    buffered = cast(io.BufferedReader, file) if hasattr(file, "peek") else io.BufferedReader(raw)
    if buffered.peek(len(_GZIP))[: len(_GZIP)] != _GZIP:
        return cast(BinaryIO, buffered), False
    return cast(BinaryIO, gzip.GzipFile(fileobj=buffered)), True


def parts(file: BinaryIO, name: str, rows: int, size: int = PART_BYTES) -> Iterator[Part]:
    """Yield the file's lines in parts of at most so many rows and bytes, in their order.

    Memory: two parts. Raises BadRequest for a file without rows, for a JSON array, and for a line
    that is longer than a part.
    """
    lines: list[bytes] = []
    count = length = before = 0
    blank = True
    for line in _lines(file, name, size):
        if blank and (text := line.removeprefix(_BOM).strip()):
            blank = False
            if text.startswith(b"["):
                raise _is_array(name)
        if lines and (count == rows or length + len(line) > size):
            yield Part(b"".join(lines), before, count, False)
            before += count
            lines, count, length = [], 0, 0
        lines.append(line)
        count += 1
        length += len(line)
    if blank:
        raise BadRequest(f"{name} holds no rows.", details=_EXPECTED)
    yield Part(b"".join(lines), before, count, True)


_EXPECTED: Final = 'Expected a JSON object on each line, such as {"user_id": "u-1"}.'


def _lines(file: BinaryIO, name: str, size: int) -> Iterator[bytes]:
    read: Callable[[int], bytes] = file.readline
    number = 0
    try:
        while line := read(size + 1):
            number += 1
            if len(line) > size:
                raise BadRequest(
                    f"Line {number:,} of {name} is longer than {size:,} bytes.", details=_EXPECTED
                )
            yield line
    except (OSError, EOFError, zlib.error) as error:  # gzip's own is an OSError
        raise unreadable(name, error) from error


def _is_array(name: str) -> BadRequest:
    return BadRequest(
        f"{name} is a JSON array.",
        details=f"{_EXPECTED} With jq: `jq -c '.[]' {name} | analytex bulk -`.",
    )
