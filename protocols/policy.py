"""The disclosure policy on one cell, decided from counts of size classes alone.

Trustees run it before anything is opened; nodes and verifiers run the same code. A cell is a
set of members for one measure, given as a histogram: how many members are in each size class
(class 0 is zero, class c > 0 holds ``2^(c-1) .. 2^c - 1``).

**Soundness.** The p% rule calls a cell unsafe when ``X - x1 - x2 < p/100 * x1`` for contributions
``x1 >= x2 >= ...`` with total X (Hundepool et al., Handbook on Statistical Disclosure Control,
section 4.2.2). Order the members by class, largest first. x1 is in the first one's class, so
``x1 <= upper(c1)``. The remaining ``X - x1 - x2`` is the sum of all members but the two with the
largest values; those two are members of the two highest classes, so what remains consists of
members whose classes are, in order, c3, c4, ..., each at least ``lower(c_i)``. Hence
``sum_(i>=3) lower(c_i) >= p/100 * upper(c1)`` implies that the exact rule holds. The test can
refuse a safe cell, never pass an unsafe one.

**Unions.** A union of passing cells passes: its first class is that of one of the cells, whose own
remainder is contained in the union's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from protocols.encoding import class_lower, class_upper
from protocols.plan_terms import Policy

Histogram = Sequence[int]
"""Members in each size class, from class 0 upwards."""


@dataclass(frozen=True)
class Violation:
    """A rule that a cell breaks for one measure; ``text`` is for people and holds no count."""

    measure: str
    rule: str
    text: str


def check_cell(histograms: Mapping[str, Histogram], policy: Policy) -> tuple[Violation, ...]:
    """Every violation in a cell, over all its measures; none means it may be published."""
    return tuple(
        violation
        for measure, histogram in histograms.items()
        if (violation := check_measure(measure, histogram, policy)) is not None
    )


def check_measure(measure: str, histogram: Histogram, policy: Policy) -> Violation | None:
    """The first rule that one measure of a cell breaks, or None."""
    if sum(histogram[1:]) < policy.minimum_cohort:
        return Violation(
            measure,
            "minimum-cohort",
            f"fewer than {policy.minimum_cohort} enterprises have a value of {measure}",
        )
    if not passes_dominance(histogram, policy.dominance_percent):
        return Violation(
            measure,
            "dominance",
            f"one enterprise dominates {measure}: beside the two largest, the others may add up "
            f"to less than {policy.dominance_percent} % of the largest",
        )
    return None


def passes_dominance(histogram: Histogram, percent: int) -> bool:
    """The p% rule by class bounds; see the module's proof."""
    largest, rest, skipped = 0, 0, 0
    for size in range(len(histogram) - 1, 0, -1):
        members = histogram[size]
        if members and not largest:
            largest = class_upper(size)
        first = min(members, 2 - skipped)
        skipped += first
        rest += (members - first) * class_lower(size)
    return 100 * rest >= percent * largest


def merge(histograms: Sequence[Mapping[str, Histogram]]) -> dict[str, tuple[int, ...]]:
    """The histograms of a union of disjoint cells."""
    united = {}
    for measure in histograms[0]:
        columns = zip(*(held[measure] for held in histograms), strict=True)
        united[measure] = tuple(sum(column) for column in columns)
    return united


def sum_bounds(histogram: Histogram) -> tuple[int, int]:
    """The smallest and largest sum that members in these classes can have."""
    lower = sum(members * class_lower(size) for size, members in enumerate(histogram))
    upper = sum(members * class_upper(size) for size, members in enumerate(histogram))
    return lower, upper
