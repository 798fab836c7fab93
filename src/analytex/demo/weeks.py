"""The weeks, day by day: who joins, who works, which company changes its plan."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import pairwise
from random import Random
from typing import Final

from analytex.demo.calls import Made, identify, identify_company, track
from analytex.demo.features import MENUS
from analytex.demo.market import (
    DAY,
    HOUR,
    Firm,
    Habit,
    Person,
    office_time,
    weekday,
)

MINUTE: Final = 60_000_000  # microseconds
ACTIVE: Final = {  # of working days; then calls in a day: mean and least
    Habit.POWER: (0.88, 17, 4),
    Habit.REGULAR: (0.46, 7, 2),
    Habit.CASUAL: (0.16, 3, 1),
    Habit.LOST: (0.25, 2, 1),
}
BY_WEEKDAY: Final = (1.0, 1.1, 1.12, 1.04, 0.8, 0.1, 0.07)  # Monday to Sunday
IDENTIFY_AT_SIGN_IN: Final = 0.2
ONBOARDING: Final = ("profile", "first project", "first task", "invite teammates")
DEVICES: Final = ("desktop", "desktop", "desktop", "desktop", "phone", "tablet")
CHANNELS: Final = ("search", "search", "word of mouth", "advertisement", "partner", "social")
REASONS: Final = ("price", "missing feature", "other product", "project ended", "no time")


def calls(firms: Sequence[Firm], *, seed: int, start: int, end: int) -> Iterator[Made]:
    """Yield every call from `start` to `end`, in time order.

    The program begins to send at `start`: it first identifies all who were there before.
    """
    random = Random(f"weeks {seed}")  # noqa: S311 - made-up data, the same for a seed
    waiting = list(_those_before(firms, start))
    for day in range(start - start % DAY, end + DAY, DAY):
        for firm in firms:
            waiting.extend(_day_of_firm(random, firm, day))
        waiting.sort()
        # Where it is morning early, the next day begins some hours before its midnight of UTC, but
        # never a whole day before.
        settled = bisect_left(waiting, day, key=_at)
        yield from _within(waiting[:settled], start, end)
        del waiting[:settled]
    yield from _within(waiting, start, end)


def _within(made: Sequence[Made], start: int, end: int) -> Iterator[Made]:
    return (each for each in made if start <= each.at <= end)


def _at(made: Made) -> int:
    return made.at


def _those_before(firms: Sequence[Firm], start: int) -> Iterator[Made]:
    at = start
    for firm in firms:
        if firm.joined_at < start:
            yield identify_company(at, firm)
            for person in firm.people:
                if person.joined_at < start:
                    at += MINUTE // 500
                    yield identify(at, firm, person)


def _day_of_firm(random: Random, firm: Firm, day: int) -> Iterator[Made]:
    if firm.joined_at >= day + DAY:
        return
    yield from _news_of_firm(random, firm, day)
    for person in firm.people:
        if day <= person.joined_at < day + DAY:
            yield from _sign_up(random, firm, person)
        yield from _work(random, firm, person, day)


def _news_of_firm(random: Random, firm: Firm, day: int) -> Iterator[Made]:
    owner = firm.people[0]
    if weekday(day) == 0 and (firm.left_at is None or firm.left_at > day):
        yield identify_company(max(day + 3 * HOUR, firm.joined_at), firm)
    for before, plan in pairwise(firm.plans):
        if day <= plan.since < day + DAY:
            yield identify_company(plan.since, firm)
            change = {"from": before.name, "to": plan.name}
            name = "Trial Ended" if plan.name == "free" else "Plan Upgraded"
            yield track(plan.since, owner, name, change)
    if firm.joined_at >= day:
        yield identify_company(firm.joined_at, firm)
    if firm.left_at is not None and day <= firm.left_at < day + DAY:
        yield identify_company(firm.left_at, firm)
        goodbye = {"plan": firm.plan(firm.left_at), "reason": random.choice(REASONS)}
        yield track(firm.left_at, owner, "Subscription Cancelled", goodbye)


def _sign_up(random: Random, firm: Firm, person: Person) -> Iterator[Made]:
    """From the first call to the last step of the onboarding, or to where the person stopped."""
    at = person.joined_at
    yield identify(at, firm, person)
    if person is firm.people[0]:
        channel = {"channel": random.choice(CHANNELS), "plan": firm.plan(at)}
        yield track(at, person, "Signed Up", channel)
    else:
        invitation = {"invited_by": firm.people[0].id, "role": person.role}
        yield track(at, person, "Invite Accepted", invitation)
    if not person.activated and random.random() < 0.25:
        return
    at += _soon(random, 4)
    yield track(at, person, "Email Verified", {})
    steps = len(ONBOARDING) if person.activated else random.randrange(len(ONBOARDING))
    for number, step in enumerate(ONBOARDING[:steps], 1):
        at += _soon(random, 3)
        yield track(at, person, "Onboarding Step Completed", {"step": step, "number": number})
    if person.activated:
        minutes = round((at - person.joined_at) / MINUTE, 1)
        yield track(at, person, "Onboarding Completed", {"minutes": minutes})
        yield identify(at, firm, person)


def _work(random: Random, firm: Firm, person: Person, day: int) -> Iterator[Made]:
    share, mean, least = ACTIVE[person.habit]
    if random.random() > share * BY_WEEKDAY[weekday(day)]:
        return
    at = office_time(random, day, firm.country)
    if at < person.joined_at + 2 * HOUR or (person.left_at is not None and at > person.left_at):
        return
    yield track(at, person, "Signed In", {"device": random.choice(DEVICES)})
    if random.random() < IDENTIFY_AT_SIGN_IN:
        yield identify(at, firm, person)
    menu = MENUS[firm.plan(at), person.role == "viewer"]
    for _ in range(least + int(random.expovariate(1 / mean))):
        at += _soon(random, 40 if random.random() < 0.1 else 1)
        feature = menu.choose(random)
        yield track(at, person, feature.event_name, feature.properties(random))


def _soon(random: Random, minutes: float) -> int:
    return int((0.05 + random.expovariate(1 / minutes)) * MINUTE)
