"""Made-up names: of people, companies and their mail domains. They end in .example (RFC 2606)."""

import re
from random import Random
from typing import Final

_FIRST: Final = (
    ("A", "Be", "Ca", "Da", "Eli", "Fe", "Ina", "Jo", "Ka", "Li", "Ma", "Ne", "Ori", "Ta", "Vi"),
    ("bel", "dan", "drik", "la", "len", "lia", "mir", "na", "ren", "rik", "ro", "sa", "von", "ya"),
)
_LAST: Final = (
    (
        *("Alder", "Bram", "Corn", "Dun", "Elm", "Fair", "Glen", "Hazel", "Iver", "Kings"),
        *("Lang", "March", "North", "Oak", "Pen", "Rowan", "Stone", "Thorn", "Under", "Whit"),
    ),
    (
        *("beck", "bridge", "bury", "croft", "dale", "field", "ford", "gate", "holm"),
        *("hurst", "ley", "mere", "sen", "stad", "well", "wick", "wood"),
    ),
)
_COMPANY: Final = (
    (
        *("Amber", "Atlas", "Beacon", "Birch", "Blue", "Bright", "Canal", "Cedar", "Copper"),
        *("Delta", "Ember", "Fern", "Granite", "Harbour", "Iron", "Juniper", "Lantern", "Maple"),
        *("Meadow", "Nimbus", "Orchard", "Pebble", "Quarry", "Raven", "Silver", "Summit"),
        *("Tidal", "Willow"),
    ),
    (
        *("bridge", "craft", "field", "flow", "forge", "gate", "line", "loop", "mark", "path"),
        *("point", "press", "shore", "stack", "way", "works", "yard"),
    ),
    (" Labs", " Group", " Studio", " Systems", " Partners", " Logistics", " Health", ""),
)


def person(random: Random) -> str:
    """Return a first and a last name."""
    return _join(random, _FIRST) + " " + _join(random, _LAST)


def companies(random: Random, count: int) -> list[str]:
    """Return names, each different."""
    found: dict[str, None] = {}
    for number in range(count):
        name = _join(random, _COMPANY)
        found[f"{name} {number}" if name in found else name] = None
    return list(found)


def domain(company: str) -> str:
    """Return the mail domain of a company."""
    return re.sub(r"[^a-z0-9]+", "-", company.lower()) + ".example"


def address(person: str, domain: str, taken: set[str]) -> str:
    """Return an e-mail address that is not taken, and take it."""
    local = person.lower().replace(" ", ".")
    found, number = f"{local}@{domain}", 1
    while found in taken:
        number += 1
        found = f"{local}{number}@{domain}"
    taken.add(found)
    return found


def _join(random: Random, parts: tuple[tuple[str, ...], ...]) -> str:
    return "".join(map(random.choice, parts))
