"""Losses are converted soundly, and the account refuses what breaks a promise."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.noise_terms import Noise
from protocols.privacy_loss import Told, describe, epsilon_of, loss_for, reasons_against

MILLIONTH = Fraction(1, 10**6)

OPENDP = [
    ("0.001", "1e-6", "0.18289537719007626"),
    ("0.001", "1e-3", "0.09036205113813313"),
    ("0.01", "1e-9", "0.8101744678675343"),
    ("0.05", "1e-6", "1.4715947505324163"),
    ("0.5", "1e-6", "5.22153444453017"),
    ("0.5", "1e-3", "3.5365618461689596"),
    ("2", "1e-9", "14.150147553874598"),
    ("16", "1e-6", "44.289228672964114"),
]
"""rho, delta, epsilon: by OpenDP 0.16.0, ``make_zCDP_to_approxDP`` of a discrete Gaussian."""


@pytest.mark.parametrize(("loss", "delta", "theirs"), OPENDP)
def test_epsilon_is_that_of_opendp_rounded_up(loss: str, delta: str, theirs: str) -> None:
    ours = epsilon_of(Fraction(loss), Fraction(delta))
    assert Decimal(theirs) <= ours <= Decimal(theirs) * Decimal("1.002")


@settings(max_examples=30)
@given(st.fractions(Fraction(1, 10), 30), st.sampled_from([Fraction(1, 1000), MILLIONTH]))
def test_a_loss_for_an_epsilon_keeps_it_and_uses_it(epsilon: Fraction, delta: Fraction) -> None:
    loss = loss_for(epsilon, delta)
    stated = Fraction(epsilon_of(loss, delta))
    assert epsilon * Fraction(999, 1000) < stated <= epsilon * Fraction(1001, 1000)


def test_an_epsilon_that_no_loss_keeps_gives_none() -> None:
    assert loss_for(Fraction(1, 1000), MILLIONTH) == 0
    assert loss_for(Fraction(-1), MILLIONTH) == 0


def noisy(name: str, items: str, loss: int, budget: int, period: str = "2025") -> Told:
    return Told(name, period, frozenset(items), Fraction(loss, 10), Fraction(budget, 10))


def exact(name: str, items: str, period: str = "2025") -> Told:
    return Told(name, period, frozenset(items), None, None)


def test_exact_releases_owe_nothing() -> None:
    assert reasons_against([exact("a", "xyz")], exact("b", "xyz")) == []


def test_losses_of_the_same_data_add_up_to_the_budget() -> None:
    earlier = [noisy("a", "xyz", 2, 5), noisy("b", "yz", 3, 5)]
    assert reasons_against(earlier[:1], noisy("c", "xyz", 3, 5)) == []
    (reason,) = reasons_against(earlier, noisy("c", "xyz", 1, 5))
    assert "2 enterprises" in reason
    assert "round b" in reason
    assert "smaller epsilon" in reason
    assert reasons_against(earlier, noisy("c", "x", 3, 5)) == []


def test_an_earlier_promise_binds_a_later_plan() -> None:
    assert reasons_against([noisy("a", "x", 2, 3)], noisy("b", "x", 2, 160))
    assert reasons_against([noisy("a", "x", 2, 160)], noisy("b", "x", 2, 3))


def test_data_of_another_period_has_an_account_of_its_own() -> None:
    earlier = [noisy("a", "xyz", 5, 5, "2024"), noisy("b", "xyz", 5, 5, "2025-Q1")]
    assert reasons_against(earlier[:1], noisy("c", "xyz", 5, 5)) == []
    assert reasons_against(earlier, noisy("c", "xyz", 5, 5))


def test_an_exact_release_breaks_a_promise_whichever_comes_first() -> None:
    (after,) = reasons_against([noisy("a", "x", 1, 5)], exact("b", "xy"))
    assert "add [noise]" in after
    assert "1 enterprise " in after
    (before,) = reasons_against([exact("a", "x")], noisy("b", "xy", 1, 5))
    assert "without noise before, last in round a" in before


def test_a_promise_for_a_year_counts_both_halves() -> None:
    earlier = [noisy("a", "x", 2, 4, "2025"), noisy("b", "x", 1, 2, "2025-H1")]
    assert reasons_against(earlier, noisy("c", "x", 1, 9, "2025-H2")) == []
    assert reasons_against(earlier, noisy("c", "x", 2, 9, "2025-H2"))
    # Two parts of a decade may lie apart from each other.
    decade = [noisy("a", "x", 1, 9, "2010"), noisy("b", "x", 1, 2, "2010-2019")]
    assert reasons_against(decade, noisy("c", "x", 1, 9, "2016"))
    assert reasons_against(decade, noisy("c", "x", 1, 9, "2020")) == []
    # The halves tell nothing of each other.
    assert reasons_against(earlier[1:], noisy("c", "x", 9, 9, "2025-H2")) == []


@st.composite
def told(draw: st.DrawFn) -> Told:
    name = draw(st.text("abc", min_size=1, max_size=2))
    items = draw(st.frozensets(st.integers(0, 5), min_size=1))
    period = draw(st.sampled_from(["2024", "2025", "2025-H1", "2025-H2", "2025-Q1"]))
    if draw(st.booleans()):
        return Told(name, period, items, None, None)
    loss = Fraction(draw(st.integers(1, 9)), 10)
    return Told(name, period, items, loss, loss + Fraction(draw(st.integers(0, 9)), 10))


@given(st.lists(told(), max_size=12))
def test_what_is_accepted_one_by_one_keeps_every_promise(proposed: list[Told]) -> None:
    """Recomputed for every enterprise and year from the whole history."""
    accepted: list[Told] = []
    for one in proposed:
        if not reasons_against(accepted, one):
            accepted.append(one)
    for promise in accepted:
        if promise.budget is None:
            continue
        for item in promise.items:
            same = [a for a in accepted if item in a.items and overlap(a.period, promise.period)]
            assert all(a.loss is not None for a in same)
            assert sum(a.loss for a in same) <= promise.budget


def overlap(first: str, second: str) -> bool:
    """By months, and not by the product's code."""
    months = {"H1": range(6), "H2": range(6, 12), "Q1": range(3)}
    (year, _, part), (other, _, rest) = first.partition("-"), second.partition("-")
    whole = range(12)
    return year == other and bool({*months.get(part, whole)} & {*months.get(rest, whole)})


def test_a_plan_tells_what_its_noise_says() -> None:
    noise = Noise(Fraction(1, 10), Fraction(2, 10), MILLIONTH)
    assert Told.of("a", "2025", frozenset("x"), noise) == noisy("a", "x", 1, 2)
    assert Told.of("a", "2025", frozenset("x"), None) == exact("a", "x")


def test_the_owner_of_a_node_is_told_in_words() -> None:
    words = describe(Noise(Fraction(4), Fraction(8), MILLIONTH, 2))
    assert "epsilon = 17.87 by this release, 27.82 by all" in words
    assert "delta = 0.000001; holds against 2 of a band" in words
