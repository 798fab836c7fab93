"""The bodies of the calls that the product's own program would send, as a back end sends them."""

from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import msgspec

from analytex.demo.market import PLANS, Firm, Person
from analytex.domain.calls import Call

_encode: Final = msgspec.json.Encoder().encode


class Made(NamedTuple):
    """A call that is made at some time."""

    at: int  #: microseconds since 1970-01-01 UTC
    call: Call
    body: bytes


def identify(at: int, firm: Firm, person: Person) -> Made:
    """Return the call at sign-up and now and then at sign-in."""
    body = {
        "user_id": person.id,
        "metadata": {
            "name": person.name,
            "email": person.email,
            "role": person.role,
            "title": person.title,
            "locale": firm.country.locale,
            "created_at": _date(person.joined_at),
            "onboarded": person.activated and at > person.joined_at,
        },
        "company": {"id": firm.id, "name": firm.name, "plan": firm.plan(at)},
    }
    return Made(at, Call.IDENTIFY, _encode(body))


def identify_company(at: int, firm: Firm) -> Made:
    """Return the call when a company joins or changes its plan, and every week."""
    plan = firm.plan(at)
    seats = sum(
        person.joined_at <= at and (person.left_at is None or person.left_at > at)
        for person in firm.people
    )
    body = {
        "company_id": firm.id,
        "metadata": {
            "name": firm.name,
            "plan": plan,
            "industry": firm.industry,
            "size": firm.size,
            "employees": firm.employees,
            "country": firm.country.code,
            "created_at": _date(firm.joined_at),
            "seats": seats,
            "monthly_revenue": PLANS[plan] * seats,
            "churned": firm.left_at is not None and firm.left_at <= at,
        },
    }
    return Made(at, Call.IDENTIFY_COMPANY, _encode(body))


def track(at: int, person: Person, event_name: str, metadata: dict[str, Any]) -> Made:
    """Return the call for something that a person did."""
    body = {"user_id": person.id, "event_name": event_name}
    return Made(at, Call.TRACK, _encode(body | {"metadata": metadata} if metadata else body))


def _date(at: int) -> str:
    return f"{datetime.fromtimestamp(at // 1_000_000, UTC):%Y-%m-%dT%H:%M:%SZ}"
