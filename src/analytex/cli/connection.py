"""The options of commands that speak with a running server: where it is, and with which key."""

from contextlib import closing
from functools import wraps
from typing import Any, Final

import click
import httpx

from analytex.cli.client import Client
from analytex.cli.options import Command, with_settings
from analytex.errors import BadRequest, SettingsError, Unauthorized
from analytex.settings import Loaded, Settings

URL_VARIABLE: Final = "ANALYTEX_URL"
_EVERYWHERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 - not bound


def with_server(command: Command) -> Command:
    """Give a command the options `--url`, `--key` and `--config`, and the argument `server`."""

    @wraps(command)
    def run(*args: Any, url: str | None, key: str | None, loaded: Loaded, **given: Any) -> Any:
        address = checked_url(url) if url else default_url(loaded.settings)
        with closing(Client(address, checked_key(key or loaded.settings.api_key))) as server:
            return command(*args, server=server, **given)

    return _url_option(_key_option(with_settings()(run)))


def default_url(settings: Settings) -> str:
    """Return where a server with these settings, on this machine, is reached."""
    if settings.port == 0:
        raise SettingsError(
            "The setting `port` is 0, so nobody knows where the server listens.",
            details="Say it with `--url`; the server prints its address when it starts.",
        )
    host = _EVERYWHERE.get(settings.host, settings.host)
    return f"http://[{host}]:{settings.port}" if ":" in host else f"http://{host}:{settings.port}"


def checked_url(text: str) -> str:
    """Return a server's address without `/` or `/v1` at its end. Raises BadRequest."""
    try:
        url = httpx.URL(text.strip())
    except httpx.InvalidURL:
        url = httpx.URL("")
    if url.scheme not in ("http", "https") or not url.host or url.query or url.fragment:
        raise BadRequest(
            "The server's address is not valid.",
            details="Expected such as http://127.0.0.1:8080 in `--url` or the variable "
            f"{URL_VARIABLE}.",
        )
    if url.userinfo:
        raise BadRequest(
            "The server's address holds a name or password.",
            details="Give the API key with `--key` or in the variable ANALYTEX_API_KEY instead.",
        )
    return str(url).rstrip("/").removesuffix("/v1").rstrip("/")


def checked_key(key: str | None) -> str:
    """Return the key that is to be sent. Raises Unauthorized; the key is in no message."""
    key = (key or "").strip()
    if not key:
        raise Unauthorized(
            "An API key is needed, and none is given.",
            details="Put one into the variable ANALYTEX_API_KEY, or use `--key`. Where the "
            "server's data directory is, this makes one:\n"
            "  export ANALYTEX_API_KEY=$(analytex keys create)",
        )
    if not (key.isascii() and key.isprintable()):
        raise Unauthorized(
            "The API key holds characters that no key has.",
            details="Look at `--key`, or at the variable ANALYTEX_API_KEY.",
        )
    return key


_url_option: Final = click.option(
    "--url",
    metavar="URL",
    envvar=URL_VARIABLE,
    help="Where the server answers.  [default: http://127.0.0.1:8080, or what the settings `host` "
    f"and `port` say; environment: {URL_VARIABLE}]",
)
_key_option: Final = click.option(
    "--key",
    metavar="KEY",
    help="API key of the environment. Other users of this machine can see a command line: the "
    "variable is safer.  [default: the setting `api_key`; environment: ANALYTEX_API_KEY]",
)
