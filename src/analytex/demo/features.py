"""What people do in the product: event names, how often, from which plan on, and properties."""

from collections.abc import Callable
from itertools import accumulate
from random import Random
from typing import Any, Final, NamedTuple

Properties = Callable[[Random], dict[str, Any]]


class Feature(NamedTuple):
    """One kind of event of everyday use."""

    event_name: str
    weight: int  #: how often it is used, beside the others
    properties: Properties
    plans: tuple[str, ...] = ()  #: that have it; empty: all
    viewers: bool = False  #: those who may only look can do it as well


_PAID: Final = ("trial", "starter", "team", "business")
_LARGE: Final = ("trial", "team", "business")


def _nothing(random: Random) -> dict[str, Any]:
    return {}


def _task(random: Random) -> dict[str, Any]:
    return {
        "priority": random.choice(("low", "normal", "normal", "normal", "high", "urgent")),
        "has_due_date": random.random() < 0.6,
        "source": random.choice(("board", "board", "list", "shortcut", "email")),
    }


def _completed(random: Random) -> dict[str, Any]:
    return {
        "days_open": round(random.expovariate(0.3), 1),
        "late": random.random() < 0.18,
        "subtasks": random.choice((0, 0, 0, 1, 2, 3, 5)),
    }


def _comment(random: Random) -> dict[str, Any]:
    return {"characters": int(random.lognormvariate(4, 0.9)), "mentions": random.choice((0, 0, 1))}


def _file(random: Random) -> dict[str, Any]:
    return {
        "kind": random.choice(("pdf", "image", "image", "spreadsheet", "document", "video")),
        "size_kb": int(random.lognormvariate(6, 1.4)),
    }


def _search(random: Random) -> dict[str, Any]:
    return {"results": random.choice((0, 1, 3, 8, 20)), "words": random.randint(1, 4)}


def _project(random: Random) -> dict[str, Any]:
    template = random.choice((None, None, "kanban", "launch", "sprint", "onboarding"))
    return {"from_template": template is not None} | ({"template": template} if template else {})


def _view(random: Random) -> dict[str, Any]:
    return {"load_ms": int(random.lognormvariate(5.6, 0.5)), "tasks": random.randint(3, 180)}


def _report(random: Random) -> dict[str, Any]:
    return {
        "report": random.choice(("workload", "burndown", "time", "budget")),
        "days": random.choice((7, 7, 30, 30, 90)),
    }


def _export(random: Random) -> dict[str, Any]:
    return _report(random) | {"format": random.choice(("csv", "csv", "pdf", "xlsx"))}


def _rule(random: Random) -> dict[str, Any]:
    return {"trigger": random.choice(("status changed", "due date", "form sent", "new comment"))}


def _ran(random: Random) -> dict[str, Any]:
    return _rule(random) | {"actions": random.randint(1, 4), "ok": random.random() < 0.97}


def _integration(random: Random) -> dict[str, Any]:
    return {"integration": random.choice(("calendar", "chat", "git", "drive", "crm"))}


def _hours(random: Random) -> dict[str, Any]:
    return {"hours": round(random.uniform(0.25, 7), 2), "billable": random.random() < 0.55}


def _article(random: Random) -> dict[str, Any]:
    return {"article": random.choice(("import tasks", "roles", "automations", "billing", "api"))}


def _ticket(random: Random) -> dict[str, Any]:
    return {"topic": random.choice(("billing", "bug", "question", "question"))}


def _score(random: Random) -> dict[str, Any]:
    return {"score": random.choice((3, 6, 7, 8, 8, 9, 9, 10, 10)), "survey": "recommend"}


FEATURES: Final = (
    Feature("Board Viewed", 150, _view, viewers=True),
    Feature("Task Viewed", 120, _nothing, viewers=True),
    Feature("Task Created", 85, _task),
    Feature("Task Completed", 70, _completed),
    Feature("Task Moved", 60, _nothing),
    Feature("Comment Added", 50, _comment, viewers=True),
    Feature("Task Assigned", 32, _nothing),
    Feature("Due Date Changed", 22, _nothing),
    Feature("Search Performed", 20, _search, viewers=True),
    Feature("File Attached", 15, _file),
    Feature("Timeline Viewed", 14, _view, _PAID, viewers=True),
    Feature("Time Logged", 14, _hours, _LARGE),
    Feature("Automation Ran", 12, _ran, _LARGE),
    Feature("Report Viewed", 10, _report, _PAID, viewers=True),
    Feature("Notification Opened", 10, _nothing, viewers=True),
    Feature("Dashboard Viewed", 9, _view, _LARGE, viewers=True),
    Feature("Project Created", 5, _project),
    Feature("Report Exported", 4, _export, _PAID),
    Feature("Project Archived", 3, _nothing),
    Feature("Help Article Viewed", 3, _article, viewers=True),
    Feature("Invite Sent", 3, _nothing),
    Feature("Automation Created", 2, _rule, _LARGE),
    Feature("Integration Connected", 2, _integration, _PAID),
    Feature("Dashboard Shared", 2, _nothing, _LARGE),
    Feature("Profile Updated", 2, _nothing, viewers=True),
    Feature("Billing Page Viewed", 1, _nothing),
    Feature("API Token Created", 1, _nothing, ("business",)),
    Feature("Survey Answered", 1, _score, viewers=True),
    Feature("Support Ticket Opened", 1, _ticket, viewers=True),
)


class Menu(NamedTuple):
    """What somebody can do, ready to choose from."""

    features: tuple[Feature, ...]
    weights: tuple[int, ...]  #: added up

    def choose(self, random: Random) -> Feature:
        """Return one, those used often more often."""
        return random.choices(self.features, cum_weights=self.weights)[0]


def _menu(plan: str, viewer: bool) -> Menu:
    found = tuple(
        each
        for each in FEATURES
        if (not each.plans or plan in each.plans) and (each.viewers or not viewer)
    )
    return Menu(found, tuple(accumulate(each.weight for each in found)))


MENUS: Final = {
    (plan, viewer): _menu(plan, viewer)
    for plan in ("trial", "free", "starter", "team", "business")
    for viewer in (False, True)
}
