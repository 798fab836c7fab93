"""What a storage engine keeps about signing in to the console, for all workers."""

from typing import Final, Protocol

ALL: Final = b""  #: stands for all senders together
MOST_ENDED: Final = 100_000  # sessions; some 10 MB


class SignInStore(Protocol):
    """Sessions that were ended before their time, and attempts to sign in that failed.

    Every change is on disk when the method returns, and seen by all processes. Times are
    microseconds since 1970-01-01 UTC.
    """

    def end_session(self, id: str, *, now: int, until: int) -> None:
        """Remember until then that a session was ended, and forget what is over.

        Of more than MOST_ENDED, those are forgotten that end first.
        """

    def has_ended(self, id: str) -> bool:
        """Tell whether a session was ended. Takes microseconds."""

    def sign_in_failed(self, sender: bytes, *, now: int, window: int) -> None:
        """Count a failed attempt of the sender, and of all; forget what is over.

        Counts begin anew `window` microseconds after the first one.
        """

    def failed_sign_ins(self, sender: bytes, *, now: int, window: int) -> tuple[int, int]:
        """Return how many attempts of a sender count, and until when. Takes microseconds."""

    def close(self) -> None:
        """Let go of the engine."""
