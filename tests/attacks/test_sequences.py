"""Random sequences of releases: what the ledger lets pass gives nobody away; without it, they do.

A sequence draws cohorts from overlapping blocks of firms, in several periods, with corrections and
with bands. :class:`~tests.attacks.releases.Desk` decides each as a trustee would. The oracle knows
nothing of atoms of the ledger: it eliminates over the rationals what all published totals together
say about 1 to k - 1 items alone, or about a set of items that fails the exact p% rule.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Hashable, Iterable, Mapping
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols import differencing
from protocols.policy import safe
from tests.attacks import releases
from tests.attacks.confinement import Confinement
from tests.attacks.elimination import exposed, fewer_than
from tests.attacks.published import Publication, SumOf
from tests.attacks.releases import BOUND, MEASURE, POLICY, Desk, Item, accept_everything
from tests.attacks.result import removed
from tests.strategies import NO_LIMITS

K = POLICY.minimum_cohort
BLOCKS = {
    "a": [f"a{i}" for i in range(5)],
    "b": [f"b{i}" for i in range(6)],
    "c": [f"c{i}" for i in range(5)],
    "heavy": ["y0", "y1", "y2", "y3", "z"],
    "one": ["x"],
}
LARGE = "z"
"""Dominates its own block, but no cohort of two blocks or more."""
PERIODS = ("2025", "2026")


@dataclass(frozen=True)
class Step:
    """A proposed release: of these blocks, after these corrections, with or without bands."""

    period: str
    blocks: frozenset[str]
    corrected: frozenset[str]
    banded: bool


def steps(periods: tuple[str, ...], *, corrections: bool) -> st.SearchStrategy[list[Step]]:
    """Sequences of up to six proposals."""
    firms = sorted(firm for block in BLOCKS.values() for firm in block)
    names = st.sampled_from(firms)
    step = st.builds(
        Step,
        st.sampled_from(periods),
        st.frozensets(st.sampled_from(sorted(BLOCKS)), min_size=1),
        st.frozensets(names, max_size=3) if corrections else st.just(frozenset()),
        st.booleans(),
    )
    return st.lists(step, min_size=2, max_size=6)


def play(sequence: Iterable[Step], desk: Desk) -> int:
    """Offer every step; how many were published. A correction stays for all later releases."""
    versions: dict[tuple[str, str], int] = {}
    published = 0
    for step in sequence:
        for firm in step.corrected:
            key = firm, step.period
            versions[key] = versions.get(key, 1) + 1
        blocks = [
            {
                item: value_of(item)
                for firm in BLOCKS[name]
                for item in [Item(firm, step.period, versions.get((firm, step.period), 1))]
            }
            for name in sorted(step.blocks)
        ]
        data = {item: value for block in blocks for item, value in block.items()}
        before = len(desk.totals)
        desk.offer(step.period, data, blocks if step.banded else ())
        published += len(desk.totals) > before
    return published


def value_of(item: Item) -> int:
    """Firms of like size, but for one; another value in each period and version."""
    base = 40 * 10**6 if item.enterprise == LARGE else 10**6
    return base + 997 * sum(map(ord, item.enterprise)) + 31 * item.version + int(item.period[:4])


def known_sets(desk: Desk, *, periods_apart: bool) -> list[frozenset[Hashable]]:
    """The published sets; a firm is one item in all periods unless they are kept apart."""
    if periods_apart:
        return [frozenset[Hashable](total.items) for total in desk.totals]
    return [frozenset[Hashable](item.enterprise for item in t.items) for t in desk.totals]


def fails_exact_rule(items: Collection[Hashable]) -> bool:
    """Whether the exact policy refuses the sum over these items."""
    return not safe([value_of(item) for item in items if isinstance(item, Item)], POLICY, NO_LIMITS)


@settings(max_examples=60, deadline=None)
@given(steps(("2025",), corrections=True))
def test_no_combination_is_about_fewer_than_k_items(sequence: list[Step]) -> None:
    desk = Desk()
    play(sequence, desk)
    assert exposed(known_sets(desk, periods_apart=True), fewer_than(K)) is None


@settings(max_examples=40, deadline=None)
@given(steps(("2025",), corrections=False))
def test_no_combination_is_about_an_unsafe_set(sequence: list[Step]) -> None:
    desk = Desk()
    play(sequence, desk)
    assert exposed(known_sets(desk, periods_apart=True), fails_exact_rule) is None


@settings(max_examples=40, deadline=None)
@given(steps(PERIODS, corrections=False))
def test_of_consecutive_periods_the_difference_isolates_nobody(sequence: list[Step]) -> None:
    """As if nobody's value had changed from year to year, the worst case for a leaver."""
    desk = Desk()
    play(sequence, desk)
    totals = [set(release.items) for release in desk.ledger]
    assert exposed([frozenset[Hashable](items) for items in totals], fewer_than(K)) is None


