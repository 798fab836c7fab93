"""What all workers know about signing in to the console: sessions that ended, attempts that failed.

Looking takes microseconds and is done where it is asked. A change waits for the disk and for other
writers, in a thread; once it is made, every worker sees it, also after a restart.
"""

from collections.abc import Callable

from analytex.storage.signing_in import SignInStore
from analytex.storage.threads import StoreThreads


class SignIns:
    """Reads and changes the store. Times are Unix seconds. Methods raise Unavailable."""

    def __init__(self, open_store: Callable[[], SignInStore]) -> None:
        """`open_store` is called on first use, once for reading and once in the thread."""
        self._open_store = open_store
        self._reader: SignInStore | None = None
        self._writers = StoreThreads(open_store, threads=1, name="sign-ins")

    def has_ended(self, session: str) -> bool:
        """Tell whether the session of that id was ended."""
        return self._looking().has_ended(session)

    async def end(self, session: str, *, now: float, until: float) -> None:
        """Let no worker take that session any more; from `until` on no cookie of it is good."""
        times = {"now": _us(now), "until": _us(until)}
        await self._writers.run(lambda store: store.end_session(session, **times))

    def failures(self, sender: bytes, *, now: float, window_s: float) -> tuple[int, float]:
        """Return how many attempts of a sender count, and until when."""
        count, until = self._looking().failed_sign_ins(sender, now=_us(now), window=_us(window_s))
        return count, until / 1_000_000

    async def failed(self, sender: bytes, *, now: float, window_s: float) -> None:
        """Count a failed attempt, for a window that began with the first one."""
        times = {"now": _us(now), "window": _us(window_s)}
        await self._writers.run(lambda store: store.sign_in_failed(sender, **times))

    def close(self) -> None:
        """Stop the thread and close the stores."""
        self._writers.close()
        if self._reader is not None:
            self._reader.close()

    def _looking(self) -> SignInStore:
        if self._reader is None:
            self._reader = self._open_store()
        return self._reader


def _us(seconds: float) -> int:
    return round(seconds * 1_000_000)
