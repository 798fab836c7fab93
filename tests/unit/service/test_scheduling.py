"""A worker asks to be waked quickly, where the system knows how."""

import ctypes
import os
import platform
import sys

import pytest

from analytex.service import scheduling

GETATTR = {"x86_64": 315, "aarch64": 275, "riscv64": 275}.get(platform.machine())


@pytest.mark.skipif(sys.platform != "linux" or GETATTR is None, reason="Linux knows slices")
def test_a_worker_takes_the_shortest_slices_and_keeps_its_priority() -> None:
    """A short slice is about when, not about how much (read back with sched_getattr(2))."""
    before = os.getpriority(os.PRIO_PROCESS, 0)
    assert scheduling.take_short_slices()
    found = ctypes.create_string_buffer(scheduling._ATTRIBUTES.size)
    assert GETATTR is not None
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.syscall(GETATTR, 0, found, scheduling._ATTRIBUTES.size, 0) == 0
    _, policy, _, nice, _, slice, _, _ = scheduling._ATTRIBUTES.unpack(found.raw)
    assert (policy, nice) == (os.SCHED_OTHER, before)
    assert slice in (scheduling.SLICE_NS, 0)  # 0: a kernel before 6.12
    assert os.getpriority(os.PRIO_PROCESS, 0) == before


def test_elsewhere_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine whose numbers of system calls we do not know is not asked."""
    monkeypatch.setattr(platform, "machine", lambda: "made-up")
    assert not scheduling.take_short_slices()