@settings(max_examples=10, deadline=None)
@given(steps(("2025",), corrections=False), st.sampled_from(["a0", "b1", "c4", "x", LARGE]))
def test_what_is_published_leaves_every_value_its_interval(
    sequence: list[Step], insider: str
) -> None:
    desk = Desk()
    play(sequence, desk)
    publication, members, items = as_publication(desk)
    known = frozenset(i for i, item in enumerate(items) if item.enterprise == insider)
    confinement = Confinement(publication, members, known)
    for index, item in enumerate(items):
        if index not in known:
            interval = confinement.interval(index, MEASURE)
            assert interval.wide_enough(POLICY.dominance_percent), (item, interval)


def test_without_the_ledger_the_interval_of_one_is_a_point() -> None:
    sequence = [_step("a", "b", "one"), _step("a", "b")]
    for weakened, published in ((True, 2), (False, 1)):
        desk = Desk()
        with removed(weakened, differencing, "decide", accept_everything):
            assert play(sequence, desk) == published
        publication, members, items = as_publication(desk)
        victim = items.index(Item("x", "2025"))
        interval = Confinement(publication, members, frozenset()).interval(victim, MEASURE)
        assert (interval.width() < 1e-5) is weakened
        assert interval.wide_enough(POLICY.dominance_percent) is not weakened


def test_an_atom_of_k_that_one_firm_dominates_is_refused() -> None:
    sequence = [_step("a", "b"), _step("a", "b", "heavy")]
    desk = Desk()
    assert play(sequence, desk) == 1
    heavy = {Item(firm, "2025"): value_of(Item(firm, "2025")) for firm in BLOCKS["heavy"]}
    others = {item: value_of(item) for total in desk.totals for item in total.items}
    (reason,) = desk.offer("2025", {**others, **heavy})
    assert reason.startswith("unsafe-atom: 1 of 2 atoms")
    unchecked = Desk()
    with removed(True, releases, "check_measure", lambda *_: None):
        assert play(sequence, unchecked) == 2
    sets = known_sets(unchecked, periods_apart=True)
    assert exposed(sets, fewer_than(K)) is None
    assert exposed(sets, fails_exact_rule) == frozenset(heavy)


def _step(*blocks: str) -> Step:
    return Step("2025", frozenset(blocks), frozenset(), banded=False)


def as_publication(desk: Desk) -> tuple[Publication, list[Mapping[str, int]], list[Item]]:
    """The totals of a desk in the model of the linear programmes."""
    items = sorted(frozenset[Item]().union(*(total.items for total in desk.totals)))
    place = {item: index for index, item in enumerate(items)}
    sums = (
        SumOf(MEASURE, frozenset(place[item] for item in total.items), total.value)
        for total in desk.totals
    )
    limits = {MEASURE: (0, BOUND)}
    members: list[Mapping[str, int]] = [{MEASURE: value_of(item)} for item in items]
    return Publication(len(items), limits, tuple(dict.fromkeys(sums))), members, items


@pytest.mark.parametrize(("corrections", "periods"), [(True, ("2025",)), (False, PERIODS)])
def test_without_the_ledger_the_same_sequences_leak(
    corrections: bool, periods: tuple[str, ...]
) -> None:
    chance = random.Random(4)
    leaks = passed = refused = 0
    for _ in range(60):
        sequence = [_drawn(chance, periods, corrections) for _ in range(4)]
        guarded, open_to_all = Desk(), Desk()
        published = play(sequence, guarded)
        with removed(True, differencing, "decide", accept_everything):
            play(sequence, open_to_all)
        passed += published > 1
        refused += published < len(sequence)
        assert exposed(_sets(guarded, corrections), fewer_than(K)) is None
        leaks += exposed(_sets(open_to_all, corrections), fewer_than(K)) is not None
    assert leaks > 10
    assert passed > 10
    assert refused > 20


def _sets(desk: Desk, corrections: bool) -> list[frozenset[Hashable]]:
    if corrections:
        return known_sets(desk, periods_apart=True)
    return [frozenset[Hashable](release.items) for release in desk.ledger]


def _drawn(chance: random.Random, periods: tuple[str, ...], corrections: bool) -> Step:
    """Like :func:`steps`, from a seed: blocks are added more often than left out."""
    names = [name for name in sorted(BLOCKS) if chance.random() < 0.7] or ["a"]
    firms = [firm for block in BLOCKS.values() for firm in block]
    corrected = chance.sample(firms, chance.randrange(3)) if corrections else []
    return Step(
        chance.choice(periods), frozenset(names), frozenset(corrected), chance.random() < 0.5
    )
