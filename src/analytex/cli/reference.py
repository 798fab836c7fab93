"""Writes `docs/cli.md` from the commands and `docs/settings.md` from the settings table.

`python -m analytex.cli.reference` prints both; with `--write`, in the repository's top directory,
it writes them.
"""

import inspect
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click

from analytex.cli.main import main
from analytex.cli.options import value_text
from analytex.settings import SECRET, Setting, table

GENERATED: Final = "<!-- Written by `python -m analytex.cli.reference --write`; do not edit. -->"
WIDE: Final = 10_000  # columns, so that click breaks no line

SETTINGS_HEAD: Final = """\
# Settings

A value comes from the first of: command line, environment variable, TOML file, default. A variable
that is set but empty counts as not set. The TOML file is the one that `--config` or
`ANALYTEX_CONFIG` names, else `analytex.toml` in the working directory if there is one:

```toml
port = 9090
limits = "userpilot"
read_wait = 5.0
```

A wrong value or an unknown name in the file stops the server at the start, with a sentence that
names the setting and its source. `analytex config show` prints every value and where it comes from.
"""


def cli_page() -> str:
    """Return the text of `docs/cli.md`."""
    root = click.Context(
        main,
        info_name="analytex",
        terminal_width=WIDE,
        max_content_width=WIDE,
        help_option_names=main.context_settings["help_option_names"],
    )
    sections = [GENERATED, "# Command line", _prose(main)]
    if main.epilog:
        sections.append(main.epilog)
    sections.append(_contents(root))
    for context in _commands(root):
        sections.append(f"## {context.command_path}")
        sections.append(_section(context))
    return "\n\n".join(sections) + "\n"


def settings_page() -> str:
    """Return the text of `docs/settings.md`."""
    return "\n".join((GENERATED, "", SETTINGS_HEAD, *map(_setting, table()))).rstrip() + "\n"


def _commands(context: click.Context) -> Iterator[click.Context]:
    group = context.command
    if isinstance(group, click.Group):
        for name in group.list_commands(context):
            command = group.get_command(context, name)
            if command is not None and not command.hidden:
                inner = click.Context(command, parent=context, info_name=name)
                yield inner
                yield from _commands(inner)


def _contents(root: click.Context) -> str:
    lines = []
    for context in _commands(root):
        path = context.command_path
        short = context.command.get_short_help_str(WIDE)
        lines.append(f"- [`{path}`](#{path.replace(' ', '-')}): {short}")
    return "\n".join(lines)


def _section(context: click.Context) -> str:
    command = context.command
    usage = " ".join((context.command_path, *command.collect_usage_pieces(context)))
    parts = [f"```\n{usage}\n```", _prose(command)]
    if command.epilog:
        parts.append(inspect.cleandoc(command.epilog))
    records = (each.get_help_record(context) for each in command.get_params(context))
    options = [f"- `{names}`: {help}" for names, help in filter(None, records)]
    if not isinstance(command, click.Group):
        parts.append("\n".join(options))
    return "\n\n".join(parts)


def _prose(command: click.Command) -> str:
    return inspect.cleandoc(command.help or "").replace("\b\n", "")


def _setting(row: Setting) -> str:
    default = "none" if row.default is None else f"`{value_text(row.default)}`"
    unit = f" {row.unit}" if row.unit else ""
    facts = f"{row.kind}; default: {default}{unit}; variable: `{row.variable}`"
    secret = " It is a secret: no message or list shows it." if row.name in SECRET else ""
    return f"## `{row.name}`\n\n{row.sentence}{secret}\n\n{facts[0].upper()}{facts[1:]}.\n"


PAGES: Final = {"cli.md": cli_page, "settings.md": settings_page}

if __name__ == "__main__":
    for name, page in PAGES.items():
        if "--write" in sys.argv[1:]:
            Path("docs", name).write_text(page(), "utf-8")
        else:
            click.echo(page())
