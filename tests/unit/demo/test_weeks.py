"""The made-up weeks: the same for a seed, and like those of a real product."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import pytest

from analytex.demo.calls import Made
from analytex.demo.features import FEATURES
from analytex.demo.market import DAY, WEEK, Firm, Habit, make_market, weekday
from analytex.demo.weeks import calls
from analytex.domain.calls import Call
from analytex.wire.bodies import check

END = 1_771_245_296_123_456  # Monday, 2026-02-16 12:34:56 UTC
START = END - 6 * WEEK


def weeks(*, seed: int = 1, users: int = 600, companies: int = 40) -> tuple[list[Firm], list[Made]]:
    """Make a small product's weeks."""
    firms = make_market(seed=seed, users=users, companies=companies, start=START, end=END)
    return firms, list(calls(firms, seed=seed, start=START, end=END))


@pytest.fixture(scope="module")
def product() -> tuple[list[Firm], list[Made]]:
    """The weeks that most tests look at."""
    return weeks()


@pytest.fixture
def firms(product: tuple[list[Firm], list[Made]]) -> list[Firm]:
    """Its customers."""
    return product[0]


@pytest.fixture
def made(product: tuple[list[Firm], list[Made]]) -> list[Made]:
    """Its calls."""
    return product[1]


def bodies(made: Sequence[Made], call: Call) -> Iterator[dict[str, Any]]:
    """Decode the bodies of one kind of call."""
    return (msgspec.json.decode(each.body) for each in made if each.call is call)


def test_the_same_seed_and_end_give_the_same_calls(made: list[Made]) -> None:
    """Two people who follow a tutorial see the same."""
    assert weeks()[1] == made


def test_another_seed_makes_others(firms: list[Firm]) -> None:
    """So a second demo adds to the first instead of changing it."""
    others = weeks(seed=2, users=100)[0]

    assert {firm.id for firm in firms}.isdisjoint(firm.id for firm in others)
    ids = [{person.id for firm in each for person in firm.people} for each in (firms, others)]
    assert ids[0].isdisjoint(ids[1])


@pytest.mark.parametrize(("users", "companies"), [(11, 11), (11, 1), (200, 90)])
def test_every_user_and_company_is_identified(users: int, companies: int) -> None:
    """Who asks for 200 users finds 200."""
    made = weeks(users=users, companies=companies)[1]

    assert len({body["user_id"] for body in bodies(made, Call.IDENTIFY)}) == users
    found = {body["company_id"] for body in bodies(made, Call.IDENTIFY_COMPANY)}
    assert len(found) == companies


def test_calls_are_in_time_order_and_within_the_weeks(made: list[Made]) -> None:
    """Record ids carry these times, and the log is read in order."""
    times = [each.at for each in made]

    assert times == sorted(times)
    assert START <= times[0] <= times[-1] <= END


def test_every_call_would_be_accepted(made: list[Made]) -> None:
    """The bodies are those that a sender may send."""
    for each in made:
        check(each.call, each.body)


def test_nobody_acts_before_being_identified(made: list[Made]) -> None:
    """An application identifies at sign-up, then tracks."""
    known = set()
    for each in made:
        body = msgspec.json.decode(each.body)
        if each.call is Call.IDENTIFY:
            known.add(body["user_id"])
        elif each.call is Call.TRACK:
            assert body["user_id"] in known, body


def test_mail_addresses_are_nobodys_and_differ(firms: list[Firm]) -> None:
    """`.example` is reserved: a mail to a made-up user reaches nobody."""
    found = [person.email for firm in firms for person in firm.people]

    assert len(set(found)) == len(found) == 600
    assert all(address.endswith(".example") and address.isascii() for address in found)


def test_people_work_on_working_days(made: list[Made]) -> None:
    """Charts show the rhythm of a week."""
    days = Counter(weekday(each.at - each.at % DAY) for each in made if each.call is Call.TRACK)

    assert max(days[5], days[6]) < 0.35 * min(days[each] for each in range(4))


def test_the_product_grows(made: list[Made]) -> None:
    """The last week is busier than the first."""
    by_week = Counter((each.at - START) // WEEK for each in made if each.call is Call.TRACK)

    assert by_week[5] > 1.3 * by_week[0]


def test_each_step_of_the_funnel_loses_some(made: list[Made]) -> None:
    """Sign-up, first steps, everyday use: something to find out."""
    who: dict[str, set[str]] = {}
    for body in bodies(made, Call.TRACK):
        who.setdefault(body["event_name"], set()).add(body["user_id"])
    joined = who["Signed Up"] | who["Invite Accepted"]

    verified = joined & who["Email Verified"]
    done = verified & who["Onboarding Completed"]
    used = done & who["Task Created"]

    assert len(joined) > len(verified) > len(done) > len(used) > 0.3 * len(joined)


def test_few_people_do_most(firms: list[Firm], made: list[Made]) -> None:
    """Some are at it all day, and some went away."""
    acted = Counter(body["user_id"] for body in bodies(made, Call.TRACK))
    by_habit: dict[Habit, list[int]] = {habit: [] for habit in Habit}
    for firm in firms:
        for person in firm.people:
            by_habit[person.habit].append(acted[person.id])
    power, regular, casual, lost = (sum(found) / len(found) for found in by_habit.values())

    assert power > 3 * regular > 6 * casual > 12 * lost
    assert any(firm.left_at is not None for firm in firms)


def test_nobody_works_after_having_left(firms: list[Firm], made: list[Made]) -> None:
    """Churn shows: the last sign of life comes before the good-bye."""
    left = {
        person.id: person.left_at
        for firm in firms
        for person in firm.people
        if person.left_at is not None
    }
    for each in made:
        if each.call is Call.TRACK and b'"Signed In"' in each.body:
            user_id = msgspec.json.decode(each.body)["user_id"]
            assert each.at <= left.get(user_id, END)


def test_plans_decide_what_can_be_used(firms: list[Firm], made: list[Made]) -> None:
    """A free company has no reports, so a chart by plan says something."""
    firm_of = {person.id: firm for firm in firms for person in firm.people}
    reports = [
        firm_of[msgspec.json.decode(each.body)["user_id"]].plan(each.at)
        for each in made
        if each.call is Call.TRACK and b'"Report Viewed"' in each.body
    ]

    assert set(reports) <= {"trial", "starter", "team", "business"}
    assert len(set(reports)) > 1


def test_every_feature_is_used(made: list[Made]) -> None:
    """A few dozen event names, with the frequent ones frequent."""
    names = Counter(body["event_name"] for body in bodies(made, Call.TRACK))

    assert {feature.event_name for feature in FEATURES} <= names.keys()
    assert names["Board Viewed"] > 20 * names["Survey Answered"]
