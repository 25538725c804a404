"""What a plan lets everybody know of each member's values: its limits, and what follows from them.

A minimum of electricity is a minimum of emissions where these contain it with a public factor, and
a bound of a total is one of its parts. The policy is checked against these limits
(:mod:`protocols.known_limits`), so it does not matter for which measure an author wrote one down.
Band edges are left out: a minimum that only follows from the ratio of a band is not seen.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor

from protocols.known_limits import PublicLimits
from protocols.plan_terms import Measure
from protocols.relations import Relation

PASSES = 8
"""How often relations are gone through; what a longer chain of them says may not be seen."""


@dataclass
class _Range:
    low: int
    high: int


def public_limits(
    measures: Iterable[Measure], relations: Sequence[Relation]
) -> Mapping[str, PublicLimits]:
    """The limits of each measure, narrowed by the relations. For :attr:`Plan.public_limits`.

    A relation holds up to rounding (:func:`protocols.relations.broken`), and so do these limits:
    no integers that fulfil all relations lie outside.
    """
    ranges = {measure.name: _Range(measure.minimum, measure.bound) for measure in measures}
    for _ in range(PASSES):
        before = {name: (r.low, r.high) for name, r in ranges.items()}
        for relation in relations:
            _narrow(ranges, relation)
        if before == {name: (r.low, r.high) for name, r in ranges.items()}:
            break
    return {name: PublicLimits(r.low, r.high) for name, r in ranges.items()}


def _narrow(ranges: Mapping[str, _Range], relation: Relation) -> None:
    """The terms add up to at most the total, and to the total where nothing is left open."""
    total, terms, tolerance = ranges[relation.total], relation.factors, relation.tolerance
    lows = sum((f * ranges[name].low for name, f in terms.items()), Fraction(0))
    total.low = max(total.low, ceil(lows - tolerance))
    for name, factor in terms.items():
        term = ranges[name]
        others = lows - factor * term.low
        term.high = min(term.high, floor((total.high + tolerance - others) / factor))
    if not relation.exact:
        return
    highs = sum((f * ranges[name].high for name, f in terms.items()), Fraction(0))
    total.high = min(total.high, floor(highs + tolerance))
    for name, factor in terms.items():
        term = ranges[name]
        others = highs - factor * term.high
        term.low = max(term.low, ceil((total.low - tolerance - others) / factor))
