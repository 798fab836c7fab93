"""Sealing, put together: in the applier, and once by hand."""

import time
from collections.abc import Callable
from contextlib import closing
from typing import Final

from analytex.apply.catalogue import Cataloguer
from analytex.domain.history import DAY
from analytex.errors import AnalytexError
from analytex.jobs.sealer_pipe import Keep
from analytex.jobs.sealing import Plan, Sealing
from analytex.service import lock
from analytex.settings import Settings
from analytex.storage.open import (
    ask_for_sealing,
    open_apply_store,
    open_catalogue_store,
    open_key_store,
    open_seal_store,
)
from analytex.storage.sealing import Hot

TOKENS_EVERY_S: Final = 60.0  # new environments may be in the settings by their names
LOOK_EVERY_S: Final = 0.02


class Retention:
    """From when on events are kept, as the settings say."""

    def __init__(self, settings: Settings) -> None:
        self._directory = settings.directory
        self._days = settings.retention_days
        self._days_of = retention_of(settings.retention_days_of)
        self._ids: dict[str, int] = {}
        self._looked_at = float("-inf")

    def __call__(self, now: int) -> Keep:
        """Return it for a time. Whole days are kept, in UTC."""
        if not self._days and not self._days_of:
            return Keep()
        if self._days_of and time.monotonic() - self._looked_at >= TOKENS_EVERY_S:
            with closing(open_key_store(self._directory, create=False)) as store:
                self._ids = {each.app_token: each.id for each in store.environments()}
            self._looked_at = time.monotonic()
        return Keep(
            default=_since(now, self._days),
            environments={
                self._ids[token]: _since(now, days)
                for token, days in self._days_of.items()
                if token in self._ids
            },
        )


def retention_of(text: str) -> dict[str, int]:
    """Return days by app token, as the setting `retention_days_of` has them."""
    pairs = (each.rpartition("=") for each in text.split())
    return {token: int(days) for token, _, days in pairs}


def sealing_of(settings: Settings, sync: Callable[[], None]) -> Sealing:
    """Return the applier's part of sealing; `sync` as `Sealing` says."""
    plan = Plan(settings.hot_events, settings.seal_after, Retention(settings))
    return Sealing(settings.directory, open_seal_store(settings.directory), plan, sync=sync)


def seal(settings: Settings, *, within_s: float = 600.0) -> int:
    """Move all events that there are now into history; return the last one's sequence.

    A server that uses the data directory does it; else it is done here. Raises AnalytexError.
    """
    open_key_store(settings.directory, create=False).close()  # is there anything at all?
    if lock.is_held(settings.directory):
        return _wait_for(settings, ask_for_sealing(settings.directory), within_s)
    with lock.hold(settings.directory), closing(open_apply_store(settings.directory)) as store:
        wanted = ask_for_sealing(settings.directory)
        cataloguer = Cataloguer(open_catalogue_store(settings.directory))
        sealing = sealing_of(settings, store.sync)
        deadline = time.monotonic() + within_s
        try:
            while not _is_done(sealing.store.hot(), wanted):
                if not cataloguer.step(idle=True) and not sealing.step(idle=True):
                    time.sleep(LOOK_EVERY_S)
                _check(deadline)
        finally:
            sealing.close()
            cataloguer.close()
        store.sync()
    return wanted


def _wait_for(settings: Settings, wanted: int, within_s: float) -> int:
    deadline = time.monotonic() + within_s
    with closing(open_seal_store(settings.directory)) as store:
        while not _is_done(store.hot(), wanted):
            _check(deadline)
            time.sleep(LOOK_EVERY_S)
    return wanted


def _is_done(hot: Hot, wanted: int) -> bool:
    wanted = min(wanted, hot.last)  # the last ones may have been deleted since
    return hot.sealed >= wanted and hot.removed >= hot.sealed


def _check(deadline: float) -> None:
    if time.monotonic() > deadline:
        raise AnalytexError(
            "The events could not be sealed in time.", details="The server's log says why."
        )


def _since(now: int, days: int) -> int | None:
    return (now // DAY - days) * DAY if days else None
