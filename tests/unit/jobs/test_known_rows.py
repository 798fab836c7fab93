"""Rows of imports that were here before: the same row is the same event."""

from analytex.domain.jobs import Counts
from tests.unit.jobs.workplace import (
    USERS,
    Workplace,
    bulk,
    identify,
    lines,
    track,
)


def test_the_same_file_again_changes_nothing(place: Workplace) -> None:
    """An import that was sent twice, by whatever accident; written otherwise, it is the same."""
    first, second = track(name="a"), identify("bob", at="2025-01-02", plan="pro")
    place.do(lines(first, second))
    before = (place.events(), place.user("bob"))

    again = place.do(lines(first, dict(reversed(second.items()))))

    assert again.counts == Counts(completed=2, duplicates=2)
    assert (place.events(), place.user("bob")) == before


def test_rows_that_are_alike_inside_one_file_all_count(place: Workplace) -> None:
    """Somebody may well do the same twice in one second."""
    job = place.do(lines(track(), track(), track()))

    assert job.counts == Counts(completed=3)
    ids = [event.id for event in place.events()]
    assert ids == [ids[0], f"{ids[0]}.2", f"{ids[0]}.3"]


def test_of_rows_that_are_alike_only_more_than_before_are_new(place: Workplace) -> None:
    """The n-th row of some content is the n-th such event."""
    for copies, duplicates in ((2, 0), (3, 2), (1, 1), (3, 3), (4, 3)):
        job = place.do(lines(*[track()] * copies))
        assert job.counts == Counts(completed=copies, duplicates=duplicates)

    assert len(place.events()) == 4


def test_rows_that_are_alike_are_told_apart_over_chunks_and_crashes(
    place: Workplace, one_by_one: None
) -> None:
    """How often a job had a row is stored with the rows."""
    place.do(lines(track()))
    place.submit(lines(track(), track(), track()))
    for _ in range(2):
        place.task().step()
        place.crash()

    job = place.work(place.task())

    assert job.counts == Counts(completed=3, duplicates=1)
    assert len({event.id for event in place.events()}) == len(place.events()) == 3


def test_rows_of_another_environment_are_not_known(place: Workplace) -> None:
    """Each has a world of its own."""
    place.do(lines(track()))

    assert place.do(lines(track()), environment_id=8).counts == Counts(completed=1)


def test_rows_of_bulk_jobs_always_count(place: Workplace) -> None:
    """They are calls of their moment: the same list sent again is a newer identify."""
    for _ in range(2):
        assert place.do(lines(bulk("ada")), USERS).counts == Counts(completed=1)

    assert len(place.events()) == 2
