"""Bands: consecutive bins, merged until every band may be published.

All choices are deterministic functions of integers, so that every trustee arrives at the same
certificate. Among the partitions with the most bands, the one is taken whose cuts lie nearest the
10, 25, 50, 75 and 90 percentiles of the members (SPEC.md section 4).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate, pairwise
from operator import add, sub

from protocols.plan_terms import Direction, Policy
from protocols.policy import (
    Histogram,
    PublicLimits,
    Violation,
    check_cell,
    check_measure,
    filled_classes,
    merge,
)

PERCENTILES = (10, 25, 50, 75, 90)
NEAR_POINTS = 5
"""Percentage points by which a best set may miss its target without the release saying so."""
MOST_OF_ALL = Fraction(1, 3)
"""The largest share of the members whose mean is published as that of the best."""


@dataclass(frozen=True)
class BinRange:
    """Bins ``first .. end - 1`` and how many members they hold."""

    first: int
    end: int
    members: int


@dataclass(frozen=True)
class BandDecision:
    """The bands, or, when even the whole cohort fails, none and what it fails."""

    bands: tuple[BinRange, ...]
    violations: tuple[Violation, ...]


def tentative_bands(counts: Sequence[int], policy: Policy) -> tuple[BinRange, ...]:
    """Ranges of at least k members each, covering all bins; empty when there are fewer than k.

    A cut lies in the middle of the empty bins between two members: right beside a filled bin it
    would show that the bin is filled.

    :param counts: members in each bin, in the order of the indicator.
    """
    filled = [index for index, members in enumerate(counts) if members]
    if sum(counts) < policy.minimum_cohort:
        return ()
    cuts = [0, *((a + 1 + b + 1) // 2 for a, b in pairwise(filled)), len(counts)]
    cells = [BinRange(a, b, sum(counts[a:b])) for a, b in pairwise(cuts)]
    return _partition(cells, lambda first, end: _members(cells[first:end]) >= policy.minimum_cohort)


def decide_bands(
    tentative: Sequence[BinRange],
    histograms: Sequence[Mapping[str, Histogram]],
    policy: Policy,
    limits: Mapping[str, PublicLimits],
) -> BandDecision:
    """Merge tentative bands until each passes the policy for every measure and guard.

    :param histograms: for each tentative band, its size-class counts by measure.
    :param limits: the plan's, by measure.
    """
    running = {name: _running(histograms, name) for name in (histograms[0] if histograms else ())}
    names = list(running)

    def publishable(first: int, end: int) -> bool:
        for name in names:
            merged = list(map(sub, running[name][end], running[name][first]))
            if check_measure(name, merged, policy, limits[name]) is not None:
                # What fails here mostly fails in the next runs too. The answer needs all measures
                # or one that fails, so it does not depend on their order.
                names.remove(name)
                names.insert(0, name)
                return False
        return True

    bands = _partition(tentative, publishable)
    if bands:
        return BandDecision(bands, ())
    return BandDecision((), check_cell(merge(histograms), policy, limits))


def _running(histograms: Sequence[Mapping[str, Histogram]], name: str) -> list[tuple[int, ...]]:
    """The classes of one measure over the first 0, 1, 2, ... cells, up to the highest filled one.

    A run's classes are then the difference of two of these.
    """
    columns = [held[name] for held in histograms]
    start = (0,) * filled_classes(columns)
    return list(
        accumulate(columns, lambda total, held: tuple(map(add, total, held)), initial=start)
    )


def _partition(
    cells: Sequence[BinRange], allowed: Callable[[int, int], bool]
) -> tuple[BinRange, ...]:
    """The best partition of ``cells`` into allowed runs, by dynamic programming; () if none.

    Best: most runs, then the smallest total distance from each percentile to its nearest cut, then
    the earliest cuts.
    """
    after = list(accumulate((cell.members for cell in cells), initial=0))
    best: list[_Plan | None] = [_Plan(0, 0, ())] + [None] * len(cells)
    for end in range(1, len(cells) + 1):
        # Short runs first: they make the most, and ``allowed``, which is dear, is asked only of
        # what would win. No two candidates have the same rank, so their order changes nothing.
        for first in reversed(range(end)):
            before = best[first]
            if before is None:
                continue
            gained = _percentile_cost(after[first], after[end], after[-1])
            candidate = _Plan(before.runs + 1, before.cost + gained, (*before.cuts, end))
            held = best[end]
            if (held is None or candidate.rank() < held.rank()) and allowed(first, end):
                best[end] = candidate
    final = best[-1]
    if final is None or not final.runs:
        return ()
    return tuple(
        BinRange(cells[a].first, cells[b - 1].end, _members(cells[a:b]))
        for a, b in pairwise((0, *final.cuts))
    )


@dataclass(frozen=True)
class _Plan:
    """A partition of the first cells: number of runs, percentile cost, ends of the runs."""

    runs: int
    cost: int
    cuts: tuple[int, ...]

    def rank(self) -> tuple[int, int, tuple[int, ...]]:
        return (-self.runs, self.cost, self.cuts)


def _percentile_cost(start: int, end: int, total: int) -> int:
    """Distance of the percentiles inside a run to its nearer cut, in hundredths of a member.

    The two ends of the cohort are no cuts; a single run has none, and its cost is 0.
    """
    cuts = [100 * place for place in (start, end) if 0 < place < total]
    positions = (percentile * total for percentile in PERCENTILES)
    return sum(
        min(abs(position - cut) for cut in cuts)
        for position in positions
        if cuts and 100 * start <= position < 100 * end
    )


def _members(cells: Sequence[BinRange]) -> int:
    return sum(cell.members for cell in cells)


@dataclass(frozen=True)
class CutPoint:
    """The cut nearest a target share: ``below`` of ``members`` lie under edge ``edge``."""

    target: int
    edge: int
    below: int


def cut_points(
    bands: Sequence[BinRange], targets: Sequence[int] = (25, 50, 75)
) -> tuple[CutPoint, ...]:
    """For each target percentile the published cut nearest it; none when there is one band."""
    total = _members(bands)
    below = accumulate(band.members for band in bands[:-1])
    cuts = list(zip((band.first for band in bands[1:]), below, strict=True))
    return tuple(
        CutPoint(target, *min(cuts, key=lambda cut: abs(100 * cut[1] - target * total)))
        for target in targets
        if cuts
    )


@dataclass(frozen=True)
class BestSet:
    """The best bands whose share of the members is nearest a target, and what may be said of them.

    ``bands``: their indexes, at least one; ``members`` of ``total`` are in them; ``percent``: the
    target. Bands cannot be cut, so in a small cohort the nearest set may be far from the target.
    """

    bands: tuple[int, ...]
    members: int
    total: int
    percent: int

    @property
    def near(self) -> bool:
        """Whether the share is within :data:`NEAR_POINTS` percentage points of the target."""
        distance = abs(100 * self.members - self.percent * self.total)
        return distance <= NEAR_POINTS * self.total

    @property
    def withheld(self) -> str:
        """Why no figure of these bands is published as that of the best; "" where one is.

        Their own figures are published anyway: it is about what a figure means, not about safety.
        """
        if self.members <= MOST_OF_ALL * self.total:
            return ""
        return (
            f"the nearest set of best bands holds {self.members} of {self.total} enterprises, more "
            f"than a third, and cannot stand for the best {self.percent} % (publishable with more "
            "enterprises, which make more bands)"
        )


def best_set(bands: Sequence[BinRange], direction: Direction, percent: int = 10) -> BestSet:
    """The best bands whose share of the members is nearest ``percent``; on a tie the smaller set.

    :param bands: at least one, covering all members.
    """
    order = range(len(bands) - 1, -1, -1) if direction is Direction.HIGHER else range(len(bands))
    total = _members(bands)
    running = list(accumulate(bands[index].members for index in order))
    distances = [abs(100 * members - percent * total) for members in running]
    last = distances.index(min(distances))
    return BestSet(tuple(sorted(list(order)[: last + 1])), running[last], total, percent)
