"""`analytex export`: events of a running server, saved as files."""

import gzip
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Final, cast
from urllib.parse import urlsplit

import click

from analytex.cli.client import Client
from analytex.cli.connection import with_server
from analytex.cli.following import GIVE_UP_S, leave
from analytex.cli.options import json_option
from analytex.cli.progress import Rate, Show, live
from analytex.cli.tables import counted, harmless, json_text, size_text
from analytex.domain.exports import EVENT_TYPES, ExportFormat
from analytex.errors import AnalytexError, BadRequest, Retryable
from analytex.wire.export_replies import ExportReply

LOOK_EVERY_S: Final = 0.2
TRIES: Final = 5  # of a download whose connection breaks, without getting on
AGAIN_AFTER_S: Final = 1.0
_JOINED: Final = (ExportFormat.NDJSON.suffix, ExportFormat.CSV.suffix)


@click.command()
@click.option("--from", "since", metavar="TIME", help="No event before it: 2026-03-01, or a time.")
@click.option(
    "--to", "until", metavar="TIME", help="No event from it on; a date is part of what is saved."
)
@click.option(
    "--format",
    "form",
    type=click.Choice([str(each) for each in ExportFormat]),
    default=str(ExportFormat.NDJSON),
    show_default=True,
    help="How the files hold the events.",
)
@click.option(
    "--event-type",
    "event_types",
    type=click.Choice(EVENT_TYPES),
    metavar="TYPE",
    multiple=True,
    help="Only events of this type, such as track; may be given several times.",
)
@click.option(
    "--user-id",
    "user_ids",
    metavar="ID",
    multiple=True,
    help="Only events of this user; may be given several times.",
)
@click.option(
    "--company-id",
    "company_ids",
    metavar="ID",
    multiple=True,
    help="Only events of this company; may be given several times.",
)
@click.option(
    "--job", "job_id", metavar="ID", help="Save the files of this export, and begin none."
)
@click.option(
    "-o",
    "--output",
    "place",
    type=click.Path(),
    metavar="FILE|DIRECTORY",
    default=".",
    help="A directory (one that exists, or ends with /) gets a file for each day. A file gets "
    "them all: NDJSON, packed if its name ends with .gz, or CSV.  [default: this directory]",
)
@json_option
@with_server
def export(
    since: str | None,
    until: str | None,
    form: str,
    event_types: Sequence[str],
    user_ids: Sequence[str],
    company_ids: Sequence[str],
    job_id: str | None,
    place: str,
    as_json: bool,
    server: Client,
) -> None:
    """Save events of a running server as files.

    The server writes the files, one for each day (UTC) that has events; this command shows how far
    it is, and then downloads them.

    \b
        analytex export --from 2026-03-01 --to 2026-03-31 -o march.ndjson.gz
        analytex export --format parquet -o events/

    A broken connection is taken up again where it broke. After Ctrl-C, `--job` with the id that
    was told goes on with the same export; its files can be downloaded for 2 days.
    """
    output, folder = Path(place), place.endswith("/") or Path(place).is_dir()
    if not folder and job_id is None and ExportFormat(form) not in ("ndjson", "csv"):
        raise _needs_folder()
    if job_id is None:
        asked: dict[str, Any] = {
            "from": since,
            "to": until,
            "format": form,
            "event_type": list(event_types),
            "user_id": list(user_ids),
            "company_id": list(company_ids),
        }
        job_id = server.create_export(asked).job_id
    try:
        reply = _ended(server, job_id)
        saved = _save(server, reply, output, folder=folder)
    except KeyboardInterrupt:
        leave(
            "The export goes on without us. To wait for it and save it: "
            f"`analytex export --job {harmless(job_id)}`, with the same `-o`."
        )
    if as_json:
        click.echo(json_text(reply, indent=2))
    else:
        size = sum(path.stat().st_size for path in saved)
        click.echo(f"Saved {counted(len(saved), 'file')}, {size_text(size)}:")
        for path in saved:
            click.echo(f"  {harmless(str(path))}")


