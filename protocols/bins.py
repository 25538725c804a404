"""Bins of a ratio of two integers: which one a pair falls into, and how edges are spaced.

Edges are exact rationals fixed in the signed plan, so every node finds its bin by integer
cross-multiplication and no two machines can disagree. The outer bins are open (SPEC.md section 4).
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction
from itertools import pairwise

from protocols.errors import PlanError

EDGE_DIGITS = 6
"""Significant digits of a computed edge: short enough to read, fine enough for 64 bins."""

_WORKING = Context(prec=60, rounding=ROUND_HALF_EVEN)
_EDGE = Context(prec=EDGE_DIGITS, rounding=ROUND_HALF_EVEN)


def bin_of(numerator: int, denominator: int, edges: Sequence[Fraction]) -> int:
    """The bin of ``numerator / denominator``: how many of the increasing ``edges`` are <= it.

    Bin ``b`` holds ``edges[b-1] <= N/D < edges[b]``; the first and last bin have no outer edge.
    ``numerator >= 0`` and ``denominator > 0`` are integers; :class:`ValueError` otherwise.
    """
    if numerator < 0 or denominator <= 0:
        raise ValueError("a ratio needs a numerator >= 0 and a denominator > 0")
    low, high = 0, len(edges)
    while low < high:
        middle = (low + high) // 2
        edge = edges[middle]
        if edge.numerator * denominator <= numerator * edge.denominator:
            low = middle + 1
        else:
            high = middle
    return low


def log_edges(lower: Fraction, upper: Fraction, bins: int) -> tuple[Fraction, ...]:
    """``bins - 1`` interior edges from ``lower`` to ``upper``, evenly spaced in the logarithm.

    The first edge is ``lower`` and the last is ``upper``, exactly as given; the others are rounded
    to six significant digits, half to even. Logarithm and exponential are those of the decimal
    arithmetic specification, which are correctly rounded: every machine gets the same edges.
    Called when a template is instantiated. Raises :class:`PlanError` unless
    ``0 < lower < upper`` and ``bins >= 3``, and when the range is too narrow for that many bins.
    """
    if bins < 3:
        raise PlanError(f"{bins} bins cannot have a lower and an upper edge: use at least 3 bins")
    if not 0 < lower < upper:
        raise PlanError("bins need 0 < lower < upper: correct the range of the bins")
    steps = bins - 2
    log_lower, log_upper = _ln(lower), _ln(upper)
    step = _WORKING.divide(_WORKING.subtract(log_upper, log_lower), Decimal(steps))
    inner = []
    for index in range(1, steps):
        exponent = _WORKING.add(log_lower, _WORKING.multiply(step, Decimal(index)))
        inner.append(Fraction(_EDGE.plus(_WORKING.exp(exponent))))
    edges = (lower, *inner, upper)
    if any(left >= right for left, right in pairwise(edges)):
        raise PlanError(
            f"{bins} bins between {lower} and {upper} coincide at {EDGE_DIGITS} digits:"
            " widen the range or use fewer bins"
        )
    return edges


def _ln(value: Fraction) -> Decimal:
    ratio = _WORKING.divide(Decimal(value.numerator), Decimal(value.denominator))
    return _WORKING.ln(ratio)
