"""Members of a band pool what they know against the last one.

Four of five members tell each other their values and the noise that they added, and take all of it
off the published sum. What is left is the fifth member's value. Policy, ledger and suppression do
not stop that: the four are as good as the band. Where the plan adds noise that is made for so many
(``colluding``), what is left is the value and a share of noise that nobody else knows.

``--weakened`` runs the plan without noise, which is how plans are unless they ask for it.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

from protocols.layout import Layout
from protocols.noise import draw
from protocols.noise_terms import Noise
from protocols.plan import Direction, Indicator, Level, Measure, Plan, Ranking
from tests.attacks.result import Result, main
from tests.plain_round import PlainRound
from tests.strategies import plain_plan

VALUES = (610_000, 540_000, 720_000, 480_000, 655_000)
VICTIM = 4
NEAR_PERCENT = 10
NOISE = Noise(Fraction(1, 40), Fraction(1, 40), Fraction(1, 10**6), colluding=4)
"""About epsilon = 1."""


def run(weakened: bool, seed: int = 1) -> Result:
    """The release of five members, and what four of them make of it.

    :param seed: of everybody's noise.
    """
    layout = Layout(_plan(None if weakened else NOISE), 2048)
    source = random.Random(seed)
    drawn = [draw(layout.shares, source.getrandbits) for _ in VALUES]
    played = _play(layout, drawn)
    published = int(played.document["measures"]["output"]["value"])
    others = [place for place in range(len(VALUES)) if place != VICTIM]
    known = sum(VALUES[place] + drawn[place].get("output", 0) for place in others)
    estimate = published - known
    near = 100 * abs(estimate - VALUES[VICTIM]) <= NEAR_PERCENT * VALUES[VICTIM]
    return Result(
        had="the release, and the values and the noise of all members but one",
        did="took theirs off the published sum",
        planted=VALUES[VICTIM],
        gained=VALUES[VICTIM] if near else None,
        stopped_by=() if weakened else ("the noise that the last member added itself",),
        removed="noise (the plan asks for none)" if weakened else "",
        figures={
            "plan": "without noise, the default" if weakened else "with noise, not the default",
            "estimate": estimate,
            "largest value the plan allows": layout.plan.measures[0].bound,
        },
    )


def _play(layout: Layout, drawn: Sequence[dict[str, int]]) -> PlainRound:
    encoded = [
        layout.encode({"output": value, "other": 10_000 + value}, None, noise)
        for value, noise in zip(VALUES, drawn, strict=True)
    ]
    return PlainRound(layout, tuple(map(sum, zip(*encoded, strict=True))), len(VALUES))


def _plan(noise: Noise | None) -> Plan:
    measures = (
        Measure("output", "yuan", 10**7, 1, level=Level.COHORT),
        Measure("other", "pieces", 10**9, 1, level=Level.COHORT),
    )
    ratio = Indicator("ratio", "1", "output", "other", Fraction(1), Direction.HIGHER, Ranking.NONE)
    plan = plain_plan(measures=measures, indicators=(ratio,), relations=(), unrelated=())
    return replace(plan, participants=len(VALUES), noise=noise)


if __name__ == "__main__":
    main(run, __doc__)
