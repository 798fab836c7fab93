"""The applier: follows the log, at its own pace, from the position that the store holds."""

import logging
from collections.abc import Callable, Sequence
from typing import Final

from analytex.apply.burials import Burials
from analytex.apply.fold import fold
from analytex.apply.memberships import Memberships
from analytex.domain.events import Event
from analytex.errors import Conflict
from analytex.eventlog.interface import Batch, LogReader
from analytex.storage.interface import ApplyStore, Unreadable
from analytex.wire import records

MAX_RECORDS: Final = 4096  # in one transaction, unless one flush holds more
MAX_BYTES: Final = 16 * 1024 * 1024  # likewise

log = logging.getLogger(__name__)


class Applier:
    """Moves records from the log to the store.

    Whoever else writes profiles or events does so in its process, and uses its `memberships`, which
    must know of every change, and its `burials`.
    """

    def __init__(
        self, reader: LogReader, store: ApplyStore, *, company_from_metadata: bool
    ) -> None:
        self._reader = reader
        self._store = store
        self._company_from_metadata = company_from_metadata
        self.memberships = Memberships(store)
        self.burials = Burials(store)
        self._position = store.position()

    @property
    def position(self) -> int:
        """The log position up to which everything is stored."""
        return self._position

    def step(self) -> int:
        """Apply what the log holds, at most about `MAX_RECORDS`; return how many records."""
        batches = self._reader.read(self._position, max_records=MAX_RECORDS, max_bytes=MAX_BYTES)
        if not batches:
            return 0
        if batches[0].first > self._position:
            log.error('action="log_gap" expected=%d found=%d', self._position, batches[0].first)
        events, unreadable = self._decode(batches)
        upto = batches[-1].next
        changes = fold(self._store, self.memberships, self.burials.sift(events).events, unreadable)
        try:
            self._store.write(changes, start=self._position, upto=upto)
        except Conflict:
            # Another applier took these records; go on behind what it stored.
            self.memberships.forget()
            self._position = self._store.position()
            return 0
        self.memberships.stored(changes.users)
        applied = upto - self._position
        self._position = upto
        return applied

    def drain(self, stop: Callable[[], bool] = lambda: False) -> None:
        """Apply until the log has no more, or `stop` says so."""
        while not stop() and self.step():
            pass

    def _decode(self, batches: Sequence[Batch]) -> tuple[list[Event], list[Unreadable]]:
        events: list[Event] = []
        unreadable: list[Unreadable] = []
        for batch in batches:
            for position, record in enumerate(batch.records, batch.first):
                if records.is_erased(record):
                    continue
                try:
                    events.append(
                        records.decode(record, company_from_metadata=self._company_from_metadata)
                    )
                except records.UnreadableRecord as error:
                    log.error('action="record_unreadable" position=%d', position)
                    unreadable.append(Unreadable(position, record, str(error)))
        return events, unreadable
