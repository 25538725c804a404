"""Noise is exact: probabilities by enumeration of the random bits, and no drift in long runs."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Callable
from fractions import Fraction

import pytest

from protocols.discrete_gaussian import (
    Randbits,
    below,
    bernoulli_exp,
    laplace,
    sample,
    unbounded,
)


class _More(Exception):
    """The scripted bits are used up; ``bits`` more are asked for."""

    def __init__(self, bits: int) -> None:
        super().__init__(bits)
        self.bits = bits


def enumerate_bits(
    draw: Callable[[Randbits], int], depth: int
) -> tuple[dict[int, Fraction], Fraction]:
    """The exact probability of each outcome that ``depth`` bits decide, and of no decision."""
    found: Counter[int] = Counter()
    undecided = Fraction(0)
    prefixes = [((), 0)]
    while prefixes:
        script, used = prefixes.pop()
        waiting = iter(script)

        def scripted(bits: int, waiting=waiting) -> int:
            try:
                return next(waiting)
            except StopIteration:
                raise _More(bits) from None

        try:
            outcome = draw(scripted)
        except _More as more:
            if used + more.bits > depth:
                undecided += Fraction(1, 2**used)
            else:
                prefixes += [((*script, r), used + more.bits) for r in range(2**more.bits)]
        else:
            found[outcome] += Fraction(1, 2**used)
    return dict(found), undecided


def assert_has(found: dict[int, Fraction], undecided: Fraction, outcome: int, p: float) -> None:
    least = float(found.get(outcome, 0))
    assert least - 1e-12 <= p <= least + float(undecided) + 1e-12, outcome


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 8])
def test_below_is_uniform(limit: int) -> None:
    found, undecided = enumerate_bits(lambda bits: below(limit, bits), 15)
    assert undecided < Fraction(1, 100)
    assert set(found) == set(range(limit))
    assert len(set(found.values())) == 1


@pytest.mark.parametrize(
    ("numerator", "denominator"), [(0, 1), (1, 5), (1, 2), (1, 1), (3, 2), (7, 3)]
)
def test_bernoulli_has_the_probability_of_the_exponential(numerator: int, denominator: int) -> None:
    found, undecided = enumerate_bits(lambda b: bernoulli_exp(numerator, denominator, b), 16)
    assert undecided < Fraction(1, 20)
    assert_has(found, undecided, True, math.exp(-numerator / denominator))


@pytest.mark.parametrize("scale", [1, 2, 3])
def test_laplace_has_its_probabilities(scale: int) -> None:
    found, undecided = enumerate_bits(lambda bits: laplace(scale, bits), 16)
    assert undecided < Fraction(1, 2)
    q = math.exp(-1 / scale)
    for y in range(-6, 7):
        assert_has(found, undecided, y, (1 - q) / (1 + q) * q ** abs(y))
        assert found.get(y, 0) == found.get(-y, 0) or y == 0


def probabilities(variance: int, reach: int) -> dict[int, float]:
    weights = {y: math.exp(-y * y / (2 * variance)) for y in range(-reach, reach + 1)}
    total = sum(weights.values())
    return {y: weight / total for y, weight in weights.items()}


def test_the_gaussian_has_its_probabilities() -> None:
    found, undecided = enumerate_bits(lambda bits: unbounded(1, bits), 16)
    assert undecided < Fraction(3, 5)
    for y, p in probabilities(1, 12).items():
        assert_has(found, undecided, y, p)


@pytest.mark.parametrize("variance", [1, 6, 64])
def test_many_samples_fit_the_gaussian(variance: int) -> None:
    """Chi-square with a fixed generator: the same outcome on every machine."""
    draws = 20_000
    source = random.Random(variance)
    reach = 3 * math.isqrt(variance) + 2
    seen = Counter(sample(variance, reach, source.getrandbits) for _ in range(draws))
    expected = probabilities(variance, reach)
    cells = [y for y, p in expected.items() if draws * p >= 5]
    square = sum((seen[y] - draws * expected[y]) ** 2 / (draws * expected[y]) for y in cells)
    # Mean n and variance 2n: six standard deviations above is out of the question.
    assert square < len(cells) + 6 * math.sqrt(2 * len(cells))
    assert set(seen) <= set(expected)


def test_samples_beyond_the_limit_are_drawn_again_and_not_clipped() -> None:
    source = random.Random(5)
    seen = Counter(sample(4, 2, source.getrandbits) for _ in range(20_000))
    expected = probabilities(4, 2)
    assert set(seen) == set(expected)
    for y, p in expected.items():
        assert abs(seen[y] / 20_000 - p) < 0.02


def test_numbers_of_any_size_are_exact() -> None:
    """The low bits are as random as the others: no float was in between."""
    source = random.Random(9)
    variance = 10**40
    drawn = [sample(variance, 20 * 10**20, source.getrandbits) for _ in range(400)]
    assert {y % 2 for y in drawn} == {0, 1}
    assert len({y % 1024 for y in drawn}) > 250
    assert 0.8 < sum(y * y for y in drawn) / 400 / variance < 1.2


@pytest.mark.parametrize(("variance", "most"), [(0, 5), (-1, 5), (26, 5)])
def test_a_limit_within_a_standard_deviation_is_refused(variance: int, most: int) -> None:
    with pytest.raises(ValueError, match="standard deviation"):
        sample(variance, most, random.Random(1).getrandbits)
