"""What a deletion leaves of an event, and of a user whose company was deleted."""

from typing import Any

from analytex.apply.erase import (
    refers_to,
    refold_company,
    refold_user,
    take_membership,
    without_company,
    without_user,
)
from analytex.domain.events import EventType
from analytex.domain.profiles import User
from analytex.domain.values import Stamp
from tests.storage.samples import event, json, user


def identify(**rest: Any) -> Any:
    """An identify of ada."""
    given: dict[str, Any] = {"metadata": "{}", "event_name": "", **rest}
    return event(event_type=EventType.IDENTIFY_USER, **given)


def test_of_a_user_only_what_it_says_of_a_company_stays() -> None:
    """As if somebody had identified the company, at that time and by that record."""
    named = identify(company_id="acme", company='{"plan":"pro"}', metadata='{"a":1}', web="{}")
    assert without_user(named) == event(
        event_type=EventType.IDENTIFY_COMPANY,
        event_name="",
        user_id=None,
        company_id="acme",
        metadata='{"plan":"pro"}',
    )
    assert without_user(identify(company_id="acme")) is None  # it only carries it
    assert without_user(event(company_id="acme")) is None


def test_what_stays_of_an_imported_row_does_not_hold_its_hash() -> None:
    """Whoever guesses what the row said could find the guess confirmed."""
    named = event(
        "0" * 12 + "1" + "a" * 19,
        event_type=EventType.IDENTIFY_USER,
        event_name="",
        company_id="acme",
        company="{}",
    )
    rest = without_user(named)
    assert rest is not None
    assert rest.id == "0" * 12 + "1" + "0" * 7


def test_an_event_without_its_company_is_the_rest_of_it() -> None:
    """Also what Segment nests in the metadata; the other members stay byte for byte."""
    nested = '{"n": 1.50, "company": {"id": "acme"}, "a":"\\u0041"}'
    named = identify(company_id="acme", company="{}", metadata=nested)
    assert without_company(named, {"acme"}) == identify(metadata='{"n":1.50,"a":"\\u0041"}')
    carried = event(company_id="acme", metadata='{"company": {"id": "globex"}}')
    assert without_company(carried, {"acme"}) == event(metadata='{"company": {"id": "globex"}}')
    about_it = event(event_type=EventType.IDENTIFY_COMPANY, user_id=None, company_id="acme")
    assert without_company(about_it, {"acme"}) is None


def test_a_refold_begins_with_the_first_event_that_is_left() -> None:
    """A company is not folded from events that only carry it."""
    ada = refold_user(None, identify(at=5, metadata='{"a":1}'))
    assert refold_user(ada, event(at=3)).first_seen_at == 3
    assert refold_company(None, event(company_id="acme")) is None
    acme = refold_company(None, identify(company_id="acme", company='{"plan":"pro"}'))
    assert acme is not None
    assert acme.properties == {"plan": json('"pro"')}


def test_a_user_refers_to_a_company_by_membership_or_property() -> None:
    """Unless a newer call says so again."""
    nested = {"company": json('{"id":"acme"}')}
    member = user("ada", company_id="acme", company_stamp=Stamp(5, "r"))
    has_it = user("ada", properties=nested, stamps={"company": Stamp(5, "r")})
    for one in (member, has_it):
        assert refers_to(one, {"acme"}, at=5)
        assert not refers_to(one, {"acme"}, at=4)
        assert not refers_to(one, {"globex"}, at=5)
    assert not refers_to(user("ada"), {"acme"}, at=5)


def test_a_user_takes_only_the_company_from_a_refold() -> None:
    """Its other properties were not the company's."""
    company = {"company": json('{"id":"globex"}')}
    stamps = {"company": Stamp(1, "r0")}
    refolded = user(
        "ada", company_id="globex", company_stamp=Stamp(1, "r0"), properties=company, stamps=stamps
    )
    ada = user("ada", company_id="acme", company_stamp=Stamp(5, "r"))
    rest = user("ada")
    take_membership(ada, refolded)
    assert (ada.company_id, ada.company_stamp) == ("globex", Stamp(1, "r0"))
    assert ada.properties == rest.properties | company
    assert ada.stamps == rest.stamps | stamps
    take_membership(ada, None)
    assert ada == rest
    assert isinstance(ada, User)
