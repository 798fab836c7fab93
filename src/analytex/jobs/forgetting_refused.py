"""What the quarantine still holds of people and companies that were deleted."""

import time
from collections.abc import Generator, Set
from typing import Final
from urllib.parse import unquote_plus

from analytex.domain.quarantine import Refused
from analytex.storage.erasing import Slices
from analytex.storage.quarantine import QuarantineStore
from analytex.wire.erasing import Mention, holds

STEP_S: Final = 0.02
ROWS: Final = 50  # read at a time


class ForgettingRefused:
    """Goes through the refused requests of an environment, some at each step.

    One goes if it mentions one of the ids. One that was not kept whole goes in any case, and so
    does one that is no text: what is missing, or cannot be read, may be what names the person.
    """

    def __init__(
        self, store: QuarantineStore, environment_id: int, ids: Set[str], *, at: int
    ) -> None:
        """Of what was refused up to a time; a second later all of that is written."""
        self._store = store
        self._environment_id = environment_id
        self._names = Mention(ids)
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
                if self._goes(refused):
                    numbers.append(refused.number)
                yield
            self.rows += self._store.remove(self._environment_id, numbers)
            yield

    def _goes(self, refused: Refused) -> bool:
        if not refused.whole or not _is_text(refused.body):
            return True
        texts = (refused.query, refused.message, refused.details, refused.content_type)
        return any(map(self._mentions, (refused.body, *(text.encode() for text in texts))))

    def _mentions(self, text: bytes) -> bool:
        if holds(text, self._names):
            return True
        # A quote inside a quoted cell of CSV stands there twice.
        if b'""' in text and holds(text.replace(b'""', b'"'), self._names):
            return True
        # As a form or an address has it.
        if b"%" not in text and b"+" not in text:
            return False
        return holds(unquote_plus(text.decode()).encode(), self._names)


def _is_text(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return b"\0" not in body  # UTF-16, say
