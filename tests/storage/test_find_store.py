"""What every engine promises to those who look for users and companies (`find_users`)."""

import pytest

from analytex.domain.profiles import ProfileFilter
from analytex.storage.interface import ApplyStore, ReadStore
from tests.storage.samples import changes, company, json, user

IDS = ["a", "a%", "aa", "ab", "a\U0010ffff", "a\U0010ffffz", "b", "A", "ä", "äb", "a\x00", "a/b"]


@pytest.fixture
def many(apply: ApplyStore, read: ReadStore) -> ReadStore:
    """A store with the same ids in two environments."""
    users = [user(id, environment_id=env) for env in (1, 2) for id in IDS]
    companies = [company(id, environment_id=env) for env in (1, 2) for id in IDS]
    apply.write(changes(*users, *companies), start=0, upto=1)
    return read


def found(store: ReadStore, after: str = "", limit: int = 99, **wanted: str) -> list[str]:
    """Return the ids of the users that fit, and see that companies are found alike."""
    asked = ProfileFilter(**wanted)
    users, _ = store.find_users(1, asked, after=after, look_at=1000, limit=limit)
    companies, _ = store.find_companies(1, asked, after=after, look_at=1000, limit=limit)
    if "text" not in wanted:
        assert [each.id for each in companies] == [each.id for each in users]
    return [each.id for each in users]


@pytest.mark.parametrize("begin", ["", "a", "A", "ä", "a\U0010ffff", "a%", "a\x00", "nobody"])
def test_ids_are_found_by_how_they_begin(many: ReadStore, begin: str) -> None:
    """Byte for byte: no sign means anything else, and no id is behind the range."""
    assert found(many, begin=begin) == sorted(
        (id for id in IDS if id.startswith(begin)), key=str.encode
    )


def test_what_is_found_comes_in_pages(many: ReadStore) -> None:
    """Each says behind which id the next begins; the last one that there are no more."""
    wanted, ids, after = ProfileFilter(begin="a"), [], ""
    while True:
        users, last = many.find_users(1, wanted, after=after, look_at=1000, limit=3)
        ids += [each.id for each in users]
        if last is None:
            break
        after = last

    assert ids == sorted((id for id in IDS if id.startswith("a")), key=str.encode)


def test_a_full_last_page_says_that_it_is_the_last(many: ReadStore) -> None:
    """Nobody is led to a page with nothing on it."""
    users, last = many.find_users(1, ProfileFilter(begin="ä"), after="", look_at=9, limit=2)

    assert [each.id for each in users] == ["ä", "äb"]
    assert last is None


@pytest.mark.parametrize(
    ("value", "text"),
    {
        "a string": ('"Ada Lovelace"', "Lovelace"),
        "in another case": ('"Ada Lovelace"', "LOVE"),
        "a number": ("1234.5", "234"),
        "inside of an object": ('{"city": "Paris"}', "paris"),
        "beyond ASCII": ('"Zoë"', "Zoë"),
        "escaped by the sender": (r'"Zo\u00EB"', "Zoë"),
        "escaped slashes": (r'"https:\/\/a.example\/b"', "//a.example/b"),
        "a quote": (r'"say \"hi\""', '"hi"'),
    }.values(),
    ids=str,
)
def test_profiles_are_found_by_their_values(
    apply: ApplyStore, read: ReadStore, value: str, text: str
) -> None:
    """However the sender wrote them."""
    wanted = user("it", properties={"p": json(value)})
    other = user("other", properties={"p": json('"else"')})
    apply.write(changes(wanted, other), start=0, upto=1)

    assert found(read, text=text) == ["it"]


def test_names_of_properties_are_no_values(many: ReadStore) -> None:
    """All users have a plan; whoever looks for "plan" does not want them all."""
    assert found(many, text="pro") == sorted(IDS, key=str.encode)
    assert found(many, text="plan") == []


def test_users_are_found_by_their_company(apply: ApplyStore, read: ReadStore) -> None:
    """Exactly."""
    users = [user(id, company_id=of) for id, of in [("a", "x"), ("b", "X"), ("c", None)]]
    apply.write(changes(*users, user("d", environment_id=2, company_id="x")), start=0, upto=1)

    assert [
        each.id
        for each in read.find_users(1, ProfileFilter(company_id="x"), after="", look_at=9, limit=9)[
            0
        ]
    ] == ["a"]


def test_a_search_looks_at_as_many_as_it_is_told(apply: ApplyStore, read: ReadStore) -> None:
    """However many there are; the next one goes on behind them."""
    users = [user(f"{place:03}", company_id="x" if place == 57 else None) for place in range(100)]
    apply.write(changes(*users), start=0, upto=1)
    wanted = ProfileFilter(company_id="x")

    first = read.find_users(1, wanted, after="", look_at=50, limit=9)
    second = read.find_users(1, wanted, after="049", look_at=50, limit=9)
    third = read.find_users(1, wanted, after="099", look_at=50, limit=9)

    assert first == ([], "049")
    assert [each.id for each in second[0]] == ["057"]
    assert third == ([], None)
