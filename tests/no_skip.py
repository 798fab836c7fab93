"""With ANALYTEX_TESTS_NO_SKIP=1 a skipped test is a failed one.

A test may be skipped where a machine lacks something, say a program. CI has everything, so there
a skip means that something is no longer tested.
"""

import os
from collections.abc import Generator
from typing import Final

import pytest

NO_SKIP: Final = os.environ.get("ANALYTEX_TESTS_NO_SKIP") == "1"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test that skips itself, or is marked so."""
    report = yield
    if NO_SKIP and report.skipped and not hasattr(report, "wasxfail"):  # a known failure did run
        _fail(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """A file whose tests are all skipped before they are known, as `importorskip` does."""
    report = yield
    if NO_SKIP and report.skipped:
        _fail(report)
    return report


def _fail(report: pytest.TestReport | pytest.CollectReport) -> None:
    report.outcome = "failed"
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longreprtext
    report.longrepr = f"{reason}\n(ANALYTEX_TESTS_NO_SKIP=1: no test may be skipped)"
