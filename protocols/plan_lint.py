"""The plan linter: does everything that a reader can compute have size classes?

Every plan runs it when it is made, so coordinator, nodes, trustees and verifiers refuse the same
plans. It is a pure function of the plan's measures and of how they relate
(:mod:`protocols.relations`).

**What is asked.** Relations split measures into *leaves*, the measures that are split no further:
with non-negative leaves x of each member, every measure is a combination of them with non-negative
factors. What a reader can compute in one cell are the linear combinations of the measures that are
published there. Leaves that occur in these in one proportion only cannot be told apart; together
they are one *atom*, as members that no release tells apart are one in the release ledger. So
whatever a reader computes is ``c_1 y_1 + ... + c_m y_m`` over atoms y.

**Theorem.** If every atom passes the policy in a cell, so does every combination that the declared
relations show to be non-negative for each member. *Proof.* Leaves are free: every choice of
non-negative numbers is a member that the relations allow. Setting all leaves but those of one
atom to zero shows ``c_i >= 0``. And a sum of passing measures passes. Let y and z pass in one cell;
scaling changes no rule. Whoever has a value of y has one of y + z, so k holds. Let i hold most of
y + z, and j second most. No two members hold more of y than its two largest, so

- p% rule: the others hold ``(Y - y_i - y_j) + (Z - z_i - z_j) >= (Y - y1 - y2) + (Z - z1 - z2)
  >= p y1 + p z1 >= p (y_i + z_i)``;
- n largest, at most a share s: the n largest of y + z hold at most those of y and those of z, so at
  most ``s Y + s Z``. The largest share is n = 1. QED.

An atom passes if it is a sum of passing measures with size classes, so the linter looks for these,
the atom's *cover*. A total less any selection of its published parts is the sum of the other
parts and the remainder: safe when these have classes. Two splits of one total (by fuel, by scope)
tell their cross cells apart; the linter demands that both end in the same leaves, so that the
cross cells are measures with classes, too. Ratios of sums follow from the sums, so that an
indicator adds nothing.

**Levels.** In a band only band-level measures are published and have classes, and a band is
published only if all of them pass. For the cohort all measures count, and each cohort-level one may
fail alone. Let g fail. The band-level measures stay published; their atoms are sums of
band-level measures and pass. Any other cohort-level measure that cuts one of these atoms that g
is in, or that shares a leaf with g, is withheld too: g must *protect* it. Then the leaves around
all that fails stay as the band-level measures leave them, and every other atom is a sum of the
finest ones, whose covers passed. With a table a measure and its parts must have one level: stricter
than this asks, since cells are published with their total or not at all.

**What is not seen.** Ties that nobody declared: so figures whose units a public factor may connect
(:mod:`protocols.unit_kinds`) must be declared, as terms of one measure or as unrelated; a unit that
is not listed there may be connected with every other. Differences
that are positive for some members and negative for others: no dominance rule is defined for them.
A part without a factor is looked at twice, as if the reader knew the factor and as an unknown
figure of its own; a reader who only estimates the factor is between the two.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from protocols.plan_terms import Level, Measure
from protocols.relations import Relation, Unrelated
from protocols.splits import Splits
from protocols.unit_kinds import kind_of, may_be_tied


@dataclass(frozen=True)
class Finding:
    """Why a plan is refused.

    ``measures``: those it is about; ``text``: what a reader could compute; ``mend``: what to add.
    """

    measures: tuple[str, ...]
    text: str
    mend: str

    def __str__(self) -> str:
        return f"{self.text}: {self.mend}"


def lint(
    measures: Sequence[Measure],
    relations: Sequence[Relation],
    unrelated: Sequence[Unrelated],
    *,
    table: bool = False,
) -> tuple[Finding, ...]:
    """Every finding; none means that what a reader can compute has size classes.

    :param measures: of the plan, their names distinct.
    :param table: whether the plan publishes a table instead of bands.
    """
    by_name = {measure.name: measure for measure in measures}
    found = [*_unknown_names(by_name, relations, unrelated), *_other_units(by_name, relations)]
    found = found or list(_cycles(relations))
    if found:
        return tuple(found)
    known = Splits(measures, relations, factors_known=True)
    found = [*_alternatives(known), *_contradictions(known, unrelated)]
    if found:
        return tuple(found)
    found = _unguarded(known, table)
    if any(part.factor is None for relation in relations for part in relation.parts):
        found += _unguarded(Splits(measures, relations, factors_known=False), table)
    # Which pairs a reader meets is only known once everything has a cover.
    return tuple(dict.fromkeys(found or _undeclared(known, unrelated)))


def _unguarded(splits: Splits, table: bool) -> list[Finding]:
    """Atoms without classes, then guards that protect too little."""
    found = [*_uncovered(splits, cohort=False)] or [*_uncovered(splits, cohort=True)]
    if table:
        found += _mixed_levels(splits)
    return found or list(_unprotected(splits))


def _uncovered(splits: Splits, *, cohort: bool) -> Iterator[Finding]:
    rows, classed = splits.rows(cohort=cohort), splits.classed(cohort=cohort)
    level, where = ("cohort", "for the cohort") if cohort else ("band", "in every band")
    for atom in splits.atoms(rows):
        _, bare = splits.cover(atom, classed)
        if not bare:
            continue
        # Those that hold the atom, and what a reader takes away from them.
        holders = splits.meeting(atom, rows)
        around = {leaf for row in holders for leaf in splits.leaves[row]}
        read = splits.meeting(around, rows)
        guard = (
            f"add a guard for {'it' if len(atom) == 1 else 'the sum'} (published = false, "
            f"level = '{level}') and name it in the relation of {holders[0]!r}"
        )
        # Hidden leaves are no measures, so that no choice of levels covers them.
        late = [name for name in bare if name in splits.measures]
        if not cohort and len(late) == len(bare):
            guard = f"give {_and(late)} level = 'band', or {guard}"
        yield Finding(
            tuple(read),
            f"a reader of {_and(read)} can compute {' + '.join(sorted(atom))} {where}, and no size "
            "classes guard it",
            guard,
        )


def _unprotected(splits: Splits) -> Iterator[Finding]:
    """Cohort-level measures that would stay published and show one that failed."""
    blocks = splits.atoms(splits.rows(cohort=False))
    published = _published_for_cohort_only(splits)
    for name in splits.cohort_covers():
        guard = splits.measures[name]
        if guard.level is Level.BAND:
            continue
        around = set(splits.leaves[name])
        for block in blocks:
            if not block.keys().isdisjoint(splits.leaves[name]):
                around |= block.keys()
        left = [
            other
            for other in splits.meeting(around, published)
            if other != name and other not in guard.protects
        ]
        if left:
            protects = ", ".join(f'"{other}"' for other in (*guard.protects, *left))
            yield Finding(
                (name, *left),
                f"if {name!r} fails the policy for the cohort, {_and(left)} would stay published "
                "and show it, or a sum that it dominates",
                f"give {name!r} protects = [{protects}]",
            )


def _mixed_levels(splits: Splits) -> Iterator[Finding]:
    for low in _published_for_cohort_only(splits):
        if meets := splits.meeting(splits.leaves[low], splits.rows(cohort=False)):
            yield Finding(
                (low, *meets),
                f"{low!r} is published for the cohort and {_and(meets)} by the table's cells; "
                "with a table, a measure and its parts have one level",
                f"give {low!r} level = 'band', or do not publish it",
            )


def _published_for_cohort_only(splits: Splits) -> list[str]:
    return [m.name for m in splits.measures.values() if m.published and m.level is Level.COHORT]


def _unknown_names(
    measures: Mapping[str, Measure], relations: Iterable[Relation], unrelated: Iterable[Unrelated]
) -> Iterator[Finding]:
    named = [(f"the relation of {r.total!r}", (r.total, *r.terms)) for r in relations]
    named += [("unrelated", entry.measures) for entry in unrelated]
    for what, names in named:
        if missing := [name for name in names if name not in measures]:
            yield Finding(
                tuple(missing),
                f"{what} names {_and(missing)}",
                "the plan has no such measure; correct the name or add the measure",
            )


def _other_units(
    measures: Mapping[str, Measure], relations: Iterable[Relation]
) -> Iterator[Finding]:
    for r in relations:
        total, rest = measures.get(r.total), measures.get(r.remainder)
        if total and rest and total.unit != rest.unit:
            yield Finding(
                (r.total, r.remainder),
                f"{r.remainder!r} is what remains of {r.total!r} and is in {rest.unit}, not in "
                f"{total.unit}",
                f"give it the unit {total.unit}, or make it a part with its factor",
            )


def _cycles(relations: Sequence[Relation]) -> Iterator[Finding]:
    """Measures that are, through relations, parts of themselves."""
    left: dict[str, set[str]] = {}
    for relation in relations:
        left.setdefault(relation.total, set()).update(relation.terms)
    while ends := [total for total, terms in left.items() if not terms & left.keys()]:
        for total in ends:
            del left[total]
    # What only leads to a cycle goes as well, so that the message names the cycle.
    while tops := [total for total in left if all(total not in terms for terms in left.values())]:
        for total in tops:
            del left[total]
    if left:
        yield Finding(
            tuple(left),
            f"the relations make {_and(list(left))} parts of each other",
            "turn one relation round; a total is never a part of its own parts",
        )


def _alternatives(splits: Splits) -> Iterator[Finding]:
    """Totals that are split in two ways without the cross cells."""
    for first, leaves, other, others in splits.alternatives():
        if leaves == others:
            continue
        differ = sorted(
            leaf for leaf in {**leaves, **others} if leaves.get(leaf) != others.get(leaf)
        )
        yield Finding(
            (first.total, *dict.fromkeys([*first.terms, *other.terms])),
            f"{first.total!r} is split in two ways that do not end in the same measures "
            f"({', '.join(differ)}), so that a part of one less a part of the other may be one "
            "enterprise",
            "split the parts of both, by relations of their own, into the cells that they have in "
            "common, each of them a guard or published",
        )


def _contradictions(splits: Splits, unrelated: Iterable[Unrelated]) -> Iterator[Finding]:
    pairs = dict.fromkeys(p for entry in unrelated for p in combinations(entry.measures, 2))
    for a, b in pairs:
        if shared := splits.leaves[a].keys() & splits.leaves[b].keys():
            yield Finding(
                (a, b),
                f"{a!r} and {b!r} are declared unrelated, and by the relations they share "
                f"{_and(sorted(shared))}",
                "drop one of the two declarations",
            )


def _undeclared(splits: Splits, unrelated: Sequence[Unrelated]) -> Iterator[Finding]:
    """Pairs of what a reader can compute, in tied units, about which the plan says nothing."""
    declared = {frozenset(pair) for entry in unrelated for pair in combinations(entry.measures, 2)}
    for a, b in combinations(splits.cohort_covers(), 2):
        units = splits.measures[a].unit, splits.measures[b].unit
        both = splits.leaves[a].keys() | splits.leaves[b].keys()
        if (
            may_be_tied(*units)
            and frozenset((a, b)) not in declared
            and not any(both <= leaves.keys() for leaves in splits.leaves.values())
        ):
            yield Finding(
                (a, b),
                f"a public factor may connect {a!r} ({units[0]}) and {b!r} ({units[1]}), so "
                f"that one less the other could be a few enterprises' figure{_unlisted(units)}",
                "add a relation with a remainder, or name the two under unrelated with the reason",
            )


def _unlisted(units: Sequence[str]) -> str:
    unknown = [unit for unit in dict.fromkeys(units) if kind_of(unit) is None]
    if not unknown:
        return ""
    return f" ({_and(unknown)} is no unit that is known here, and may be of any kind)"


def _and(names: Sequence[str]) -> str:
    *most, last = [repr(name) for name in names]
    return f"{', '.join(most)} and {last}" if most else last
