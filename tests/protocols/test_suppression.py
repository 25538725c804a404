"""No combination of published cells isolates an unsafe set, and no more is withheld than has to be.

The oracles share no code with the product: exact elimination over all sets of leaves, the exact
p% rule on values, and every family of cells tried one by one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols import suppression
from protocols.cells import Decided, atoms_of, check_cells
from protocols.plan_terms import Policy
from protocols.policy import check_cell, check_measure, merge
from protocols.suppression import Unit, decide, units
from protocols.table import Cell, Table
from tests.strategies import UNLIMITED
from tests.tables import (
    Leaf,
    classes,
    exact_rule,
    filled_tables,
    histogram,
    isolated,
    opened,
)

POLICY = Policy(3, 10)
EVEN = [(100, 100)]


def run(table: Table, leaves: Sequence[Leaf], policy: Policy = POLICY) -> tuple[Decided, ...]:
    """Both steps, as trustees take them."""
    counts = [len(leaf) for leaf in leaves]
    return decide(table, counts, opened(leaves, units(table, counts, policy)), policy, UNLIMITED)


def published_and_filled(table: Table, leaves: Sequence[Leaf]) -> tuple[list[Cell], list[int]]:
    """The cells that are published, and the leaves that hold anybody."""
    decided = run(table, leaves)
    published = [c for c, d in zip(table.cells, decided, strict=True) if d.members]
    return published, [leaf for leaf, members in enumerate(leaves) if members]


def fates(table: Table, decided: Sequence[Decided]) -> dict[str, int | None]:
    """Members by path; None where withheld."""
    pairs = zip(table.cells, decided, strict=True)
    return {cell.path: None if one.withheld else one.members for cell, one in pairs}


def reasons(table: Table, decided: Sequence[Decided]) -> dict[str, str]:
    pairs = zip(table.cells, decided, strict=True)
    return {cell.path: one.withheld for cell, one in pairs if one.withheld}


@given(filled_tables())
def test_units_are_disjoint_sets_of_at_least_k_that_hold_everybody(
    drawn: tuple[Table, list[Leaf]],
) -> None:
    table, leaves = drawn
    counts = [len(leaf) for leaf in leaves]
    found = units(table, counts, POLICY)
    if sum(counts) < 3:
        assert found == ()
        return
    held = [leaf for unit in found for leaf in unit]
    assert sorted(held) == [leaf for leaf, members in enumerate(counts) if members]
    assert all(sum(counts[leaf] for leaf in unit) >= 3 for unit in found)


@settings(max_examples=300)
@given(filled_tables())
def test_no_combination_of_published_sums_isolates_an_unsafe_set(
    drawn: tuple[Table, list[Leaf]],
) -> None:
    table, leaves = drawn
    if sum(map(len, leaves)) < 3:
        return
    published, filled = published_and_filled(table, leaves)
    for chosen in isolated(published, filled):
        members = [pair for leaf in chosen for pair in leaves[leaf]]
        assert exact_rule([pair[0] for pair in members], POLICY)
        assert exact_rule([pair[1] for pair in members], POLICY)


@given(filled_tables())
def test_no_combination_of_published_counts_isolates_fewer_than_k(
    drawn: tuple[Table, list[Leaf]],
) -> None:
    """Counts by cell, and the number of members, which everybody sees in the transcript."""
    table, leaves = drawn
    if sum(map(len, leaves)) < 3:
        return
    published, filled = published_and_filled(table, leaves)
    for chosen in isolated([table.cells[0], *published], filled):
        assert sum(len(leaves[leaf]) for leaf in chosen) >= 3


Vector = tuple[tuple[int, int, tuple[int, ...]], ...]


def objective(table: Table, counts: Sequence[int], published: set[int]) -> Vector:
    """By depth: cells withheld, their members, and which."""
    deepest = max(cell.depth for cell in table.cells)
    withheld = [
        p
        for p, cell in enumerate(table.cells)
        if p not in published and any(counts[leaf] for leaf in cell.leaves)
    ]
    rows = []
    for depth in range(deepest + 1):
        here = tuple(p for p in withheld if table.cells[p].depth == depth)
        members = sum(counts[leaf] for p in here for leaf in table.cells[p].leaves)
        rows.append((len(here), members, here))
    return tuple(rows)


def families(table: Table, counts: Sequence[int]) -> Iterator[tuple[set[int], list[set[int]]]]:
    """Every set of cells that hold somebody, with its atoms of non-empty leaves."""
    present = [p for p, c in enumerate(table.cells) if any(counts[leaf] for leaf in c.leaves)]
    for number in range(len(present) + 1):
        for family in combinations(present, number):
            atoms = []
            for p in family:
                atom = {leaf for leaf in table.cells[p].leaves if counts[leaf]}
                for q in family:
                    inner, outer = table.cells[q], table.cells[p]
                    if q != p and outer.first <= inner.first and inner.end <= outer.end:
                        atom -= set(inner.leaves)
                atoms.append(atom)
            yield set(family), [atom for atom in atoms if atom]


@settings(max_examples=150, deadline=None)
@given(filled_tables())
def test_no_other_choice_is_better(drawn: tuple[Table, list[Leaf]]) -> None:
    """Among all families with the total, or none at all, whose atoms are unions of the opened sets
    and pass, by brute force."""
    table, leaves = drawn
    counts = [len(leaf) for leaf in leaves]
    if sum(counts) < 3:
        return
    found = units(table, counts, POLICY)
    held = opened(leaves, found)

    def passes(atom: set[int]) -> bool:
        own = [unit for unit in found if unit <= atom]
        whole = set().union(*own) == atom
        return whole and not check_cell(merge([held[unit] for unit in own]), POLICY, UNLIMITED)

    best = min(
        objective(table, counts, family)
        for family, atoms in families(table, counts)
        if (0 in family or not family) and all(map(passes, atoms))
    )
    decided = decide(table, counts, held, POLICY, UNLIMITED)
    published = {p for p, one in enumerate(decided) if one.members}
    assert objective(table, counts, published) == best


@settings(max_examples=150, deadline=None)
@given(filled_tables())
def test_joining_small_cells_before_classes_are_known_costs_nothing_where_all_pass(
    drawn: tuple[Table, list[Leaf]],
) -> None:
    table, drawn_leaves = drawn
    leaves = [EVEN * len(leaf) for leaf in drawn_leaves]
    counts = [len(leaf) for leaf in leaves]
    if sum(counts) < 3:
        return
    best = min(
        objective(table, counts, family)
        for family, atoms in families(table, counts)
        if all(sum(counts[leaf] for leaf in atom) >= 3 for atom in atoms)
    )
    decided = run(table, leaves)
    published = {p for p, one in enumerate(decided) if one.members}
    assert objective(table, counts, published) == best


@given(filled_tables())
def test_every_cell_is_published_with_its_members_or_withheld_with_a_reason(
    drawn: tuple[Table, list[Leaf]],
) -> None:
    table, leaves = drawn
    if sum(map(len, leaves)) < 3:
        return
    for cell, one in zip(table.cells, run(table, leaves), strict=True):
        members = sum(len(leaves[leaf]) for leaf in cell.leaves)
        assert one.members == (0 if one.withheld else members)
        if 0 < members < 3 and one.withheld != suppression.NO_TOTAL:
            assert one.withheld == "fewer than 3 enterprises"


@given(filled_tables())
def test_atoms_are_disjoint_and_make_up_every_published_cell(
    drawn: tuple[Table, list[Leaf]],
) -> None:
    table, leaves = drawn
    if sum(map(len, leaves)) < 3:
        return
    decided = run(table, leaves)
    atoms = atoms_of(table, decided)
    held_by = list(atoms.values())
    held = [leaf for atom in held_by for leaf in atom]
    assert len(held) == len(set(held))
    for cell, one in zip(table.cells, decided, strict=True):
        if one.members:
            inside = [a for a in held_by if set(a) <= set(cell.leaves)]
            filled = [leaf for leaf in cell.leaves if leaves[leaf]]
            assert sorted(leaf for atom in inside for leaf in atom) == filled
    if atoms:
        check_cells(table, decided, sum(map(len, leaves)), POLICY.minimum_cohort)


def test_the_smallest_safe_sibling_goes_with_a_single_enterprise() -> None:
    table = Table("sector", ("chemicals", "metals", "textiles"))
    decided = run(table, [EVEN, EVEN * 9, EVEN * 4])
    assert fates(table, decided) == {"": 14, "chemicals": None, "metals": 9, "textiles": None}
    assert reasons(table, decided) == {
        "chemicals": "fewer than 3 enterprises",
        "textiles": "withheld so that 'chemicals' cannot be found by subtraction",
    }


def test_two_small_cells_that_reach_k_together_need_no_third() -> None:
    table = Table("sector", ("a", "b", "c"))
    decided = run(table, [EVEN * 2, EVEN * 2, EVEN * 5])
    assert fates(table, decided) == {"": 9, "a": None, "b": None, "c": 5}


def test_a_single_small_cell_below_a_withheld_sibling_is_hidden_by_that_sibling() -> None:
    """`b` goes for `a`; inside it `b/x` may stay, since `a` and `b/y` have k together."""
    table = Table("sector", ("a", "b/x", "b/y", "c"))
    decided = run(table, [EVEN, EVEN * 3, EVEN * 2, EVEN * 9])
    assert fates(table, decided) == {"": 15, "a": None, "b": None, "b/x": 3, "b/y": None, "c": 9}


def test_an_empty_cell_is_published_as_empty() -> None:
    table = Table("sector", ("a", "b", "c"))
    decided = run(table, [[], EVEN * 3, EVEN * 5])
    assert fates(table, decided) == {"": 8, "a": 0, "b": 3, "c": 5}
    assert atoms_of(table, decided) == {2: (1,), 3: (2,)}


@pytest.mark.parametrize("giant", [(10**6, 100), (100, 10**6)])
def test_where_the_total_is_dominated_none_of_its_parts_is_published(
    giant: tuple[int, int],
) -> None:
    """A later round, of more members or without the measure that failed, would publish the rest."""
    table = Table("sector", ("giants", "others", "nobody"))
    decided = run(table, [[giant, (1, 1), (1, 1)], EVEN * 3, []])
    assert fates(table, decided) == dict.fromkeys(("", *table.leaves))
    found = reasons(table, decided)
    assert "one enterprise dominates" in found.pop("")
    assert set(found.values()) == {
        "the total cannot be published, and without it no cell is",
    }


@given(filled_tables())
def test_cells_are_published_with_their_total_or_not_at_all(
    drawn: tuple[Table, list[Leaf]],
) -> None:
    """So the sets that a reader can isolate make up the whole cohort, all of them safe."""
    table, leaves = drawn
    if sum(map(len, leaves)) < 3:
        return
    decided = run(table, leaves)
    assert bool(decided[0].members) == any(one.members for one in decided)
    assert bool(decided[0].members) == all(
        exact_rule([pair[measure] for leaf in leaves for pair in leaf], POLICY)
        and not check_cell(classes(leaves, range(len(leaves))), POLICY, UNLIMITED)
        for measure in (0, 1)
    )


def test_a_residual_that_stays_dominated_takes_a_third_cell() -> None:
    """The largest of ``a`` needs the others to hold 10 % of it: ``b`` alone does not give that."""
    table = Table("sector", ("a", "b", "c", "d"))
    giant = [(30_000, 100), (10, 100), (10, 100)]
    decided = run(table, [giant, EVEN * 3, [(2000, 100)] * 5, [(2000, 100)] * 6])
    assert fates(table, decided) == {"": 17, "a": None, "b": 3, "c": None, "d": 6}


def test_nothing_but_the_total() -> None:
    table = Table("sector", ("a", "b"))
    held: dict[Unit, dict[str, tuple[int, ...]]] = {
        frozenset((0, 1)): {"output": histogram([100] * 6)}
    }
    decided = suppression.only_total(
        table, 6, held, POLICY, UNLIMITED, "an earlier release has the same"
    )
    assert fates(table, decided) == {"": 6, "a": None, "b": None}
    assert reasons(table, decided)["b"] == "an earlier release has the same"
    assert atoms_of(table, decided) == {0: (0, 1)}
    held = {frozenset((0, 1)): {"output": histogram([2**18, 1, 1, 1])}}
    decided = suppression.only_total(
        table, 4, held, POLICY, UNLIMITED, "an earlier release has the same"
    )
    assert fates(table, decided) == {"": None, "a": None, "b": None}


@pytest.mark.parametrize("limit", [0, 1, 8])
def test_the_greedy_search_is_sound_and_spares_what_it_can(
    limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(suppression, "MAX_TRIALS", limit)
    table = Table("sector", tuple(f"s{i}" for i in range(8)))
    leaves: list[Leaf] = [[(2**15, 100), (10, 100), (10, 100)]]
    leaves += [[(700, 100)] * (3 + i) for i in range(7)]
    decided = run(table, leaves)
    published = [p for p, one in enumerate(decided) if one.members]
    atoms = atoms_of(table, decided)
    for atom in atoms.values():
        assert not check_cell(classes(leaves, atom), POLICY, UNLIMITED)
    assert 0 in published
    for p in range(1, 9):
        if p not in published and not check_cell(classes(leaves, [p - 1]), POLICY, UNLIMITED):
            rest = set(atoms[0]) - {p - 1}
            assert check_cell(classes(leaves, rest), POLICY, UNLIMITED), (
                f"cell {p} could have been spared"
            )


@given(st.data())
def test_the_greedy_search_isolates_nothing_unsafe_either(data: st.DataObject) -> None:
    table, leaves = data.draw(filled_tables())
    if sum(map(len, leaves)) < 3:
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(suppression, "MAX_TRIALS", 0)
        decided = run(table, leaves)
    for atom in atoms_of(table, decided).values():
        assert not check_cell(classes(leaves, atom), POLICY, UNLIMITED)


def test_sixty_four_leaves_are_decided_at_once() -> None:
    """The most that a plan may list, with a giant that takes many others with it."""
    table = Table("sector", tuple(f"s{i:02d}" for i in range(64)))
    leaves: list[Leaf] = [[(2**19, 100), (10, 100), (10, 100)]]
    leaves += [[(1000 + i, 100)] * (3 + i % 7) for i in range(63)]
    decided = run(table, leaves)
    assert decided[0].members == sum(map(len, leaves))
    assert not check_cell(classes(leaves, atoms_of(table, decided)[0]), POLICY, UNLIMITED)


def test_the_search_does_not_add_up_empty_classes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A plan with a huge bound and fine classes must not keep a trustee thinking."""
    table = Table("sector", tuple(f"leaf-{number}" for number in range(12)))
    counts = [5] * 12
    full = (0, 0, 0, 0, 5, *[0] * 791)
    own = {unit: {"output": full} for unit in units(table, counts, POLICY)}
    asked: list[int] = []

    def check(name: str, merged: Sequence[int], *rest: Any) -> Any:
        asked.append(len(merged))
        return check_measure(name, merged, *rest)

    monkeypatch.setattr(suppression, "check_measure", check)
    decided = decide(table, counts, own, POLICY, UNLIMITED)
    assert [cell.members for cell in decided] == [60, *counts]
    assert asked
    assert set(asked) == {5}
