"""`analytex demo`: weeks of a made-up product's calls, in a server that runs or will run."""

import asyncio
import sqlite3
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final

import click
import msgspec

from analytex.auth.keys import now
from analytex.cli.options import app_option, choose_environment, json_option, with_settings
from analytex.cli.progress import progress
from analytex.demo.fill import FLUSH, fill
from analytex.demo.market import WEEK, make_market
from analytex.demo.weeks import calls
from analytex.domain.calls import Call
from analytex.domain.environments import Environment
from analytex.errors import Conflict, DataDirectoryError
from analytex.eventlog.open import open_log_reader, open_log_writer
from analytex.service import lock
from analytex.settings import Loaded, Settings
from analytex.storage.open import open_key_store, open_read_store
from analytex.wire.replies import time_text

FIRST_TRIES: Final = 10  # users that do not count yet: somebody followed the quickstart
STUCK_S: Final = 20.0  # without any progress of the applier: it does not run
_LOOK_EVERY_S: Final = 0.05


class Plan(msgspec.Struct, frozen=True):
    """What is to be made up."""

    users: int
    companies: int
    seed: int
    start: int  #: microseconds since 1970-01-01 UTC
    end: int


@click.command()
@click.option(
    "--users",
    type=click.IntRange(FIRST_TRIES + 1, 200_000),
    metavar="N",
    default=3000,
    show_default=True,
    help="How many users.",
)
@click.option(
    "--companies",
    type=click.IntRange(1, 20_000),
    metavar="N",
    default=200,
    show_default=True,
    help="How many companies; at most as many as users.",
)
@click.option(
    "--weeks",
    type=click.IntRange(1, 104),
    metavar="N",
    default=6,
    show_default=True,
    help="How many weeks; they end now.",
)
@click.option(
    "--seed",
    type=click.IntRange(0, 999_999),
    metavar="N",
    default=1,
    show_default=True,
    help="Another seed makes other companies and users, with other ids.",
)
@click.option("--force", is_flag=True, help="Also into an environment that holds users already.")
@app_option
@json_option
@with_settings("data")
def demo(
    users: int,
    companies: int,
    weeks: int,
    seed: int,
    force: bool,
    app_token: str | None,
    as_json: bool,
    loaded: Loaded,
) -> None:
    """Fill a running server with a believable product.

    Planwright is a made-up tool for planning projects. Its customers are companies with a plan, an
    industry and a size; their people sign up, find their way or get lost, and use it in their
    office hours; some companies upgrade and some leave. It is the same for the same seed, except
    that the weeks end now.

    The calls go into the event log with times of their own, so there are weeks to look at in
    seconds. If no server runs, the next `analytex serve` applies them. Demo data cannot be taken
    out again: an environment that holds more than a few users is refused without `--force`, and
    `analytex environments create demo` makes one of its own for it.
    """
    if companies > users:
        raise click.BadParameter("There cannot be more companies than users.")
    directory = loaded.settings.directory
    with closing(open_key_store(directory, create=False)) as store:
        environment = choose_environment(store.environments(), app_token)
    if not force:
        _refuse_real_data(directory, environment)
    end = now()
    plan = Plan(users, companies, seed, end - weeks * WEEK, end)
    counts = _write(directory, environment, plan)
    applied = _wait_until_applied(directory)
    if as_json:
        click.echo(msgspec.json.encode(_summary(environment, plan, counts, applied)))
    else:
        click.echo(_report(loaded.settings, environment, plan, counts, applied))


def _refuse_real_data(directory: Path, environment: Environment) -> None:
    with (
        closing(open_read_store(directory)) as store,
        closing(open_log_reader(directory)) as log,
    ):
        users = store.count_users(environment.id, at_most=FIRST_TRIES + 1)
        waiting = log.end() - store.applied()
    if users > FIRST_TRIES:
        raise Conflict(
            f"The environment {environment.name} ({environment.app_token}) already holds users.",
            details="`analytex environments create demo` makes one for the demo alone: then give "
            "its app token with `--app`. Or mix them with `--force`.",
        )
    if waiting > FIRST_TRIES:
        raise Conflict(
            f"{waiting:,} calls in the event log are not applied yet, so nobody knows what the "
            "environment holds.",
            details="Try again when the server has run for a moment, or use `--force`.",
        )


def _write(directory: Path, environment: Environment, plan: Plan) -> Counter[Call]:
    firms = make_market(
        seed=plan.seed,
        users=plan.users,
        companies=plan.companies,
        start=plan.start,
        end=plan.end,
    )
    made = calls(firms, seed=plan.seed, start=plan.start, end=plan.end)

    async def run(advance: Callable[[int], None]) -> Counter[Call]:
        loop = asyncio.get_running_loop()
        log = open_log_writer(directory, loop, queue_limit=FLUSH, flushed=lambda: None)
        try:
            return await fill(log, environment.id, made, progress=advance)
        finally:
            await log.close()

    length = plan.end - plan.start
    with progress("Living through the weeks") as advance:
        try:
            return asyncio.run(run(lambda at: advance(at - plan.start, length)))
        except sqlite3.Error as error:
            raise DataDirectoryError(
                f"The event log in {directory} cannot be opened.", details=f"{error}."
            ) from error


def _wait_until_applied(directory: Path) -> bool:
    """Wait until everything can be read; False if no server is there to apply it."""
    with (
        closing(open_read_store(directory)) as store,
        closing(open_log_reader(directory)) as log,
        progress("Applying") as advance,
    ):
        start, end = store.applied(), log.end()
        at, moved = start, time.monotonic()
        while at < end:
            if not lock.is_held(directory) or time.monotonic() - moved > STUCK_S:
                return False
            time.sleep(_LOOK_EVERY_S)
            before, at = at, store.applied()
            if at > before:
                moved = time.monotonic()
            advance(at - start, end - start)
    return True


def _summary(
    environment: Environment, plan: Plan, counts: Counter[Call], applied: bool
) -> dict[str, object]:
    return {
        "app_token": environment.app_token,
        "users": plan.users,
        "companies": plan.companies,
        "calls": {call.name.lower(): counts[call] for call in Call},
        "from": time_text(plan.start),
        "to": time_text(plan.end),
        "seed": plan.seed,
        "applied": applied,
    }


def _report(
    settings: Settings,
    environment: Environment,
    plan: Plan,
    counts: Counter[Call],
    applied: bool,
) -> str:
    days = f"{time_text(plan.start):.10} to {time_text(plan.end):.10}"
    lines = [
        f"{plan.users:,} users of {plan.companies:,} companies made {counts.total():,} calls from "
        f"{days}, in {environment.name} ({environment.app_token})."
    ]
    if not applied:
        lines.append("No server is applying them: they can be read after `analytex serve`.")
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    url = f"{lock.url(settings.directory) or f'http://{host}:{settings.port}'}/v1"
    key = '-H "Authorization: Token $ANALYTEX_API_KEY"'
    lines += [
        "",
        "Look at some of them (`analytex keys create` makes a key):",
        f'  curl "{url}/users?limit=3" {key}',
        f'  curl "{url}/companies?limit=3" {key}',
        f'  curl "{url}/events?event_name=Plan%20Upgraded&limit=3" {key}',
    ]
    return "\n".join(lines)
