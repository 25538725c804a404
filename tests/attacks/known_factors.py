"""Members with factors of their own: emissions and electricity of one band, over several grids.

One firm's power is nine times as carbon-intensive as that of the others of its band. Both sums are
published, each is safe, and so is their guard, the fuels' emissions. Whoever knows each member's
grid solves the two sums for the one firm. In a cohort of one grid, with one public factor, the same
sums give nothing away (:mod:`tests.attacks.test_confinement` has the proof).

There is no switch: this succeeds against the defaults, for a reader that knows the members of the
band and where each buys its power. A plan is safe from it if the factor is one number for all, or
if electricity is published for the cohort only. ``tests.attacks.intervals --factors`` measures how
close it comes on the real plants, with the grid factor of each plant's state: nowhere to 10 %.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from protocols.plan import Measure, Part, Plan, Relation
from tests.attacks.confinement import Confinement
from tests.attacks.published import HalfSpace, Member, by_relation, certified, released
from tests.attacks.result import Result, main
from tests.strategies import PLAIN_INDICATORS, plain_plan

VICTIM, INSIDER = 0, 1
COAL, HYDRO = Fraction(9, 10), Fraction(1, 10)
FACTORS = (COAL, *[HYDRO] * 5)
FUELS = 8000
CEF = (41, *[79] * 5)
"""yuan/kg, all in one bin."""
ELECTRICITY = (10**6, *[3 * 10**5] * 5)
FOUND = "the victim's emissions to within 10 %"


def run(weakened: bool = False) -> Result:
    """One band of six firms; ``weakened`` changes nothing, see the module."""
    return _attack(FACTORS)


def one_grid() -> Result:
    """The same firms on one grid."""
    return _attack([COAL] * len(FACTORS))


def _attack(factors: tuple[Fraction, ...] | list[Fraction]) -> Result:
    members = [
        _firm(electricity, factor, cef)
        for electricity, factor, cef in zip(ELECTRICITY, factors, CEF, strict=True)
    ]
    plan = plan_of(len(members))
    certificate = certified(plan, members)
    known = tuple(
        space for member, factor in enumerate(factors) for space in relation_of(member, factor)
    )
    publication = released(plan, members, certificate, ["cef"])
    publication = replace(publication, half_spaces=publication.half_spaces + known)
    interval = Confinement(publication, members, frozenset([INSIDER])).interval(VICTIM, "emissions")
    published = not certificate.withheld
    near = published and not interval.wide_enough(plan.policy.dominance_percent)
    return Result(
        had="the release, the members of one band, where each buys its power, and one's own values",
        did="found the largest value of the victim's emissions that fits all of it",
        planted=FOUND,
        gained=FOUND if near else None,
        stopped_by=(certificate.withheld,) if certificate.withheld else (),
        figures={"upper estimate": f"{interval.over_estimate():.1%} too high"},
    )


def plan_of(participants: int) -> Plan:
    """Electricity summed by band; its factor is left open."""
    return plain_plan(
        measures=(
            Measure("output", "yuan", 10**12),
            Measure("emissions", "kgCO2", 10**12),
            Measure("electricity", "kWh", 10**12),
            Measure("fuel_emissions", "kgCO2", 10**12, published=False),
        ),
        indicators=(PLAIN_INDICATORS[0],),
        relations=(Relation("emissions", (Part("electricity", None),), "fuel_emissions"),),
        unrelated=(),
        participants=participants,
    )


def relation_of(member: int, factor: Fraction) -> tuple[HalfSpace, ...]:
    """What somebody knows who knows this member's grid factor."""
    own = Relation("emissions", (Part("electricity", factor),), "fuel_emissions")
    return tuple(by_relation(member, own))


def _firm(electricity: int, factor: Fraction, cef: int) -> Member:
    emissions = round(factor * electricity) + FUELS
    return {
        "output": cef * emissions,
        "emissions": emissions,
        "electricity": electricity,
        "fuel_emissions": FUELS,
    }


if __name__ == "__main__":
    main(run, __doc__)
