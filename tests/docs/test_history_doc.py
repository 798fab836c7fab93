"""docs/history.md: its table of columns is true, and what it shows works."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest

from analytex.history.columns import COLUMNS, PARTITIONS
from analytex.history.files import ROW_GROUP_ROWS
from tests.history.inside import seal
from tests.history.test_table import event, store

PAGE: Final = Path(__file__).parents[2].joinpath("docs", "history.md").read_text("utf-8")


def test_every_column_stands_in_the_table_with_its_type() -> None:
    """Whoever reads the files has nothing else to go by."""
    rows = re.findall(r"^\| (`[^|]+) \| ([^|]+) \| [^|]+ \|$", PAGE, re.MULTILINE)
    documented = {
        name: kind.split(",")[0]
        for names, kind in rows
        for name in re.findall(r"`([a-z_]+)`", names)
    }
    assert documented == {column.name: column.delta for column in (*COLUMNS, *PARTITIONS)}
    assert f"row groups of {ROW_GROUP_ROWS:,}" in PAGE


def test_the_example_for_duckdb_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Word for word, in the folder that has the data directory."""
    data = tmp_path / "analytex-data"
    data.mkdir()
    one = event(1, metadata='{"plan":"pro"}')
    one.inserted_at = int(datetime(2026, 11, 3, tzinfo=UTC).timestamp()) * 1_000_000
    store(data, [one, event(2)])
    seal(data)
    (block, *_) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    monkeypatch.chdir(tmp_path)

    exec(compile(block, "history.md", "exec"), {})  # noqa: S102 - it is our own page

    assert capsys.readouterr().out == "[(datetime.date(2026, 11, 3), 'opened', 1, 1)]\n"
