"""Dominance rules on one cell: exactly, from size classes alone, and against each other.

Every rule here has one form. With contributions ``x1 >= x2 >= ... >= 0`` of total X,

    ``w1 x1 + w2 x2 + ... <= t X``,    ``w1 >= w2 >= ... >= 0`` whole numbers, t from 1 to 100.

- p% rule: ``X - x1 - x2 >= p/100 x1``, so ``(100 + p) x1 + 100 x2 <= 100 X``.
- (n,k) rule: the n largest hold at most k percent: ``100 (x1 + ... + xn) <= k X``. The largest
  share is (1,k), and the 15/15 rule is (1,15) beside a least number of 15 members.

Source: Hundepool et al., Handbook on Statistical Disclosure Control, section 4.2.2.

**Sums and unions.** The left side is the largest value of ``sum of w_i y_i`` over all orders y of
the members, so for two measures u, v of the same members ``left(u + v) <= left(u) + left(v)``,
while X adds up. Hence a sum of measures that keep a rule keeps it, and so does any combination with
non-negative factors. A union of disjoint cells is such a sum: each cell's measure, continued with
zeros over the other's members. So unions of cells that keep a rule keep it.

**By classes.** Order the members by value; that orders them by class too, so the i-th largest value
lies in the i-th highest class. In ``t X - left = sum of (t - w_i) x_i`` take the class's upper edge
where ``w_i > t`` and its lower edge elsewhere: this is at most the exact difference, so what passes
by classes passes exactly. It is attained: weights descend, so the members taken at upper edges come
first and the order stands. A cell passes by classes exactly if all values in its classes pass.
Whatever follows from the exact rule, the two paragraphs above included, therefore holds by classes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from protocols.encoding import class_lower, class_upper

P_PERCENT = "dominance"
"""The name of the p% rule."""

Histogram = Sequence[int]
"""Members in each size class, from class 0 upwards."""


@dataclass(frozen=True)
class DominanceRule:
    """``weights`` on the largest contributions, descending, against ``limit`` times the total.

    ``name`` is for messages and programs: "dominance", "largest-share" or "top-share".
    """

    name: str
    weights: tuple[int, ...]
    limit: int

    def holds(self, values: Sequence[int]) -> bool:
        """The rule on the contributions themselves; for tests, simulations and a node's own."""
        ordered = sorted(values, reverse=True)
        left = sum(w * x for w, x in zip(self.weights, ordered, strict=False))
        return left <= self.limit * sum(ordered)

    def holds_by_classes(self, histogram: Histogram, resolution: int = 1) -> bool:
        """Whether the rule holds for all values that have this histogram; see the module's proof.

        :param resolution: classes an octave.
        """
        slack, place = 0, 0
        for size in range(len(histogram) - 1, 0, -1):
            members = histogram[size]
            if not members:
                continue
            lower = class_lower(size, resolution)
            for weight in self.weights[place : place + members]:
                edge = class_upper(size, resolution) if weight > self.limit else lower
                slack += (self.limit - weight) * edge
            weighted = max(0, min(members, len(self.weights) - place))
            slack += (members - weighted) * self.limit * lower
            place += members
        return slack >= 0

    def implies(self, other: DominanceRule) -> bool:
        """Whether every list of contributions that keeps this rule keeps ``other``. Exact.

        Write ``x1 >= x2 >= ...`` as a sum of staircases ``d_j (1, ..., 1, 0, ...)`` of j ones with
        ``d_j >= 0``, any of which occurs. The rule's slack ``t X - left`` is then ``sum of d_j
        a_j`` with ``a_j = t j - (w_1 + ... + w_j)``, and the other's ``sum of d_j b_j``. By Farkas'
        lemma the first being non-negative implies the second being so exactly if there is a factor
        ``f >= 0`` with ``b_j >= f a_j`` for all j. Past the last weight both grow by their limits,
        so the condition there is the one at that j and ``limit_other >= f limit``.
        """
        most = Fraction(other.limit, self.limit)
        least = Fraction(0)
        steps = max(len(self.weights), len(other.weights)) + 1
        for a, b in zip(self._slacks(steps), other._slacks(steps), strict=True):
            if a > 0:
                most = min(most, Fraction(b, a))
            elif a < 0:
                least = max(least, Fraction(b, a))
            elif b < 0:
                return False
        return least <= most

    def _slacks(self, steps: int) -> Iterator[int]:
        """The slack of 1, 2, ... ``steps`` equal contributions of 1."""
        left = 0
        for count in range(1, steps + 1):
            left += self.weights[count - 1] if count <= len(self.weights) else 0
            yield self.limit * count - left


def p_percent(percent: int) -> DominanceRule:
    """The p% rule: nobody can estimate the largest from above closer than ``percent`` percent."""
    return DominanceRule(P_PERCENT, (100 + percent, 100), 100)


def top_share(count: int, percent: int) -> DominanceRule:
    """The (n,k) rule: the ``count`` largest together hold at most ``percent`` percent."""
    name = "largest-share" if count == 1 else "top-share"
    return DominanceRule(name, (100,) * count, percent)