def _ended(server: Client, job_id: str) -> ExportReply:
    """Return the export once it is completed. Raises AnalytexError if it failed."""
    with live("Exporting") as show:
        while True:
            reply = _patiently(lambda: server.export(job_id))
            chunks = f"{len(reply.completed_chunks)} of {counted(len(reply.all_chunks), 'day')}"
            show(int(reply.progress), 100, chunks if reply.all_chunks else reply.status)
            if reply.status == "failed":
                raise AnalytexError("The export failed.", details=harmless(reply.reason))
            if reply.status == "completed":
                break
            time.sleep(LOOK_EVERY_S)
    if reply.completed_chunks and not reply.presigned_urls:
        raise AnalytexError("The export has no files any more.", details=harmless(reply.reason))
    return reply


def _patiently(ask: Callable[[], ExportReply]) -> ExportReply:
    deadline = time.monotonic() + GIVE_UP_S
    while True:
        try:
            return ask()
        except Retryable:
            if time.monotonic() > deadline:
                raise
            time.sleep(AGAIN_AFTER_S)


def _save(server: Client, reply: ExportReply, output: Path, *, folder: bool) -> list[Path]:
    """Download the files; return what was saved."""
    names = [file.filename for file in reply.presigned_urls]
    if not folder and any(not name.endswith(_JOINED) for name in names):
        raise _needs_folder()
    if any(Path(name).name != name or name.startswith(".") for name in names):
        raise AnalytexError("The server names its files as no server of ours does.")
    short = "".join(char for char in reply.job_id[:8] if char.isalnum())
    place = output if folder else output.with_name(f"{output.name}.{short}.parts")
    place.mkdir(parents=True, exist_ok=True)
    paths = []
    with live("Saving") as show:
        for number, file in enumerate(reply.presigned_urls, 1):
            address = urlsplit(file.url)  # the server may not know how we reach it
            what = f"{address.path}?{address.query}"
            path = place / file.filename
            words = f"file {number} of {len(names)}"
            _download(server, what, path, place / f"{file.filename}.{short}.part", show, words)
            paths.append(path)
    if folder:
        return paths
    _join(paths, output)
    shutil.rmtree(place)
    return [output]


def _download(server: Client, address: str, path: Path, part: Path, show: Show, words: str) -> None:
    """Save a file, and go on where an earlier try ended."""
    size = server.file_size(address)
    rate, tries = Rate(), 0
    while (done := part.stat().st_size if part.exists() else 0) < size:
        try:
            with part.open("ab") as file:
                for piece in server.download(address, start=done):
                    file.write(piece)
                    done += len(piece)
                    show(done, size, f"{words}, {size_text(rate.at(done))}/s")
                    tries = 0
        except Retryable:
            tries += 1
            if tries >= TRIES:
                raise
            time.sleep(AGAIN_AFTER_S)
    if done > size:
        part.unlink()
        raise AnalytexError(f"{path} became longer than it is.", details="Try again.")
    part.touch()
    part.replace(path)


def _join(paths: Sequence[Path], output: Path) -> None:
    """Make one file of the files of all days."""
    packed = output.suffix == ".gz"
    part = output.with_name(f"{output.name}.part")
    with part.open("wb") as joined:
        for number, path in enumerate(paths):
            if path.suffix == ".gz" and not packed:
                with gzip.open(path) as lines:
                    shutil.copyfileobj(lines, joined)
                continue
            with path.open("rb") as file:
                if path.suffix == ".csv" and number:
                    file.readline()  # the header
                _copy(file, joined, pack=packed and path.suffix != ".gz")
    part.replace(output)


def _copy(file: BinaryIO, joined: BinaryIO, *, pack: bool) -> None:
    if not pack:
        shutil.copyfileobj(file, joined)
        return
    with gzip.GzipFile(fileobj=joined, mode="wb") as packer:
        shutil.copyfileobj(file, cast(BinaryIO, packer))


def _needs_folder() -> BadRequest:
    return BadRequest(
        "Parquet and Avro files cannot be put together.",
        details="Name a directory with `-o`: one that exists, or ends with /.",
    )
