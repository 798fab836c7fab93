"""kill -9 in the middle of an export: it goes on, and every event is in its files just once."""

import gzip
import json
import os
import random
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from tests.rows import ndjson, track
from tests.server import Client, Server, wait_for

EXPORTS: Final = "/api/v1/analytics/exports"
DAYS: Final = 30
EVENTS: Final = 40_000
KILLS: Final = 6
FRUITLESS: Final = 3  # an export that never gets on is given up at the sixth start, by design
SEED: Final = int(os.environ.get("ANALYTEX_CRASH_SEED", "1"))

pytestmark = pytest.mark.slow


def exporters(server: Server) -> list[int]:
    """Return the processes that write exports at this moment."""
    found = []
    for pid in server.pids():
        with suppress(OSError):
            if b"analytex.jobs.exporting" in Path(f"/proc/{pid}/cmdline").read_bytes():
                found.append(pid)
    return found


def filled(server: Server) -> Client:
    """Import events of many days."""
    client = server.client()
    step = DAYS * 86_400 / EVENTS
    rows = (track(number, inserted_at=1_735_689_600 + number * step) for number in range(EVENTS))
    assert client.import_rows(ndjson(rows))["status"] == "completed"
    return client


def look(client: Client, id: str) -> dict[str, Any]:
    """Return the export as it is now."""
    return dict(client.get(f"{EXPORTS}/jobs/{id}").json())


def got_on(client: Client, id: str, ready: int) -> bool:
    """Tell whether more files are ready than then, or all."""
    export = look(client, id)
    return bool(export["end_time"]) or len(export["completed_chunks"]) > ready


def check(client: Client, id: str) -> None:
    """Wait for the end, download, and compare with what was imported."""
    wait_for(lambda: bool(look(client, id)["end_time"]), 60)
    export = look(client, id)
    assert export["status"] == "completed", export["reason"]
    numbers: list[int] = []
    for file in export["presigned_urls"]:
        content = httpx.get(file["url"], trust_env=False).content
        lines = gzip.decompress(content).splitlines()
        numbers += [json.loads(line)["metadata"]["number"] for line in lines]
    assert len(export["all_chunks"]) == DAYS
    assert sorted(numbers) == list(range(EVENTS))
    folder = client.server.data / "exports" / id
    assert {path.name for path in folder.iterdir()} == {
        file["filename"] for file in export["presigned_urls"]
    }


@pytest.mark.timeout(180)
def test_an_export_goes_on_after_everything_was_killed(tmp_path: Path) -> None:
    """At random moments; files that were ready are not written again. 6 kills take about 20 s."""
    rng = random.Random(SEED)
    with Server(tmp_path) as server:
        client = filled(server)
        id = client.post(EXPORTS, {}).json()["job_id"]
        ready = fruitless = 0
        for _ in range(KILLS):
            if fruitless >= FRUITLESS or rng.random() < 0.7:
                wait_for(lambda then=ready: got_on(server.client(), id, then), 30)  # type: ignore[misc]
            time.sleep(rng.uniform(0, 0.3))
            chunks = look(server.client(), id)["completed_chunks"]
            files = {path: path.stat().st_mtime_ns for path in written(server, id, chunks)}
            server.kill()
            server.restart()
            assert all(path.stat().st_mtime_ns == at for path, at in files.items())
            fruitless = fruitless + 1 if len(chunks) == ready else 0
            ready = len(look(server.client(), id)["completed_chunks"])
            assert ready >= len(chunks)
        check(server.client(), id)


def written(server: Server, id: str, chunks: list[str]) -> list[Path]:
    """Return the files of these days."""
    return [server.data / "exports" / id / f"events-{chunk}.ndjson.gz" for chunk in chunks]


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    "victims", [exporters, lambda server: [server.applier()]], ids=["exporter", "applier"]
)
def test_an_export_goes_on_after_one_process_was_killed(
    tmp_path: Path, victims: Callable[[Server], list[int]]
) -> None:
    """The one that writes, or the one that notes; an orphan ends by itself. About 30 s each."""
    rng = random.Random(SEED)
    with Server(tmp_path) as server:
        client = filled(server)
        id = client.post(EXPORTS, {}).json()["job_id"]
        for _ in range(4):
            ready = len(look(client, id)["completed_chunks"])
            wait_for(lambda then=ready: got_on(client, id, then), 30)  # type: ignore[misc]
            time.sleep(rng.uniform(0, 0.05))
            writers = exporters(server)
            for pid in victims(server):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            for pid in writers:
                wait_for(lambda gone=pid: not Path(f"/proc/{gone}").exists(), 10)  # type: ignore[misc]
            assert client.get("/v1/validate").status_code == 200
        check(client, id)
        wait_for(lambda: not exporters(server), 5)
