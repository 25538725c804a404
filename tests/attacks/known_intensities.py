"""Knowing everybody's band in the second ranking, which publishes counts only.

A firm that uses fifty times as much water a yuan as the others of its CEF band dominates that
band's water, within what the p% rule allows. Whoever knows every member's band by water intensity
knows how much water the others use at least, nearly exactly if they lie near their band's lower
edge, and so the firm's. What stops it: who is in which band is published nowhere, and of the second
ranking not even a band's sums. Each band has k members at least, whoever they are.

Removed by ``--weakened``: that secret, as by a list of names by band. A ranking by counts must
never get named bands, and members must claim theirs in the ranking by sums only.
"""

from __future__ import annotations

from fractions import Fraction

from protocols.plan import Direction, Indicator, Measure, Plan, Ranking, Unrelated
from tests.attacks.confinement import Confinement
from tests.attacks.hidden import HiddenBands, counted
from tests.attacks.published import Member, certified, released
from tests.attacks.result import Result, main
from tests.strategies import plain_plan

VICTIM, INSIDER = 0, 1
FOUND = "the victim's water to within 10 %"
SECRET = "who is in which band of a ranking by counts is in no release"


def run(weakened: bool) -> Result:
    """The upper estimate of the victim's water by a firm of its CEF band."""
    members = firms()
    plan = plan_of(len(members))
    certificate = certified(plan, members)
    rankings = ["cef", "water_intensity"] if weakened else ["cef"]
    publication = released(plan, members, certificate, rankings)
    known = frozenset([INSIDER])
    programme = (
        Confinement(publication, members, known)
        if weakened
        else HiddenBands(
            publication, members, known, counted(plan.indicator("water_intensity"), certificate)
        )
    )
    interval = programme.interval(VICTIM, "water")
    near = not interval.wide_enough(plan.policy.dominance_percent)
    return Result(
        had="the release, who is in which band by CEF, and the own values of one firm",
        did="found the largest value of the victim's water that fits all of it",
        planted=FOUND,
        gained=FOUND if near else None,
        stopped_by=() if weakened else (SECRET,),
        removed=SECRET if weakened else "",
        figures={
            "upper estimate": f"{interval.over_estimate():.1%} too high",
            "bands by CEF": [band.members for band in certificate.ranking("cef")],
            "bands by water intensity": [
                band.members for band in certificate.ranking("water_intensity")
            ],
        },
    )


def firms() -> list[Member]:
    """The victim and five thrifty firms of low CEF; fifteen of high CEF and any intensity."""
    victim = firm(output=100, cef=Fraction(1), intensity=Fraction(50))
    rivals = [firm(1000 + i, Fraction(1), Fraction(101, 100)) for i in range(5)]
    others = [
        firm(900 + 10 * i, Fraction(10), intensity)
        for intensity in (Fraction(1, 2), Fraction(30), Fraction(60))
        for i in range(5)
    ]
    return [victim, *rivals, *others]


def firm(output: int, cef: Fraction, intensity: Fraction) -> Member:
    """Output in yuan, emissions in kg, water in litres."""
    scale = 1000
    return {
        "output": scale * output,
        "emissions": round(scale * output / cef),
        "water": round(scale * output * intensity),
    }


def plan_of(participants: int) -> Plan:
    """CEF ranked by sums, water intensity by counts; water is summed by CEF band too."""
    return plain_plan(
        measures=tuple(
            Measure(name, unit, bound=10**12, minimum=1)
            for name, unit in (("output", "yuan"), ("emissions", "kgCO2"), ("water", "l"))
        ),
        indicators=(
            _ranked("cef", ("output", "emissions"), Ranking.SUMS, (2, 4)),
            _ranked(
                "water_intensity",
                ("water", "output"),
                Ranking.COUNTS,
                (1, 2, 4, 8, 16, 24, 36, 48, 72),
            ),
        ),
        relations=(),
        unrelated=(Unrelated(("emissions", "water"), "water is not burnt"),),
        participants=participants,
    )


def _ranked(
    name: str, ratio: tuple[str, str], ranking: Ranking, edges: tuple[int, ...]
) -> Indicator:
    return Indicator(
        name,
        "1",
        *ratio,
        Fraction(1),
        Direction.HIGHER,
        ranking,
        tuple(Fraction(edge) for edge in edges),
    )


if __name__ == "__main__":
    main(run, __doc__)
