"""Which browser and operating system a user agent is, by the rules that the uap project keeps."""

from functools import cache, lru_cache
from typing import Final, NamedTuple

from ua_parser import (
    BasicResolver,
    BestAvailableResolver,
    Domain,
    Resolver,
    load_builtins,
    load_lazy_builtins,
)

MAX_CHARS: Final = 4096  #: of a user agent that is taken
_LOOKED_AT: Final = 1024  # characters: each takes some 3 µs where no rule fits
_KEPT: Final = 2048  # user agents: 16 MiB if all are as long and as wide as they may be
_UNKNOWN: Final = "Other"


class Families(NamedTuple):
    """What a user agent is, without versions; None where the rules do not know it."""

    browser: str | None  #: such as `Chrome`, `Mobile Safari`
    operating_system: str | None  #: such as `Windows`, `iOS`


@lru_cache(_KEPT)
def families(user_agent: str) -> Families:
    """Return what a user agent is. Takes about 0.4 ms for one that was not seen lately."""
    found = _resolver()(user_agent[:_LOOKED_AT], Domain.USER_AGENT | Domain.OS)
    return Families(
        _known(found.user_agent.family if found.user_agent else None),
        _known(found.os.family if found.os else None),
    )


@cache
def _resolver() -> Resolver:
    # Loaded when the first is asked for: 0.1 s. `ua-parser[regex]`, where somebody installs it, is
    # forty times as fast, for 30 MB.
    if BestAvailableResolver is BasicResolver:
        return BestAvailableResolver(load_builtins())
    return BestAvailableResolver(load_lazy_builtins())


def _known(family: str | None) -> str | None:
    return None if family == _UNKNOWN else family
