"""A member's own values held against a plan. Run on the private side, and on synthetic members.

:mod:`protocols.layout` encrypts what these functions let through, and the federated backend masks
it. Nothing is clipped, and nothing missing becomes a zero.
"""

from __future__ import annotations

from collections.abc import Mapping

from protocols.bins import bin_of
from protocols.errors import BoundExceeded, ContributionRefused
from protocols.plan import Measure, Plan


def checked(plan: Plan, measures: Mapping[str, int]) -> dict[str, int]:
    """The value of every measure of the plan, guards included.

    :raises ContributionRefused: a measure is missing, or no integer.
    :raises BoundExceeded: a value outside minimum..bound.
    """
    return {measure.name: checked_value(measure, measures) for measure in plan.measures}


def bins_of(plan: Plan, measures: Mapping[str, int]) -> dict[str, int]:
    """The member's bin in each ranking. :raises ContributionRefused: a denominator is zero."""
    bins = {}
    for indicator in plan.ranked_indicators:
        denominator = measures[indicator.denominator]
        if denominator == 0:
            raise ContributionRefused(
                f"{indicator.denominator} is zero, so {indicator.name} is not defined: "
                "the enterprise cannot take part in this ranking"
            )
        bins[indicator.name] = bin_of(measures[indicator.numerator], denominator, indicator.edges)
    return bins


def section_of(plan: Plan, values: Mapping[str, int], category: str | None) -> int | None:
    """The member's own section: its leaf of the table, its bin of the sums ranking, or none.

    :raises ContributionRefused: the category is no leaf, or a denominator is zero.
    """
    if plan.table is not None:
        return plan.table.leaf_of(category)
    ranked = plan.sums_indicator
    return bins_of(plan, values)[ranked.name] if ranked else None


def checked_value(measure: Measure, measures: Mapping[str, int]) -> int:
    """The value of one measure; raises as :func:`checked` does."""
    value = measures.get(measure.name)
    if type(value) is not int:
        raise ContributionRefused(f"the plan needs {measure.name} as an integer in {measure.unit}")
    if not measure.minimum <= value <= measure.bound:
        raise BoundExceeded(
            f"{measure.name} is outside {measure.minimum}..{measure.bound} {measure.unit}, the "
            "limits that the plan names: check the unit of the source, or ask for another plan"
        )
    return value
