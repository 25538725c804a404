"""The rule about differences: what it lets through isolates nobody, and what it refuses does."""

from __future__ import annotations

import random
from collections.abc import Hashable, Iterator, Sequence, Set
from dataclasses import dataclass, field, replace
from itertools import accumulate, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.differencing import Decision, Opened, decide
from protocols.periods import Relation, relation
from protocols.plan_terms import Policy
from tests.elimination import isolated

K = 3
POLICY = Policy(minimum_cohort=K)
PERIODS = ("2024", "2025", "2025-H1", "2026", "2027")
ENTERPRISES = 11


def members(first: int, end: int, *more: int) -> tuple[bytes, ...]:
    return tuple(f"e{n}".encode() for n in (*range(first, end), *more))


def against(*earlier: Opened, proposed: Opened) -> Decision:
    return decide(earlier, proposed, POLICY)


def rules(decision: Decision) -> set[str]:
    return {refusal.rule for refusal in decision.refused}


A = Opened("a", "2025", members(0, 6))


def test_the_first_release_and_disjoint_ones_are_free() -> None:
    for earlier in ((), (A,), (A, Opened("b", "2025", members(6, 9)))):
        decision = against(*earlier, proposed=Opened("c", "2025", members(9, 15)))
        assert decision.allowed
        assert not decision.totals_only
        assert decision.atoms == (tuple(range(6)),)


def test_a_superset_with_enough_new_enterprises_publishes_totals_only() -> None:
    decision = against(A, proposed=Opened("b", "2025", members(0, 9)))

    assert decision.allowed
    assert decision.totals_only
    assert "round a" in decision.totals_reason
    assert decision.atoms == (tuple(range(6)), (6, 7, 8))
    assert (decision.fresh, decision.needs_fresh) == (frozenset((6, 7, 8)), True)


@pytest.mark.parametrize("added", [1, 2])
def test_with_and_without_a_few_is_refused(added: int) -> None:
    decision = against(A, proposed=Opened("b", "2025", members(0, 6 + added)))

    (refusal,) = decision.refused
    assert refusal.rule == "nothing-new"
    assert "or none" not in refusal.text  # without new ones it would be refused as well
    assert "may be opened with at least 3 enterprises more" in refusal.text


def test_the_same_cohort_again_shows_corrections_only() -> None:
    assert rules(against(A, proposed=Opened("b", "2025", members(0, 6)))) == {"nothing-new"}


def test_a_cohort_put_together_from_two_is_nothing_new() -> None:
    other = Opened("b", "2025", members(6, 9))

    assert rules(against(A, other, proposed=Opened("c", "2025", members(0, 9)))) == {"nothing-new"}
    assert against(A, other, proposed=Opened("c", "2025", members(0, 12))).allowed


@pytest.mark.parametrize("gone", [1, 2, 4])
@pytest.mark.parametrize("period", ["2025", "2026", "2025-Q3"])
def test_whoever_left_is_not_shown_by_a_panel(gone: int, period: str) -> None:
    decision = against(A, proposed=Opened("b", period, members(gone, 6 + 4)))

    assert "departure" in rules(decision)
    text = next(refusal.text for refusal in decision.refused if refusal.rule == "departure")
    assert text.startswith(f"round a (2025) was opened with {gone} enterprise")
    assert against(A, proposed=Opened("b", "2027", members(gone, 10))).allowed


def test_the_next_period_with_the_same_members_is_free() -> None:
    decision = against(A, proposed=Opened("b", "2026", members(0, 6)))

    assert decision.allowed
    assert not decision.totals_only
    assert not decision.needs_fresh


def test_entrants_of_the_next_period_are_a_safe_atom() -> None:
    allowed = against(A, proposed=Opened("b", "2026", members(0, 9)))
    refused = against(A, proposed=Opened("b", "2026", members(0, 8)))

    assert allowed.allowed
    assert allowed.totals_only
    assert allowed.atoms == (tuple(range(6)), (6, 7, 8))
    assert rules(refused) == {"small-atom"}


TABLE = Opened("a", "2025", members(0, 6), tabled=True)


@pytest.mark.parametrize("earlier", [A, TABLE])
def test_a_table_after_bands_or_cells_keeps_to_its_total(earlier: Opened) -> None:
    decision = against(earlier, proposed=Opened("b", "2026", members(0, 6), tabled=True))

    assert decision.allowed
    assert decision.totals_only
    assert decision.totals_reason.startswith("round a of a consecutive period published bands or")
    assert "a year or more from the last" in decision.totals_reason


