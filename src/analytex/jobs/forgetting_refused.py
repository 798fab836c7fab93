"""What the quarantine still holds of people and companies that were deleted."""

import time
from collections.abc import Generator, Set
from typing import Final

from analytex.jobs.sought import Sought, is_in_doubt
from analytex.storage.erasing import Slices
from analytex.storage.quarantine import QuarantineStore

STEP_S: Final = 0.02
ROWS: Final = 50  # read at a time


class ForgettingRefused:
    """Goes through the refused requests of an environment, some at each step.

    One goes if it mentions one of the ids, or may have (`is_in_doubt`).
    """

    def __init__(
        self, store: QuarantineStore, environment_id: int, ids: Set[str], *, at: int
    ) -> None:
        """Of what was refused up to a time; a second later all of that is written."""
        self._store = store
        self._environment_id = environment_id
        self._sought = Sought(ids)
        self._at = at
        self._work = self._pages()
        self.rows = 0  #: how many were removed

    def step(self) -> bool:
        """Look at some, for about 20 ms; False once none are left. Raises Unavailable."""
        end = time.monotonic() + STEP_S
        return any(time.monotonic() >= end for _ in self._work)

    def settle(self) -> bool:
        """Leave nothing in files beside the store; False if a reader prevents it so far."""
        return self._store.settle()

    def scrub(self) -> Slices:
        """Return the work that leaves nothing in unused places."""
        return self._store.scrub()

    def close(self) -> None:
        """Stop; begun again, it looks at all of them again."""
        self._work.close()
        self._store.close()

    def _pages(self) -> Generator[None, None, None]:
        self._store.barrier()
        after = 0
        while page := self._store.oldest(
            self._environment_id, after=after, until=self._at, limit=ROWS
        ):
            after = page[-1].number
            numbers = []
            for refused in page:
                if is_in_doubt(refused) or self._sought.is_in_request(refused):
                    numbers.append(refused.number)
                yield
            self.rows += self._store.remove(self._environment_id, numbers)
            yield
