"""Deleting users and companies: what goes, what stays, and that not a byte is left."""

import asyncio
import json
import random
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import pytest

from analytex.apply.loop import Applier
from analytex.apply.rebuild import Rebuild
from analytex.domain.calls import Call
from analytex.domain.events import Event, EventFilter, EventType
from analytex.domain.jobs import FileFormat, Job, JobKind, RowsFile
from analytex.domain.profiles import ProfileKind
from analytex.eventlog.open import open_log_eraser, open_log_reader, open_log_writer
from analytex.jobs import deletes
from analytex.jobs.deletes import Deletion
from analytex.storage.embedded import FILE
from analytex.storage.embedded import apply as engine
from analytex.storage.embedded.erase import EmbeddedEraseStore
from analytex.storage.open import open_apply_store, open_read_store
from analytex.wire import records

ENVIRONMENT: Final = 7
NOW: Final = 1_800_000_000_000_000  # microseconds
LATER: Final = NOW + 3_600_000_000


class World:
    """A data directory with all that a deletion needs, in one process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = open_apply_store(folder)
        self.log = open_log_reader(folder)
        self.applier = Applier(self.log, self.store, company_from_metadata=True)
        self.erase = EmbeddedEraseStore(folder / FILE)
        self.eraser = open_log_eraser(folder)
        self.read = open_read_store(folder)
        self._clock = NOW - 10_000_000

    def call(
        self, call: Call, body: dict[str, Any] | bytes, *, at: int | None = None, env: int = 7
    ) -> bytes:
        """Return the record of a call, each a second after the one before, or at a time."""
        self._clock += 1
        text = body if isinstance(body, bytes) else json.dumps(body).encode()
        id = records.record_id(self._clock if at is None else at, "0000000")
        return records.encode(records.head(call, env), id, text)

    def identify(self, user: str | float, *, at: int | None = None, **rest: Any) -> bytes:
        """An identify."""
        return self.call(Call.IDENTIFY, {"user_id": user, **rest}, at=at)

    def company(self, id: str, *, at: int | None = None, **metadata: Any) -> bytes:
        """An identify of a company."""
        return self.call(Call.IDENTIFY_COMPANY, {"company_id": id, "metadata": metadata}, at=at)

    def track(self, user: str | float, *, at: int | None = None, **metadata: Any) -> bytes:
        """A track."""
        body = {"user_id": user, "event_name": "opened", "metadata": metadata}
        return self.call(Call.TRACK, body, at=at)

    def send(self, *sent: bytes) -> None:
        """Put records into the log."""

        async def append() -> None:
            loop = asyncio.get_running_loop()
            writer = open_log_writer(self.folder, loop, queue_limit=100_000, flushed=lambda: None)
            told = [loop.create_future() for _ in sent]
            for record, future in zip(sent, told, strict=True):
                writer.append(record, future.set_result)
            assert not any(await asyncio.gather(*told))
            await writer.close()

        asyncio.run(append())

    def apply(self, *sent: bytes) -> None:
        """Put records into the log, and apply all that is there."""
        if sent:
            self.send(*sent)
        self.applier.drain()

    def deletion(self, *ids: str, kind: JobKind = JobKind.DELETE_USERS, **rest: Any) -> Deletion:
        """Return a deletion of what is not newer than `NOW`."""
        return Deletion(
            job(kind, **{key: rest.pop(key) for key in ("due_at", "removed") if key in rest}),
            ids,
            self.erase,
            self.log,
            self.eraser,
            self.applier.memberships,
            **{"now": lambda: LATER, **rest},
        )

    def delete(self, *ids: str, kind: JobKind = JobKind.DELETE_USERS) -> dict[str, int]:
        """Delete, while the applier works on; return the counts."""
        deletion = self.deletion(*ids, kind=kind)
        self.finish(deletion)
        return {name: count for name, count in deletion.removed.items() if count}

    def finish(self, deletion: Deletion) -> None:
        """Let a deletion do all its steps."""
        for _ in range(10_000):
            if not deletion.step():
                return
            self.applier.step()
        pytest.fail("the deletion does not end")

    def events(self, **wanted: Any) -> list[Event]:
        """Return the environment's events, oldest first."""
        found = self.read.list_events(ENVIRONMENT, EventFilter(**wanted), after=None, limit=100_000)
        return [event for _, event in reversed(found)]

    def differences(self) -> list[object]:
        """Return what profiles say otherwise than the events (`analytex verify`)."""
        scratch = self.folder / "scratch"
        scratch.mkdir(exist_ok=True)
        for file in scratch.iterdir():
            file.unlink()
        with (
            closing(open_apply_store(scratch)) as store,
            closing(open_read_store(scratch)) as rebuilt,
            self.read.snapshot(),
        ):
            rebuild = Rebuild(self.read, store, rebuilt)
            rebuild.fold(lambda done, total: None)
            found: list[object] = list(rebuild.differences())
        for file in scratch.iterdir():
            file.unlink()
        return found

    def bytes_hold(self, *texts: str) -> dict[str, list[str]]:
        """Return which of the texts stand in which files."""
        found: dict[str, list[str]] = {}
        for file in self.folder.rglob("*"):
            content = file.read_bytes() if file.is_file() else b""
            some = [text for text in texts if text.encode() in content]
            if some:
                found[file.name] = some
        return found

    def close(self) -> None:
        """Let go of all files."""
        for each in (self.store, self.log, self.erase, self.eraser, self.read):
            each.close()


