"""What supervisor and child processes agree on.

A child is `python -m analytex.service.MODULE`. Its standard input is its lifeline: one line of JSON
(`Orders`), then nothing until the supervisor is gone, which the child sees as end of file.
"""

import subprocess
import sys
from collections.abc import Sequence
from typing import Final

import msgspec

from analytex.settings import Settings

LIFELINE: Final = 0  # file descriptor of standard input


class Orders(msgspec.Struct, frozen=True, kw_only=True):
    """What a child is told. Numbers are file descriptors that it inherits."""

    settings: Settings
    origins: dict[str, str] = {}  #: setting name → where its value is from, as in `Loaded`
    number: int = 0  #: 0 for the first worker, which also trims the log
    listener: int = -1  #: the listening socket
    ready: int = -1  #: a byte is written here once the child is ready
    wake: int = -1  #: workers write a byte per flush, the applier waits for them


def start(module: str, orders: Orders, files: Sequence[int]) -> "subprocess.Popen[bytes]":
    """Start a child, which inherits those file descriptors."""
    child = subprocess.Popen(
        [sys.executable, "-m", f"analytex.service.{module}"],
        stdin=subprocess.PIPE,
        pass_fds=files,
        process_group=0,  # Ctrl-C is for the supervisor, which stops its children in order
    )
    assert child.stdin is not None
    child.stdin.write(msgspec.json.encode(orders) + b"\n")
    child.stdin.flush()
    return child


def receive_orders() -> Orders:
    """Return what the supervisor told this child."""
    with open(LIFELINE, "rb", buffering=0, closefd=False) as lifeline:
        return msgspec.json.decode(lifeline.readline(), type=Orders)
