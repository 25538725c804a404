"""The p% rule beside a plan's limits, against an insider who enumerates what fits."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import permutations, product

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from protocols.encoding import RESOLUTIONS, class_lower, class_upper, size_class
from protocols.known_limits import PublicLimits, keeps_distance, keeps_distance_by_classes
from protocols.policy import LIMITS_RULE, check_measure, safe
from protocols.profiles import Policy

percents = st.integers(1, 100)
resolutions = st.sampled_from(RESOLUTIONS)


@st.composite
def cells(draw: st.DrawFn, most: int = 9) -> tuple[list[int], PublicLimits]:
    """Values, often close to one of their limits, sometimes some without a value."""
    minimum = draw(st.one_of(st.just(0), st.integers(0, 500)))
    room = draw(st.one_of(st.integers(1, 60), st.integers(1, 10**5)))
    values = draw(st.lists(st.integers(minimum, minimum + room), min_size=1, max_size=most))
    bound = draw(st.one_of(st.none(), st.integers(max(1, *values), minimum + room + 1)))
    return values, PublicLimits(minimum, bound)


def estimates(values: Sequence[int], limits: PublicLimits) -> Iterator[tuple[int, int, int | None]]:
    """Each target as each other member with a value sees it: its value, most and least of it.

    Who has no value is taken to be known. From the sum and the own value, when everybody else has
    the minimum, and when everybody else has the bound.
    """
    held = [value for value in values if value]
    for reader, target in permutations(range(len(held)), 2):
        rest = sum(held) - held[reader]
        others = len(held) - 2
        least = None if limits.bound is None else rest - others * limits.bound
        yield held[target], rest - others * limits.minimum, least


def nobody_is_close(values: Sequence[int], percent: int, limits: PublicLimits) -> bool:
    """Over all pairs: neither estimate is off by less than ``percent`` percent of the target."""
    off = Fraction(percent, 100)
    return all(
        most - value >= off * value and (least is None or value - least >= off * value)
        for value, most, least in estimates(values, limits)
    )


@settings(max_examples=600)
@given(cells(), percents)
def test_no_insider_estimates_anybody_closer_than_p_percent(
    cell: tuple[list[int], PublicLimits], percent: int
) -> None:
    """Exactly: the two worst pairs stand for all of them."""
    values, limits = cell
    assume(sum(value > 0 for value in values) >= 2)
    assert keeps_distance(values, percent, limits) == nobody_is_close(values, percent, limits)


@settings(max_examples=150, deadline=None)
@given(st.integers(1, 20), st.integers(1, 25), st.data())
def test_estimates_are_those_of_an_insider_who_tries_all_values(
    minimum: int, room: int, data: st.DataObject
) -> None:
    """Enumerated: the target's least and largest value over all cells with this sum."""
    bound = minimum + room
    values = data.draw(st.lists(st.integers(minimum, bound), min_size=3, max_size=4))
    rest = sum(values) - values[0]
    everybody = product(range(minimum, bound + 1), repeat=len(values) - 2)
    found = {rest - sum(others) for others in everybody}
    fits = {target for target in found if minimum <= target <= bound}

    value, most, least = next(estimates(values, PublicLimits(minimum, bound)))

    assert value == values[1]
    assert value in fits
    assert least is not None
    assert max(fits) == min(most, bound)
    assert min(fits) == max(least, minimum)


@settings(max_examples=400)
@given(cells(), percents, resolutions)
def test_what_passes_by_classes_passes_exactly(
    cell: tuple[list[int], PublicLimits], percent: int, resolution: int
) -> None:
    values, limits = cell
    if keeps_distance_by_classes(histogram_at(values, resolution), percent, limits, resolution):
        assert keeps_distance(values, percent, limits)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.integers(1, 4), min_size=3, max_size=5), percents, st.data())
def test_a_cell_passes_exactly_if_all_values_in_its_classes_and_limits_pass(
    sizes: list[int], percent: int, data: st.DataObject
) -> None:
    """Against all of them, for small classes."""
    minimum = data.draw(st.integers(0, min(class_upper(size) for size in sizes)))
    bound = data.draw(st.integers(max(max(class_lower(s) for s in sizes), minimum), 16))
    limits = PublicLimits(minimum, bound)
    spans = [range(max(class_lower(s), minimum), min(class_upper(s), bound) + 1) for s in sizes]
    every = all(keeps_distance(values, percent, limits) for values in product(*spans))
    histogram = [sizes.count(size) for size in range(max(sizes) + 1)]
    assert keeps_distance_by_classes(histogram, percent, limits) == every


