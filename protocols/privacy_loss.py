"""How much releases with noise tell about one enterprise: conversion, and the account over all.

Losses are rho of zero-concentrated differential privacy (Bun, Steinke 2016), exact fractions that
add up over releases of the same data. For people they are also stated as (epsilon, delta).

**The account.** The same data is an enterprise's of overlapping periods
(:mod:`protocols.periods`); data of other periods is other data and has an account of its own. A
release without noise tells everything, so its loss is infinite. Each plan with noise promises that
all releases that overlap its period come to its budget at most, for each of its enterprises. A
release that would break a promise, its own or an earlier one, is refused: so is an exact release
after a noisy one, and a noisy one after an exact one, whose promise would be broken already. Where
all releases are exact, nothing was promised and nothing is refused.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Hashable, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from fractions import Fraction
from functools import lru_cache
from math import inf, isinf

from protocols.errors import PlanError
from protocols.noise_terms import LEAST_LOSS, LOSS_STEP, MOST_LOSS, Noise
from protocols.numbers import decimal_text
from protocols.periods import Relation, relation

TRUNCATION = Fraction(1, 2**120)
"""Of delta, for shares that the limit B cut off: 2^-260 times ``1 + e^epsilon``, epsilon < 90."""

EPSILON_DIGITS = 4
_DECIMAL = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?", re.ASCII)
LIMIT_DELTA = Fraction(1, 10**6)
"""For which a party's own limit in its file is an epsilon."""

_WORKING = Context(prec=45)
_UP = Context(prec=EPSILON_DIGITS, rounding=ROUND_CEILING)
_GRID = [Decimal(number) / 100 for number in range(30, 101, 4)]


@dataclass(frozen=True)
class Told:
    """What one release tells: of whom, of which period, and how much.

    :ivar loss: rho for each of ``items``; None if the sums were exact.
    :ivar budget: what its plan promised for all releases of the same data; None if nothing.
    """

    round_id: str
    period: str
    items: Collection[Hashable]
    loss: Fraction | None
    budget: Fraction | None

    @classmethod
    def of(
        cls, round_id: str, period: str, items: Collection[Hashable], noise: Noise | None
    ) -> Told:
        """What a plan with this noise tells of its members."""
        if noise is None:
            return cls(round_id, period, items, None, None)
        return cls(round_id, period, items, noise.loss, noise.budget)


def reasons_against(earlier: Sequence[Told], proposed: Told) -> list[str]:
    """Why ``proposed`` must not be released beside ``earlier``; empty if it may.

    Run by each trustee on its own ledger before it signs a closing, and by the coordinator before
    it proposes one. Linear in what it is given, for each period that a promise is about.

    :param earlier: every release that was closed, of any period.
    """
    # A promise counts all data of its own period: a year's counts both halves.
    promises = [
        told
        for told in (*earlier, proposed)
        if told.budget is not None and _overlap(told, proposed)
    ]
    over: set[Hashable] = set()
    exact = False
    for period in dict.fromkeys(told.period for told in promises):
        allowed = _allowed([told for told in promises if told.period == period])
        same = [told for told in earlier if relation(told.period, period) is Relation.OVERLAPPING]
        spent = _spent(same, proposed)
        for item in spent.keys() & allowed.keys():
            if spent[item] > allowed[item]:
                over.add(item)
                exact = exact or isinf(spent[item])
    return [_text(proposed, earlier, over, exact=exact)] if over else []


def _allowed(promises: Sequence[Told]) -> dict[Hashable, float]:
    """The least budget that was promised for each item, in steps."""
    allowed: dict[Hashable, float] = {}
    # The least budget comes last and stays.
    for told in sorted(promises, key=lambda told: _steps(told.budget), reverse=True):
        allowed.update(dict.fromkeys(told.items, _steps(told.budget)))
    return allowed


def _spent(same: Sequence[Told], proposed: Told) -> dict[Hashable, float]:
    """What all of them tell of each item of the proposed one, in steps."""
    spent = dict.fromkeys(proposed.items, _steps(proposed.loss))
    for told in same:
        loss = _steps(told.loss)
        for item in spent.keys() & set(told.items):
            spent[item] += loss
    return spent


def _steps(loss: Fraction | None) -> float:
    """A whole number of :data:`LOSS_STEP`, as an integer; infinity for exact sums."""
    return inf if loss is None else int(loss / LOSS_STEP)