def test_bands_after_a_table_are_given_up_too() -> None:
    assert against(TABLE, proposed=Opened("b", "2026", members(0, 6))).totals_only
    assert not against(A, proposed=Opened("b", "2026", members(0, 6))).totals_only
    alone = Opened("b", "2026", members(0, 6), banded=False)
    assert not against(TABLE, proposed=alone).totals_only


def test_a_table_is_free_beside_totals_and_far_from_other_parts() -> None:
    totals = Opened("t", "2025", members(0, 6), banded=False)
    for period, first in (("2026", 0), ("2027", 0), ("2026", 6)):
        proposed = Opened("b", period, members(first, first + 6), tabled=True)
        earlier = [totals] if (period, first) == ("2026", 0) else [totals, TABLE, A]
        assert not against(*earlier, proposed=proposed).totals_only


def test_a_period_between_two_is_held_against_both() -> None:
    later = Opened("b", "2027", members(1, 6))
    assert against(A, proposed=later).allowed
    for first in (0, 1):
        decision = against(A, later, proposed=Opened("c", "2026", members(first, 6)))
        assert rules(decision) & {"small-atom", "departure"}


def test_a_part_of_the_year_is_not_compared_with_the_year() -> None:
    decision = against(A, proposed=Opened("b", "2025-Q1", members(0, 9)))

    assert rules(decision) == {"period"}
    assert "overlaps with 2025-Q1; it may be opened for 2025," in decision.refused[0].text
    assert against(A, proposed=Opened("b", "2025-Q1", members(6, 9))).allowed


def test_known_cells_cut_atoms_too() -> None:
    earlier = Opened("a", "2025", members(0, 9), (members(0, 3), members(3, 9)))
    cells = (members(0, 4), members(4, 9))
    proposed = Opened("b", "2026", members(0, 9), cells, banded=False)

    decision = against(earlier, proposed=proposed)

    assert rules(decision) == {"small-atom"}
    assert decision.atoms == ((0, 1, 2), (3,), (4, 5, 6, 7, 8))
    same = Opened("b", "2026", members(0, 9), earlier.cells, banded=False)
    assert against(earlier, proposed=same).atoms == ((0, 1, 2), (3, 4, 5, 6, 7, 8))
    own = Opened("b", "2030", members(0, 9), (*cells[:1], members(4, 6)), banded=False)
    assert "its own cells leave 1 group" in against(earlier, proposed=own).refused[0].text


def test_cells_of_the_same_data_are_given_up() -> None:
    proposed = Opened("b", "2025", members(0, 9), (members(0, 5),), banded=False)

    decision = against(A, proposed=proposed)

    assert decision.totals_only
    assert decision.atoms == (tuple(range(6)), (6, 7, 8))


def test_enterprises_that_became_one_are_not_compared() -> None:
    joined = Opened("b", "2026", (b"e0", *members(0, 6)))

    decision = against(A, proposed=joined)

    assert rules(decision) == {"identity"}
    assert rules(against(joined, proposed=Opened("c", "2027", members(0, 6)))) == {"identity"}
    assert decision.atoms == (tuple(range(7)),)


def test_a_repeated_enterprise_is_one() -> None:
    twice = Opened("a", "2025", (b"e0", b"e0", b"e1"))
    assert rules(against(proposed=twice)) == {"minimum-cohort"}


def test_sets_are_counted_in_sorted_order() -> None:
    decision = against(A, proposed=Opened("b", "2026", frozenset(members(0, 9))))
    assert decision.atoms == against(A, proposed=Opened("b", "2026", members(0, 9))).atoms


# Random sequences of releases, with and without the rule


@dataclass
class Publisher:
    """Publishes what it is told to, and remembers every sum that is public by its members.

    Bands have members that the ledger does not know; whoever reads is given them all the same. The
    data of an enterprise has a version in each period, which a correction replaces.
    """

    ledger: bool
    opened: list[Opened] = field(default_factory=list)
    sums: list[list[frozenset[Hashable]]] = field(default_factory=list)
    versions: dict[Hashable, int] = field(default_factory=dict)

    def offer(self, proposed: Opened, corrected: Sequence[bytes], bands: Sequence[int]) -> bool:
        """Publish unless the rule forbids it; whether it was published."""
        decision = decide(self.opened, proposed, POLICY)
        if self.ledger and not decision.allowed:
            return False
        for enterprise in corrected:
            self.versions[enterprise] = self.versions.get(enterprise, 1) + 1
        items = [(enterprise, self.versions.get(enterprise, 1)) for enterprise in proposed.items]
        sets: list[frozenset[Hashable]] = [frozenset(items)]
        if not (self.ledger and decision.totals_only):
            cuts = [0, *accumulate(bands)]
            sets += [frozenset(items[a:b]) for a, b in pairwise(cuts)]
        self.opened.append(proposed)
        self.sums.append([own for own in sets if own])
        return True

    def leaks_members(self) -> bool:
        """Whether totals of related periods show who came or left, as if no value had changed."""
        last = self.opened[-1]
        totals = [set(o.items) for o in self.opened if _related(o, last)]
        return bool(isolated(_touching(totals), K))

    def leaks_data(self) -> bool:
        """Whether sums over the very same data, bands and corrections among them, isolate any."""
        last = self.opened[-1]
        sets = [
            own
            for release, held in zip(self.opened, self.sums, strict=True)
            if relation(release.period, last.period) is Relation.OVERLAPPING
            for own in held
        ]
        return bool(isolated(_touching(sets), K))


