"""The page of the server itself: is it well, what fills the disk, how is it set up."""

import asyncio
import platform
import shlex
import sqlite3
import sys
import time
from collections.abc import Mapping
from importlib import metadata
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from analytex import __version__
from analytex.console.charts.numbers import duration
from analytex.console.gate import needs
from analytex.console.pages import Console, size
from analytex.domain.environments import Permission
from analytex.http.operations import is_local
from analytex.observability.health import State, is_running, readiness
from analytex.observability.meters import Snapshot
from analytex.settings import MASK, SECRET, Setting, Settings, table
from analytex.storage.last_backup import last_backup

DEFAULT: Final = "default"  #: the origin of a setting that nobody set

#: What lies in the data directory, for those who do not know its files by name.
CONTENTS: Final = {
    "store.db": "profiles, newest events, jobs, keys",
    "store.db-wal": "changes on their way into store.db",
    "log.db": "accepted calls, until they are applied",
    "log.db-wal": "changes on their way into log.db",
    "history": "older events",
    "metrics": "what each process counts",
    "refused.db": "refused requests",
    "refused.db-wal": "changes on their way into refused.db",
    "jobs": "files of jobs",
    "exports": "files of exports",
    "tmp": "temporary files of questions",
    "lock": "which server uses the directory",
    "last-backup.json": "when the last backup was made",
}


def routes(console: Console) -> list[Route]:
    """Return the page; it needs an admin key."""
    return [Route("/console/system", needs(Permission.ADMIN, _System(console).show))]


class _System:
    def __init__(self, console: Console) -> None:
        self._console = console

    async def show(self, request: Request) -> Response:
        """Answer `GET /console/system`."""
        deps = self._console.deps
        settings = deps.settings
        state = deps.watch.state()
        details = await deps.watch.details()
        found = readiness(state, lag_s=settings.ready_lag, disk_bytes=settings.ready_disk)
        shown = _settings(settings, self._console.origins)
        values = {
            "ready": found.ready,
            "reasons": found.reasons,
            "missing": max(state.log_end - state.applied, 0),
            "lag_s": state.lag_s,
            "disk_free": state.disk_free,
            "disk_size": state.disk_size,
            "data_bytes": sum(details.files.values()),
            "files": _files(details.files),
            "processes": _processes(state),
            "versions": versions(),
            "settings": [row for row in shown if row["origin"] != DEFAULT],
            "defaults": [row for row in shown if row["origin"] == DEFAULT],
            "directory": str(settings.directory),
            "quoted_directory": shlex.quote(str(settings.directory)),
            "shows_metrics": settings.metrics_open or is_local(request),
            "backup": await asyncio.to_thread(last_backup, settings.directory),
            "today": time.strftime("%Y-%m-%d", time.gmtime()),
        }
        return self._console.render(request, "system.html", values)


def versions() -> list[tuple[str, str]]:
    """Return what runs, in which version."""
    return [
        ("analytex", __version__),
        ("Python", f"{platform.python_version()} ({sys.implementation.name})"),
        ("SQLite", sqlite3.sqlite_version),
        ("DuckDB", metadata.version("duckdb")),
        ("deltalake", metadata.version("deltalake")),
        ("System", f"{platform.system()} {platform.release()}, {platform.machine()}"),
    ]


def _files(files: Mapping[str, int]) -> list[tuple[str, str, int]]:
    """Return the name, meaning and size of each file that takes room, the largest first."""
    found = [(name, _content(name), bytes) for name, bytes in files.items() if bytes]
    return sorted(found, key=lambda row: -row[2])


def _content(name: str) -> str:
    if name.endswith("-shm"):
        return f"what processes share to read {name.removesuffix('-shm')}"
    return CONTENTS.get(name, "")


def _processes(state: State) -> list[dict[str, Any]]:
    now = time.time()
    found = sorted(state.snapshots, key=lambda each: each.process)
    return [_process(each, now) for each in found]


def _process(each: Snapshot, now: float) -> dict[str, Any]:
    return {
        "name": each.process,
        "pid": each.pid,
        "running": is_running(each, now),
        "began_at": round(each.began_at * 1_000_000),
        "cpu_s": each.cpu_s,
        "resident_bytes": each.resident_bytes,
        "connections": each.worker.connections if each.worker else None,
        "queue": each.worker.queue if each.worker else None,
    }


def _settings(settings: Settings, origins: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return each setting as it is used, and where its value is from."""
    return [
        {
            "name": row.name,
            "value": _shown(row, settings),
            "unit": row.unit,
            "about": _about(row, settings),
            "origin": origins.get(row.name, DEFAULT),
            "sentence": row.sentence,
        }
        for row in table()
    ]


def _shown(row: Setting, settings: Settings) -> str:
    """Return a value as a variable or the TOML file would spell it."""
    value = getattr(settings, row.name)
    if value is None or value == "":
        return "not set"
    if row.name in SECRET:
        return MASK
    if isinstance(value, bool):
        return str(value).lower()
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _about(row: Setting, settings: Settings) -> str:
    """Return a large number of bytes or seconds as people say it."""
    value = getattr(settings, row.name)
    if row.unit == "bytes":
        return size(value)
    return duration(value) if row.unit == "seconds" and value > 120 else ""
