"""The brake on guessing keys: after too many failed attempts to sign in, none is taken for a while.

Attempts are counted for all workers together, in the store, and also after a restart. Addresses
are not kept, only hashes of them with a key.
"""

import hmac
import math
import time
from collections.abc import Callable
from contextlib import suppress
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Final

from analytex.auth.sign_ins import SignIns
from analytex.errors import RateLimited, Unavailable
from analytex.storage.signing_in import ALL

WINDOW_S: Final = 300.0  # begins with the first failure
FAILURES_OF_ONE: Final = 10  # in a window, of one address
FAILURES_OF_ALL: Final = 300  # in a window, of all together: no flood of addresses fills the store


class Brake:
    """Counts failed sign-ins, and refuses to try more for a while.

    What this worker saw counts at once, and also while the store cannot be written; what others
    saw counts once they wrote it, which takes milliseconds.
    """

    def __init__(
        self, secret: bytes, sign_ins: SignIns, *, clock: Callable[[], float] = time.time
    ) -> None:
        """`secret` is one that the store keeps; `clock` returns Unix seconds."""
        self._secret = hmac.digest(secret, b"analytex console senders", "sha256")
        self._sign_ins = sign_ins
        self._clock = clock
        self._own: dict[bytes, tuple[int, float]] = {}  # sender → failures, until when they count

    def check(self, address: str) -> None:
        """Raise RateLimited if too many failed of late, of this address or of all."""
        now = self._clock()
        own = self._counting(now)
        for sender, at_most in (
            (self._sender(address), FAILURES_OF_ONE),
            (ALL, FAILURES_OF_ALL),
        ):
            stored = self._sign_ins.failures(sender, now=now, window_s=WINDOW_S)
            count, until = max(own.get(sender, (0, now)), stored)
            if count >= at_most:
                raise RateLimited(
                    "Too many attempts to sign in failed.",
                    details="Wait some minutes; keys that are signed in are not affected.",
                    retry_after_s=math.ceil(until - now),
                )

    async def failed(self, address: str) -> None:
        """Count a failed attempt."""
        now, sender = self._clock(), self._sender(address)
        self._own = self._counting(now)
        for each in (sender, ALL):
            count, until = self._own.get(each, (0, now + WINDOW_S))
            self._own[each] = (count + 1, until)
        with suppress(Unavailable):  # a full disk must not make guessing free, nor stop sign-ins
            await self._sign_ins.failed(sender, now=now, window_s=WINDOW_S)

    def _counting(self, now: float) -> dict[bytes, tuple[int, float]]:
        return {
            sender: (count, until)
            for sender, (count, until) in self._own.items()
            if now < until <= now + WINDOW_S  # a clock that was set back must not lock anybody out
        }

    def _sender(self, address: str) -> bytes:
        return hmac.digest(self._secret, _network(address).encode(), "sha256")[:16]


def _network(address: str) -> str:
    """Return what one sender has at hand: an address, of IPv6 a network of 64 bits."""
    try:
        found = ip_address(address)
    except ValueError:
        return address
    if isinstance(found, IPv6Address) and found.ipv4_mapped is None:
        return str(ip_network((found, 64), strict=False))
    return str(found)
