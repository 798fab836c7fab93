"""The menu: all pages that there are, and those of them that a key opens."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from analytex.domain.environments import Permission, Scope


class Entry(NamedTuple):
    """A line of the menu."""

    title: str
    path: str
    icon: str  #: a name in `templates/_icons.html`
    others: tuple[str, ...] = ()  #: where the addresses of its other pages begin


class Group(NamedTuple):
    """Some lines of the menu under one heading."""

    title: str
    entries: tuple[Entry, ...]


MENU: Final = (
    Group(
        "Now",
        (
            Entry("Overview", "/console", "overview", ("/console/overview",)),
            Entry("Live", "/console/live", "live"),
        ),
    ),
    Group(
        "Data",
        (
            Entry("Users", "/console/users", "users", ("/console/profiles/users",)),
            Entry("Companies", "/console/companies", "companies", ("/console/profiles/companies",)),
            Entry("Events", "/console/events", "events"),
        ),
    ),
    Group(
        "Questions",
        (
            Entry("Trends", "/console/trends", "trends"),
            Entry("Funnels", "/console/funnels", "funnels"),
            Entry("Retention", "/console/retention", "retention"),
            Entry("Top lists", "/console/top", "top"),
        ),
    ),
    Group(
        "Work",
        (
            Entry("Jobs", "/console/jobs", "jobs"),
            Entry("Exports", "/console/exports", "exports"),
            Entry("Quarantine", "/console/quarantine", "quarantine"),
        ),
    ),
    Group(
        "Server",
        (
            Entry("Keys", "/console/keys", "keys", ("/console/environments",)),
            Entry("System", "/console/system", "system"),
        ),
    ),
)


class Line(NamedTuple):
    """A line of the menu as a page shows it."""

    title: str
    path: str
    icon: str
    current: bool


def menu(
    routes: Mapping[str, Permission | None], scope: Scope, path: str
) -> list[tuple[str, list[Line]]]:
    """Return the groups whose pages exist and are open to the key; `routes` are all there are."""
    found = []
    for group in MENU:
        lines = [
            Line(entry.title, entry.path, entry.icon, _is_current(entry, path))
            for entry in group.entries
            if entry.path in routes and _may(scope, routes[entry.path])
        ]
        if lines:
            found.append((group.title, lines))
    return found


def _may(scope: Scope, permission: Permission | None) -> bool:
    return permission is None or scope.may(permission)


def _is_current(entry: Entry, path: str) -> bool:
    if path == entry.path:
        return True
    begins = entry.others if entry.path == "/console" else (entry.path, *entry.others)
    return any(path == begin or path.startswith(f"{begin}/") for begin in begins)