def _overlap(first: Told, second: Told) -> bool:
    return relation(first.period, second.period) is Relation.OVERLAPPING


def epsilon_of(loss: Fraction, delta: Fraction) -> Decimal:
    """An epsilon for which ``loss`` is (epsilon, delta)-differential privacy, rounded up.

    For any order a > 1, ``epsilon = a rho + (ln(1/delta) + (a - 1) ln(1 - 1/a) - ln a) / (a - 1)``
    holds (Canonne, Kamath, Steinke 2020, corollary 13). The best of some orders near
    ``1 + sqrt(ln(1/delta) / rho)`` is taken: whichever it is, the statement is true. Decimal
    arithmetic rounds the same way on every machine.
    """
    return _UP.plus(_epsilon(loss, delta))


def loss_for(epsilon: Fraction, delta: Fraction) -> Fraction:
    """About the largest loss that :func:`epsilon_of` states as at most ``epsilon``; never more.

    :returns: a multiple of :data:`LOSS_STEP`; 0 if even the least loss there is would be too much.
    """
    low, high = 0, int(MOST_LOSS / LOSS_STEP)
    wanted = _decimal(epsilon, ROUND_FLOOR)
    while low < high:
        middle = (low + high + 1) // 2
        if _epsilon(middle * LOSS_STEP, delta) <= wanted:
            low = middle
        else:
            high = middle - 1
    return low * LOSS_STEP if low * LOSS_STEP >= LEAST_LOSS else Fraction(0)


def describe(noise: Noise) -> str:
    """The noise of a plan in words, for the owner of a node."""
    own, most = epsilon_of(noise.loss, noise.delta), epsilon_of(noise.budget, noise.delta)
    return (
        f"every member's own, before encryption: epsilon = {own} by this release, {most} by all of "
        f"the same data, at delta = {decimal_text(noise.delta)}; holds against {noise.colluding} "
        "of a band who collude"
    )


@lru_cache(maxsize=64)
def read_limit(text: str) -> Fraction | None:
    """A party's own limit on the loss, from the epsilon that its file names; None for "".

    :raises PlanError: no number, or an epsilon that no plan could keep.
    """
    if not text:
        return None
    loss = loss_for(Fraction(text), LIMIT_DELTA) if _DECIMAL.fullmatch(text) else None
    if not loss:
        raise PlanError('most_epsilon is a number in quotes that a plan can keep, such as "1"')
    return loss


@lru_cache(maxsize=64)
def _epsilon(loss: Fraction, delta: Fraction) -> Decimal:
    context = _WORKING
    rho = _decimal(loss, ROUND_CEILING)
    needed = -context.ln(_decimal(delta - TRUNCATION, ROUND_FLOOR))
    root = context.sqrt(context.divide(needed, rho))
    found = []
    for factor in _GRID:
        above = context.multiply(root, factor)  # the order less one
        order = context.add(above, 1)
        rest = context.multiply(above, context.ln(context.divide(above, order)))
        rest = context.subtract(context.add(needed, rest), context.ln(order))
        found.append(context.add(context.multiply(order, rho), context.divide(rest, above)))
    return max(min(found), Decimal(0))


def _decimal(value: Fraction, rounding: str) -> Decimal:
    context = Context(prec=_WORKING.prec, rounding=rounding)
    return context.divide(Decimal(value.numerator), Decimal(value.denominator))


def _text(
    proposed: Told, earlier: Sequence[Told], over: Collection[Hashable], *, exact: bool
) -> str:
    whose = "1 enterprise" if len(over) == 1 else f"{len(over)} enterprises"
    rounds = [
        told.round_id
        for told in earlier
        if _overlap(told, proposed) and not set(told.items).isdisjoint(over)
    ]
    last = rounds[-1] if rounds else ""
    data = f"the data of {whose} for {proposed.period}"
    since = f", last in round {last}" if last else ""
    if proposed.loss is None:
        return (
            f"privacy loss: {data} may only be released with noise{since and ', as before'}, and "
            "this plan adds none; add [noise] to the plan, or release another period"
        )
    if exact:
        return (
            f"privacy loss: {data} was released without noise before{since}, so that noise cannot "
            "protect it any more; drop [noise], or release another period"
        )
    return (
        f"privacy loss: with this round, all releases of {data}{since}, would tell more than the "
        "budget allows; it may be opened with a smaller epsilon, or for another period"
    )
