"""Who there is: the product's customers and their people, and what becomes of them."""

from enum import IntEnum
from random import Random
from typing import Final, NamedTuple

import msgspec

from analytex.demo import names

HOUR: Final = 3_600_000_000  # microseconds
DAY: Final = 24 * HOUR
WEEK: Final = 7 * DAY
TRIAL: Final = 14 * DAY
CUSTOMERS_BEFORE: Final = 0.4  # share of the companies that were customers when the weeks begin


class Country(NamedTuple):
    """Where a company is."""

    code: str
    locale: str
    offset_hours: int  #: of its office hours from UTC
    weight: int


COUNTRIES: Final = (
    Country("US", "en-US", -6, 30),
    Country("GB", "en-GB", 0, 14),
    Country("DE", "de-DE", 1, 14),
    Country("FR", "fr-FR", 1, 9),
    Country("NL", "nl-NL", 1, 7),
    Country("SE", "sv-SE", 1, 5),
    Country("BR", "pt-BR", -3, 7),
    Country("IN", "en-IN", 5, 8),
    Country("JP", "ja-JP", 9, 4),
    Country("AU", "en-AU", 10, 4),
)
INDUSTRIES: Final = (
    *("software", "consulting", "retail", "logistics", "health care", "education"),
    *("manufacturing", "media", "finance", "construction", "non-profit"),
)
SIZES: Final = ((10, "1-10"), (50, "11-50"), (200, "51-200"), (1000, "201-1000"))
PLANS: Final = {"trial": 0, "free": 0, "starter": 9, "team": 16, "business": 29}  # per seat, month
TITLES: Final = (
    *("Project Manager", "Product Manager", "Engineer", "Designer", "Operations Lead"),
    *("Team Lead", "Analyst", "Marketing Manager", "Consultant", "Coordinator"),
)


class Habit(IntEnum):
    """How much a person uses the product."""

    POWER = 0  #: nearly every working day, much
    REGULAR = 1  #: every other day
    CASUAL = 2  #: about once a week
    LOST = 3  #: tries it, never gets going, and stays away


HABIT_WEIGHTS: Final = (9, 34, 35, 22)


class Plan(NamedTuple):
    """A plan that a company has from some time on."""

    since: int  #: microseconds since 1970-01-01 UTC
    name: str


class Firm(msgspec.Struct, kw_only=True):
    """A company that uses the product. Times are microseconds since 1970-01-01 UTC."""

    id: str
    name: str
    domain: str
    industry: str
    country: Country
    employees: int
    joined_at: int
    plans: list[Plan]  #: oldest first
    left_at: int | None = None
    people: "list[Person]" = []

    def plan(self, at: int) -> str:
        """Return the name of its plan at that time."""
        return next((p.name for p in reversed(self.plans) if p.since <= at), self.plans[0].name)

    @property
    def size(self) -> str:
        """Its size as sales people sort it."""
        return next((text for limit, text in SIZES if self.employees <= limit), "1000+")


class Person(msgspec.Struct, kw_only=True):
    """A user of the product."""

    id: str
    name: str
    email: str
    role: str  #: owner, admin, member or viewer
    title: str
    habit: Habit
    joined_at: int
    activated: bool  #: finished the onboarding
    left_at: int | None = None


def make_market(*, seed: int, users: int, companies: int, start: int, end: int) -> list[Firm]:
    """Return the firms with their people: so many companies and users in all, all joined by `end`.

    Needs at least as many users as companies.
    """
    random = Random(f"market {seed}")  # noqa: S311 - made-up data, the same for a seed
    firms = [
        _firm(random, f"c{seed}-{number:04}", name, start, end)
        for number, name in enumerate(names.companies(random, companies), 1)
    ]
    taken: set[str] = set()
    for number, firm in enumerate(_staff(random, firms, users), 1):
        firm.people.append(_person(random, f"u{seed}-{number:05}", firm, taken, end))
    return firms


def office_time(random: Random, day: int, country: Country) -> int:
    """Return a moment of the day (microseconds, midnight UTC) at which people there work.

    Two peaks, in the morning and after lunch, and a few late ones.
    """
    hour = random.choice((10.0, 10.0, 14.5, 14.5, 20.0 if random.random() < 0.3 else 12.0))
    local = min(max(random.gauss(hour, 1.6), 6.5), 22.5)
    return day + int((local - country.offset_hours) * HOUR)


