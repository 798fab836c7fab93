"""`docs/cli.md` is what the commands say of themselves."""

from pathlib import Path

from analytex.cli import reference

PAGE = Path(__file__).parents[2] / "docs" / "cli.md"


def test_the_page_is_up_to_date() -> None:
    """If this fails: `python -m analytex.cli.reference --write` in the top directory."""
    assert PAGE.read_text("utf-8") == reference.cli_page()


def test_the_page_names_every_command_and_option() -> None:
    """An undocumented one cannot be relied on."""
    page = reference.cli_page()

    for heading in ("serve", "keys create", "keys rotate", "environments create", "config show"):
        assert f"\n## analytex {heading}\n" in page
    for option in ("--grace SECONDS", "--app TOKEN", "--data DIRECTORY", "-h, --help"):
        assert f"\n- `{option}`: " in page
