"""Synthetic members for a rehearsal: made up inside a plan's bounds, or redrawn from a sample.

Nothing here is secret and nothing has to be unpredictable: the same seed gives the same members,
so that a logged rehearsal can be repeated. Used by :mod:`coordinator.rehearsal`.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from pathlib import Path

from accounting.measures import compute_file
from coordinator.errors import SettingsError
from protocols.plan import Indicator, Measure, Plan

Member = Mapping[str, int]
Source = Callable[[random.Random], Member]
"""Draws one member."""

SIZES = 1000
"""The largest made-up enterprise is this many times the smallest."""

BEYOND = 2
"""Made-up ratios reach this factor beyond the outermost bin edges, into the open end bins."""

STRETCH = 1.25
"""A redrawn enterprise is up to this factor larger or smaller than the one in the sample."""


def made_up(plan: Plan) -> Source:
    """Members whose sizes and ranked ratios are log-uniform inside the plan's bounds and edges.

    Measures that no ranked indicator uses, guards among them, are drawn by themselves: the plan
    does not say how they follow from the others.
    """

    def draw(chance: random.Random) -> Member:
        values: dict[str, int] = {}
        for indicator in plan.ranked_indicators:
            _draw_ratio(plan, indicator, values, chance)
        for measure in plan.measures:
            if measure.name not in values:
                values[measure.name] = _draw_size(measure, chance)
        return values

    return draw


def redrawn(plan: Plan, sample: Sequence[Member]) -> Source:
    """Members drawn from a sample with replacement, each made a little larger or smaller.

    All measures of a member are scaled alike, so its ratios and what is derived from them stay.

    :raises SettingsError: no member of the sample fits the plan.
    """
    usable = [member for member in sample if _fits(plan, member)]
    if not usable:
        raise SettingsError(
            "no record of the sample can take part under this plan: check its bounds, units and "
            "denominators"
        )

    def draw(chance: random.Random) -> Member:
        member = chance.choice(usable)
        factor = Fraction(_log_uniform(chance, 1 / STRETCH, STRETCH)).limit_denominator(10_000)
        scaled = {m.name: round(member[m.name] * factor) for m in plan.measures}
        return scaled if _fits(plan, scaled) else member

    return draw


def read_sample(records: Path, mapping: Path, cohort: str | None = None) -> list[Member]:
    """The integers of every usable row of a records file.

    :param cohort: of this cohort only.
    :raises AccountingError: the files cannot be used. :raises SettingsError: no usable row.
    """
    rows: list[Member] = [
        row.integers
        for row in compute_file(records, mapping).enterprises
        if row.excluded is None and cohort in (None, row.cohort)
    ]
    if not rows:
        where = f" of cohort {cohort}" if cohort else ""
        raise SettingsError(f"{records} has no usable row{where}")
    return rows


def _draw_ratio(
    plan: Plan, indicator: Indicator, values: dict[str, int], chance: random.Random
) -> None:
    """Give the indicator's measures values, as far as they have none, with a ratio in its range."""
    lowest, highest = float(indicator.edges[0]) / BEYOND, float(indicator.edges[-1]) * BEYOND
    ratio = _log_uniform(chance, lowest, highest)
    top, bottom = plan.measure(indicator.numerator), plan.measure(indicator.denominator)
    if bottom.name not in values:
        if top.name not in values:
            # The size that leaves room for the ratio on both sides.
            most = min(float(bottom.bound), float(top.bound) / ratio)
            drawn = _log_uniform(chance, max(1.0, most / SIZES), max(1.0, most))
        else:
            drawn = values[top.name] / ratio
        values[bottom.name] = _within(bottom, drawn, least=1)
    if top.name not in values:
        values[top.name] = _within(top, values[bottom.name] * ratio)


def _draw_size(measure: Measure, chance: random.Random) -> int:
    least = max(1.0, float(measure.minimum), float(measure.bound) / SIZES)
    return _within(measure, _log_uniform(chance, least, float(measure.bound)))


def _within(measure: Measure, value: float, least: int = 0) -> int:
    return min(measure.bound, max(measure.minimum, least, round(value)))


def _fits(plan: Plan, member: Member) -> bool:
    if any(not m.minimum <= member.get(m.name, -1) <= m.bound for m in plan.measures):
        return False
    return all(member[i.denominator] > 0 for i in plan.ranked_indicators)


def _log_uniform(chance: random.Random, low: float, high: float) -> float:
    return math.exp(chance.uniform(math.log(low), math.log(high)))
