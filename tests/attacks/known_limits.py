"""What a plan says about everybody: a floor under each value takes the p% rule's room away.

The second largest member takes its own value and, for each other, the plan's minimum off the
published sum. The p% rule leaves room for what the others add up to; where that is little more than
their floors, nothing of the room is left. :func:`ceiling` is the same from below: where the sum
is near to members times the plan's bound, everybody is near the bound. :func:`two_small_ones`:
where most members are at the bound, the smallest knows how much another small one has at least.

What stops it: the p% rule must hold for what is not known from the limits, from above and from
below (*known-limits*, :mod:`protocols.known_limits`); a plan's minimum also counts for the totals
that contain the measure (:mod:`protocols.public_limits`). A plan with a minimum of 0 or 1 and a
bound far above any member loses nothing by it; plausibility floors belong into the mapping, which
does not leave the private side. A limit that everybody knows anyway belongs into the plan, so that
the policy sees it.

Removed by ``--weakened``: the rule on known limits (``policy.keeps_distance_by_classes``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction

from protocols import policy
from protocols.plan import Direction, Indicator, Level, Measure, Plan, Ranking
from tests.attacks.confinement import Confinement, Interval
from tests.attacks.published import certified, released
from tests.attacks.result import Result, main, removed
from tests.strategies import plain_plan

FLOOR = 1000
CEILING = 8760
FLOORED = (9000, 1800, 1010, 1005, 1003, 1002, 1001, 1000)
"""One large firm, and others that just reach the floor, as firms "above designated size" do."""
HOURS = (8700, 8712, 8705, 8690, 8701, 8694)
"""Hours of a year in which plants ran that hardly ever stop."""
SMALL_ONES = (8760, 8760, 8760, 8759, 8760, 100, 50)
FOUND = "another's value to within 10 %"


def run(weakened: bool = False) -> Result:
    """The floor."""
    measure = Measure("output", "yuan", 10**9, FLOOR)
    return _attack(measure, FLOORED, Interval.over_estimate, weakened)


def without_floor() -> Result:
    """The same values under a plan whose minimum is 1."""
    return _attack(Measure("output", "yuan", 10**9, 1), FLOORED, Interval.over_estimate)


def ceiling(weakened: bool = False) -> Result:
    """A measure that cannot be larger than the hours of a year."""
    return _attack(Measure("hours", "h", CEILING), HOURS, Interval.width, weakened)


def two_small_ones(weakened: bool = False) -> Result:
    """Plants that never stop, and two that hardly ran: the last finds the one before it."""
    measure = Measure("hours", "h", CEILING)
    return _attack(measure, SMALL_ONES, _from_below, weakened, (-2, -1))


def without_ceiling() -> Result:
    """The same under a plan whose bound is far away."""
    return _attack(Measure("hours", "h", 100 * CEILING), HOURS, Interval.width)


def _from_below(interval: Interval) -> float:
    return (interval.value - interval.lower) / interval.value


def _attack(
    measure: Measure,
    values: Sequence[int],
    error: Callable[[Interval], float],
    weakened: bool = False,
    pair: tuple[int, int] = (0, 1),
) -> Result:
    """One member as another one sees it.

    :param error: says how closely. :param pair: target and reader, as places by descending value.
    """
    plan = _plan(measure)
    members = [{measure.name: value, "other": 10**4 + i} for i, value in enumerate(values)]
    with removed(weakened, policy, "keeps_distance_by_classes", lambda *_: True) as what:
        certificate = certified(plan, members)
    order = sorted(range(len(values)), key=values.__getitem__, reverse=True)
    target, reader = (order[place] for place in pair)
    publication = released(plan, members, certificate)
    interval = Confinement(publication, members, frozenset([reader])).interval(target, measure.name)
    published = measure.name in certificate.cohort_measures
    near = published and 100 * error(interval) < plan.policy.dominance_percent
    return Result(
        had="the release, the plan, and an own value",
        did="found the least and largest value that fit all of them",
        planted=FOUND,
        gained=FOUND if near else None,
        stopped_by=tuple(certificate.withheld_measures.values()),
        removed=what and f"the rule on known limits ({what})",
        figures={
            "interval": f"{interval.lower:.0f} .. {interval.upper:.0f} {measure.unit}",
            "value": interval.value,
        },
    )


def _plan(measure: Measure) -> Plan:
    first = replace(measure, level=Level.COHORT)
    other = Measure("other", "pieces", 10**9, 1, level=Level.COHORT)
    ratio = Indicator(
        "ratio", "1", first.name, "other", Fraction(1), Direction.HIGHER, Ranking.NONE
    )
    return plain_plan(measures=(first, other), indicators=(ratio,), relations=(), unrelated=())


if __name__ == "__main__":
    main(run, __doc__)
