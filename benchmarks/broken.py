"""The one exception of the benchmarks, and how it ends them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import NoReturn


class Broken(Exception):
    """What was measured did not do what it must, so its speed means nothing."""


def run(main: Callable[[], int]) -> NoReturn:
    """Run a benchmark and leave with its exit status; 1 and a sentence if something was broken."""
    try:
        sys.exit(main())
    except Broken as broken:
        sys.exit(f"BROKEN: {broken}")
    except KeyboardInterrupt:
        sys.exit(130)
