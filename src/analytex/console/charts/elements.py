"""Elements of HTML and SVG as text, escaped."""

from typing import Final

from markupsafe import Markup, escape

#: What a text may not hold in XML, or what turns the text around it the other way.
_UNSEEN: Final = dict.fromkeys(
    [
        *(code for code in range(32) if code != 10),
        *(127, *range(0x202A, 0x202F), *range(0x2066, 0x206A), *range(0xD800, 0xE000)),
        *(0xFFFE, 0xFFFF),
    ],
    "\ufffd",
)


def element(name: str, /, *children: str, **attributes: str | float | bool | None) -> Markup:
    """Return an element; children that are no `Markup` are escaped.

    An underscore in an attribute's name is a hyphen, one at its end is left out (`class_`). None
    and False leave the attribute out, True writes its name alone.
    """
    parts = [f"<{name}"]
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        key = key.rstrip("_").replace("_", "-")
        if value is True:
            parts.append(f" {key}")
        else:
            parts.append(f' {key}="{_text(value if isinstance(value, str) else short(value))}"')
    inside = "".join(_text(child) for child in children)
    return Markup(f"{''.join(parts)}>{inside}</{name}>")  # noqa: S704  # all parts are escaped


def _text(text: str) -> Markup:
    return escape(text if isinstance(text, Markup) else text.translate(_UNSEEN))


def joined(*parts: Markup) -> Markup:
    """Return elements one after the other."""
    return Markup("").join(parts)


def short(number: float) -> str:
    """Return a number for a coordinate: at most two digits behind the point."""
    text = f"{number:.2f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def percent(part: float) -> str:
    """Return a part of 1 as a coordinate in percent."""
    return f"{short(100 * part)}%"


def shown(name: str, *, at_most: int = 80) -> str:
    """Return a name as it is shown: one line, cut if it is long, never empty."""
    text = name.translate(_UNSEEN).replace("\n", "\ufffd")
    if len(text) > at_most:
        text = text[: at_most - 1] + "…"
    return text if text.strip() else "(empty)"
