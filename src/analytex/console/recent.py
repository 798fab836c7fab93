"""Answers that are kept for some seconds, so that ten open pages ask once."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Recent(Generic[Value]):
    """Keeps one value for each environment. Belongs to the worker's event loop."""

    def __init__(self, keep_s: float, *, times: float = 0) -> None:
        """A value is kept for `keep_s`, or for `times` what it takes to make, if that is longer.

        What it takes is the shorter of the last two times: the first one of a process loads
        libraries.
        """
        self._keep_s = keep_s
        self._times = times
        self._kept: dict[int, _Kept[Value]] = {}

    async def get(self, environment_id: int, make: Callable[[], Awaitable[Value]]) -> Value:
        """Return the value, made now if there is none or it is old.

        Who comes while it is made waits for the same one. A failure is raised to all who wait, and
        not kept.
        """
        kept = self._kept.get(environment_id)
        if kept is None or kept.is_old(self._keep_s, self._times):
            before_s = kept.took_s if kept else 0.0
            kept = self._kept[environment_id] = _Kept(make(), before_s)
        return await asyncio.shield(kept.value)  # who leaves does not take it from the others


class _Kept(Generic[Value]):
    """A value that is there, or is being made."""

    def __init__(self, making: Awaitable[Value], before_s: float) -> None:
        """`before_s` is what the one before took."""
        self.value = asyncio.ensure_future(making)
        self.value.add_done_callback(self._is_there)
        self.took_s = 0.0
        self._before_s = before_s
        self._at = time.monotonic()
        self._failed = False

    def is_old(self, keep_s: float, times: float) -> bool:
        """Tell whether it has to be made again."""
        if not self.value.done():
            return False
        keep_s = max(keep_s, times * min(self.took_s, self._before_s))
        return self._failed or time.monotonic() - self._at > keep_s

    def _is_there(self, value: "asyncio.Future[Value]") -> None:
        now = time.monotonic()
        self.took_s, self._at = now - self._at, now
        # To look at the failure also keeps asyncio from complaining if all who waited have left.
        self._failed = value.cancelled() or value.exception() is not None
