"""Rounds with noise for tests: small plans, members near their bounds, and no encryption."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction

from protocols.ceremony import Ceremony
from protocols.layout import Layout
from protocols.noise import draw
from protocols.noise_terms import Noise
from protocols.plan import Plan
from protocols.roster import Roster
from protocols.walkthrough import example_measures
from tests.plain_round import PlainRound
from tests.scenes import plan_with_cohort_level

MILLIONTH = Fraction(1, 10**6)
MODERATE = Noise(Fraction(16), Fraction(16), MILLIONTH, 0)
STRONG = Noise(Fraction(1, 1000), Fraction(1, 1000), MILLIONTH, 2)


def tight_plan(roster: Roster, ceremony: Ceremony, noise: Noise | None = MODERATE) -> Plan:
    """Bounds near the members' values, so that bands are not drowned."""
    plan = plan_with_cohort_level(roster, ceremony)
    bounds = {"output": 400_000_000, "emissions": 1_100_000}
    measures = tuple(replace(m, bound=bounds.get(m.name, m.bound)) for m in plan.measures)
    return replace(plan, measures=measures, noise=noise)


def members() -> list[dict[str, int]]:
    return [
        {**own, "electricity": 900_000 + 1000 * i, "other": 640_000 - 400 * i}
        for i, own in enumerate(example_measures())
    ]


def play(
    plan: Plan,
    measures: Sequence[Mapping[str, int]],
    seed: int,
    categories: Sequence[str] | None = None,
) -> PlainRound:
    """A round without encryption, with noise that is the same for the same seed.

    :param categories: each member's leaf, for a plan with a table.
    """
    layout = Layout(plan, 2048)
    source = random.Random(seed)
    encoded = [
        layout.encode(own, leaf, draw(layout.shares, source.getrandbits))
        for own, leaf in zip(measures, categories or [None] * len(measures), strict=True)
    ]
    columns = zip(*encoded, strict=True)
    return PlainRound(layout, tuple(map(sum, columns)), len(measures))
