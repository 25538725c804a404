"""The disclosure policy on one cell, decided from counts of size classes alone.

Trustees run it before anything is opened; nodes and verifiers run the same code. A cell is a
set of members for one measure, given as a histogram: how many members are in each size class
(class 0 is zero, so classes above it count the members with a value). How many classes there are
an octave is part of the policy.

A cell passes when at least k members have a value, every dominance rule holds by classes, and the
p% rule holds also for a reader who knows the plan's minimum and bound. :mod:`protocols.dominance`
and :mod:`protocols.known_limits` prove that this never passes what the exact rules refuse, that
each rule refuses only what other values in the same classes would make unsafe, that a union of
passing cells passes, and that a sum of measures that pass over the same members is safe: a
derivable total needs no classes of its own. Of the count this is plain: members with a value are
added, or stay.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from protocols.dominance import DominanceRule
from protocols.dominance import Histogram as Histogram
from protocols.encoding import class_lower, class_upper
from protocols.known_limits import PublicLimits as PublicLimits
from protocols.known_limits import keeps_distance, keeps_distance_by_classes
from protocols.profiles import Policy

COUNT_RULE = "minimum-cohort"
LIMITS_RULE = "known-limits"


@dataclass(frozen=True)
class Violation:
    """A rule that a cell breaks for one measure.

    ``text``, for people: which rule, which measure, what would make the figure publishable. It
    holds the plan's own numbers and never a count of members or a class.
    """

    measure: str
    rule: str
    text: str


def check_cell(
    histograms: Mapping[str, Histogram], policy: Policy, limits: Mapping[str, PublicLimits]
) -> tuple[Violation, ...]:
    """Every violation in a cell, over all its measures; none means it may be published.

    :param limits: of each of these measures; a plan's are ``Plan.public_limits``.
    """
    return tuple(
        violation
        for measure, histogram in histograms.items()
        if (violation := check_measure(measure, histogram, policy, limits[measure])) is not None
    )


def check_measure(
    measure: str, histogram: Histogram, policy: Policy, limits: PublicLimits
) -> Violation | None:
    """The first rule that one measure of a cell breaks, or None.

    :param limits: what the plan says of every member's value of it.
    """
    if sum(histogram[1:]) < policy.minimum_cohort:
        return Violation(
            measure,
            COUNT_RULE,
            f"fewer than {policy.minimum_cohort} enterprises have a value of {measure} "
            "(publishable with more such enterprises, or for a coarser group)",
        )
    for rule in policy.rules:
        if not rule.holds_by_classes(histogram, policy.classes_per_octave):
            advice = "(publishable with more large enterprises, or for a coarser group)"
            return Violation(measure, rule.name, f"{_broken(measure, rule)} {advice}")
    percent = policy.dominance_percent
    if not keeps_distance_by_classes(histogram, percent, limits, policy.classes_per_octave):
        return Violation(
            measure,
            LIMITS_RULE,
            f"the plan's minimum or bound of {measure} is so near the values that one enterprise "
            f"may be estimated to within {percent} % (publishable with a lower minimum or a "
            "larger bound, or for a coarser group)",
        )
    return None


def safe(values: Sequence[int], policy: Policy, limits: PublicLimits) -> bool:
    """The exact rules on one cell's plain values; for simulations, which alone have them."""
    counted = sum(value > 0 for value in values) >= policy.minimum_cohort
    return (
        counted
        and all(rule.holds(values) for rule in policy.rules)
        and keeps_distance(values, policy.dominance_percent, limits)
    )


def merge(histograms: Sequence[Mapping[str, Histogram]]) -> dict[str, tuple[int, ...]]:
    """The histograms of a union of disjoint cells."""
    united = {}
    for measure in histograms[0]:
        columns = zip(*(held[measure] for held in histograms), strict=True)
        united[measure] = tuple(sum(column) for column in columns)
    return united


def filled_classes(histograms: Iterable[Histogram]) -> int:
    """How many classes there are up to the highest that anybody is in; at least one.

    Empty classes above it change no rule's answer. With a large bound and fine classes they are
    most of a histogram, so whoever checks many unions leaves them out.
    """
    filled = (size for held in histograms for size, members in enumerate(held) if members)
    return 1 + max(filled, default=0)


def sum_bounds(histogram: Histogram, resolution: int = 1) -> tuple[int, int]:
    """The smallest and largest sum that members in these classes can have.

    :param resolution: classes an octave.
    """
    lower = sum(members * class_lower(size, resolution) for size, members in enumerate(histogram))
    upper = sum(members * class_upper(size, resolution) for size, members in enumerate(histogram))
    return lower, upper


def _broken(measure: str, rule: DominanceRule) -> str:
    if rule.name == "dominance":
        return (
            f"one enterprise dominates {measure}: beside the two largest, the others may add up "
            f"to less than {rule.weights[0] - 100} % of the largest"
        )
    if rule.name == "largest-share":
        return (
            f"one enterprise is too large a part of {measure}: it may hold more than "
            f"{rule.limit} % of the sum"
        )
    return (
        f"few enterprises make up {measure}: the {len(rule.weights)} largest together may hold "
        f"more than {rule.limit} % of the sum"
    )
