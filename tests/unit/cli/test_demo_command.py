"""`analytex demo`, with and without a server."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import Result

from analytex.apply.loop import Applier
from analytex.auth.environments import create_environment
from analytex.auth.keys import prepare_first_start
from analytex.domain.events import EventFilter
from analytex.domain.values import Json
from analytex.eventlog.open import open_log_reader
from analytex.storage.interface import KeyStore
from analytex.storage.open import open_apply_store, open_key_store, open_read_store
from analytex.wire.replies import time_text
from tests.server import Client, Server, wait_for

Run = Callable[..., Result]

SMALL = ("--users", "60", "--companies", "8", "--weeks", "2")
END = 1_771_245_296_123_456  # 2026-02-16T12:34:56.123456Z


@pytest.fixture(autouse=True)
def now(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the weeks end at a known time."""
    monkeypatch.setattr("analytex.cli.demo.now", lambda: END)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[KeyStore]:
    """A data directory whose server is stopped."""
    with closing(first_start(tmp_path / "analytex-data")) as store:
        yield store


def first_start(directory: Path) -> KeyStore:
    """Do what the first start of a server does."""
    store = open_key_store(directory)
    prepare_first_start(store, api_key="the-first-admin-key", app_token="NX-one", at=1_000)
    return store


def apply(directory: Path) -> None:
    """Do what the applier of a server does when it starts."""
    with (
        closing(open_log_reader(directory)) as log,
        closing(open_apply_store(directory)) as store,
    ):
        Applier(log, store, company_from_metadata=True).drain()


def profiles(directory: Path) -> list[tuple[object, ...]]:
    """Return all that is known of users and companies, except which record it came from."""
    with closing(open_read_store(directory)) as store:
        users = [
            (each.id, each.company_id, _plain(each.properties), each.first_seen_at)
            for each in store.scan_users()
        ]
        companies = [
            (each.id, _plain(each.properties), each.first_seen_at)
            for each in store.scan_companies()
        ]
    return [*users, *companies]


def _plain(properties: Mapping[str, Json]) -> dict[str, bytes]:
    return {name: bytes(value) for name, value in properties.items()}


def test_without_a_server_it_is_applied_at_the_next_start(
    run: Run, store: KeyStore, tmp_path: Path
) -> None:
    """Nothing is lost by the wrong order, and it says what is to be done."""
    result = run("demo", *SMALL)

    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.startswith("60 users of 8 companies made ")
    assert " from 2026-02-02 to 2026-02-16, in production (NX-one)." in result.stdout
    assert "they can be read after `analytex serve`" in result.stdout

    apply(tmp_path / "analytex-data")

    assert len(profiles(tmp_path / "analytex-data")) == 60 + 8
    assert run("verify").exit_code == 0


def test_it_says_what_to_look_at(run: Run, store: KeyStore) -> None:
    """The next lines a newcomer types, for the server's address."""
    last = run("demo", *SMALL).stdout.splitlines()[-1]

    assert last == (
        '  curl "http://127.0.0.1:8080/v1/events?event_name=Plan%20Upgraded&limit=3" '
        '-H "Authorization: Token $ANALYTEX_API_KEY"'
    )


def test_the_summary_for_scripts_counts_the_calls(
    run: Run, store: KeyStore, tmp_path: Path
) -> None:
    """Each call is one event, and there are no others."""
    summary = json.loads(run("demo", "--json", *SMALL).stdout)
    apply(tmp_path / "analytex-data")
    with closing(open_read_store(tmp_path / "analytex-data")) as reads:
        events = sum(map(len, reads.scan_events(batch=1000)))

    assert sum(summary.pop("calls").values()) == events
    assert summary == {
        "app_token": "NX-one",
        "users": 60,
        "companies": 8,
        "from": time_text(END - 14 * 86_400_000_000),
        "to": time_text(END),
        "seed": 1,
        "applied": False,
    }


def test_events_carry_the_times_of_the_weeks(run: Run, store: KeyStore, tmp_path: Path) -> None:
    """A call over HTTP would carry today's; ids are unique all the same."""
    run("demo", *SMALL)
    apply(tmp_path / "analytex-data")
    with closing(open_read_store(tmp_path / "analytex-data")) as reads:
        events = [event for batch in reads.scan_events(batch=1000) for event in batch]

    assert len({event.id for event in events}) == len(events)
    times = [event.inserted_at for event in events]
    assert times == sorted(times)
    assert END - 14 * 86_400_000_000 <= times[0] < times[-1] <= END + 1000


