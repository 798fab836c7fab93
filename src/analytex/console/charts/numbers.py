"""Numbers and durations as people read them."""

from typing import Final

NONE: Final = "-"  #: where there is no number

_ONE: Final = {
    "events": "event",
    "users": "user",
    "companies": "company",
    "names": "name",
    "values": "value",
}
_LARGE: Final = ((10**12, "T"), (10**9, "B"), (10**6, "M"), (10**3, "k"))


def number(value: float) -> str:
    """Return a number in full, with commas between thousands."""
    if isinstance(value, int) or float(value).is_integer():
        return f"{int(value):,}"
    return f"{value:,.2f}".rstrip("0").rstrip(".") or "0"


def counted(count: float, unit: str) -> str:
    """Return a number with what it counts: 2 users, 1 user, 1 event a minute."""
    return f"{number(count)} {unit_of(count, unit)}"


def unit_of(count: float, unit: str) -> str:
    """Return the name of what is counted, which begins with a plural, for so many of it."""
    word, blank, rest = unit.partition(" ")
    return f"{_ONE.get(word, word)}{blank}{rest}" if count == 1 else unit


def compact(value: float) -> str:
    """Return a number in a few characters, as on an axis: 950, 12k, 1.5M."""
    for size, sign in _LARGE:
        if abs(value) >= size:
            return f"{value / size:.4g}{sign}"
    return f"{value:.4g}"


def rate(part: float | None) -> str:
    """Return a part of 1 in percent, with one digit behind the point; of nobody, a dash.

    Only all is 100 %, and only none is 0 %.
    """
    if part is None:
        return NONE
    if 0 < part < 0.0005:
        return "<0.1%"
    if 0.9995 <= part < 1:
        return ">99.9%"
    text = f"{100 * part:.1f}"
    return f"{text.removesuffix('.0')}%"


def duration(seconds: float | None) -> str:
    """Return a duration in one or two units: 45 s, 3 min 20 s, 4 d 3 h; a dash if there is none."""
    if seconds is None:
        return NONE
    if seconds < 10:
        return f"{seconds:.1f} s".replace(".0 s", " s")
    whole = round(seconds)
    for size, name, part, part_name in (
        (86400, "d", 3600, "h"),
        (3600, "h", 60, "min"),
        (60, "min", 1, "s"),
    ):
        if whole >= size:
            rest = whole % size // part
            return f"{whole // size:,} {name}" + (f" {rest} {part_name}" if rest else "")
    return f"{whole} s"
