"""`analytex environments`."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

Run = Callable[..., Result]


def test_create_prints_the_app_token_alone(run: Run) -> None:
    """`APP=$(analytex environments create staging)`."""
    assert re.fullmatch(r"NX-[0-9a-f]{8}\n", run("environments", "create", "staging").stdout)


def test_create_takes_an_app_token(run: Run) -> None:
    """Senders that have one built in need no change."""
    result = run("environments", "create", "staging", "--app-token", "NX-0a1b2c3d")

    assert (result.exit_code, result.stdout) == (0, "NX-0a1b2c3d\n")


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(["production"], id="name taken"),
        pytest.param(["other", "--app-token", "NX-one"], id="app token taken"),
        pytest.param(["other", "--app-token", "a:b"], id="app token malformed"),
    ],
)
def test_create_refuses_what_would_be_ambiguous(run: Run, words: list[str]) -> None:
    """Nothing is made then."""
    run("environments", "create", "production", "--app-token", "NX-one")
    before = run("environments", "list").stdout

    result = run("environments", "create", *words)

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("Error: ")
    assert run("environments", "list").stdout == before


def test_list_is_oldest_first(run: Run) -> None:
    """As text for people, as JSON for scripts."""
    for name in ("production", "a staging"):
        run("environments", "create", name, "--app-token", f"NX-{name[0]}")

    text = run("environments", "list").stdout.splitlines()
    found = json.loads(run("environments", "list", "--json").stdout)

    assert [re.split(r"  +", line)[:2] for line in text] == [
        ["APP TOKEN", "NAME"],
        ["NX-p", "production"],
        ["NX-a", "a staging"],
    ]
    assert [(each["app_token"], each["name"]) for each in found] == [
        ("NX-p", "production"),
        ("NX-a", "a staging"),
    ]
    assert found[0]["created_at"].endswith("Z")


def test_list_makes_no_data_directory(run: Run, tmp_path: Path) -> None:
    """In the wrong folder it says so."""
    assert run("environments", "list").exit_code == 1
    assert list(tmp_path.iterdir()) == []
