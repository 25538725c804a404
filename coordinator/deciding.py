"""What trustees would decide, computed in the clear on plain members.

Used by rehearsals (:mod:`coordinator.rehearsal`), for the cost of profiles
(:mod:`coordinator.profile_costs`) and by tests. Members are counted and classed without a key or a
ciphertext, and the very functions that trustees run do the rest.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from protocols import certificate, suppression
from protocols.bands import tentative_bands
from protocols.certificate import BandCertificate, Classes, Counts
from protocols.encoding import class_count, size_class
from protocols.hashing import HASH_BYTES
from protocols.layout import Layout
from protocols.plan import Level, Measure, Plan

Member = Mapping[str, int]
"""An enterprise's integers by measure, and with a table its leaf under :data:`LEAF`."""

LEAF = "table/leaf"
"""No measure can have this name."""

_NO_STATEMENT = bytes(HASH_BYTES)


def decide(plan: Plan, layout: Layout, members: Sequence[Member]) -> BandCertificate:
    """The band certificate that trustees would sign for these members."""
    counts = _counts(plan, layout, members)
    classes = _classes(plan, layout, counts, members)
    return certificate.certify(plan, layout, _NO_STATEMENT, counts, classes)


def covered(plan: Plan, certificate: BandCertificate) -> int:
    """How many members are in a published band or leaf, or, with neither, in a published cohort."""
    if certificate.withheld:
        return 0
    if plan.table is not None:
        cells = zip(plan.table.cells, certificate.table, strict=True)
        return sum(decided.members for cell, decided in cells if not cell.children)
    return certificate.members


def published_members(
    plan: Plan, certificate: BandCertificate, measure: Measure, members: Sequence[Member]
) -> list[Member]:
    """Whose values of ``measure`` are in a published sum as finely as the plan means to publish."""
    if certificate.withheld:
        return []
    if measure.level is Level.COHORT:
        return list(members) if measure.name in certificate.cohort_measures else []
    if plan.table is None:
        return list(members)
    cells = zip(plan.table.cells, certificate.table, strict=True)
    leaves = {cell.first for cell, decided in cells if decided.members and not cell.children}
    return [member for member in members if member[LEAF] in leaves]


def tentative_members(plan: Plan, layout: Layout, members: Sequence[Member]) -> list[list[Member]]:
    """The members of each tentative band; none where nothing is ranked by sums."""
    return _split(plan, layout, _counts(plan, layout, members), members)


def histogram(plan: Plan, measure: Measure, members: Sequence[Member]) -> tuple[int, ...]:
    """How many of ``members``, all inside the plan's bounds, are in each size class."""
    resolution = plan.policy.classes_per_octave
    found = [0] * class_count(measure.bound, resolution)
    for member in members:
        found[size_class(member[measure.name], resolution)] += 1
    return tuple(found)


def _counts(plan: Plan, layout: Layout, members: Sequence[Member]) -> Counts:
    bins = [layout.bins_of(member) for member in members]
    by_indicator = {}
    for indicator in plan.ranked_indicators:
        tally = Counter(own[indicator.name] for own in bins)
        by_indicator[indicator.name] = tuple(tally[b] for b in range(indicator.bins))
    ranked = plan.sums_indicator
    tentative = tentative_bands(by_indicator[ranked.name], plan.policy) if ranked else ()
    if plan.table is None:
        return Counts(len(members), by_indicator, tentative)
    tally = Counter(member[LEAF] for member in members)
    leaves = tuple(tally[leaf] for leaf in range(len(plan.table.leaves)))
    units = suppression.units(plan.table, leaves, plan.policy)
    return Counts(len(members), by_indicator, tentative, leaves, units)


def _classes(plan: Plan, layout: Layout, counts: Counts, members: Sequence[Member]) -> Classes:
    cells = _split(plan, layout, counts, members)
    return Classes(
        tuple(_histograms(plan, Level.BAND, cell) for cell in cells),
        _histograms(plan, Level.COHORT, members),
        {
            unit: _histograms(plan, Level.BAND, [m for m in members if m[LEAF] in unit])
            for unit in counts.units
        },
    )


def _split(
    plan: Plan, layout: Layout, counts: Counts, members: Sequence[Member]
) -> list[list[Member]]:
    ranked = plan.sums_indicator
    cells: list[list[Member]] = [[] for _ in counts.tentative]
    if ranked is not None and cells:
        place = {
            index: number
            for number, band in enumerate(counts.tentative)
            for index in range(band.first, band.end)
        }
        for member in members:
            cells[place[layout.bins_of(member)[ranked.name]]].append(member)
    return cells


def _histograms(plan: Plan, level: Level, members: Sequence[Member]) -> dict[str, tuple[int, ...]]:
    return {m.name: histogram(plan, m, members) for m in plan.measures_at(level)}
