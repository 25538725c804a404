"""Model IV: total reduction rate (TRR), its cost, and the strategies that share it out.

A strategy is a vector `r`, one rate in 0..1 for each item, items in ascending CEF (least efficient
first). Items are (output, emissions) pairs of enterprises, or the sums of bands of several; a rate
then holds for every member of the band, and a step of q is a step from one band to the next.

    TRR(r) = sum r_i C_i / sum C_i          acc(r) = sum r_i Y_i / sum r_i C_i

*Marginal opt-out*: `r_i = 1` for the m least efficient and 0 after; acc(r) is then ACC(m).

*Collective action scenarios* (CAS): everyone has a target, the more efficient a smaller one. The
paper says that the coefficient "is attenuated proportionally" and prints the rule as an image. Two
readings are offered: whole-cohort decay, `r_i = r_1 q^(i-1)`, and front and tail, `r_i = 1` for
`i <= m` and `q^(i-m)` after. CAS-1 is the moderate case (smaller q), CAS-2 the severe one (larger
q). The values of q are the caller's: none is printed in the paper.

Source: Zhu, Gao, Zhang, Chen (2022), doi 10.3389/fenrg.2022.857136.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from accounting.cef import Items, Number, check_ascending
from accounting.errors import ModelError


@dataclass(frozen=True)
class Point:
    """One strategy on a curve: its m, TRR (0..1) and averaged cost (output unit/tCO2)."""

    m: int
    trr: Fraction
    acc: Fraction


def total_reduction_rate(items: Items, rates: Sequence[Number]) -> Fraction:
    """TRR, 0..1. Raises `ModelError` for a rate outside 0..1, a wrong count or a wrong order."""
    return reduction(items, rates) / Fraction(sum(c for _, c in items))


def reduction(items: Items, rates: Sequence[Number]) -> Fraction:
    """`sum r_i C_i`, tCO2. Raises `ModelError` as `total_reduction_rate` does."""
    _check(items, rates)
    return Fraction(sum(r * c for r, (_, c) in zip(rates, items, strict=True)))


def averaged_cost(items: Items, rates: Sequence[Number]) -> Fraction:
    """Output given up per tonne cut, `sum r_i Y_i / sum r_i C_i`, in output unit/tCO2.

    Equal to ACC(m) for the marginal opt-out vector. Raises `ModelError` when nothing is cut, and as
    `total_reduction_rate` does.
    """
    cut = reduction(items, rates)
    if cut == 0:
        raise ModelError("every rate is zero: there is no reduction to price")
    return Fraction(sum(r * y for r, (y, _) in zip(rates, items, strict=True))) / cut


def marginal_opt_out(count: int, m: int) -> tuple[Fraction, ...]:
    """`r_i = 1` for the m least efficient of `count` items, 0 after."""
    _check_count(count, m)
    return (Fraction(1),) * m + (Fraction(0),) * (count - m)


def whole_cohort_decay(count: int, first: Number, q: Number) -> tuple[Fraction, ...]:
    """CAS, first reading: `r_i = first * q^(i-1)`, first in 0..1, q in (0, 1]."""
    _check_count(count, count)
    _check_q(q)
    if not 0 <= first <= 1:
        raise ModelError(f"the first rate {first} is not in 0..1")
    return tuple(Fraction(first) * Fraction(q) ** i for i in range(count))


def front_and_tail(count: int, m: int, q: Number) -> tuple[Fraction, ...]:
    """CAS, second reading: `r_i = 1` for `i <= m`, then `q^(i-m)`, q in (0, 1]."""
    _check_count(count, m)
    _check_q(q)
    return tuple(Fraction(q) ** max(0, i - m) for i in range(1, count + 1))


def first_rate_for(target: Number, items: Items, q: Number) -> Fraction:
    """The `first` with which whole-cohort decay reaches a total reduction rate of `target`.

    Raises `ModelError` when even `first = 1` falls short, naming what it reaches.
    """
    most = total_reduction_rate(items, whole_cohort_decay(len(items), 1, q))
    if not 0 <= target <= 1:
        raise ModelError(f"the target {target} is not in 0..1")
    if target > most:
        raise ModelError(
            f"with q = {q} the most that decay reaches is {float(most):.4f}: raise q or lower the "
            "target"
        )
    return Fraction(target) / most


def opt_out_curve(items: Items) -> tuple[Point, ...]:
    """ACC against TRR as the 1, 2, ... n least efficient leave."""
    check_ascending(items)
    n = len(items)
    return tuple(_point(m, marginal_opt_out(n, m), items) for m in range(1, n + 1))


def front_and_tail_curve(items: Items, q: Number) -> tuple[Point, ...]:
    """ACC against TRR for front and tail with m = 1 .. n.

    Whole-cohort decay has no such curve: its cost does not depend on `first`, only its TRR does.
    """
    check_ascending(items)
    n = len(items)
    return tuple(_point(m, front_and_tail(n, m, q), items) for m in range(1, n + 1))


def _point(m: int, rates: Sequence[Fraction], items: Items) -> Point:
    return Point(m, total_reduction_rate(items, rates), averaged_cost(items, rates))


def _check(items: Items, rates: Sequence[Number]) -> None:
    check_ascending(items)
    if len(rates) != len(items):
        raise ModelError(f"{len(rates)} rates for {len(items)} items")
    for position, rate in enumerate(rates, 1):
        if not 0 <= rate <= 1:
            raise ModelError(f"rate {position} is {rate}, not in 0..1")


def _check_count(count: int, m: int) -> None:
    if count < 1:
        raise ModelError("no items")
    if not 0 <= m <= count:
        raise ModelError(f"m = {m} is not in 0..{count}")


def _check_q(q: Number) -> None:
    if not 0 < q <= 1:
        raise ModelError(f"q = {q} is not in (0, 1]")
