"""Properties that repeat have columns of their own in the files, and questions read those."""

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

import duckdb
import pytest

from analytex.domain.history import FOLDER
from analytex.domain.profiles import ProfileKind
from analytex.domain.values import pointer_to
from analytex.history import shredded
from analytex.history.columns import COLUMNS
from analytex.jobs.sealer_pipe import Erase
from analytex.query.relation import EventsRelation, Extract
from analytex.storage.open import open_key_store, open_read_store
from tests.history.inside import FOREVER, engine, run, seal, tidy
from tests.history.test_table import event, store

ENOUGH: Final = shredded.REPEATS * 2


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data directory with an environment."""
    with closing(open_key_store(tmp_path)) as keys:
        keys.create_environment(app_token="NX-one", name="", at=1)
    return tmp_path


def put(data: Path, *documents: dict[str, Any] | str) -> None:
    """Seal an event with each of these as its metadata, all on one day."""
    store(
        data,
        [
            event(number, metadata=each if isinstance(each, str) else json.dumps(each))
            for number, each in enumerate(documents)
        ],
    )
    seal(data)


def files_of(data: Path) -> list[str]:
    """Return the table's files."""
    return sorted(str(path) for path in (data / FOLDER).glob("*/*/*.parquet"))


def names_in(data: Path) -> list[list[str]]:
    """Return which properties each file says it has columns of."""
    found = duckdb.execute(
        "SELECT decode(value) FROM parquet_kv_metadata(?) "
        "WHERE decode(key) = 'analytex.properties' ORDER BY file_name",
        [files_of(data)],
    ).fetchall()
    return [json.loads(names) for (names,) in found]


@contextmanager
def view(data: Path, *extracts: Extract) -> Iterator[duckdb.DuckDBPyConnection]:
    """Give the view that questions are asked of."""
    with (
        closing(engine(data)) as opened,
        closing(EventsRelation(partial(open_read_store, data), opened)) as relation,
        closing(open_read_store(data)) as read,
        relation.view(read, 1, extracts=extracts) as db,
    ):
        yield db


def extracted(data: Path, extract: Extract) -> list[str | None]:
    """Return the values of a property, in the events' order."""
    with view(data, extract) as db:
        found = db.view("events").order("sequence").project(extract.column).fetchall()
    return [value for (value,) in found]


def test_a_property_whose_values_repeat_has_a_column(data: Path) -> None:
    """It holds each event's value as JSON; the file itself says whose column it is."""
    put(data, *[{"plan": "team", "n": n} for n in range(ENOUGH)], {"n": 1.5}, {"plan": None})

    assert names_in(data) == [["plan"]]
    found = duckdb.execute(
        "SELECT property_1, property_2 FROM read_parquet(?) ORDER BY sequence", [files_of(data)]
    ).fetchall()
    assert found == [*[('"team"', None)] * ENOUGH, (None, None), ("null", None)]


def test_one_that_is_rare_or_different_each_time_has_none(data: Path) -> None:
    """A copy would take as much room as the value itself."""
    documents: list[dict[str, Any]] = [{"session": f"s{n}"} for n in range(shredded.ONE_IN * 2)]
    documents[0]["rare"] = True

    put(data, *documents)

    assert names_in(data) == [[]]


def test_the_most_frequent_ones_get_the_columns(data: Path) -> None:
    """There are sixteen; of equally frequent ones the first by name."""
    names = [f"p{number:02d}" for number in range(shredded.COUNT + 4)]
    all_of_them = dict.fromkeys(names, 1)
    put(data, *[all_of_them] * ENOUGH, *[{"p19": 1}] * 2)

    assert names_in(data) == [["p19", *names[: shredded.COUNT - 1]]]


