"""What a disclosure profile costs on given members: how much of them it would publish.

Counted in the clear on records or on made-up members, for ``cefed sim profiles`` and for rehearsals
(:mod:`coordinator.rehearsal`). A *cell* is a set of members for one measure. The decision about a
cohort may ask about every run of neighbouring tentative bands, for every band-level measure and
guard, and about the whole cohort for every cohort-level one; each of these is a cell here. Trustees
see classes and refuse some cells that the exact rules would pass: those are counted too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from coordinator.deciding import (
    LEAF,
    Member,
    covered,
    decide,
    histogram,
    published_members,
    tentative_members,
)
from protocols.layout import Layout
from protocols.plan import Level, Measure, Plan
from protocols.policy import check_measure, safe
from protocols.profiles import Policy


@dataclass
class Rate:
    """Of ``cells``: how many the exact rules pass, and how many of these classes refuse."""

    cells: int = 0
    safe: int = 0
    refused: int = 0

    def count(self, exactly_safe: bool, passed: bool) -> None:
        """Add one cell. :raises AssertionError: the classes passed an unsafe one, a defect."""
        if passed and not exactly_safe:
            raise AssertionError("size classes passed a cell that the exact rules refuse")
        self.cells += 1
        self.safe += exactly_safe
        self.refused += exactly_safe and not passed

    def as_document(self) -> dict[str, Any]:
        """Counts, and the share of safe cells that was refused, in percent."""
        share = f"{100 * self.refused / self.safe:.1f}" if self.safe else None
        return {
            "cells": self.cells,
            "safe": self.safe,
            "refused_safe": self.refused,
            "refused_percent": share,
        }


@dataclass
class Cost:
    """What one policy publishes of some cohorts; filled by :func:`add_cohort`.

    ``publishable``: cohorts of which the exact rules would publish something. ``measures``: total
    and published sum of each measure that is published at all. ``band_count``: bands with sums;
    ``cell_count`` of ``cells_filled``: published cells of tables, their totals included.
    ``bands``, ``runs``, ``wholes``: the cells of tentative bands, of all runs of them, and of whole
    cohorts; with a table, of its parts, of all its cells, and of its total.
    """

    policy: Policy
    cohorts: int = 0
    published: int = 0
    publishable: int = 0
    enterprises: int = 0
    covered: int = 0
    band_count: int = 0
    cell_count: int = 0
    cells_filled: int = 0
    measures: dict[str, list[int]] = field(default_factory=dict)
    bands: Rate = field(default_factory=Rate)
    runs: Rate = field(default_factory=Rate)
    wholes: Rate = field(default_factory=Rate)

    def as_document(self) -> dict[str, Any]:
        """Plain containers; shares in percent."""
        return {
            "policy": self.policy.as_document(),
            "cohorts": self.cohorts,
            "cohorts_published": self.published,
            "cohorts_publishable_exactly": self.publishable,
            "bands": self.band_count,
            "table_cells": {"published": self.cell_count, "filled": self.cells_filled},
            "enterprises": self.enterprises,
            "enterprises_covered_percent": _share(self.covered, self.enterprises),
            "measures_covered_percent": {
                name: _share(covered, total) for name, (total, covered) in self.measures.items()
            },
            "cells": {
                "tentative_bands": self.bands.as_document(),
                "runs_of_bands": self.runs.as_document(),
                "cohorts": self.wholes.as_document(),
            },
        }


def add_cohort(
    cost: Cost, plan: Plan, modulus_bits: int, members: Sequence[Member], *, cells: bool = True
) -> None:
    """Decide a cohort under ``cost.policy`` and add what comes of it.

    :param plan: the cohort's plan; its own policy is put aside.
    :param cells: also compare classes with exact rules in every cell, which takes longer.
    """
    plan = replace(plan, policy=cost.policy)
    layout = Layout(plan, modulus_bits)
    decided = decide(plan, layout, members)
    published = not decided.withheld
    cost.cohorts += 1
    cost.published += published
    cost.enterprises += len(members)
    cost.covered += covered(plan, decided)
    ranked = plan.sums_indicator
    cost.band_count += len(decided.ranking(ranked.name)) if ranked else 0
    if plan.table is not None:
        held = {member[LEAF] for member in members}
        cost.cell_count += sum(1 for cell in decided.table if cell.members)
        cost.cells_filled += sum(1 for cell in plan.table.cells if held.intersection(cell.leaves))
    for measure in plan.measures:
        if measure.published:
            sums = cost.measures.setdefault(measure.name, [0, 0])
            sums[0] += sum(member[measure.name] for member in members)
            inside = published_members(plan, decided, measure, members)
            sums[1] += sum(member[measure.name] for member in inside)
    if cells:
        _count_cells(cost, plan, layout, members)
    cost.publishable += _exactly_publishable(plan, members)


def _exactly_publishable(plan: Plan, members: Sequence[Member]) -> bool:
    """Whether the exact rules would publish the cohort as one band, and so in any way at all."""
    if len(members) < plan.policy.minimum_cohort:
        return False
    return all(
        safe([m[measure.name] for m in members], plan.policy, plan.public_limits[measure.name])
        for measure in plan.measures_at(Level.BAND)
    )


def _count_cells(cost: Cost, plan: Plan, layout: Layout, members: Sequence[Member]) -> None:
    for measure in plan.measures_at(Level.COHORT):
        cost.wholes.count(*_verdict(plan, measure, members))
    if plan.table is not None:
        for cell in plan.table.cells:
            inside = [member for member in members if member[LEAF] in cell.leaves]
            for measure in plan.measures_at(Level.BAND):
                found = _verdict(plan, measure, inside)
                (cost.bands if cell.depth else cost.wholes).count(*found)
                cost.runs.count(*found)
        return
    groups = tentative_members(plan, layout, members)
    for measure in plan.measures_at(Level.BAND):
        for first in range(len(groups)):
            inside = []
            for end, group in enumerate(groups[first:], first + 1):
                inside += group
                found = _verdict(plan, measure, inside)
                cost.runs.count(*found)
                if end == first + 1:
                    cost.bands.count(*found)
                if end - first == len(groups):
                    cost.wholes.count(*found)


def _verdict(plan: Plan, measure: Measure, members: Sequence[Member]) -> tuple[bool, bool]:
    """Whether a cell passes the exact rules, and whether it passes by classes."""
    values = [member[measure.name] for member in members]
    classes = histogram(plan, measure, members)
    limits = plan.public_limits[measure.name]
    passes = check_measure(measure.name, classes, plan.policy, limits) is None
    return safe(values, plan.policy, limits), passes


def _share(part: int, whole: int) -> str | None:
    return f"{100 * part / whole:.1f}" if whole else None
