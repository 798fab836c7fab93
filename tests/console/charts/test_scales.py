"""Laws of axes of numbers."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytex.console.charts.scales import number_ticks

tops = st.one_of(
    st.integers(min_value=1, max_value=10**15),
    st.floats(min_value=1e-9, max_value=1e15, allow_nan=False),
)
mosts = st.integers(min_value=2, max_value=12)


@given(top=tops, most=mosts, whole=st.booleans())
def test_ticks_begin_at_nothing_and_reach_the_top(top: float, most: int, whole: bool) -> None:
    """A bar that is longer than its axis lies; one on an axis that does not begin at 0 as well."""
    ticks = number_ticks(top, at_most=most, whole=whole)

    assert ticks[0] == 0
    assert ticks[-2] < top <= ticks[-1]


@given(top=tops, most=mosts, whole=st.booleans())
def test_ticks_are_few_and_round(top: float, most: int, whole: bool) -> None:
    """Steps are 1, 2 or 5 times a power of ten: what people can count in."""
    ticks = number_ticks(top, at_most=most, whole=whole)

    assert 2 <= len(ticks) <= most
    step = Fraction(repr(ticks[1])) if isinstance(ticks[1], float) else Fraction(ticks[1])
    while step < 1:
        step *= 10
    while step >= 10:
        step /= 10
    assert step in (1, 2, 5)
    assert ticks == pytest.approx([place * ticks[1] for place in range(len(ticks))])


@given(top=st.integers(min_value=1, max_value=10**15), most=mosts)
def test_whole_numbers_have_whole_ticks(top: int, most: int) -> None:
    """There is no half an event."""
    assert all(isinstance(tick, int) for tick in number_ticks(top, at_most=most))


@pytest.mark.parametrize("top", [0, -3, float("nan"), float("inf")])
def test_an_axis_of_nothing_is_an_axis(top: float) -> None:
    """A chart without events is drawn like any other."""
    assert number_ticks(top) == [0, 1]


def test_the_finest_ticks_are_taken() -> None:
    """Five ticks up to 8 are 0, 2, 4, 6, 8, not 0, 5, 10."""
    assert number_ticks(8) == [0, 2, 4, 6, 8]
    assert number_ticks(0.3, whole=False) == [0, 0.1, 0.2, 0.3]
