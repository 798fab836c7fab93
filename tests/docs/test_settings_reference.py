"""`docs/settings.md` is the settings table."""

from pathlib import Path

from analytex.cli import reference
from analytex.settings import table

PAGE = Path(__file__).parents[2] / "docs" / "settings.md"


def test_the_page_is_up_to_date() -> None:
    """If this fails: `python -m analytex.cli.reference --write` in the top directory."""
    assert PAGE.read_text("utf-8") == reference.settings_page()


def test_the_page_has_every_setting_with_its_variable() -> None:
    """A setting that is not documented does not exist for the reader."""
    page = reference.settings_page()

    for row in table():
        assert f"\n## `{row.name}`\n\n{row.sentence}" in page
        assert f"`{row.variable}`" in page
