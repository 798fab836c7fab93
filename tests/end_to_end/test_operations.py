"""Watching a server: metrics, readiness, log lines, and what it says of its own calls."""

import json
import os
import re
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from analytex.domain.environments import Permission
from analytex.http.described import SECTIONS
from tests.server import Client, Server, wait_for


def metrics(server: Server, **headers: str) -> dict[str, float]:
    """Return each line of `/metrics`: what stands before the number, and the number."""
    reply = httpx.get(f"{server.url}/metrics", headers=headers, trust_env=False)
    assert reply.status_code == 200, reply.text
    lines = (line for line in reply.text.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


def total(found: dict[str, float], name: str, **labels: str) -> float:
    """Return the sum of a metric over all processes."""
    wanted = [f'{label}="{value}"' for label, value in labels.items()]
    return sum(
        value
        for line, value in found.items()
        if line.partition("{")[0] == name and all(each in line for each in wanted)
    )


def ready(server: Server) -> tuple[int, list[str]]:
    """Return the status of `/readyz`, and the codes of its reasons."""
    reply = httpx.get(f"{server.url}/readyz", trust_env=False)
    body = reply.json()
    assert body["ready"] == (reply.status_code == 200)
    return reply.status_code, [reason["code"] for reason in body["reasons"]]


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Server]:
    """A server that a test may do harm to."""
    with Server(tmp_path) as server:
        yield server


# Metrics


def test_every_answer_is_counted(client: Client) -> None:
    """Calls that went the fast way, others, and those that were refused, by address and status."""
    before = metrics(client.server)
    client.track("ada", "seen")
    client.track("ada", "seen")
    client.post("/v1/track", {"user_id": "ada"})
    client.user("ada")
    client.get("/v1/nothing/here")
    client.request("PUT", "/v1/users")
    client.request("GET", "/v1/validate", headers={"authorization": "Token nobody-has-this"})
    after = metrics(client.server)

    def more(**labels: str) -> float:
        name = "analytex_requests_total"
        return total(after, name, **labels) - total(before, name, **labels)

    assert more(path="/v1/track", status="202") == 2
    assert more(path="/v1/track", status="400") == 1
    assert more(method="GET", path="/v1/users/{user_id}", status="200") == 1
    assert more(method="other", path="other", status="404") == 1
    assert more(method="other", path="/v1/users", status="405") == 1
    refused = "analytex_keys_refused_total"
    assert total(after, refused) - total(before, refused) == 1


def test_log_and_applier_are_measured(client: Client) -> None:
    """How the flushes go, and whether the applier keeps up."""
    before = metrics(client.server)
    client.track("ada", "seen")
    client.user("ada")  # waits until it is applied
    after = metrics(client.server)

    for name in ("analytex_log_flush_seconds_count", "analytex_log_flush_records_sum"):
        assert total(after, name) - total(before, name) == 1
    assert after["analytex_log_end"] == before["analytex_log_end"] + 1
    assert after["analytex_lag_records"] == 0
    assert after["analytex_lag_seconds"] == 0
    assert after['analytex_file_bytes{file="log.db"}'] > 0
    wait_for(  # its numbers are as they were up to a second ago
        lambda: (
            metrics(client.server)["analytex_applied_records_total"]
            > before["analytex_applied_records_total"]
        ),
        5,
    )


@pytest.mark.slow  # 2 s, for a server of its own
def test_a_server_with_several_workers_shows_all_of_them(tmp_path: Path) -> None:
    """Whichever of them is asked."""
    with Server(tmp_path, settings={"workers": 2}) as server:
        client = server.client()
        for number in range(20):
            client.track(f"user-{number}", "seen")
        wait_for(
            lambda: total(metrics(server), "analytex_requests_total", path="/v1/track") == 20, 5
        )
        found = metrics(server)
    for process in ("applier", "worker-0", "worker-1"):
        assert found[f'analytex_process_up{{process="{process}"}}'] == 1
        assert total(found, "analytex_process_resident_bytes", process=process) > 1_000_000


@pytest.mark.slow  # 2 s, for a server whose jobs wait
def test_jobs_are_shown_while_they_are_under_way(tmp_path: Path) -> None:
    """A deletion that waits for its hour is one."""
    with Server(tmp_path, settings={"delete_at": "00:00"}) as server:
        server.client().request("DELETE", "/v1/users", content=b'{"users":["a","b"]}')
        found = metrics(server)

    assert found['analytex_jobs{kind="delete_users",status="queued"}'] == 1
    assert found['analytex_job_rows{kind="delete_users",state="remaining"}'] == 2


def test_metrics_are_shown_to_strangers_only_with_an_admin_key(server: Server) -> None:
    """What comes through a proxy comes from anywhere."""
    proxied = {"x-forwarded-for": "203.0.113.9"}
    url = f"{server.url}/metrics"
    refused = httpx.get(url, headers=proxied, trust_env=False)
    assert refused.status_code == 401
    assert "admin key" in refused.json()["errors"][0]["details"]

    for permission, status in ((Permission.READ, 401), (Permission.ADMIN, 200)):
        key = server.new_environment(permission).key
        headers = {**proxied, "authorization": f"Token {key}"}
        assert httpx.get(url, headers=headers, trust_env=False).status_code == status


