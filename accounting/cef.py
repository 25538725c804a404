"""Model III: carbon efficiency (CEF) and the averaged carbon reduction cost (ACC).

`CEF[i] = Y[i] / C[i]`, economic output per tonne of CO2; higher is better. With the members in
ascending CEF, `ACC(m) = sum_{i<=m} Y[i] / sum_{i<=m} C[i]`: the output given up per tonne avoided
when the m least efficient leave. It is a ratio of sums, not a mean of ratios.

Source: Zhu, Gao, Zhang, Chen (2022), doi 10.3389/fenrg.2022.857136.

The unit printed there is wrong. The paper gives the case's "CEF" (8.51 at least, 123.07 on average,
382.81 at most, reference line 150) in yuan per tonne. Its own totals contradict that: 8,030.26
million yuan over 209,773 t are 38,281 yuan/t, so 382.81 is in units of **100 yuan/t**, and it is
the ACC of all 72 members; 8.51 is ACC(1) and 123.07 the mean of the 72 ACC values. Cutting the
76,195 t below the line costs 76,195 t x 15,000 yuan/t = 1,142.9 million yuan, a hundred times the
figure that the printed unit gives. Functions here return yuan/t when given yuan and t, and nothing
converts to the paper's unit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from accounting.errors import ModelError

Number = Fraction | int
# (output, emissions) of one enterprise, or the two sums of one band of several.
Items = Sequence[tuple[Number, Number]]


def cef(output: Number, emissions: Number) -> Fraction:
    """`CEF = Y / C`, in the output's unit per tCO2.

    Raises `ModelError` for emissions that are not above zero or a negative output.
    """
    if emissions <= 0:
        raise ModelError(f"emissions of {emissions}: CEF needs them above zero")
    if output < 0:
        raise ModelError(f"an output of {output} is negative")
    return Fraction(output) / emissions


def ascending(items: Items) -> tuple[tuple[Number, Number], ...]:
    """Items from the least to the most efficient; equal ones keep their order."""
    return tuple(sorted(items, key=lambda item: cef(*item)))


def check_ascending(items: Items) -> None:
    """Raise `ModelError` unless there are items, each in range, and their CEF never falls."""
    if not items:
        raise ModelError("no items")
    ratios = [cef(output, emissions) for output, emissions in items]
    for position, (one, following) in enumerate(pairwise(ratios), 1):
        if one > following:
            raise ModelError(f"items are not in ascending CEF: item {position} is above the next")


def averaged_costs(items: Items) -> tuple[Fraction, ...]:
    """`ACC(1) .. ACC(n)`, in the output's unit per tCO2, for items in ascending CEF.

    Raises `ModelError` for no items, another order, or an item out of range.
    """
    check_ascending(items)
    costs = []
    output = emissions = Fraction(0)
    for one_output, one_emissions in items:
        output += one_output
        emissions += one_emissions
        costs.append(output / emissions)
    return tuple(costs)


@dataclass(frozen=True)
class Reduction:
    """What leaves up to a reference line: how many items, their tCO2, and the output given up."""

    items: int
    emissions: Fraction
    output: Fraction


def below_line(items: Items, line: Number) -> Reduction:
    """The longest start of the ascending items whose ACC is at most `line` (output unit/tCO2).

    ACC never falls along ascending items, so this is also every item whose ACC is at most `line`.
    """
    count = sum(cost <= line for cost in averaged_costs(items))
    leaving = items[:count]
    return Reduction(
        count,
        Fraction(sum(emissions for _, emissions in leaving)),
        Fraction(sum(output for output, _ in leaving)),
    )


def cost_at_line(emissions: Number, line: Number) -> Fraction:
    """Cost of cutting `emissions` (tCO2) at a reference line (money/tCO2), as the paper counts it.

    It prices every tonne at the line; the output actually given up is `Reduction.output`.
    """
    if emissions < 0 or line < 0:
        raise ModelError("emissions and the line cannot be negative")
    return Fraction(emissions) * line
