"""The command `analytex` and what its subcommands have in common.

A subcommand's module is imported when it is used, so that none pays for what the others need.
"""

from importlib import import_module
from typing import IO, Any, Final, NamedTuple

import click

from analytex import __version__
from analytex.errors import AnalytexError

INTERRUPTED: Final = 130  # 128 and the number of SIGINT, as shells count


class Subcommand(NamedTuple):
    """Where a subcommand is, and its sentence in the list of them."""

    place: str  #: module:attribute
    sentence: str


SUBCOMMANDS: Final = {
    "serve": Subcommand("analytex.cli.serve:serve", "Run the server."),
    "keys": Subcommand("analytex.cli.keys:keys", "Create, list, revoke and rotate API keys."),
    "environments": Subcommand(
        "analytex.cli.environments:environments", "Create and list environments."
    ),
    "config": Subcommand("analytex.cli.config:config", "Look at the settings."),
    "import": Subcommand(
        "analytex.cli.imports:import_", "Import a file of historical events into a running server."
    ),
    "bulk": Subcommand(
        "analytex.cli.bulk:bulk", "Identify many users or companies at once, in a running server."
    ),
    "export": Subcommand("analytex.cli.export:export", "Save events of a running server as files."),
    "jobs": Subcommand(
        "analytex.cli.jobs:jobs", "List, watch, cancel and retry the jobs of a running server."
    ),
    "tail": Subcommand("analytex.cli.tail:tail", "Show events of a running server as they come."),
    "events": Subcommand("analytex.cli.events:events", "List events of a running server."),
    "insights": Subcommand(
        "analytex.cli.insights:insights", "Ask questions of the events of a running server."
    ),
    "users": Subcommand(
        "analytex.cli.users:users", "List, show and delete users of a running server."
    ),
    "companies": Subcommand(
        "analytex.cli.companies:companies",
        "List, show and delete companies of a running server.",
    ),
    "quarantine": Subcommand(
        "analytex.cli.quarantine:quarantine",
        "Look at the refused requests of a running server, and send them again.",
    ),
    "sql": Subcommand("analytex.cli.sql:sql", "Ask the data a question in SQL."),
    "seal": Subcommand("analytex.cli.seal:seal", "Move events into history now."),
    "backup": Subcommand(
        "analytex.cli.backup:backup", "Copy the data directory, while the server runs or not."
    ),
    "restore": Subcommand("analytex.cli.restore:restore", "Make a backup a data directory again."),
    "verify": Subcommand(
        "analytex.cli.verify:verify", "Fold the events again and compare with the profiles."
    ),
    "demo": Subcommand(
        "analytex.cli.demo:demo", "Fill a running server with a believable product."
    ),
}


class Failure(click.ClickException):
    """An error of ours, as a person at a terminal reads it."""

    def __init__(self, error: AnalytexError) -> None:
        super().__init__(error.message)
        self._details = error.details

    def show(self, file: IO[Any] | None = None) -> None:
        """Write it to standard error."""
        click.echo(f"Error: {self.message}", file=file, err=True)
        if self._details:
            click.echo(self._details, file=file, err=True)


class Commands(click.Group):
    """A group whose subcommands are imported on use, and whose failures end decently."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the table above."""
        return list(SUBCOMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a subcommand."""
        found = SUBCOMMANDS.get(cmd_name)
        if found is None:
            return None
        module, _, attribute = found.place.partition(":")
        command = getattr(import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of subcommands without importing one."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, each.sentence) for name, each in SUBCOMMANDS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        """Run the subcommand; what goes wrong becomes a sentence and an exit code."""
        try:
            return super().invoke(ctx)
        except AnalytexError as error:
            raise Failure(error) from error
        except KeyboardInterrupt:
            click.echo(err=True)  # ends the line on which the terminal shows ^C
            raise click.exceptions.Exit(INTERRUPTED) from None


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 done; 1 it failed, and standard error says why; 2 the command line was "
    "not understood; 130 interrupted with Ctrl-C. `analytex COMMAND --help` explains a command.",
)
@click.version_option(__version__, prog_name="analytex", message="%(prog)s %(version)s")
def main() -> None:
    """A self-hosted realtime customer-data server.

    It takes identify and track calls of the Userpilot Realtime API, keeps every call it
    acknowledges, and answers what is known about users and companies. `analytex serve` starts it;
    everything it stores is in one data directory.

    import, bulk, export, jobs, tail, events, insights, users, companies and quarantine speak with a
    running server, also on another machine, and need an API key. The other commands work on the
    data directory, whether or not the server runs; only restore needs one that no server uses.
    """