def test_what_is_looked_at_is_bounded(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Thousands of keys in each event would take more memory than there is, and sealing would stop.

    Small events are looked at until there is enough; large ones not at all.
    """
    monkeypatch.setattr(shredded, "SAMPLE_BYTES", 1000)
    put(data, *[{"plan": "team"}] * 500)
    assert names_in(data) == [["plan"]]
    monkeypatch.setattr(shredded, "SAMPLE_BYTES", 10)
    put(data, *[{"plan": "team"}] * 500)
    assert sorted(names_in(data)) == [[], ["plan"]]
    monkeypatch.undo()

    put(data, *[{"seats": 1, "pad": "x" * shredded.LONGEST_BYTES}] * ENOUGH)

    assert sorted(names_in(data)) == [[], [], ["plan"]]
    assert extracted(data, Extract("/seats")) == [None] * 1000 + ["1"] * ENOUGH


def test_names_are_whatever_was_sent(data: Path) -> None:
    """And a value is found by its JSON pointer, whether it has a column or not."""
    names = ["it's", 'a"b', "a/b", "~0", "", "ä €", "a\0b", "new\nline", "$.a", "a.b", "x" * 255]
    put(data, *[{name: f"yes {name}" for name in names}] * ENOUGH)
    assert sorted(names_in(data)[0]) == sorted(names)
    store(data, [event(1000, metadata=json.dumps(dict.fromkeys(names, "no")))])

    extracts = [Extract(pointer_to(name)) for name in names]
    with view(data, *extracts) as db:
        columns = ", ".join(each.column for each in extracts)
        found = db.view("events").order("sequence").project(columns).fetchall()

    sealed, hot = found[0], found[-1]
    assert [json.loads(value) for value in sealed] == [f"yes {name}" for name in names]
    assert [json.loads(value) for value in hot] == ["no"] * len(names)


def test_names_that_differ_in_case_are_different(data: Path) -> None:
    """As everywhere in JSON, and nowhere in SQL."""
    put(data, *[{"Plan": 1, "plan": 2}] * ENOUGH)

    assert extracted(data, Extract("/plan")) == ["2"] * ENOUGH
    assert extracted(data, Extract("/Plan")) == ["1"] * ENOUGH


def test_files_with_and_without_columns_are_read_as_one(data: Path) -> None:
    """Each has its own; hot events have none."""
    put(data, *[{"plan": "team"}] * ENOUGH)
    put(data, *[{"other": 1, "plan": "pro"}] * ENOUGH)  # in the second column of its file
    put(data, {"plan": "free"})
    store(data, [event(2000, metadata='{"plan":"hot"}'), event(2001, metadata="{}")])
    assert names_in(data).count([]) == 1

    found = extracted(data, Extract("/plan"))

    wanted = ['"team"'] * ENOUGH + ['"pro"'] * ENOUGH + ['"free"', '"hot"', None]
    assert found == wanted


def test_what_only_looks_for_one_text_may_leave_out_others(data: Path) -> None:
    """Those whose metadata cannot hold it; a text with an escape in it is not overlooked."""
    put(data, *[{"plan": n} for n in range(3)], r'{"plan":"te\u0061m"}', '{"plan":"team"}')

    found = extracted(data, Extract("/plan", looked_for="team"))

    assert found == [None, None, None, '"team"', '"team"']


def test_a_question_about_such_a_property_leaves_metadata_alone(data: Path) -> None:
    """That is what the columns are for."""
    put(data, *[{"plan": "team"}] * ENOUGH)
    plan, other = Extract("/plan"), Extract("/other")

    with view(data, plan, other) as db:
        plans = {each: db.view("events").project(each.column).explain() for each in (plan, other)}

    scans = {each: text[text.index("READ_PARQUET") :] for each, text in plans.items()}
    assert "property_1" in scans[plan]
    assert "metadata" not in scans[plan]
    assert "metadata" in scans[other]


def test_compaction_chooses_anew(data: Path) -> None:
    """By what the larger file holds."""
    put(data, *[{"plan": "team"}] * ENOUGH)
    put(data, *[{"seats": 1}] * ENOUGH * 2)
    assert names_in(data) in ([["plan"], ["seats"]], [["seats"], ["plan"]])

    tidy(data)

    assert names_in(data) == [["seats", "plan"]]
    assert extracted(data, Extract("/plan")) == ['"team"'] * ENOUGH + [None] * ENOUGH * 2


def test_the_columns_are_not_part_of_the_table(data: Path) -> None:
    """Its readers see none of them; those of the bare files see the same in every file."""
    put(data, *[{"plan": "team"}] * ENOUGH)
    put(data, {"n": 1})

    for file in files_of(data):
        names = [
            name
            for (name,) in duckdb.execute("SELECT name FROM parquet_schema(?)", [file]).fetchall()
        ]
        assert names[1:] == [
            *(column.name for column in COLUMNS),
            *(f"property_{number}" for number in range(1, shredded.COUNT + 1)),
        ]
    log = b"".join(path.read_bytes() for path in (data / FOLDER / "_delta_log").iterdir())
    assert b"property_" not in log
    assert b"team" not in log


def test_a_deletion_leaves_nothing_in_the_columns_nor_in_their_names(data: Path) -> None:
    """A file is written again as a whole, and chooses by what is left."""
    theirs = [{"owner": "ada lovelace", "of_ada_lovelace": True}] * ENOUGH
    others = [{"plan": "team"}] * ENOUGH
    store(
        data,
        [
            event(number, user=user, metadata=json.dumps(each))
            for number, (user, each) in enumerate(
                [("ada", each) for each in theirs] + [("bob", each) for each in others]
            )
        ],
    )
    seal(data)
    assert sorted(names_in(data)[0]) == ["of_ada_lovelace", "owner", "plan"]

    run(data, Erase(environment_id=1, kind=ProfileKind.USER, ids=["ada"], at=FOREVER, users=[]))

    assert names_in(data) == [["plan"]]
    files = [path for path in (data / FOLDER).rglob("*") if path.is_file()]
    assert not [path for path in files if b"lovelace" in path.read_bytes()]
    assert extracted(data, Extract("/plan")) == ['"team"'] * ENOUGH