def test_the_same_seed_and_end_make_the_same_users(run: Run, tmp_path: Path) -> None:
    """What one person writes about the demo, another finds."""
    for name in ("a", "b"):
        first_start(tmp_path / name).close()
        run("demo", "--data", name, *SMALL)
        apply(tmp_path / name)
    first_start(tmp_path / "c").close()
    run("demo", "--data", "c", "--seed", "2", *SMALL)
    apply(tmp_path / "c")

    assert profiles(tmp_path / "a") == profiles(tmp_path / "b")
    assert profiles(tmp_path / "a") != profiles(tmp_path / "c")


def test_real_users_are_not_mixed_with_made_up_ones(
    run: Run, store: KeyStore, tmp_path: Path
) -> None:
    """Demo data cannot be taken out again; a typo in `--app` must not cost the real data."""
    run("demo", *SMALL)
    apply(tmp_path / "analytex-data")

    refused = run("demo", "--seed", "2", *SMALL)
    apply(tmp_path / "analytex-data")

    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "Error: The environment production (NX-one) already holds users." in refused.stderr
    assert "`analytex environments create demo`" in refused.stderr
    assert len(profiles(tmp_path / "analytex-data")) == 60 + 8


def test_calls_that_wait_may_be_real_users(run: Run, store: KeyStore, tmp_path: Path) -> None:
    """While no server runs, the log may hold what nobody has looked at."""
    run("demo", *SMALL)

    refused = run("demo", *SMALL)

    assert refused.exit_code == 1
    assert "calls in the event log are not applied yet" in refused.stderr


def test_force_adds_to_what_is_there(run: Run, store: KeyStore, tmp_path: Path) -> None:
    """Who says so means it; another seed makes others."""
    run("demo", *SMALL)

    assert run("demo", "--force", "--seed", "2", *SMALL).exit_code == 0

    apply(tmp_path / "analytex-data")
    assert len(profiles(tmp_path / "analytex-data")) == 2 * (60 + 8)


def test_another_environment_is_chosen_by_its_app_token(
    run: Run, store: KeyStore, tmp_path: Path
) -> None:
    """The demo beside the real data, wholly separate."""
    other = create_environment(store, name="demo", app_token="NX-two", at=2_000)

    assert run("demo", *SMALL).exit_code == 1
    assert run("demo", "--app", "NX-two", *SMALL).exit_code == 0

    apply(tmp_path / "analytex-data")
    with closing(open_read_store(tmp_path / "analytex-data")) as reads:
        assert {user.environment_id for user in reads.scan_users()} == {other.id}
        assert reads.list_events(other.id, EventFilter(), after=None, limit=1)


@pytest.mark.parametrize(
    "words", [["--users", "5"], ["--users", "20", "--companies", "21"], ["--weeks", "0"]]
)
def test_impossible_numbers_are_not_understood(
    run: Run, store: KeyStore, tmp_path: Path, words: list[str]
) -> None:
    """And nothing is written."""
    assert run("demo", *words).exit_code == 2
    assert not (tmp_path / "analytex-data" / "log.db").exists()


def test_before_the_first_start_there_is_nothing_to_fill(run: Run, tmp_path: Path) -> None:
    """In the wrong folder it says so, and leaves nothing behind."""
    result = run("demo")

    assert result.exit_code == 1
    assert "There is no analytex data" in result.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow  # 2 s: two commands, and a server if none runs yet
def test_a_running_server_has_it_when_the_command_ends(server: Server, client: Client) -> None:
    """After the quickstart's first event, which does not count as real data."""
    client.track("ada", "signed up")
    wait_for(lambda: client.get("/v1/users/ada").status_code == 200, 5)

    result = server.command("demo", "--app", client.app_token, "--json", *SMALL)

    assert json.loads(result.stdout)["applied"] is True, result.stderr
    assert client.get("/v1/users", limit=1).json()["metadata"]["total_count"] == 61
    assert client.user("u1-00001")["company_id"] == "c1-0001"
    assert client.company("c1-0001")["metadata"]["country"]
    assert server.command("verify").returncode == 0
