"""The shares of a round: what they hide, computed exactly for small ones, and what they cost."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.errors import PlanError
from protocols.noise import (
    LEAST_VARIANCE,
    Share,
    centred,
    draw,
    loss_of,
    ratio_interval,
    shares_of,
)
from protocols.noise_terms import LOSS_STEP, Noise
from protocols.plan import Plan, Policy
from protocols.template import PlanTemplate

MILLIONTH = Fraction(1, 10**6)
NOISE = Noise(Fraction(1, 20), Fraction(1, 10), MILLIONTH, 2)

TEXT = """
schema = "cefed.plan/1"
[plan]
title = "Noisy"
period = "2025"
[[measures]]
name = "output"
unit = "yuan"
minimum = 1
bound = 1000001
[[measures]]
name = "emissions"
unit = "kg"
bound = 500
[[measures]]
name = "rest"
unit = "kg"
bound = 700
published = false
[[indicators]]
name = "cef"
unit = "yuan/kg"
numerator = "output"
denominator = "emissions"
direction = "higher"
ranking = "sums"
bins = { lower = "10", upper = "1000", count = 5 }
[[unrelated]]
measures = ["emissions", "rest"]
reason = "invented"
"""


def plan_of(text: str) -> Plan:
    return PlanTemplate.parse(text).instantiate(
        round_id="noisy",
        cohort="all",
        participants=40,
        roster_hash=bytes(32),
        key_id=bytes(32),
        opens_at=0,
        deadline=1,
    )


PLAN = replace(plan_of(TEXT), noise=NOISE)


def distribution(share: Share, shares: int) -> dict[int, float]:
    """Of a sum of shares, by convolution of the exact probabilities."""
    reach = range(-share.most, share.most + 1)
    weights = [math.exp(-y * y / (2 * share.variance)) for y in reach]
    one = [w / sum(weights) for w in weights]
    total = [1.0]
    for _ in range(shares):
        longer = [0.0] * (len(total) + len(one) - 1)
        for i, p in enumerate(total):
            for j, q in enumerate(one):
                longer[i + j] += p * q
        total = longer
    return {i - shares * share.most: p for i, p in enumerate(total)}


@pytest.mark.parametrize("honest", [1, 3, 4])
@pytest.mark.parametrize("change", [1, 5, 12])
def test_shares_tell_no_more_than_the_loss_says(honest: int, change: int) -> None:
    """The Renyi divergence of the sum and its shift, at orders from just above 1 to 20."""
    share = Share(9, 36)
    sums = distribution(share, honest)
    loss = float(loss_of(share, change, honest))
    for order in (1.01, 1.5, 2, 5, 20):
        moment = sum(
            p * (p / sums[y + change]) ** (order - 1)
            for y, p in sums.items()
            # Twelve standard deviations: what is beyond is in delta.
            if sums.get(y + change, 0) > 1e-25 and p > 1e-25
        )
        assert math.log(moment) / (order - 1) <= order * loss + 1e-9


def test_the_loss_is_no_larger_than_need_be() -> None:
    """Half of it would be a lie: the divergence comes close to it."""
    share = Share(9, 36)
    sums = distribution(share, 3)
    moment = sum(p * p / sums[y + 12] for y, p in sums.items() if sums.get(y + 12, 0) > 1e-25)
    assert math.log(moment) / 2 > 0.99 * float(loss_of(share, 12, 3))


@pytest.mark.parametrize("members", [1, 3, 4])
def test_the_printed_error_holds_for_95_percent_and_not_for_many_more(members: int) -> None:
    share = Share(LEAST_VARIANCE, 60)
    sums = distribution(share, members)
    width = share.half_width(members)
    inside = sum(p for y, p in sums.items() if abs(y) <= width)
    assert 0.95 <= inside < 0.965
    wider = share.half_width_of_two(members)
    assert 0.975 <= sum(p for y, p in sums.items() if abs(y) <= wider) < 0.985


@given(st.integers(1, 10**30), st.integers(1, 10**6))
def test_error_and_allowance_are_rounded_up_once(variance: int, members: int) -> None:
    share = Share(variance, 20 * (math.isqrt(variance) + 1))
    width = share.half_width(members)
    assert (width - 1) ** 2 * 10_000 < 196**2 * members * variance <= width**2 * 10_000
    assert width < share.allowance(members) <= members * share.most


@given(
    st.integers(10**6, 10**10).map(lambda steps: steps * LOSS_STEP),
    st.integers(0, 4),
    st.integers(1, 10**15),
    st.integers(0, 10**6),
)
def test_all_measures_together_cost_at_most_the_loss(
    loss: Fraction, colluding: int, bound: int, minimum: int
) -> None:
    output = replace(PLAN.measures[0], bound=bound + minimum, minimum=minimum)
    noise = Noise(loss, Fraction(16), MILLIONTH, colluding)
    plan = replace(PLAN, measures=(output, *PLAN.measures[1:]), noise=noise)
    shares = shares_of(plan)
    honest = 5 - colluding
    costs = [loss_of(shares["output"], bound, honest), loss_of(shares["emissions"], 500, honest)]
    assert sum(costs) <= loss
    for cost, share in zip(costs, shares.values(), strict=True):
        least = Share(share.variance - 1, share.most)
        # One less would be too little, unless it is as little as there ever is.
        change = bound if share == shares["output"] else 500
        assert share.variance == LEAST_VARIANCE or loss_of(least, change, honest) > loss / 2
        assert share.most**2 >= 400 * share.variance
        assert cost > 0


def test_guards_get_no_noise_and_a_plan_without_has_none() -> None:
    assert list(shares_of(PLAN)) == ["output", "emissions"]
    assert shares_of(replace(PLAN, noise=None)) == {}
    assert draw({}, random.Random(1).getrandbits) == {}
    assert centred({}, {"output": 7}, 3) == {"output": 7}


def test_offsets_are_taken_off_and_noise_stays() -> None:
    shares = shares_of(PLAN)
    source = random.Random(2)
    drawn = [draw(shares, source.getrandbits) for _ in range(6)]
    for name, share in shares.items():
        assert all(abs(own[name]) <= share.most for own in drawn)
        assert len({own[name] for own in drawn}) > 1
    slots = {n: sum(100 + own[n] + s.most for own in drawn) for n, s in shares.items()}
    noise = {name: sum(own[name] for own in drawn) for name in shares}
    assert centred(shares, slots, 6) == {name: 600 + noise[name] for name in shares}


def test_a_ratio_lies_between_the_ends_of_its_sums() -> None:
    assert ratio_interval((100, 20), (50, 10), Fraction(3)) == (Fraction(4), Fraction(9))
    assert ratio_interval((10, 20), (50, 10), Fraction(1)) == (0, Fraction(3, 4))
    assert ratio_interval((100, 20), (10, 10), Fraction(1)) == (4, None)
    assert ratio_interval((100, 20), (-30, 10), Fraction(1)) == (0, None)


def test_the_plan_carries_its_noise() -> None:
    assert Plan.from_bytes(PLAN.to_bytes()) == PLAN
    exact = replace(PLAN, noise=None)
    assert Plan.from_bytes(exact.to_bytes()) == exact
    assert exact.hash != PLAN.hash


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"loss": Fraction(0)}, "loss is an exact number"),
        ({"loss": Fraction(17), "budget": Fraction(17)}, "loss is an exact number"),
        ({"loss": 0.05}, "loss is an exact number"),
        ({"budget": Fraction(1, 100)}, "less than what this release alone"),
        ({"delta": Fraction(1, 2)}, "delta is an exact number"),
        ({"delta": Fraction(10**77, 10**83 + 1)}, "256 bits"),
        ({"loss": Fraction(1, 30)}, "multiples of 1/1000000000"),
        ({"budget": Fraction(1, 7)}, "multiples of 1/1000000000"),
        ({"colluding": -1}, "colluding is a number"),
        ({"colluding": True}, "colluding is a number"),
    ],
)
def test_terms_that_mean_nothing_are_refused(change: dict[str, object], words: str) -> None:
    with pytest.raises(PlanError, match=words):
        replace(NOISE, **change)


def test_a_plan_whose_smallest_band_would_be_all_colluders_is_refused() -> None:
    replace(PLAN, noise=replace(NOISE, colluding=4))
    with pytest.raises(PlanError, match="nobody is left to protect; assume at most 4"):
        replace(PLAN, noise=replace(NOISE, colluding=5))
    replace(PLAN, noise=replace(NOISE, colluding=5), policy=Policy(6, 10))


def test_a_template_states_epsilon() -> None:
    noise = plan_of(TEXT + '[noise]\nepsilon = "1"\n').noise
    assert noise is not None
    assert (noise.delta, noise.colluding, noise.budget) == (MILLIONTH, 1, noise.loss)
    assert Fraction(2, 100) < noise.loss < Fraction(3, 100)
    more = plan_of(
        TEXT + '[noise]\nepsilon = "1"\ndelta = "1e-9"\ncolluding = 2\nbudget = 3\n'
    ).noise
    assert more is not None
    assert more.loss < noise.loss < more.budget
    assert more.colluding == 2


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ('epsilon = "0.0001"', "less than any plan can keep"),
        ('epsilon = "-1"', "less than any plan can keep"),
        ('epsilon = "1"\ndelta = "0"', "delta is an exact number"),
        ('epsilon = "1"\nbudget = "0.5"', "less than what this release alone"),
        ("epsilon = 0.5", "a TOML float is not exact"),
        ('loss = "1"', "epsilon"),
    ],
)
def test_a_template_that_asks_for_the_impossible_is_refused(table: str, words: str) -> None:
    with pytest.raises(PlanError, match=words):
        plan_of(f"{TEXT}[noise]\n{table}\n")
