"""Bars: on a terminal only, and gone afterwards."""

import io
import sys

import pytest

from analytex.cli.progress import Rate, live


class Terminal(io.StringIO):
    """Standard error as a person sees it."""

    def isatty(self) -> bool:
        return True


def test_a_person_sees_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file's name may hold what rich takes for markup; it is shown as it is."""
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")

    with live("[bold]Sending") as show:
        show(1, None, "1 of nobody knows")
        show(2, 4, "2 of [red]4")

    assert "[bold]Sending" in terminal.getvalue()
    assert "2 of [red]4" in terminal.getvalue()


def test_a_file_holds_no_bars(monkeypatch: pytest.MonkeyPatch) -> None:
    """Logs of scheduled jobs stay readable."""
    file = io.StringIO()
    monkeypatch.setattr(sys, "stderr", file)

    with live("Sending") as show:
        show(1, 2, "1 of 2")

    assert file.getvalue() == ""


def test_a_rate_is_that_of_the_last_seconds() -> None:
    """A job that was slow at first does not look slow to its end."""
    times = iter([0.0, 1.0, 2.0, 100.0, 101.0, 102.0])
    rate = Rate(lambda: next(times))

    assert [rate.at(done) for done in (0, 10, 20)] == [0.0, 10.0, 10.0]
    assert [round(rate.at(done)) for done in (1000, 3000, 5000)] == [10, 30, 50]
