"""Synthetic members for a rehearsal: made up inside a plan's bounds, or redrawn from a sample.

Nothing here is secret and nothing has to be unpredictable: the same seed gives the same members,
so that a logged rehearsal can be repeated. Used by :mod:`coordinator.rehearsal`.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

from accounting.measures import compute_file
from coordinator.deciding import LEAF
from coordinator.deciding import Member as Member
from coordinator.errors import SettingsError
from protocols.plan import Indicator, Measure, Plan
from protocols.table import Table

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
        if plan.table is not None:
            values[LEAF] = chance.randrange(len(plan.table.leaves))
        return values

    return draw


def redrawn(plan: Plan, sample: Sequence[Member]) -> Source:
    """Members drawn from a sample with replacement, each made a little larger or smaller.

    All measures of a member are scaled alike, so its ratios and what is derived from them stay.

    :raises SettingsError: no member of the sample fits the plan.
    """
    usable = [member for member in sample if not why_unfit(plan, member)]
    if not usable:
        raise SettingsError(
            "no record of the sample can take part under this plan: check its bounds, units and "
            "denominators"
        )

    def draw(chance: random.Random) -> Member:
        member = chance.choice(usable)
        factor = Fraction(_log_uniform(chance, 1 / STRETCH, STRETCH)).limit_denominator(10_000)
        scaled = {m.name: round(member[m.name] * factor) for m in plan.measures}
        if LEAF in member:
            scaled[LEAF] = member[LEAF]
        return member if why_unfit(plan, scaled) else scaled

    return draw


def read_sample(
    records: Path, mapping: Path, cohort: str | None = None, table: Table | None = None
) -> list[Member]:
    """The integers of every usable row of a records file: the first part of :func:`sample_of`.

    :raises AccountingError: the files cannot be used. :raises SettingsError: no usable row.
    """
    return sample_of(records, mapping, cohort, table)[0]


def sample_of(
    records: Path, mapping: Path, cohort: str | None = None, table: Table | None = None
) -> tuple[list[Member], list[str]]:
    """The integers of every usable row of a records file, and why the other rows are not usable.

    :param cohort: of this cohort only.
    :param table: the plan's; a row whose category is none of its leaves is not usable.
    :returns: members; a sentence for each dropped row, for the operator only: it names the row.
    :raises AccountingError: the files cannot be used. :raises SettingsError: no usable row.
    """
    rows: list[Member] = []
    dropped = []
    for row in compute_file(records, mapping).enterprises:
        if cohort not in (None, row.cohort):
            continue
        if row.excluded is not None:
            dropped.append(f"{row.enterprise}: {row.excluded}")
        elif table is None:
            rows.append(row.integers)
        elif row.category in table.leaves:
            rows.append({**row.integers, LEAF: table.leaves.index(row.category)})
        else:
            dropped.append(
                f"{row.enterprise}: its category {row.category!r} is no leaf of table "
                f"{table.name!r}"
            )
    if not rows:
        where = f" of cohort {cohort}" if cohort else ""
        first = f"; the first: {dropped[0]}" if dropped else ""
        raise SettingsError(f"{records} has no usable row{where}{first}")
    return rows, dropped


def lost(dropped: Sequence[str], unfit: Sequence[str]) -> list[str]:
    """What to tell the operator about rows of a sample that take no part, with the first reason.

    :param dropped: :func:`sample_of`'s. :param unfit: :func:`why_unfit`'s, of the rows left.
    """
    groups = ((dropped, "are not usable"), (unfit, "do not fit the plan"))
    return [
        f"{len(found)} of the sample's rows {what} and are left out; the first: {found[0]}"
        for found, what in groups
        if found
    ]


def why_unfit(plan: Plan, member: Member) -> str:
    """Why a member of a sample cannot take part under the plan; empty if it can."""
    if plan.table is not None and LEAF not in member:
        return f"it has no place in table {plan.table.name!r}"
    for m in plan.measures:
        if m.name not in member:
            return f"it has no {m.name}"
        if not m.minimum <= member[m.name] <= m.bound:
            return f"its {m.name} is not from {m.minimum} to {m.bound} {m.unit}"
    zero = [i.denominator for i in plan.ranked_indicators if not member[i.denominator] > 0]
    return f"its {zero[0]} is zero" if zero else ""


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


def _log_uniform(chance: random.Random, low: float, high: float) -> float:
    return math.exp(chance.uniform(math.log(low), math.log(high)))
