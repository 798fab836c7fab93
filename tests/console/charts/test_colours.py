"""That everybody can tell series apart and read every text, measured in charts.css itself."""

import math
import re
from itertools import combinations
from pathlib import Path
from typing import Final

import pytest

import analytex

CSS: Final = Path(analytex.__file__).parent / "console/static/charts.css"

Colour = tuple[float, float, float]  #: linear red, green, blue from 0 to 1

#: How a colour looks without one kind of cones (Machado, Oliveira, Fernandes 2009).
EYES: Final = {
    "all cones": ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)),
    "protanopia": (
        (0.152286, 1.052583, -0.204868),
        (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
    "deuteranopia": (
        (0.367322, 0.860646, -0.227968),
        (0.280085, 0.672501, 0.047413),
        (-0.011820, 0.042940, 0.968881),
    ),
    "tritanopia": (
        (1.255528, -0.076749, -0.178779),
        (-0.078411, 0.930809, 0.147602),
        (0.004733, 0.691367, 0.303900),
    ),
}


def themes() -> dict[str, dict[str, Colour]]:
    light, dark = re.findall(r":root \{(.*?)\}", CSS.read_text(), re.DOTALL)
    return {"light": _colours(light), "dark": _colours(dark)}


def _colours(block: str) -> dict[str, Colour]:
    found = re.findall(r"--([\w-]+): #([0-9a-f]{6});", block)
    return {name: _linear(code) for name, code in found}


def _linear(code: str) -> Colour:
    red, green, blue = (int(code[at : at + 2], 16) / 255 for at in (0, 2, 4))
    return _light(red), _light(green), _light(blue)


def _light(part: float) -> float:
    return part / 12.92 if part <= 0.04045 else float(((part + 0.055) / 1.055) ** 2.4)


def contrast(one: Colour, other: Colour) -> float:
    """Return the contrast ratio (WCAG 2.2)."""
    high, low = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: Colour) -> float:
    return 0.2126 * colour[0] + 0.7152 * colour[1] + 0.0722 * colour[2]


def difference(one: Colour, other: Colour, eye: str) -> float:
    """Return how far apart two colours look, in hundredths of Oklab."""
    return 100 * math.dist(_lab(one, eye), _lab(other, eye))


def _lab(colour: Colour, eye: str) -> Colour:
    r, g, b = (
        min(max(sum(a * b for a, b in zip(row, colour, strict=True)), 0), 1) for row in EYES[eye]
    )
    long = (0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b) ** (1 / 3)
    medium = (0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b) ** (1 / 3)
    small = (0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b) ** (1 / 3)
    return (
        0.2104542553 * long + 0.7936177850 * medium - 0.0040720468 * small,
        1.9779984951 * long - 2.4285922050 * medium + 0.4505937099 * small,
        0.0259040371 * long + 0.7827717662 * medium - 0.8086757660 * small,
    )


THEMES: Final = themes()


@pytest.fixture(params=THEMES)
def theme(request: pytest.FixtureRequest) -> dict[str, Colour]:
    return THEMES[request.param]


@pytest.mark.parametrize("eye", EYES)
@pytest.mark.parametrize(("series", "least"), [(6, 10), (8, 8)])
def test_series_differ_for_every_kind_of_eye(
    theme: dict[str, Colour], eye: str, series: int, least: float
) -> None:
    """One of twelve men lacks a kind of cones."""
    colours = [theme[f"chart-{place + 1}"] for place in range(series)]

    assert min(difference(*pair, eye) for pair in combinations(colours, 2)) >= least


def test_series_can_be_seen(theme: dict[str, Colour]) -> None:
    """A line has three times the light of what is behind it, or a third (WCAG 1.4.11)."""
    for name in [*(f"chart-{place}" for place in range(1, 9)), "chart-other"]:
        assert contrast(theme[name], theme["chart-surface"]) >= 3, name


def test_text_can_be_read(theme: dict[str, Colour]) -> None:
    """4.5 to 1 (WCAG 1.4.3), also on every shade of the retention grid."""
    for name in ("chart-text", "chart-strong"):
        assert contrast(theme[name], theme["chart-surface"]) >= 4.5, name
    assert contrast(theme["chart-strong"], theme["chart-track"]) >= 4.5
    for place in range(9):
        text = theme["shade-low-text" if place < 5 else "shade-high-text"]
        assert contrast(text, theme[f"shade-{place}"]) >= 4.5, place


def test_shades_ascend(theme: dict[str, Colour]) -> None:
    """The more come back, the farther from the page."""
    steps = [contrast(theme[f"shade-{place}"], theme["chart-surface"]) for place in range(9)]

    assert steps == sorted(steps)
