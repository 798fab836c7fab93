"""What the README and the other documents promise, tried out.

A block of ```console is run: each `$ ` line is a command, and below it stands what it prints, where
`...` stands for anything. Times, record ids, keys and app tokens may differ.
"""

import doctest
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click
import pytest

from analytex.cli.main import SUBCOMMANDS, main
from analytex.settings import table
from tests.server import Client, Server

ROOT: Final = Path(__file__).parents[2]
PAGES: Final = sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("benchmarks/*.md")]
)
RUN: Final = ("README.md", "docs/quickstart.md", "docs/http-api.md")
ADDRESS: Final = "http://127.0.0.1:8080"
WITHIN_S: Final = 30

_SHOWN_DIFFERENTLY: Final = (
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", "TIME"),
    (r"\b[0-9a-f]{20}\b", "RECORD-ID"),
    (r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", "UUID"),
    (r":jobs:[^:]+:", ":jobs:TOKEN:"),
    (r'"app_token":"[^"]*"', '"app_token":"TOKEN"'),
    (r"app token \S+", "app token TOKEN"),
    (r"\bax_[0-9a-f]+(\.\.\.)?", "KEY"),
    (r"http://127\.0\.0\.1:\d+", "ADDRESS"),
    (r"(?m)^  data .*", "  data"),
    (r"(?m)^analytex \S+ is", "analytex VERSION is"),
)


@pytest.fixture
def curl() -> None:
    """Skip the test where there is no curl."""
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")


@pytest.mark.usefixtures("curl")
@pytest.mark.parametrize("page", RUN)
def test_the_examples_print_what_the_page_shows(page: str, client: Client) -> None:
    """The first thing that a newcomer does is to copy them."""
    count = 0
    for command, shown in examples(text_of(page)):
        done = subprocess.run(
            ["bash", "-c", command.replace(ADDRESS, client.server.url)],
            capture_output=True,
            text=True,
            env=environment(KEY=client.key),
            timeout=WITHIN_S,
        )
        assert done.returncode == 0, f"{command}\n{done.stderr}"
        assert same(shown, done.stdout), f"{command}\nshown:   {shown}\nprinted: {done.stdout}"
        count += 1
    assert count >= 4


def test_an_output_that_differs_is_noticed() -> None:
    """The comparison forgives times and ids, and nothing else."""
    shown = '{"id":"64bf4b4a9d2c01a2b3c4","seen":"2026-03-01T10:00:00.000000Z","seats":12,...'

    other = shown.replace("64bf4b4a9d2c01a2b3c4", "660fd062af17d31f750a").replace("2026", "2027")
    assert same(shown, other.replace("...", '"a":1}'))
    assert not same(shown, shown.replace("12", "13"))
    assert not same("{}", "")


@pytest.mark.slow  # 1 s, for a server of its own
def test_the_first_start_prints_what_the_pages_show(tmp_path: Path) -> None:
    """The newcomer takes the address and the key from there."""
    with Server(tmp_path, settings={"api_key": "", "app_token": ""}) as server:
        banner = server.output()

    for page in ("README.md", "docs/quickstart.md"):
        shown = next(block for block in blocks(text_of(page), "text") if "is ready at" in block)
        assert same(shown, banner.partition("\n\n")[0]), page


@pytest.mark.slow  # 2 s: curl waits a whole second before it tries again
@pytest.mark.usefixtures("curl")
@pytest.mark.parametrize("page", ["README.md", "docs/quickstart.md"])
def test_the_stand_in_starts_with_the_key_and_port_that_it_was_given(
    page: str, tmp_path: Path
) -> None:
    """A CI job copies these lines."""
    block = next(each for each in blocks(text_of(page), "sh") if "ANALYTEX_API_KEY=" in each)
    for shown, here in (
        ("./dev serve", shlex.join([sys.executable, "-m", "analytex", "serve"])),
        ("8081", str(free_port())),
    ):
        assert shown in block
        block = block.replace(shown, here)
    key = "Authorization: Token key-for-tests"
    url = f"{re.findall(r'http://[0-9.:]+', block)[0]}/v1/validate"
    done = subprocess.run(
        ["bash", "-c", f"{block}\ncurl -sf '{url}' -H '{key}' -o answer\nkill $!\nwait $!"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=environment(TMPDIR=str(tmp_path)),
        timeout=WITHIN_S,
    )
    assert done.returncode == 0, done.stderr
    assert '{"status":"ok"}' in done.stdout  # before or behind what the server prints
    assert (tmp_path / "answer").read_text() == "{}"


def test_the_python_example_prints_what_the_page_shows(client: Client) -> None:
    """A program is copied as readily as a command."""
    (program,) = blocks(text_of("docs/quickstart.md"), "python")
    done = subprocess.run(
        [sys.executable, "-c", program.replace(ADDRESS, client.server.url)],
        capture_output=True,
        text=True,
        env=environment(KEY=client.key),
        timeout=WITHIN_S,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == program.splitlines()[-1].removeprefix("# ")


def test_the_verbs_that_are_named_exist() -> None:
    """A verb that was renamed takes its documents along."""
    usage = subprocess.run(
        [sys.executable, "dev", "help"], capture_output=True, text=True, cwd=ROOT, timeout=WITHIN_S
    ).stdout
    verbs = set(re.findall(r"^  ([a-z]+)", usage, re.MULTILINE))

    assert {"serve", "test"} <= verbs
    for page in ("README.md", "CONTRIBUTING.md", "docs/quickstart.md", "docs/architecture.md"):
        named = set(re.findall(r"\./dev ([a-z]+)", text_of(page)))
        assert named <= verbs, page
    listed = set(re.findall(r"^\| `\./dev ([a-z]+)", text_of("CONTRIBUTING.md"), re.MULTILINE))
    assert listed == verbs


def test_ci_runs_the_tests_with_the_command_that_the_readme_names() -> None:
    """What works for a newcomer is what is checked before each release."""
    assert "`./dev test` runs all tests" in text_of("README.md")
    assert re.search(r'^  step "tests" .*\./dev test$', text_of(".ci/run"), re.MULTILINE)


def test_the_layers_are_those_that_are_checked() -> None:
    """The picture in the architecture is only worth something if it is true."""
    project = tomllib.loads(text_of("pyproject.toml"))
    (contract,) = (c for c in project["tool"]["importlinter"]["contracts"] if c["type"] == "layers")
    table = text_of("docs/architecture.md").partition("| layer | ")[2].partition("\n\n")[0]
    rows = [line.split(" | ")[0] for line in table.splitlines()[2:]]

    assert [set(re.findall(r"`(\w+)`", row)) for row in rows] == [
        set(re.findall(r"\w+", layer)) for layer in contract["layers"]
    ]


def test_every_setting_is_documented() -> None:
    """A setting that is not documented does not exist for the reader."""
    page = text_of("docs/settings.md")

    assert [row.name for row in table() if f"\n## `{row.name}`\n" not in page] == []


def test_every_command_is_documented() -> None:
    """The same holds for a command."""
    page = text_of("docs/cli.md")

    assert [path for path in commands(main, "analytex") if f"\n## {path}\n" not in page] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_variables_and_commands_that_are_named_exist(page: Path) -> None:
    """A name that nothing answers to costs a reader an hour."""
    text = page.read_text("utf-8")
    variables = {row.variable for row in table()}
    variables |= {"ANALYTEX_CONFIG", "ANALYTEX_URL", "ANALYTEX_TESTS_NO_SKIP"}

    assert set(re.findall(r"ANALYTEX_[A-Z_]+[A-Z]", text)) <= variables
    for code in (*re.findall(r"`([^`\n]+)`", text), *blocks(text, "sh")):
        assert set(re.findall(r"(?<![/\w-])analytex ([a-z]+)", code)) <= set(SUBCOMMANDS), code


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    """Also to the heading that they name."""
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8")):
        path, _, anchor = target.partition("#")
        if ":" in path:
            continue  # on the web
        file = (page.parent / path).resolve() if path else page
        if not file.exists() or (anchor and anchor not in anchors(file)):
            broken.append(target)
    assert broken == []


def text_of(page: str) -> str:
    return (ROOT / page).read_text("utf-8")


def blocks(text: str, language: str) -> list[str]:
    """Return what stands in the fenced blocks of that language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def examples(text: str) -> Iterator[tuple[str, str]]:
    """Yield the commands of all console blocks, each with what is shown below it."""
    for block in blocks(text, "console"):
        for example in block.removeprefix("$ ").split("\n$ "):
            lines = example.splitlines()
            end = next(n for n in range(1, len(lines) + 1) if is_complete("\n".join(lines[:n])))
            yield "\n".join(lines[:end]), "\n".join(lines[end:])


def is_complete(command: str) -> bool:
    try:
        shlex.split(command)
    except ValueError:  # a quotation goes on in the next line
        return False
    return not command.endswith("\\")


def same(shown: str, printed: str) -> bool:
    """Compare; `...` in what is shown stands for anything."""
    for pattern, name in _SHOWN_DIFFERENTLY:
        shown, printed = re.sub(pattern, name, shown), re.sub(pattern, name, printed)
    return doctest.OutputChecker().check_output(shown.strip(), printed.strip(), doctest.ELLIPSIS)


def anchors(file: Path) -> set[str]:
    """Return what the headings of a page are called in links."""
    headings = re.findall(r"^#+ (.+)$", file.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def commands(group: click.Group, path: str) -> Iterator[str]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        yield f"{path} {name}"
        if isinstance(command, click.Group):
            yield from commands(command, f"{path} {name}")


def environment(**given: str) -> dict[str, str]:
    """Return the environment without what could lead a command elsewhere."""
    kept = {k: v for k, v in os.environ.items() if not k.upper().endswith("_PROXY")}
    kept = {k: v for k, v in kept.items() if not k.startswith("ANALYTEX_")}
    return {**kept, "PYTHONPATH": str(ROOT / "src"), **given}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