def _firm(random: Random, id: str, name: str, start: int, end: int) -> Firm:
    employees = min(int(random.lognormvariate(3.6, 1.2)) + 2, 5000)
    country = random.choices(COUNTRIES, [each.weight for each in COUNTRIES])[0]
    if random.random() < CUSTOMERS_BEFORE:
        joined_at = start - int(random.uniform(20, 700) * DAY)
    else:  # ever more from week to week
        joined_at = start + int((end - start) * random.random() ** 0.7)
        joined_at = _on_a_working_day(random, joined_at, country, start, end)
    firm = Firm(
        id=id,
        name=name,
        domain=names.domain(name),
        industry=random.choice(INDUSTRIES),
        country=country,
        employees=employees,
        joined_at=joined_at,
        plans=[Plan(joined_at, "trial")],
    )
    _future(random, firm, start, end)
    return firm


def _future(random: Random, firm: Firm, start: int, end: int) -> None:
    """What follows the trial: a paid plan, the free one, or good-bye; some change their mind."""
    decided = firm.joined_at + TRIAL - random.randint(0, 3 * DAY)
    fate = random.random()
    if fate < 0.2 and firm.joined_at > start:  # who left before the weeks began is not in the data
        firm.left_at = decided
        return
    if fate < 0.4:
        firm.plans.append(Plan(decided, "free"))
    else:
        firm.plans.append(Plan(decided, _fitting_plan(firm)))
    change = random.randint(start, end)
    if change < decided + 5 * DAY:
        return
    name = firm.plans[-1].name
    if random.random() < 0.08:
        firm.left_at = change
    elif name in ("free", "starter", "team") and random.random() < 0.3:
        better = {"free": "starter", "starter": "team", "team": "business"}
        firm.plans.append(Plan(change, better[name]))


def _fitting_plan(firm: Firm) -> str:
    return "starter" if firm.employees <= 25 else "team" if firm.employees <= 150 else "business"


def _staff(random: Random, firms: list[Firm], users: int) -> list[Firm]:
    """Return for each user the firm: one for each firm first, then more for the larger ones."""
    weights = [min(firm.employees, 400) ** 0.8 for firm in firms]
    return firms + random.choices(firms, weights, k=users - len(firms))


def _person(random: Random, id: str, firm: Firm, taken: set[str], end: int) -> Person:
    name = names.person(random)
    first = not firm.people
    joined_at = firm.joined_at
    if not first:
        day = joined_at - joined_at % DAY + int(random.expovariate(1 / 9) * DAY) // DAY * DAY
        joined_at = max(office_time(random, day, firm.country), joined_at + 2 * HOUR)
        latest = end if firm.left_at is None else min(end, firm.left_at)
        if joined_at > latest:
            joined_at = firm.joined_at + int((latest - firm.joined_at) * random.random())
    habit = Habit(random.choices(tuple(Habit), HABIT_WEIGHTS)[0])
    if first and habit is Habit.LOST and firm.left_at is None:
        habit = Habit.CASUAL  # somebody has to have a reason to stay
    left_at = firm.left_at
    if habit is Habit.LOST:
        left_at = joined_at + int(random.uniform(0.5, 6) * DAY)
    elif random.random() < 0.12:
        gone = joined_at + int(random.expovariate(1 / 60) * DAY)
        left_at = gone if left_at is None else min(gone, left_at)
    return Person(
        id=id,
        name=name,
        email=names.address(name, firm.domain, taken),
        role="owner" if first else random.choices(("admin", "member", "viewer"), (12, 70, 18))[0],
        title=random.choice(TITLES),
        habit=habit,
        joined_at=joined_at,
        activated=habit is not Habit.LOST or random.random() < 0.15,
        left_at=left_at,
    )


def _on_a_working_day(random: Random, at: int, country: Country, start: int, end: int) -> int:
    """Move a moment to office hours; from a weekend mostly to the Monday behind it."""
    day = at - at % DAY
    if weekday(day) >= 5 and random.random() < 0.85:
        day += (7 - weekday(day)) * DAY
    moved = office_time(random, day, country)
    return moved if start <= moved <= end else at


def weekday(day: int) -> int:
    """Return 0 for Monday to 6 for Sunday, of a midnight (UTC, microseconds)."""
    return (day // DAY + 3) % 7  # 1970-01-01 was a Thursday
