"""Which cells of a table are published, so that none that is unsafe can be found by subtraction.

Cells form a tree, so the published ones are nested or disjoint. What a reader can compute from
their sums are sums over *atoms*: the leaves of a published cell that lie in no published cell below
it. The indicator vectors of nested sets span exactly those of their atoms, so every linear
combination of published figures weighs whole atoms, and the smallest set that it can isolate is
one atom ("the residual of a margin is a cell too"). The rule is therefore: every atom is empty or
passes the whole policy. Published cells are unions of atoms, and unions of passing cells pass.

**No cell without the total.** If the total fails, for whichever measure, nothing is published. Else
what the published cells leave of it would be a set that no later round knows to be unsafe: one that
holds this cohort and others, of the measures that do pass, would publish the missing total. So
whatever is published, the atoms make up the whole cohort, each of them safe.

**Objective.** A total is more important than its parts, so depths are compared one after the other
from the total downwards. At each depth: withhold the fewest cells, among these choices the fewest
members, then the cells that are listed first. Deeper depths never change a higher one: if parts
could be published so that the rest is safe, then their union, the higher cell, was safe already.

**In steps, so that trustees see no classes of fewer than k.** First the table is decided as though
every class passed: k alone counts (:func:`units`). Its atoms, each of at least k members, are the
only sets whose classes are opened. Then it is decided again with classes, where a cell can be
published if it is a union of these sets (:func:`decide`). A cell of fewer than k joins the siblings
that are withheld with it, before any class is known: their classes cannot be opened apart, since
the difference would show those of fewer than k.

**Empty cells** are published as such. Nobody in them has a value to find, and the difference shows
them in most tables anyway. A withheld leaf therefore holds somebody, and its reason may say that it
holds fewer than k: whoever lists a leaf that only one enterprise can be in asks whether that one
took part. SPEC.md section 8, docs/plans.md.

**What the choice tells.** The rule is public, so a reader knows that choices of fewer or smaller
cells did not pass: something about the order of member counts and about classes, as the cuts of
bands tell, and no value. The names follow Hundepool et al., Handbook on Statistical Disclosure
Control, chapter 4: primary and secondary suppression.

Everything is a pure function of integers, so that all trustees arrive at the same result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import combinations
from math import comb

from protocols.cells import Decided, owners_of, subtract
from protocols.plan_terms import Policy
from protocols.policy import (
    Histogram,
    PublicLimits,
    Violation,
    check_cell,
    check_measure,
    filled_classes,
    merge,
)
from protocols.table import Cell, Table

MAX_TRIALS = 1 << 16
"""Choices of cells to withhold that are tried at one place of the tree before the search becomes
greedy: it is exact for up to 16 sibling cells, and for 20 as long as 6 have to go."""

NO_SUBTRACTION = "withheld so that no withheld cell can be found by subtraction"
"""Why a cell is withheld that is safe by itself, where no other is named."""

NO_TOTAL = "the total cannot be published, and without it no cell is"
"""Why the cells of a table are withheld whose total fails the policy."""

NAMED = 3
"""Cells that a reason names at most."""

SENTENCES = 2
"""Broken rules that a reason tells at most."""

Unit = frozenset[int]
"""Leaves whose members are only looked at together; at least k members."""

Safe = Callable[[frozenset[Unit]], bool]
"""Whether a set of units, taken together, may be published."""


def units(table: Table, counts: Sequence[int], policy: Policy) -> tuple[Unit, ...]:
    """The sets of leaves whose classes are opened: the atoms of the table decided by k alone.

    Run by each trustee on the opened counts. Disjoint, at least k members each; together they hold
    every leaf that is not empty, since the total is published by counts. Empty if fewer than k
    took part.

    :param counts: members of each leaf.
    """
    leaves = [frozenset((leaf,)) for leaf, members in enumerate(counts) if members]

    def enough(chosen: frozenset[Unit]) -> bool:
        return sum(_members(counts, unit) for unit in chosen) >= policy.minimum_cohort

    if not enough(frozenset(leaves)):
        return ()
    published = choose(table, counts, leaves, enough)
    filled = [frozenset(x for x in cell.leaves if counts[x]) for cell in table.cells]
    return tuple(
        sorted((a for a in subtract(table, published, filled).values() if a), key=lambda a: min(a))
    )


def decide(
    table: Table,
    counts: Sequence[int],
    opened: Mapping[Unit, Mapping[str, Histogram]],
    policy: Policy,
    limits: Mapping[str, PublicLimits],
) -> tuple[Decided, ...]:
    """What becomes of each cell of ``table.cells``, in that order.

    Run by each trustee after the classes of :func:`units` were opened.

    :param opened: for each of the units, its size-class counts by measure and guard.
    :param limits: the plan's, by measure.
    """
    names = list(next(iter(opened.values()), ()))
    filled = {name: filled_classes(own[name] for own in opened.values()) for name in names}
    classes = {
        name: {unit: own[name][: filled[name]] for unit, own in opened.items()} for name in names
    }

    def safe(chosen: frozenset[Unit]) -> bool:
        for name in names:
            own = classes[name]
            merged = list(map(sum, zip(*(own[unit] for unit in chosen), strict=True)))
            if check_measure(name, merged, policy, limits[name]) is not None:
                # What failed once fails again in most of the choices that are tried next.
                names.remove(name)
                names.insert(0, name)
                return False
        return True

    if total := _primary(table.cells[0], counts, opened, policy, limits):
        return (Decided(0, total), *(Decided(0, NO_TOTAL) for _ in table.cells[1:]))
    published = choose(table, counts, list(opened), safe)
    primary = {
        position: reason
        for position, cell in enumerate(table.cells)
        if position not in published and (reason := _primary(cell, counts, opened, policy, limits))
    }
    owners = owners_of(table, published)
    decided = []
    for position, cell in enumerate(table.cells):
        members = _members(counts, cell.leaves)
        if position in published or not members:
            decided.append(Decided(members))
        elif position in primary:
            decided.append(Decided(0, primary[position]))
        else:
            beside = [table.cells[p] for p in primary if owners[p] == owners[position]]
            decided.append(Decided(0, _secondary(cell, beside)))
    return tuple(decided)


def only_total(
    table: Table,
    members: int,
    opened: Mapping[Unit, Mapping[str, Histogram]],
    policy: Policy,
    limits: Mapping[str, PublicLimits],
    reason: str,
) -> tuple[Decided, ...]:
    """A table of which nothing but the total may be published, because of an earlier release.

    :param reason: why, in words for the reader.
    """
    violations = check_cell(merge(list(opened.values())), policy, limits)
    total = Decided(0, _joined(violations)) if violations else Decided(members)
    return (total, *(Decided(0, reason) for _ in table.cells[1:]))


def choose(
    table: Table, counts: Sequence[int], all_units: Sequence[Unit], safe: Safe
) -> frozenset[int]:
    """Positions of the cells that are published, none of them empty; see the objective above.

    Called by :func:`units` and :func:`decide`; with the exact rule it says what size classes cost.

    ``safe`` of a union of safe sets must hold. One problem for each *owner*, the nearest published
    cell above: which of the cells below it at the present depth are published, so that what is left
    of the owner stays safe. Nothing is published if the total is not safe.
    """
    holds = [_as_units(cell, counts, all_units) for cell in table.cells]
    root = holds[0]
    if not root or not safe(root):
        return frozenset()
    published = {0}
    waiting: list[tuple[frozenset[Unit], list[int]]] = [(root, list(table.cells[0].children))]
    while waiting:
        left, candidates = waiting.pop()
        present = [p for p in candidates if _members(counts, table.cells[p].leaves)]
        fit = [p for p in present if (own := holds[p]) and safe(own)]
        gone = _withhold(fit, left, holds, counts, table, safe)
        chosen = [p for p in fit if p not in gone]
        published.update(chosen)
        below = [c for p in present if p not in chosen for c in table.cells[p].children]
        if below:
            taken = frozenset(unit for p in chosen for unit in holds[p] or ())
            waiting.append((left - taken, below))
        for p in chosen:
            own = holds[p]
            if own and table.cells[p].children:
                waiting.append((own, list(table.cells[p].children)))
    return frozenset(published)


def _withhold(
    fit: Sequence[int],
    left: frozenset[Unit],
    holds: Sequence[frozenset[Unit] | None],
    counts: Sequence[int],
    table: Table,
    safe: Safe,
) -> frozenset[int]:
    """Which of the cells ``fit`` have to go so that the rest of their owner is empty or safe."""
    size = {p: _members(counts, table.cells[p].leaves) for p in fit}

    def works(gone: Iterable[int]) -> bool:
        kept = set(fit).difference(gone)
        rest = left.difference(unit for p in kept for unit in holds[p] or ())
        return not rest or safe(rest)

    trials = 0
    for number in range(len(fit) + 1):
        trials += comb(len(fit), number)
        if trials > MAX_TRIALS:
            return _greedy(fit, size, works)
        tried = sorted(
            combinations(fit, number), key=lambda gone: (sum(size[p] for p in gone), gone)
        )
        found = next((gone for gone in tried if works(gone)), None)
        if found is not None:
            return frozenset(found)
    return frozenset(fit)


def _greedy(
    fit: Sequence[int], size: Mapping[int, int], works: Callable[[Iterable[int]], bool]
) -> frozenset[int]:
    """A choice from which nothing can be spared: the largest cells go until the rest is safe, then
    each that is not needed comes back, the largest first. Sound, since the last choice was tried.
    """
    order = sorted(fit, key=lambda p: (-size[p], p))
    gone: list[int] = []
    while not works(gone) and len(gone) < len(order):
        gone.append(order[len(gone)])
    for p in list(gone):
        spared = [other for other in gone if other != p]
        if works(spared):
            gone = spared
    return frozenset(gone)


def _as_units(
    cell: Cell, counts: Sequence[int], all_units: Iterable[Unit]
) -> frozenset[Unit] | None:
    """The units that make up a cell; None if it holds part of one."""
    filled = {leaf for leaf in cell.leaves if counts[leaf]}
    touched = frozenset(unit for unit in all_units if not filled.isdisjoint(unit))
    return touched if all(unit <= filled for unit in touched) else None


def _members(counts: Sequence[int], leaves: Iterable[int]) -> int:
    return sum(counts[leaf] for leaf in leaves)


def _primary(
    cell: Cell,
    counts: Sequence[int],
    opened: Mapping[Unit, Mapping[str, Histogram]],
    policy: Policy,
    limits: Mapping[str, PublicLimits],
) -> str:
    """The rule that the cell breaks by itself; empty if none is known to be broken."""
    members = _members(counts, cell.leaves)
    if 0 < members < policy.minimum_cohort:
        return f"fewer than {policy.minimum_cohort} enterprises"
    held = _as_units(cell, counts, opened)
    if not held:
        return ""
    return _joined(check_cell(merge([opened[unit] for unit in held]), policy, limits))


def _joined(violations: Sequence[Violation]) -> str:
    """The first broken rules in words; a reason has limited room."""
    return "; ".join(violation.text for violation in violations[:SENTENCES])


def _secondary(cell: Cell, unsafe: Sequence[Cell]) -> str:
    """Why a cell that is safe by itself is withheld: for the outermost unsafe ones beside it."""
    apart = [c for c in unsafe if c.end <= cell.first or cell.end <= c.first]
    beside = apart or [c for c in unsafe if not c.within(cell)]
    outer = [c for c in beside if not any(c is not other and c.within(other) for other in beside)]
    names = [repr(c.path) for c in outer[:NAMED]]
    if not names:
        return NO_SUBTRACTION
    if len(outer) > NAMED:
        names.append(f"{len(outer) - NAMED} more")
    listed = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
    return f"withheld so that {listed} cannot be found by subtraction"
