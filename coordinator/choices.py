"""Reduction strategies over the bands of a released cohort, tuned to a goal an authority names.

The strategies are those of Zhu, Gao, Zhang and Chen, "An Approach to Quickly Establish Regional
Carbon Management System", Frontiers in Energy Research 2022, doi 10.3389/fenrg.2022.857136, applied
to bands instead of enterprises: band b, worst first, has output Y_b and emissions C_b, and a
strategy is a vector r with 0 <= r_b <= 1.

- TRR = sum r_b C_b / sum C_b, the total emission reduction rate (1).
- ACC(r) = sum r_b Y_b / sum r_b C_b, the averaged carbon reduction cost: output forgone for a
  tonne. It counts all output of what is reduced as its cost, so it is an upper bound.
- Marginal opt-out: r = 1 for the m worst bands, 0 after.
- Collective action scenarios (CAS): every band has a target and a better band a smaller one,
  either as *whole-cohort decay*, r_b = r_1 q^(b-1), or as *front and tail*, r_b = 1 for b <= m and
  q^(b-m) after. CAS-1 is moderate (smaller q), CAS-2 severe (larger q).

The paper prints q as an image; the values here are ours, and so is their meaning of a step from one
band to the next. Everything is exact. A published r is rounded up to six decimals, and TRR and ACC
are computed from the published r, so that a goal is still met by the figures as printed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from accounting import strategies
from accounting.cef import check_ascending
from accounting.errors import ModelError
from coordinator.documents import Band, Cohort, Indicator
from coordinator.errors import DocumentError, GoalError

Strategy = Literal["opt_out", "cas1", "cas2"]
Reading = Literal["whole_bands", "whole_cohort", "front_and_tail"]

DECIMALS = 6


@dataclass(frozen=True)
class Goal:
    """What an authority names: the reduction it wants and how fast a CAS decays from band to band.

    `reduction` is the total emission reduction rate sought, in (0, 1]; `moderate` and `severe` are
    the q of CAS-1 and CAS-2, in (0, 1) with moderate < severe. The defaults are ours.

    Raises:
        GoalError: a value outside its range.
    """

    reduction: Fraction = Fraction(1, 10)
    moderate: Fraction = Fraction(3, 4)
    severe: Fraction = Fraction(9, 10)

    def __post_init__(self) -> None:
        if not 0 < self.reduction <= 1:
            raise GoalError(f"the reduction goal must lie in (0, 1], not {self.reduction}")
        if not 0 < self.moderate < self.severe < 1:
            raise GoalError(
                "the decay coefficients must satisfy 0 < q of CAS-1 < q of CAS-2 < 1, not "
                f"{self.moderate} and {self.severe}"
            )


DEFAULT_GOAL = Goal()


@dataclass(frozen=True)
class Point:
    """One point of a strategy curve: TRR (1) and ACC (the cohort's cost unit)."""

    trr: Fraction
    acc: Fraction


@dataclass(frozen=True)
class Choice:
    """One strategy tuned to the goal. `r` is worst band first; `front` counts whole bands (m)."""

    strategy: Strategy
    reading: Reading
    decay: Fraction | None
    front: int | None
    r: tuple[Fraction, ...]
    point: Point
    forgone: Fraction
    reduced: Fraction
    meets_goal: bool


@dataclass(frozen=True)
class Ladder:
    """The bands of one cohort, worst first, with what each gains (Y) and burdens (C).

    `numbers` are the bands' positions in the release, counted from 1 in ascending order of the
    indicator's value. `scale` and `unit` turn sum Y / sum C into the unit of cost.
    """

    bands: tuple[Band, ...]
    numbers: tuple[int, ...]
    output: str
    emissions: str
    items: tuple[tuple[Fraction, Fraction], ...]
    scale: Fraction
    unit: str

    def point(self, r: Sequence[Fraction]) -> Point:
        """TRR and ACC of a vector, worst band first."""
        return Point(
            strategies.total_reduction_rate(self.items, r),
            self.scale * strategies.averaged_cost(self.items, r),
        )


def ladder_of(cohort: Cohort) -> Ladder | None:
    """The cohort's bands as a strategy sees them, or None where no ranking publishes sums, where
    there is one band only, or where noise hides how the bands differ.

    A strategy tells enterprises apart by their band; with one band it would ask everybody to leave.

    Where higher is better (output per tonne) the denominator is the burden; where lower is better
    (emissions per tonne of product) the numerator is, and cost has the raw unit of the two sums.
    """
    ranked = cohort.ranked
    if cohort.withheld is not None or ranked is None or len(cohort.bands) < 2:
        return None
    output, emissions = ranked.numerator, ranked.denominator
    if not ranked.higher_is_better:
        output, emissions = emissions, output
    numbered = list(enumerate(cohort.bands, start=1))
    if not ranked.higher_is_better:
        numbered.reverse()
    if any(name not in band.measures for band in cohort.bands for name in (output, emissions)):
        return None
    try:
        items = tuple(
            (band.measures[output].value, band.measures[emissions].value) for _, band in numbered
        )
        check_ascending(items)
    except ModelError as error:
        if cohort.noise is not None:
            return None  # noise has put bands out of their order, or below zero
        raise DocumentError(f"cohort {cohort.name!r}, bands: {error}") from error
    return Ladder(
        bands=tuple(band for _, band in numbered),
        numbers=tuple(number for number, _ in numbered),
        output=output,
        emissions=emissions,
        items=items,
        scale=ranked.scale if ranked.higher_is_better else Fraction(1),
        unit=_cost_unit(ranked, cohort.bands[0], output, emissions),
    )


def choose(ladder: Ladder, goal: Goal = DEFAULT_GOAL) -> tuple[Choice, ...]:
    """Tune every strategy to the goal.

    Opt-out and front and tail take the fewest whole bands m that reach the goal and so overshoot
    it; whole-cohort decay takes r_1 = goal / TRR(r_1 = 1) and meets it to six decimals. Where even
    the largest vector falls short, that vector is returned with `meets_goal` false.
    """
    return (
        _opt_out(ladder, goal),
        _whole_cohort(ladder, goal, "cas1", goal.moderate),
        _whole_cohort(ladder, goal, "cas2", goal.severe),
        _front_and_tail(ladder, goal, "cas1", goal.moderate),
        _front_and_tail(ladder, goal, "cas2", goal.severe),
    )


def assigned(choices: Sequence[Choice]) -> tuple[Choice, ...]:
    """The choices written to targets.csv: opt-out, and both CAS read as whole-cohort decay."""
    return tuple(choice for choice in choices if choice.reading != "front_and_tail")


def opt_out_curve(ladder: Ladder) -> tuple[Point, ...]:
    """ACC against TRR after each of the m = 1..B worst bands has left."""
    return _scaled(ladder, strategies.opt_out_curve(ladder.items))


def front_and_tail_curve(ladder: Ladder, decay: Fraction) -> tuple[Point, ...]:
    """ACC against TRR of a front-and-tail CAS for m = 1..B."""
    return _scaled(ladder, strategies.front_and_tail_curve(ladder.items, decay))


def whole_cohort_limit(ladder: Ladder, decay: Fraction) -> Point:
    """The end of a whole-cohort decay, r_1 = 1; a smaller r_1 scales TRR and keeps ACC."""
    return ladder.point(strategies.whole_cohort_decay(len(ladder.items), Fraction(1), decay))


def _scaled(ladder: Ladder, points: Sequence[strategies.Point]) -> tuple[Point, ...]:
    return tuple(Point(point.trr, ladder.scale * point.acc) for point in points)


def _cost_unit(ranked: Indicator, band: Band, output: str, emissions: str) -> str:
    if ranked.higher_is_better:
        return ranked.unit
    return f"{band.measures[output].unit}/{band.measures[emissions].unit}"


def _publishable(r: Sequence[Fraction]) -> tuple[Fraction, ...]:
    return tuple(Fraction(-((-value * 10**DECIMALS) // 1), 10**DECIMALS) for value in r)


def _chosen(
    ladder: Ladder,
    goal: Goal,
    strategy: Strategy,
    reading: Reading,
    r: Sequence[Fraction],
    decay: Fraction | None = None,
    front: int | None = None,
) -> Choice:
    published = _publishable(r)
    point = ladder.point(published)
    reduced = strategies.reduction(ladder.items, published)
    return Choice(
        strategy=strategy,
        reading=reading,
        decay=decay,
        front=front,
        r=published,
        point=point,
        forgone=strategies.averaged_cost(ladder.items, published) * reduced,
        reduced=reduced,
        meets_goal=point.trr >= goal.reduction,
    )


def _opt_out(ladder: Ladder, goal: Goal) -> Choice:
    m = _fewest(opt_out_curve(ladder), goal)
    r = strategies.marginal_opt_out(len(ladder.items), m)
    return _chosen(ladder, goal, "opt_out", "whole_bands", r, front=m)


def _whole_cohort(ladder: Ladder, goal: Goal, strategy: Strategy, decay: Fraction) -> Choice:
    first = min(Fraction(1), goal.reduction / whole_cohort_limit(ladder, decay).trr)
    r = strategies.whole_cohort_decay(len(ladder.items), first, decay)
    return _chosen(ladder, goal, strategy, "whole_cohort", r, decay=decay)


def _front_and_tail(ladder: Ladder, goal: Goal, strategy: Strategy, decay: Fraction) -> Choice:
    m = _fewest(front_and_tail_curve(ladder, decay), goal)
    r = strategies.front_and_tail(len(ladder.items), m, decay)
    return _chosen(ladder, goal, strategy, "front_and_tail", r, decay=decay, front=m)


def _fewest(curve: Sequence[Point], goal: Goal) -> int:
    """The fewest bands whose TRR reaches the goal; the whole cohort always does."""
    return next(m for m, point in enumerate(curve, start=1) if point.trr >= goal.reduction)