def job(kind: JobKind, **rest: Any) -> Job:
    """A deletion as it was submitted."""
    file = RowsFile(name="", format=FileFormat.NDJSON, packed=False, size=0, rows=1)
    given: dict[str, Any] = {"due_at": NOW, "number": 1, **rest}
    return Job(
        id="j",
        environment_id=ENVIRONMENT,
        kind=kind,
        file=file,
        key_id="k",
        submitted_at=NOW,
        **given,
    )


@pytest.fixture(params=[8192, 4], ids=["tail", "segments"])
def world(
    tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[World]:
    """An empty data directory; events lie in the tail, or most of them in segments."""
    monkeypatch.setattr(engine, "SEGMENT_ROWS", request.param)
    with closing(World(tmp_path)) as world:
        yield world


COMPANIES: Final = JobKind.DELETE_COMPANIES


# Users


def test_nothing_of_a_user_is_left(world: World) -> None:
    """Not in rows, log, free pages or write-ahead files."""
    world.apply(
        world.identify("ada-1", metadata={"email": "ada@example.org"}),
        world.track("ada-1", secret="s3cr3t"),
        world.track("bob-2", other="kept"),
    )
    assert world.delete("ada-1") == {"users": 1, "events": 2, "log_records": 2}
    assert world.bytes_hold("ada-1", "ada@example.org", "s3cr3t") == {}
    assert world.bytes_hold("bob-2").keys() >= {"store.db", "log.db"}
    assert [event.user_id for event in world.events()] == ["bob-2"]
    assert world.read.user(ENVIRONMENT, "ada-1") is None
    assert world.differences() == []


@pytest.mark.parametrize(
    "body",
    [
        b'{"user_id":"\\u0061da-1","event_name":"x"}',
        '{"event_name":"x","user_id":"ada-1","metadata":{"ä":"ada-1"}}'.encode(),
        b'{"user_id": "a\\u0064a-1" , "event_name":"x"}',
    ],
)
def test_an_id_is_found_however_it_was_written(world: World, body: bytes) -> None:
    """The log keeps the bytes that were sent."""
    world.apply(world.call(Call.TRACK, body))
    assert world.delete("ada-1")["log_records"] == 1
    assert all(records.is_erased(record) for record in all_records(world))


def test_an_id_that_was_sent_as_a_number_is_found(world: World) -> None:
    """`12` and `12.0` are the user "12" (contract, ids)."""
    world.apply(world.track(12), world.track(12.0), world.track(120))
    assert world.delete("12") == {"users": 1, "events": 2, "log_records": 2}
    assert [event.user_id for event in world.events()] == ["120"]


def test_other_environments_have_users_of_their_own(world: World) -> None:
    """The same id there is somebody else."""
    body = {"user_id": "ada-1", "event_name": "opened"}
    world.apply(world.track("ada-1"), world.call(Call.TRACK, body, env=8))
    world.delete("ada-1")
    assert world.read.user(8, "ada-1") is not None
    assert len(all_records(world)) - sum(map(records.is_erased, all_records(world))) == 1


def test_what_a_user_said_of_a_company_stays(world: World) -> None:
    """The company's properties could not be proved otherwise."""
    world.apply(
        world.company("acme", seats=3),
        world.identify("ada-1", metadata={"a": 1}, company={"id": "acme", "plan": "pro"}),
        world.track("ada-1"),
    )
    before = world.read.company(ENVIRONMENT, "acme")
    world.delete("ada-1")
    assert world.read.company(ENVIRONMENT, "acme") == before
    events = world.events(company_id="acme")
    assert [(event.event_type, event.user_id) for event in events] == [
        (EventType.IDENTIFY_COMPANY, None)
    ] * 2
    assert events[1].metadata == '{"plan":"pro"}'
    assert world.differences() == []
    assert world.bytes_hold("ada-1") == {}


def test_what_waits_in_the_log_is_applied_first(world: World) -> None:
    """Else what it says of a company would be lost when the record is erased."""
    world.send(world.identify("ada-1", company={"id": "acme", "plan": "pro"}))
    world.delete("ada-1")
    acme = world.read.company(ENVIRONMENT, "acme")
    assert acme is not None
    assert bytes(acme.properties["plan"]) == b'"pro"'
    assert world.differences() == []


def test_a_new_identify_starts_afresh(world: World) -> None:
    """The person came back; what was known before is not."""
    world.apply(
        world.identify("ada-1", metadata={"old": 1}, company={"id": "acme"}),
        world.track("ada-1"),
        world.identify("ada-1", at=NOW + 5, metadata={"new": 2}),
        world.track("ada-1", at=NOW + 6),
    )
    world.delete("ada-1")
    ada = world.read.user(ENVIRONMENT, "ada-1")
    assert ada is not None
    assert ada.properties.keys() == ada.stamps.keys() == {"new"}
    assert (ada.first_seen_at, ada.company_id) == (NOW + 5, None)
    assert len(world.events(user_id="ada-1")) == 2
    assert world.differences() == []


def test_late_history_brings_nobody_back(world: World) -> None:
    """A tombstone stops it, and holds only a keyed hash of the id."""
    world.apply(world.identify("ada-1"))
    world.delete("ada-1")
    world.apply(world.identify("ada-1", at=NOW - 5), world.track("bob", at=NOW - 5))
    assert world.read.user(ENVIRONMENT, "ada-1") is None
    assert world.read.user(ENVIRONMENT, "bob") is not None
    assert world.store.buried(ENVIRONMENT, ProfileKind.USER, ["ada-1", "bob"]) == {"ada-1": NOW}
    assert world.bytes_hold("ada-1").keys() <= {"log.db", "log.db-wal"}  # came after it


def test_a_record_that_could_not_be_read_goes_as_well(world: World) -> None:
    """If it holds the id, as a word of its own, and is of this environment."""
    theirs = world.call(Call.TRACK, b'{"user_id":"ada-1",')
    escaped = world.call(Call.TRACK, b'{"user_id":"\\u0061d\\u0061-1",')
    others = world.call(Call.TRACK, b'{"user_id":"ada-12","nevada-1",')
    elsewhere = world.call(Call.TRACK, b'{"user_id":"ada-1",', env=8)
    newer = world.call(Call.TRACK, b'{"user_id":"ada-1",', at=NOW + 1)
    world.apply(theirs, escaped, elsewhere, newer, others)
    assert world.delete("ada-1") == {"log_records": 2, "unreadable": 2}
    left = world.erase.unreadable(after=-1, limit=10)
    assert [each.record for each in left] == [elsewhere, newer, others]


# Companies


def test_nothing_of_a_company_is_left(world: World) -> None:
    """Its users stay, and belong to no company, or to the one before."""
    world.apply(
        world.company("acme-1", name="Acme Inc"),
        world.company("globex"),
        world.identify("ada-1", metadata={"role": "owner"}, company={"id": "globex", "n": 1}),
        world.identify("ada-1", metadata={"age": 3}, company={"id": "acme-1", "plan": "pro"}),
        world.identify("bob", metadata={"x": 1, "company": {"id": "acme-1", "vat": "V1"}}),
        world.track("ada-1", a=1),
        world.track("bob", a=2),
    )
    removed = world.delete("acme-1", kind=COMPANIES)
    assert removed == {"companies": 1, "events": 5, "log_records": 3}
    assert world.bytes_hold("acme-1", "Acme Inc", "V1") == {}
    ada, bob = (world.read.user(ENVIRONMENT, id) for id in ("ada-1", "bob"))
    assert ada is not None
    assert bob is not None
    assert (ada.company_id, bob.company_id) == ("globex", None)
    assert bob.properties.keys() == bob.stamps.keys() == {"x"}
    assert ada.properties.keys() == {"role", "age"}
    assert world.events(company_id="acme-1") == []
    assert len(world.events()) == 6
    assert world.differences() == []


def test_a_company_that_came_back_is_kept(world: World) -> None:
    """With its newer calls, and the users that these name."""
    world.apply(
        world.company("acme", old=1),
        world.identify("ada-1", company={"id": "acme", "old": 1}),
        world.identify("bob", company={"id": "acme"}),
        world.identify("ada-1", at=NOW + 1, company={"id": "acme", "new": 2}),
        world.track("ada-1", at=NOW + 2),
        world.track("bob", at=NOW + 2),
    )
    world.delete("acme", kind=COMPANIES)
    acme = world.read.company(ENVIRONMENT, "acme")
    assert acme is not None
    assert acme.properties.keys() == {"new"}
    assert acme.first_seen_at == NOW + 1
    kept = world.events(company_id="acme")
    assert [(event.user_id, event.inserted_at - NOW) for event in kept] == [
        ("ada-1", 1),
        ("ada-1", 2),
    ]
    assert world.differences() == []


def test_the_rest_of_a_record_is_what_it_was(world: World) -> None:
    """Only the company goes out of it; the length stays."""
    company = b'"company":{"id":"acme"}'
    sent = b'{ "user_id": "ada-1", "metadata":{"f":1.50,%b},%b}' % (company, company)
    record = world.call(Call.IDENTIFY, sent)
    world.apply(record)
    world.delete("acme", kind=COMPANIES)
    (left,) = all_records(world)
    assert len(left) == len(record)
    assert left[26:].rstrip() == b'{"user_id":"ada-1","metadata":{"f":1.50}}'


# However it goes


def test_a_deletion_that_is_interrupted_begins_again(world: World) -> None:
    """A crash between any two steps: what was done is found done."""
    for steps in range(12):
        user, company = f"user-{steps}", f"firm-{steps}"
        world.apply(
            world.identify(user, metadata={"v": f"value-{steps}"}, company={"id": company}),
            world.track(user),
            world.identify("ada-1", metadata={"company": {"id": company}}),
        )
        for id, kind in ((user, JobKind.DELETE_USERS), (company, COMPANIES)):
            crashed = world.deletion(id, kind=kind)
            for _ in zip(range(steps), crashed._steps, strict=False):
                world.applier.step()
            crashed.close()
            world.delete(id, kind=kind)
        assert world.bytes_hold(user, company, f"value-{steps}") == {}
        assert world.differences() == []


def test_what_is_applied_between_the_steps_is_not_missed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The applier goes on while a deletion runs."""
    monkeypatch.setattr(deletes, "STEP_S", 0.0)
    monkeypatch.setattr(deletes, "EVENTS", 3)
    for n in range(10):
        world.apply(world.identify("ada-1", metadata={f"p{n}": n}, company={"id": "acme"}))
        world.apply(world.identify("ada-1", at=NOW + 1 + n, metadata={f"n{n}": n}))
    for kind, id in ((JobKind.DELETE_USERS, "ada-1"), (COMPANIES, "acme")):
        deletion, n = world.deletion(id, kind=kind), 100
        while deletion.step():
            n += 1
            world.apply(
                world.identify("ada-1", at=NOW + n, metadata={f"n{n}": n}),
                world.track("ada-1", at=NOW + n),
                world.track("bob", at=NOW + n),
            )
        assert world.differences() == []
    ada = world.read.user(ENVIRONMENT, "ada-1")
    assert ada is not None
    assert not any(name.startswith("p") for name in ada.properties)
    assert world.read.company(ENVIRONMENT, "acme") is None


def test_it_waits_for_readers_and_other_jobs(world: World) -> None:
    """A reader that still sees the old rows; rows of other jobs that are in the way."""
    world.apply(world.identify("ada-1"))
    turns = iter([False, False, True])
    deletion = world.deletion("ada-1", forget_rows=lambda *_: next(turns))
    with world.read.snapshot():
        waited = 0
        while waited < 4:  # a step may also end because it took its time
            assert deletion.step()
            waited += deletion.waiting
        assert next(turns, None) is None
        assert world.read.user(ENVIRONMENT, "ada-1") is not None
    world.finish(deletion)
    assert world.bytes_hold("ada-1") == {}


def test_calls_that_are_on_their_way_are_waited_for(world: World) -> None:
    """A call that was received just before the deletion may come into the log after its start."""
    clock = NOW
    world.apply(world.identify("ada-1"))
    deletion = world.deletion("ada-1", now=lambda: clock)
    while not deletion.waiting:
        assert deletion.step()
    world.apply(world.track("ada-1", at=NOW))
    clock += deletes.GRACE_US
    world.finish(deletion)
    assert world.bytes_hold("ada-1") == {}


def test_counts_go_on_after_a_crash(world: World) -> None:
    """The receipt counts all that was removed, also before."""
    world.apply(world.track("ada-1"), world.track("bob"))
    deletion = world.deletion("ada-1", "bob", removed={"users": 1, "events": 5})
    world.finish(deletion)
    assert deletion.removed == {
        "users": 3,
        "companies": 0,
        "events": 7,
        "log_records": 2,
        "unreadable": 0,
    }
    assert deletion.done == 2


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_whatever_was_sent_nothing_is_left_and_the_rest_is_right(
    world: World, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """Users and companies of all kinds, deleted one after the other. Takes about 2 s."""
    monkeypatch.setattr(deletes, "EVENTS", 7)
    r = random.Random(seed)
    users = [f"user<{n:03}>" for n in range(30)]
    companies = [f"firm<{n:03}>" for n in range(8)]
    for _ in range(8):
        world.apply(*(a_call(world, r, users, companies) for _ in range(60)))
    for _ in range(4):
        victims = r.sample(users, 3)
        firms = r.sample(companies, 1)
        world.delete(*victims)
        world.delete(*firms, kind=COMPANIES)
        assert world.differences() == []
        assert world.bytes_hold(*victims, *(f"of {id}" for id in (*victims, *firms)), *firms) == {}
        users = [id for id in users if id not in victims]
        companies = [id for id in companies if id not in firms]
        world.apply(*(a_call(world, r, users, companies) for _ in range(60)))
        for id in (*users, *companies):  # the indexes agree with the rows
            for field in ("user_id", "company_id"):
                found = world.events(**{field: id})
                assert found == [each for each in world.events() if getattr(each, field) == id]
    check = sqlite3.connect(world.folder / FILE)
    assert check.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    check.close()


def a_call(world: World, r: random.Random, users: Sequence[str], firms: Sequence[str]) -> bytes:
    """Any call, with values that name their owners."""
    user, firm = r.choice(users), r.choice(firms)
    big = "x" * r.choice([0, 0, 0, 3000, 9000])
    company = {"id": firm, "name": f"of {firm}{big}"}
    kind = r.randrange(6)
    if kind == 0:
        return world.company(firm, name=f"of {firm}")
    if kind == 1:
        return world.identify(user, metadata={"name": f"of {user}{big}", "company": company})
    if kind == 2:
        return world.identify(user, metadata={r.choice("abc"): f"of {user}"}, company=company)
    if kind == 3:
        return world.identify(user, metadata={"name": r.choice([None, f"of {user}"])})
    return world.track(user, value=f"of {user}{big}")


def all_records(world: World) -> list[bytes]:
    """Return the records of the log."""
    batches = world.log.read(0, max_records=10**9, max_bytes=10**9)
    return [record for batch in batches for record in batch.records]
