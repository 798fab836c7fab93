"""What a deletion does in history, seen from the applier (`jobs/erasing.py` does it)."""

from collections.abc import Generator, Sequence
from pathlib import Path

from analytex.domain.history import Report
from analytex.domain.profiles import Company, ProfileKind, User
from analytex.jobs.sealer_pipe import (
    Affected,
    Collected,
    Erase,
    Erased,
    Folded,
    Forget,
    Message,
    Orders,
    Run,
)
from analytex.jobs.sealing import Sealing

Steps = Generator[bool, None, None]  #: gives way; True: it has to wait for others


class HistoryDeletion:
    """The part of one deletion. Nothing is sealed from its beginning to `close`."""

    def __init__(self, directory: Path, sealing: Sealing) -> None:
        self._directory = directory
        self._sealing = sealing
        self._run: Run | None = None
        self._held = True
        sealing.hold()
        #: what events in history give that stay; others may add to it
        self.users: dict[str, User] = {}
        self.companies: dict[str, Company] = {}
        self.affected: set[str] = set()  #: users of deleted companies
        self.events = 0  #: changed or removed

    def exists(self) -> bool:
        """Tell whether there is any history at all."""
        return self._sealing.has_history()

    def rest(self) -> Steps:
        """Wait until no events are on their way into history, and none are left behind."""
        while not self._sealing.rests():
            yield True

    def collect(
        self,
        environment_id: int,
        kind: ProfileKind,
        ids: Sequence[str],
        *,
        at: int,
        users: Sequence[str],
    ) -> Steps:
        """Learn what must be known before hot events and the files change.

        `users` are those of hot events of the companies. Raises Unavailable, OSError, or the
        engine's own error.
        """
        task = Erase(environment_id=environment_id, kind=kind, ids=[*ids], at=at, users=[*users])
        self._run = Run(Orders(directory=str(self._directory), task=task))
        while True:
            message = self._run.next()
            if isinstance(message, Collected):
                return
            if isinstance(message, Forget):
                self._sealing.store.forget_imported(environment_id, message.keys)
            else:
                self._take(message)
            yield message is None

    def rewrite(self) -> Steps:
        """Let the files change, and wait until the old ones are gone."""
        assert self._run is not None
        self._run.go()
        while not self._run.ended:
            message = self._run.next()
            self._take(message)
            yield message is None
        self._run.close()
        self._run = None

    def finish(self) -> None:
        """Let readers forget hot events as they were, and let sealing go on."""
        self._sealing.store.changed()
        self.close()

    def close(self) -> None:
        """Stop, at the end or before it."""
        if self._run is not None:
            self._run.close()
            self._run = None
        if self._held:
            self._held = False
            self._sealing.release()

    def _take(self, message: Message | None) -> None:
        match message:
            case Report():
                self._sealing.note(message)
                assert self._run is not None
                self._run.go()
            case Folded():
                self.users |= {user.id: user for user in message.users}
                self.companies |= {company.id: company for company in message.companies}
            case Affected():
                self.affected |= set(message.users)
            case Erased():
                self.events += message.events