@pytest.mark.slow  # 2 s, for a server with another setting
def test_metrics_may_be_opened_to_everybody(tmp_path: Path) -> None:
    """Where the network is private, a key in Prometheus's settings is a bother."""
    with Server(tmp_path, settings={"metrics_open": True}) as server:
        assert "analytex_ready" in metrics(server, forwarded="for=203.0.113.9")


# Readiness


def test_a_server_that_runs_is_ready(server: Server) -> None:
    """From the moment at which it says so on standard output, or a moment later."""
    wait_for(lambda: ready(server) == (200, []), 5)


@pytest.mark.slow  # 3 s: a server of its own, and a process that is started again
def test_a_server_without_applier_is_not_ready(own: Server) -> None:
    """Calls are taken all the same, and the supervisor starts it again."""
    wait_for(lambda: ready(own) == (200, []), 5)
    os.kill(own.applier(), signal.SIGKILL)

    wait_for(lambda: ready(own) == (503, ["applier_not_running"]), 5)
    assert metrics(own)["analytex_ready"] == 0
    wait_for(lambda: ready(own) == (200, []), 10)


@pytest.mark.slow  # 3 s: a server of its own, and a lag of a second
def test_a_server_that_lags_is_not_ready(tmp_path: Path) -> None:
    """What reads answer is old then."""
    with Server(tmp_path, settings={"ready_lag": 0.5, "read_wait": 0}) as server:
        wait_for(lambda: ready(server) == (200, []), 5)
        applier = server.applier()
        os.kill(applier, signal.SIGSTOP)
        try:
            server.client().track("ada", "seen")
            wait_for(lambda: ready(server) == (503, ["lag"]), 5)
            assert metrics(server)["analytex_lag_seconds"] > 0.5
        finally:
            os.kill(applier, signal.SIGCONT)
        wait_for(lambda: ready(server) == (200, []), 5)


@pytest.mark.slow  # 2 s, for a server with another setting
def test_a_server_whose_disk_is_nearly_full_is_not_ready(tmp_path: Path) -> None:
    """There is time to make room before calls are refused."""
    with Server(tmp_path, settings={"ready_disk": 2**60}) as server:
        wait_for(lambda: ready(server) == (503, ["disk_full"]), 5)


@pytest.mark.slow  # 2 s, for a server of its own
def test_a_server_that_cannot_write_its_log_is_not_ready(own: Server) -> None:
    """Its senders get 503, and send again elsewhere if there is an elsewhere."""
    wait_for(lambda: ready(own) == (200, []), 5)
    with closing(sqlite3.connect(own.data / "log.db", isolation_level=None)) as db:
        db.execute(
            "CREATE TRIGGER no BEFORE INSERT ON batches BEGIN SELECT raise(ABORT, 'no'); END"
        )
        body = {"user_id": "ada", "event_name": "seen"}
        assert own.client().post("/v1/track", body).status_code == 503
        assert ready(own) == (503, ["log_not_written"])
        assert metrics(own)['analytex_log_flush_failures_total{process="worker-0"}'] == 1

        db.execute("DROP TRIGGER no")
    own.client().track("ada", "seen")
    assert ready(own) == (200, [])


# Log lines


@pytest.mark.slow  # 2 s: a server of its own, and a process that dies
def test_log_lines_may_be_json(tmp_path: Path) -> None:
    """One object on each line, of all processes."""
    with Server(tmp_path, settings={"log_format": "json"}) as server:
        os.kill(server.applier(), signal.SIGKILL)
        wait_for(lambda: "child_died" in server.errors(), 5)
        lines = [json.loads(line) for line in server.errors().splitlines()]

    (died,) = [line for line in lines if line["action"] == "child_died"]
    assert (died["process"], died["child"], died["code"]) == ("supervisor", "applier", -9)
    assert died["level"] == "ERROR"


# What it says of its own calls


@pytest.mark.slow  # 1 s
def test_exactly_the_calls_that_say_so_need_a_key(server: Server) -> None:
    """Somebody who reads the document must not be surprised, in either direction."""
    for section in SECTIONS:
        for operation in section.operations:
            path = re.sub(r"{\w+}", "x", operation.path)
            reply = httpx.request(operation.method, server.url + path, trust_env=False)
            # A link to a file carries a signature instead, and this one is not signed.
            needs_key = operation.key not in ("none", "local admin") or "/files/" in operation.path
            assert (reply.status_code == 401) == needs_key, operation.call


def test_both_descriptions_are_served(server: Server) -> None:
    """One for programs and one for people, from the same entries."""
    document: dict[str, Any] = httpx.get(f"{server.url}/openapi.json", trust_env=False).json()
    page = httpx.get(f"{server.url}/docs", trust_env=False)

    assert document["openapi"] == "3.1.0"
    assert "/v1/track" in document["paths"]
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["content-security-policy"].startswith("default-src 'none'; ")
    assert page.headers["x-request-id"]
