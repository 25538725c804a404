"""The p% rule for readers who know a plan's limits: a minimum and a bound for every member.

A plan says of each measure that all values lie from a minimum m to a bound B. So the p% rule must
hold for what is not known beforehand. Let members with a value be ``x1, x2, ...``, n of them, with
sum X, and let the owner of ``xi`` estimate another ``xj``; everybody with no value may be known.

- *From above.* The others have at least m each, so ``xj <= X - xi - (n - 2) m``, which is too high
  by ``sum over the others of (x - m)``. That must be at least p % of ``xj``.
- *From below.* The others have at most B each, so ``xj >= X - xi - (n - 2) B``, which is too low by
  ``sum over the others of (B - x)``. That must be at least p % of ``xj``.

No reader of one sum and the limits gets nearer: both estimates are attained by values that fit.

**The worst pair.** With ``q = p/100 <= 1`` and a = x - m the first demand is ``sum of a >= a_i +
(1 + q) a_j + q m``: hardest for the largest j and the second largest i. With d = B - x the second
is ``sum of d >= d_i + (1 - q) d_j + q B``: hardest for the largest d_i and the second largest d_j,
so for the *smallest* member as reader and the second smallest as target. Hence two conditions:

    ``sum of (x - m) past the two largest   >= q * largest``,
    ``sum of (B - x) past the two smallest  >= q * second smallest``.

With m = 0 the first is the p% rule itself. Both demand more of a larger p.

**By classes.** In the first take the largest at its class's upper edge and the others at lower
edges, in the second everybody at upper edges, edges cut to m..B. The differences are monotone in
every value, and order by value refines order by class, so what passes by classes passes exactly;
and since these edges are values that the classes allow, a cell passes exactly if all values in its
classes and limits pass.

**Sums and unions.** Slack is ``sum - max over pairs of (a weighted pair)``. A maximum over pairs is
subadditive in the measure, limits of a sum of measures are sums of limits, and a member without a
value of one of them adds ``d = B >= 0`` to both sides at most: a sum of measures that pass passes,
with non-negative factors. A union of passing cells A and B passes: say the worst pair has its
target in A and its reader in B, else one cell's own slack is enough. From above, ``sum over A of
a - a_j >= q x_j`` follows from A's condition, and ``sum over B of a >= a_i``. From below, B's
condition with its own smallest two gives ``sum over B of d - d_i >= q B + (1 - q) d' >= q x_j``
where i is smallest in B, and ``sum over A of d >= d_j``. Another pair is no harder.

The share rules are about concentration and not about estimates; limits do not enter them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from protocols.encoding import class_lower, class_upper

Group = tuple[int, int, int]
"""Lowest and highest value that some members can have, and how many they are."""


@dataclass(frozen=True)
class PublicLimits:
    """What is public of every member's value: ``minimum`` to ``bound``; None: no bound is known."""

    minimum: int = 0
    bound: int | None = None


def keeps_distance(values: Iterable[int], percent: int, limits: PublicLimits) -> bool:
    """The rule on the values themselves, all inside the limits; for tests and simulations.

    :param percent: p, from 1 to 100.
    """
    return _keeps([(value, value, 1) for value in sorted(values) if value], percent, limits)


def keeps_distance_by_classes(
    histogram: Sequence[int], percent: int, limits: PublicLimits, resolution: int = 1
) -> bool:
    """Whether the rule holds for all values inside the limits that have this histogram.

    :param resolution: classes an octave.
    """
    groups = (
        (class_lower(size, resolution), class_upper(size, resolution), members)
        for size, members in enumerate(histogram)
        if size and members
    )
    return _keeps(list(groups), percent, limits)


def _keeps(groups: Sequence[Group], percent: int, limits: PublicLimits) -> bool:
    """Both conditions on groups in ascending order."""
    if not groups:
        return True
    least, bound = limits.minimum, limits.bound
    largest = _capped(groups[-1][1], bound)
    above = sum(n * max(0, low - least) for low, _, n in _past_two(reversed(groups)))
    if 100 * above < percent * largest:
        return False
    if bound is None:
        return True
    below = sum(n * (bound - _capped(high, bound)) for _, high, n in _past_two(groups))
    return 100 * below >= percent * _capped(_second(groups), bound)


def _past_two(groups: Iterable[Group]) -> Iterator[Group]:
    """The groups without the first two members."""
    gone = 2
    for low, high, members in groups:
        kept = max(0, members - gone)
        gone -= members - kept
        if kept:
            yield low, high, kept


def _second(groups: Sequence[Group]) -> int:
    """The highest value of the second smallest member; of the only one if there is one."""
    alone = groups[0][2] == 1 and len(groups) > 1
    return groups[1 if alone else 0][1]


def _capped(value: int, bound: int | None) -> int:
    return value if bound is None else min(value, bound)
