"""`analytex backup`: a copy of the data directory, while the server runs or not."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from analytex.cli.options import json_option, with_settings
from analytex.cli.progress import Rate, live
from analytex.cli.tables import counted, json_text, size_text
from analytex.service.backup import back_up
from analytex.service.copies import Advance, Manifest
from analytex.settings import Loaded


@click.command()
@click.argument(
    "folder",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Where to put it: a folder that is missing or empty, best on another disk.",
)
@json_option
@with_settings("data")
def backup(folder: Path, as_json: bool, loaded: Loaded) -> None:
    """Copy the data directory, while the server runs or not.

    The copy goes into the folder DIR. It holds every call, file and deletion that was acknowledged
    before the backup began. It is read again at the end, and made complete by its very last step:
    what an interrupted backup leaves is never taken for one.

    Until the end, a running server needs disk for what is written meanwhile, and a deletion that
    is asked for waits with its last steps. A backup holds the data of all users, and the hashes of
    the keys: keep it as safe as the data.

    \b
        analytex backup /backups/2026-01-31
        analytex restore /backups/2026-01-31 --data another-directory
    """
    with bytes_done("Copying") as advance:
        manifest = back_up(loaded.settings.directory, folder, advance)
    if as_json:
        click.echo(json_text(summary(manifest) | {"directory": str(folder)}))
        return
    click.echo(f"{copied(manifest)} copied to {folder}, as of {manifest.began_at:.19}Z.")


def copied(manifest: Manifest) -> str:
    """Return how much a backup holds: `12 files (49.2 MB)`."""
    return f"{counted(len(manifest.files), 'file')} ({size_text(manifest.bytes)})"


def summary(manifest: Manifest) -> dict[str, object]:
    """Return what scripts are told of a backup."""
    return {
        "began_at": manifest.began_at,
        "files": len(manifest.files),
        "bytes": manifest.bytes,
        "analytex": manifest.analytex,
    }


@contextmanager
def bytes_done(title: str) -> Iterator[Advance]:
    """Show a bar on standard error while the block copies bytes."""
    rate = Rate()
    with live(title) as show:

        def advance(done: int, total: int) -> None:
            speed = size_text(rate.at(done))
            show(done, total or None, f"{size_text(done)} of {size_text(total)}, {speed}/s")

        yield advance