def _related(one: Opened, other: Opened) -> bool:
    return relation(one.period, other.period) is not Relation.APART


def _touching(sets: Sequence[Set[Hashable]]) -> list[Set[Hashable]]:
    """The sets that share items with the last one, over others if need be."""
    left = list(sets)
    component = [left.pop()]
    grown = True
    while grown:
        grown = False
        for own in list(left):
            if any(own & other for other in component):
                left.remove(own)
                component.append(own)
                grown = True
    return component


BLOCKS = (members(0, 3), members(3, 6), members(6, 9), members(9, 11))
"""Random subsets hardly ever fit each other; unions of blocks often do."""


@st.composite
def offers(draw: st.DrawFn) -> tuple[Opened, list[bytes], list[int]]:
    chosen = draw(st.sets(st.sampled_from(BLOCKS), min_size=1))
    extra = draw(st.sets(st.integers(0, ENTERPRISES - 1), max_size=2))
    toggled = {f"e{n}".encode() for n in extra}
    items = tuple(sorted({e for block in chosen for e in block} ^ toggled))
    corrected = draw(st.lists(st.sampled_from(items), max_size=2)) if items else []
    bands = draw(st.sampled_from([[3, 3, 5], [4, 7], [5, 6], [11]]))
    if any(0 < len(items[a:]) < K for a in accumulate(bands)):
        bands = [11]
    proposed = Opened(f"r{draw(st.integers(0, 10**6))}", draw(st.sampled_from(PERIODS)), items)
    return proposed, corrected, bands


@settings(max_examples=150, deadline=None)
@given(st.lists(offers(), min_size=2, max_size=6))
def test_no_sequence_that_is_let_through_isolates_anybody(
    sequence: list[tuple[Opened, list[bytes], list[int]]],
) -> None:
    publisher = Publisher(ledger=True)
    for proposed, corrected, bands in sequence:
        if publisher.offer(proposed, corrected, bands):
            assert not publisher.leaks_members()
            assert not publisher.leaks_data()


def random_sequences(count: int) -> Iterator[list[tuple[Opened, list[bytes], list[int]]]]:
    chance = random.Random(7)
    for number in range(count):
        sequence: list[tuple[Opened, list[bytes], list[int]]] = []
        for place in range(5):
            chosen = set(chance.sample(BLOCKS[:3], chance.randint(1, 3)))
            items = {e for block in chosen for e in block}
            if chance.random() < 0.4:
                items ^= {chance.choice(members(0, ENTERPRISES))}
            period = chance.choice(PERIODS)
            proposed = Opened(f"{number}-{place}", period, tuple(sorted(items)))
            sequence.append((proposed, [], [11]))
        yield sequence


def test_the_same_sequences_leak_without_the_rule() -> None:
    leaking = published = 0
    for sequence in random_sequences(60):
        without, with_rule = Publisher(ledger=False), Publisher(ledger=True)
        leaks = False
        for offer in sequence:
            without.offer(*offer)
            leaks |= without.leaks_members()
            if with_rule.offer(*offer):
                assert not with_rule.leaks_members()
                assert not with_rule.leaks_data()
        leaking += leaks
        published += len(with_rule.opened)
    assert leaking >= 20
    assert published >= 120, "a rule that lets nothing through proves nothing"


def test_a_round_is_called_so_once() -> None:
    text = against(A, proposed=Opened("b", "2026", members(1, 6))).refused[0].text
    assert text.startswith("round a (2025) was opened")
    named = against(replace(A, round_id="round-1"), proposed=Opened("b", "2026", members(1, 6)))
    assert named.refused[0].text.startswith("round-1 (2025) was opened")
