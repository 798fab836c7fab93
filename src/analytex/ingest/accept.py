"""`accept`: a valid call becomes a record in the log's next flush."""

import secrets
import time
from typing import Final

from analytex.domain.calls import Call
from analytex.domain.environments import Scope
from analytex.eventlog.interface import Done, LogWriter
from analytex.ingest.admission import Limiter
from analytex.wire import records

_PROCESS_DIGITS: Final = 7


class RecordIds:
    """Ids that grow with time and are unique: receive time, then the process that took the call."""

    def __init__(self) -> None:
        self._process = secrets.token_hex(4)[:_PROCESS_DIGITS]
        self._last = 0

    def next(self) -> str:
        """Return a new id. Two calls of one process never share a microsecond."""
        self._last = max(self._last + 1, time.time_ns() // 1000)
        return records.record_id(self._last, self._process)


class Ingest:
    """Takes calls whose key and body are already checked."""

    def __init__(self, log: LogWriter, ids: RecordIds, limiter: Limiter) -> None:
        self._log = log
        self._ids = ids
        self._limiter = limiter
        self._heads: dict[tuple[int, Call], bytes] = {}

    def accept(self, scope: Scope, call: Call, body: bytes, done: Done) -> str:
        """Put the call into the log's next flush and return its record id.

        `done(None)` is called when it is on disk, `done(Unavailable)` if that failed.
        Raises RateLimited, and Unavailable if too many calls wait already; nothing is kept then.
        """
        self._limiter(scope.environment_id, call)
        key = (scope.environment_id, call)
        head = self._heads.get(key)
        if head is None:
            head = self._heads[key] = records.head(call, scope.environment_id)
        record_id = self._ids.next()
        self._log.append(records.encode(head, record_id, body), done)
        return record_id
