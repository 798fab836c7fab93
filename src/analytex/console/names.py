"""Names that forms offer: event names and properties that an environment has seen."""

from typing import Final, NamedTuple

from markupsafe import escape

from analytex.console.recent import Recent
from analytex.domain.catalogue import Section
from analytex.query.insights.asked import FIELDS, SPECIAL
from analytex.query.lookups import Lookups

KEEP_S: Final = 15.0  # the newest names may be missing from a form for so long
MOST: Final = 200  #: names of a kind that a page offers
MOST_CHARS: Final = 8000  #: all of them together, as they stand in a page
LONGEST: Final = 200  #: a longer name is typed by nobody


class Names(NamedTuple):
    """What a form offers; the most used first."""

    events: list[str]
    properties: list[str]  #: as questions name them: `user.plan`, `browser`


class KnownNames:
    """Names of all environments, each looked up again when it is asked for and old."""

    def __init__(self, lookups: Lookups) -> None:
        self._lookups = lookups
        self._recent: Recent[Names] = Recent(KEEP_S)

    async def find(self, environment_id: int) -> Names:
        """Return the names of an environment. Raises Unavailable."""
        return await self._recent.get(environment_id, lambda: self._look_up(environment_id))

    async def _look_up(self, environment_id: int) -> Names:
        sections = (
            Section.EVENT,
            Section.USER,
            Section.COMPANY,
            Section.TRACK,
            Section.PAGE_VIEW,
        )
        found = await self._lookups.find(environment_id, *sections)
        counts: dict[Section, dict[str, int]] = {section: {} for section in sections}
        for place, entry in found.entries:
            seen = counts[place.section]
            seen[place.key] = seen.get(place.key, 0) + entry.count
        of_events = counts[Section.TRACK]
        for key, count in counts[Section.PAGE_VIEW].items():
            of_events[key] = of_events.get(key, 0) + count
        properties = [
            f"{owner}.{key}"
            for owner, seen in (
                ("event", of_events),
                ("user", counts[Section.USER]),
                ("company", counts[Section.COMPANY]),
            )
            for key in _most(seen, MOST // 3)
        ]
        events = _fitting(_most(counts[Section.EVENT], MOST))
        return Names([*events, *SPECIAL], [*_fitting(properties), *FIELDS])


def _most(counts: dict[str, int], at_most: int) -> list[str]:
    return sorted(counts, key=lambda name: (-counts[name], name))[:at_most]


def _fitting(names: list[str]) -> list[str]:
    """Return those for which a page has room."""
    found, chars = [], 0
    for name in names:
        chars += len(escape(name))
        if len(name) <= LONGEST and chars <= MOST_CHARS:
            found.append(name)
    return found