@settings(max_examples=300)
@given(st.integers(0, 50), st.integers(1, 400), st.data(), percents)
def test_unions_of_cells_that_pass_pass(
    minimum: int, room: int, data: st.DataObject, percent: int
) -> None:
    values = st.lists(st.integers(minimum, minimum + room), min_size=2, max_size=6)
    limits = PublicLimits(minimum, minimum + room)
    one, other = data.draw(values), data.draw(values)
    if keeps_distance(one, percent, limits) and keeps_distance(other, percent, limits):
        assert nobody_is_close(one + other, percent, limits)


@settings(max_examples=300)
@given(st.data(), st.integers(2, 7), percents)
def test_sums_of_measures_that_pass_pass(data: st.DataObject, members: int, percent: int) -> None:
    def measure() -> tuple[list[int], PublicLimits]:
        low, room = data.draw(st.integers(0, 20)), data.draw(st.integers(1, 100))
        values = st.lists(st.integers(low, low + room), min_size=members, max_size=members)
        return data.draw(values), PublicLimits(low, low + room)

    (one, first), (other, second) = measure(), measure()
    assert first.bound is not None
    assert second.bound is not None
    limits = PublicLimits(
        2 * first.minimum + 3 * second.minimum, 2 * first.bound + 3 * second.bound
    )
    if keeps_distance(one, percent, first) and keeps_distance(other, percent, second):
        total = [2 * a + 3 * b for a, b in zip(one, other, strict=True)]
        assert nobody_is_close(total, percent, limits)


@given(cells(), percents, percents)
def test_a_larger_p_demands_more(
    cell: tuple[list[int], PublicLimits], one: int, other: int
) -> None:
    values, limits = cell
    if keeps_distance(values, max(one, other), limits):
        assert keeps_distance(values, min(one, other), limits)


@given(cells(), percents)
def test_without_limits_it_is_the_p_percent_rule(
    cell: tuple[list[int], PublicLimits], percent: int
) -> None:
    values, _ = cell
    rule = Policy(3, percent).rules[0]
    assert keeps_distance(values, percent, PublicLimits()) == rule.holds(values)


@pytest.mark.parametrize(
    ("values", "limits", "passes"),
    [
        ([9000, 1800, 1010, 1005, 1003, 1002, 1001, 1000], PublicLimits(1000, 10**9), False),
        ([9000, 1800, 1010, 1005, 1003, 1002, 1001, 1000], PublicLimits(1, 10**9), True),
        ([8700, 8712, 8705, 8690, 8701, 8694], PublicLimits(0, 8760), False),
        ([8700, 8712, 8705, 8690, 8701, 8694], PublicLimits(0, 876_000), True),
        # Of four at the bound and two small ones the smallest finds the other small one exactly.
        ([8760, 8760, 8760, 8760, 100, 50], PublicLimits(0, 8760), False),
        # Who has no value has no room to give, whether or not the reader knows who that is.
        ([8760, 8760, 8760, 8760, 0, 0, 0], PublicLimits(0, 8760), False),
        ([500] * 5, PublicLimits(500, 10**6), False),
        ([500] * 5, PublicLimits(480, 10**6), True),
        ([500] * 5, PublicLimits(484, 10**6), False),
        ([], PublicLimits(), True),
        ([7], PublicLimits(), False),
    ],
)
def test_examples(values: list[int], limits: PublicLimits, passes: bool) -> None:
    assert keeps_distance(values, 10, limits) == passes
    if len(values) >= 5:
        assert safe(values, Policy(), limits) == passes


def test_the_refusal_names_the_rule_and_what_to_change() -> None:
    values = [1800, 1700, 1100, 1050, 1020, 1010, 1000]
    found = check_measure("output", histogram_at(values, 1), Policy(), PublicLimits(1000, 10**9))
    assert found is not None
    assert found.rule == LIMITS_RULE
    assert "minimum or bound of output" in found.text
    assert "10 %" in found.text
    assert "publishable with a lower minimum or a larger bound" in found.text
    assert check_measure("output", histogram_at(values, 1), Policy(), PublicLimits(1)) is None


def test_limits_far_from_the_values_cost_nothing() -> None:
    """A minimum of 1 and a bound of eight times the largest refuse no cell of realistic sizes."""
    source = random.Random(20240607)
    compared = 0
    for _ in range(3000):
        spread, count = source.uniform(0.2, 3.0), source.randint(5, 40)
        values = [1 + int(source.lognormvariate(12, spread)) for _ in range(count)]
        histogram = histogram_at(values, 1)
        limits = PublicLimits(1, 8 * max(values))
        free = check_measure("m", histogram, Policy(), PublicLimits()) is None
        assert (check_measure("m", histogram, Policy(), limits) is None) == free
        compared += free
    assert compared > 1000


def histogram_at(values: Sequence[int], resolution: int) -> list[int]:
    sizes = [size_class(value, resolution) for value in values]
    return [sizes.count(size) for size in range(max(sizes, default=0) + 1)]
