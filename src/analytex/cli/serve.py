"""`analytex serve`: run the server."""

import click

from analytex import __version__
from analytex.cli.options import with_settings
from analytex.observability import logs
from analytex.service.supervisor import Running, Supervisor
from analytex.settings import Loaded


@click.command()
@with_settings("data", "host", "port", "workers", "limits", "log_level")
def serve(loaded: Loaded) -> None:
    """Run the server.

    The first start makes the data directory, an environment and a key, and prints them; the key is
    shown only then. Ctrl-C or SIGTERM stops the server cleanly: what it accepted is on disk and
    answered.

    Every other setting can be given in the environment or in the TOML file: see `analytex config
    show`.
    """
    logs.configure(loaded.settings.log_level, "supervisor", loaded.settings.log_format)
    Supervisor(loaded).run(_announce)


def _announce(running: Running) -> None:
    environment, secret, revoked = running.first_start
    lines = [
        f"analytex {__version__} is ready at {running.url}",
        f"  data         {running.settings.directory}",
        f"  environment  {environment.name}, app token {environment.app_token}",
    ]
    if secret:
        lines.append(f"  API key      {secret}  (shown this once; `analytex keys` makes more)")
    elif revoked:
        lines.append("  API key      the one in the settings was revoked, and stays so")
    elif running.settings.api_key:
        lines.append("  API key      the one in the settings")
    else:
        lines.append("  API key      made before; `analytex keys create` makes another")
    if running.settings.console:
        lines.append(f"  console      {running.url}/console  (a key that may read signs in)")
    lines += ["", *_first_call(running.url, secret), "", "Ctrl-C stops it."]
    click.echo("\n".join(lines))


def _first_call(url: str, secret: str | None) -> list[str]:
    key = secret or "$ANALYTEX_API_KEY"
    header = f'-H "Authorization: Token {key}"'
    return [
        "Send a first event, and read it back:",
        f"  curl {url}/v1/track {header} \\",
        """    -d '{"user_id":"ada","event_name":"signed up"}'""",
        f"  curl {url}/v1/events {header}",
    ]
