"""The table: what others read in it, and what its log never says."""

import json
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import duckdb
import pytest
from deltalake import DeltaTable

from analytex.domain.events import Event, EventType
from analytex.domain.history import DAY, FOLDER
from analytex.history.columns import COLUMNS, PARTITIONS
from analytex.history.table import HistoryTable
from analytex.jobs.sealer_pipe import Keep
from analytex.storage.interface import Changes
from analytex.storage.open import open_apply_store, open_key_store, open_read_store, open_seal_store
from tests.history.inside import seal, tidy

MONDAY: Final = 20_000 * DAY


def event(number: int, *, day: int = 0, user: str = "ada", env: int = 1, **rest: Any) -> Event:
    """An event that differs from all others of other numbers."""
    at = MONDAY + day * DAY + number
    given: dict[str, Any] = {"metadata": f'{{"n":{number}}}', "company_id": None, **rest}
    return Event(
        id=f"{at:013x}0000000",
        environment_id=env,
        event_type=EventType.TRACK,
        event_name="opened",
        user_id=user,
        source="backend-http",
        inserted_at=at,
        **given,
    )


def store(directory: Path, events: Sequence[Event]) -> None:
    """Store events."""
    with closing(open_apply_store(directory)) as apply:
        start = apply.position()
        apply.write(Changes([], [], events, []), start=start, upto=start + len(events))


def log_of(directory: Path) -> bytes:
    """Return all bytes of the table's log."""
    return b"\n".join(path.read_bytes() for path in (directory / FOLDER / "_delta_log").iterdir())


def test_the_table_is_read_without_us(tmp_path: Path) -> None:
    """By Delta Lake's own reader, with all columns, partitions, and the app token."""
    with closing(open_key_store(tmp_path)) as keys:
        keys.create_environment(app_token="NX-it's", name="", at=1)
    web = '{"hostname":"a.example","screen_width":1280}'
    store(tmp_path, [event(1, web=web), event(2, day=1, company='{"seats":3}', company_id="acme")])
    seal(tmp_path)

    table = DeltaTable(tmp_path / FOLDER)
    assert [field.name for field in table.schema().fields] == [
        column.name for column in (*COLUMNS, *PARTITIONS)
    ]
    rows = table.scan()
    found = duckdb.connect().from_arrow(rows).order("sequence").fetchall()
    names = [column.name for column in (*COLUMNS, *PARTITIONS)]
    first, second = (dict(zip(names, row, strict=True)) for row in found)
    assert first["app_token"] == "NX-it's"
    assert (first["hostname"], first["screen_width"], first["browser"]) == ("a.example", 1280, None)
    assert first["inserted_at"].isoformat() == "2024-10-04T00:00:00.000001+00:00"
    assert (str(first["day"]), str(second["day"])) == ("2024-10-04", "2024-10-05")
    assert (second["company_id"], second["company"]) == ("acme", '{"seats":3}')
    assert (second["metadata"], second["environment_id"]) == ('{"n":2}', 1)


def test_one_users_events_lie_together(tmp_path: Path) -> None:
    """So that a reader of one user skips the rest."""
    store(tmp_path, [event(number, user=f"u-{number % 3}") for number in range(30)])
    seal(tmp_path)
    (file,) = (tmp_path / FOLDER).rglob("*.parquet")
    found = duckdb.connect().read_parquet(str(file)).select("user_id, inserted_at")
    rows = found.fetchall()
    assert rows == sorted(rows)


