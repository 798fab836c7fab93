"""`analytex restore`: a backup, made a data directory again."""

from pathlib import Path

import click

from analytex.cli.backup import bytes_done, copied, summary
from analytex.cli.options import json_option, with_settings
from analytex.cli.tables import json_text
from analytex.service.restore import restore as restore_backup
from analytex.settings import Loaded


@click.command()
@click.argument(
    "folder",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="The folder that `analytex backup` made.",
)
@json_option
@with_settings("data")
def restore(folder: Path, as_json: bool, loaded: Loaded) -> None:
    """Make a backup a data directory again.

    The backup in the folder DIR is copied into a data directory that is missing or empty, and that
    no server uses. Every file is compared with what was backed up; where one
    differs, nothing is restored. Users who were deleted after the backup are in it: delete them
    again.
    """
    directory = loaded.settings.directory
    with bytes_done("Restoring") as advance:
        manifest = restore_backup(folder, directory, advance)
    if as_json:
        click.echo(json_text(summary(manifest) | {"directory": str(directory)}))
        return
    click.echo(
        f"{copied(manifest)} restored to {directory}, as of {manifest.began_at:.19}Z.\n"
        f"Check it with `analytex verify --data {directory}`, then start `analytex serve --data "
        f"{directory}`."
    )
