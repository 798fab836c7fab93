"""Options that several commands share: settings, names, and the choice of an environment."""

from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import Any, Final

import click

from analytex import settings
from analytex.auth.administration import MAX_NAME_CHARS, is_name
from analytex.domain.environments import Environment
from analytex.errors import NotFound

Command = Callable[..., Any]

_TYPES: Final = {"text": click.STRING, "integer": click.INT, "number": click.FLOAT}
_METAVARS: Final = {"data": "DIRECTORY"}


def checked_name(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """Return what an operator calls a key or an environment, without blanks around it."""
    if value is None:
        return None
    name = value.strip()
    if not is_name(name):
        raise click.BadParameter(f"Expected 1 to {MAX_NAME_CHARS} printable characters.")
    return name


app_option = click.option(
    "--app",
    "app_token",
    metavar="TOKEN",
    help="App token of the environment; needed only if there are several.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Write JSON, for scripts.")


def with_settings(*names: str) -> Callable[[Command], Command]:
    """Give a command an option for each of these settings, and `--config`.

    The command receives all settings as its argument `loaded`.
    """

    def decorate(command: Command) -> Command:
        @wraps(command)
        def run(*args: Any, config_file: Path | None, **given: Any) -> Any:
            command_line = {name: given.pop(name) for name in names}
            return command(*args, loaded=settings.load(command_line, file=config_file), **given)

        decorated: Command = _config_option(run)
        for name in reversed(names):  # click shows first what was added last
            decorated = _setting_option(name)(decorated)
        return decorated

    return decorate


def choose_environment(environments: Sequence[Environment], app_token: str | None) -> Environment:
    """Return the environment that is meant. Raises NotFound, which lists what there is."""
    for each in environments:
        if each.app_token == app_token or (app_token is None and len(environments) == 1):
            return each
    if app_token is None and environments:
        message = "There are several environments; say which one with `--app TOKEN`."
    elif app_token is None:
        message = "There is no environment yet."
    else:
        message = f"There is no environment with the app token {app_token}."
    listed = "; ".join(f"{each.app_token} ({each.name})" for each in environments)
    hint = "`analytex environments create NAME` makes one."
    raise NotFound(message, details=f"There are: {listed}." if listed else hint)


def value_text(value: Any) -> str:
    """Return a setting's value as a variable or the TOML file would spell it."""
    if value is None:
        return "not set"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _setting_option(name: str) -> Callable[[Command], Command]:
    setting = next(row for row in settings.table() if row.name == name)
    text = _help(setting)
    flag = "--" + name.replace("_", "-")
    if setting.kind == "boolean":
        return click.option(f"{flag}/--no-{flag[2:]}", name, default=None, help=text)
    words = setting.kind.replace("`", "").split(" or ")
    kind = _TYPES.get(setting.kind) or click.Choice(words)
    return click.option(flag, name, type=kind, metavar=_METAVARS.get(name), help=text)


def _help(setting: settings.Setting) -> str:
    facts = f"environment: {setting.variable}"
    if setting.default is not None:
        facts = f"default: {value_text(setting.default)}; {facts}"
    return f"{setting.sentence}  [{facts}]"


_config_option: Final = click.option(
    "--config",
    "config_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="TOML file with settings.  [default: analytex.toml in the working directory, if there "
    "is one; environment: ANALYTEX_CONFIG]",
)