def test_the_log_says_nothing_of_what_is_in_events(tmp_path: Path) -> None:
    """Neither column statistics nor what a commit says of itself; checkpoints included."""
    texts = ["user-secret", "company-secret", "name-secret", "value-secret"]
    for day in range(3):
        one = event(
            day, day=day, user=texts[0], company_id=texts[1], metadata=f'{{"a":"{texts[3]}"}}'
        )
        one.event_name = texts[2]
        store(tmp_path, [one, event(day + 10, day=0)])
        seal(tmp_path)
    tidy(tmp_path)
    DeltaTable(tmp_path / FOLDER).create_checkpoint()
    said = log_of(tmp_path)
    assert b"numRecords" in said
    for text in texts:
        assert text.encode() not in said
        assert text[:9].encode() not in said  # statistics cut long texts off
    checkpoint = next((tmp_path / FOLDER / "_delta_log").glob("*.checkpoint.parquet"))
    rows = duckdb.connect().execute(f"FROM '{checkpoint}'").fetchall()
    assert "secret" not in repr(rows)


def test_a_seal_of_nothing_but_removed_events_moves_on(tmp_path: Path) -> None:
    """Otherwise it would be tried for ever."""
    store(tmp_path, [event(1), event(2)])
    with closing(open_seal_store(tmp_path)) as seals:
        seals.close_segment()
        seals.retire(0, keep={}, default=MONDAY + DAY)
    seal(tmp_path, upto=2)
    with closing(open_seal_store(tmp_path)) as seals:
        assert seals.hot().sealed == 2
    store(tmp_path, [event(3)])
    seal(tmp_path)
    assert DeltaTable(tmp_path / FOLDER).count() == 1


def test_what_a_store_sealed_stands_in_the_log(tmp_path: Path) -> None:
    """By its id: so after a crash it is known whether the files are part of the table."""
    store(tmp_path, [event(1)])
    seal(tmp_path)
    ids = [
        json.loads(line)["txn"]
        for line in log_of(tmp_path).splitlines()
        if line.startswith(b'{"txn"')
    ]
    assert [each["version"] for each in ids] == [1]
    table = HistoryTable(tmp_path)
    assert table.sealed(ids[0]["appId"]) == 1
    assert table.sealed("another") == 0


def test_files_of_a_day_are_put_together(tmp_path: Path) -> None:
    """One file in the place of several; the old ones go."""
    for number in range(5):
        store(tmp_path, [event(number), event(number, env=2), event(number, day=1)])
        seal(tmp_path)
    assert len(list((tmp_path / FOLDER).rglob("*.parquet"))) == 15
    tidy(tmp_path)
    assert len(list((tmp_path / FOLDER).rglob("*.parquet"))) == 3
    table = DeltaTable(tmp_path / FOLDER)
    assert (table.count(), len(table.file_uris())) == (15, 3)


@pytest.mark.parametrize("gap", [0, 1], ids=["the day itself", "the day before"])
def test_retention_takes_out_whole_days(tmp_path: Path, gap: int) -> None:
    """Per environment, in history and among hot events; profiles stay."""
    days = [event(day * 10 + env, day=day, env=env) for env in (1, 2, 3) for day in range(4)]
    store(tmp_path, days)
    seal(tmp_path)
    store(tmp_path, [event(100 + one.inserted_at % DAY, day=(one.inserted_at - MONDAY) // DAY,
                           env=one.environment_id) for one in days])  # fmt: skip
    keep = Keep(default=MONDAY + 2 * DAY, environments={2: None, 3: MONDAY + (3 - gap) * DAY})
    tidy(tmp_path, keep=keep)
    with closing(open_seal_store(tmp_path)) as seals:
        assert seals.retire(0, keep=keep.environments, default=keep.default) is not None
        assert seals.retire(24, keep=keep.environments, default=keep.default) is None
    table = duckdb.connect().from_arrow(DeltaTable(tmp_path / FOLDER).scan())
    left = {(row[-2], (row[-1].toordinal() - 719163) - 20_000) for row in table.fetchall()}
    wanted = {(1, 2), (1, 3), *((2, day) for day in range(4)), (3, 3), *([(3, 2)] if gap else [])}
    assert left == wanted
    with closing(open_read_store(tmp_path)) as reads:
        hot = {
            (each.environment_id, (each.inserted_at - MONDAY) // DAY)
            for some in reads.scan_events(batch=100)
            for each in some
        }
    assert hot == wanted
