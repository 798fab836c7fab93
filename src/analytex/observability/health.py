"""Whether the server is fit for work: the reasons why it is not, from what is known of it."""

import os
import time
from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec

from analytex.observability.meters import Snapshot

STALE_S: Final = 10.0  # a process writes its numbers every second; one that did not so long hangs
FAILED_FLUSH_S: Final = 30.0  # so long a failed flush counts, if no call has come to try another


class Reason(msgspec.Struct, kw_only=True):
    """Why the server is not ready."""

    code: str  #: stable, for programs
    message: str  #: a sentence for people


class Readiness(msgspec.Struct, kw_only=True):
    """Whether the server is ready, and if not, why."""

    ready: bool
    reasons: list[Reason]


class State(NamedTuple):
    """What is known of the server at one moment."""

    log_end: int  #: position behind the last record of the log
    applied: int  #: position up to which everything is stored
    lag_s: float  #: age of the oldest record that is not applied; 0 if there is none
    disk_size: int  #: bytes, of the disk that holds the data directory
    disk_free: int  #: of them, those that the server may use
    snapshots: Sequence[Snapshot]  #: of all processes that ever wrote one
    problem: str = ""  #: why log or store cannot be read


def readiness(state: State, *, lag_s: float, disk_bytes: int) -> Readiness:
    """Judge; `lag_s` is the longest lag, `disk_bytes` the least free disk that is fine."""
    now = time.time()
    found: list[Reason] = []
    for each in state.snapshots:
        failed_at = each.worker and each.worker.flush_failed_at
        if failed_at and is_running(each, now) and now - failed_at < FAILED_FLUSH_S:
            found.append(_reason("log_not_written", f"{each.process} could not write the log."))
    if state.problem:
        found.append(_reason("not_readable", state.problem))
    if not any(each.applier and is_running(each, now) for each in state.snapshots):
        found.append(_reason("applier_not_running", "Nothing is applied at the moment."))
    if state.lag_s > lag_s:
        found.append(
            _reason("lag", f"Calls wait for {state.lag_s:.0f} s to be applied; {lag_s:g} is fine.")
        )
    if state.disk_free < disk_bytes:
        found.append(
            _reason("disk_full", f"{state.disk_free} bytes are free; {disk_bytes} would be fine.")
        )
    return Readiness(ready=not found, reasons=found)


def is_running(snapshot: Snapshot, now: float) -> bool:
    """Tell whether a process lives and has written its numbers lately."""
    if now - snapshot.at > STALE_S:
        return False
    try:
        os.kill(snapshot.pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _reason(code: str, message: str) -> Reason:
    return Reason(code=code, message=message)
