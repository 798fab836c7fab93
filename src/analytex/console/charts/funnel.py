"""Funnels: how many got to each step, how many left before it."""

from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup

from analytex.console.charts.elements import element, shown
from analytex.console.charts.numbers import counted, duration, number, rate
from analytex.console.charts.ranked import bar


class Step(NamedTuple):
    """A step, and those who took it and all before."""

    name: str
    reached: int
    median_s: float | None = None  #: seconds since the step before


def funnel(steps: Sequence[Step], *, id: str, title: str, unit: str) -> Markup:
    """Return the funnel: an ordered list that reads as text, with bars beside it."""
    first = steps[0].reached if steps else 0
    before = [steps[0], *steps] if steps else []
    items = [
        _step(place, step, previous, first, unit)
        for place, (step, previous) in enumerate(zip(steps, before, strict=False))
    ]
    return element(
        "figure",
        element("figcaption", title, id=f"{id}-caption"),
        element("ol", *items, aria_labelledby=f"{id}-caption"),
        id=id,
        class_="chart chart-funnel",
    )


def _step(place: int, step: Step, previous: Step, first: int, unit: str) -> Markup:
    part = step.reached / first if first else None
    parts = [
        element(
            "div",
            element("span", f"{place + 1}", class_="chart-place", aria_hidden="true"),
            element("span", shown(step.name), class_="chart-name"),
            element("span", counted(step.reached, unit), class_="chart-count"),
            element("b", rate(part), class_="chart-rate"),
            class_="chart-step",
        ),
        bar(part or 0.0, height=22),
    ]
    if place:
        parts.insert(0, element("p", _left(step, previous), class_="chart-drop"))
    return element("li", *parts)


def _left(step: Step, previous: Step) -> str:
    """Return how many went on, and how many did not."""
    if not previous.reached:
        return "nobody was left to go on"
    lost = previous.reached - step.reached
    text = f"{rate(step.reached / previous.reached)} went on"
    if lost:
        text += f", {number(lost)} ({rate(lost / previous.reached)}) did not"
    if step.median_s is not None:
        text += f"; half of them within {duration(step.median_s)}"
    return text
