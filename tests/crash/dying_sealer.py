"""The process that works on history, which dies at a step: `python -m tests.crash.dying_sealer`.

`DIE_AT` names the function before or behind which it is killed, and at which of its calls, as in
`before write 2`.
"""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from deltalake import DeltaTable

from analytex.history import files, table
from analytex.jobs import sealer
from analytex.jobs.sealer_pipe import Line

PLACES: Final[dict[str, tuple[Any, str]]] = {
    "lock": (sealer, "_lock"),
    "read": (sealer, "put_rows"),
    "write": (files, "write"),
    "flush": (sealer, "flush_names"),
    "transaction": (DeltaTable, "create_write_transaction"),
    "commit": (table.HistoryTable, "commit"),
    "say": (Line, "say"),
    "remove": (files, "remove"),
    "unlink": (Path, "unlink"),
}


def _dying(call: Callable[..., Any], when: str, count: int) -> Callable[..., Any]:
    left = count

    def dying(*values: Any, **named: Any) -> Any:
        nonlocal left
        left -= 1
        if not left and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = call(*values, **named)
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    return dying


def main() -> None:
    """Run it until it dies, or to its end if it never gets there."""
    when, name, count = os.environ["DIE_AT"].split()
    place, attribute = PLACES[name]
    setattr(place, attribute, _dying(getattr(place, attribute), when, int(count)))
    sealer.main()


if __name__ == "__main__":
    main()
