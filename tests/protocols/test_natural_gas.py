"""A measure without classes, on the real plants: bands that are safe for sales and emissions.

Natural gas published beside the plants' energy, with no classes of its own: in how many
published bands would the gas break the policy? The linter refuses such a plan; this is why.
"""

from __future__ import annotations

import csv
import dataclasses
from collections import Counter, defaultdict
from fractions import Fraction
from pathlib import Path

import pytest

from protocols.errors import PlanError
from protocols.plan import Level, Measure, Part, Plan, Ranking, Relation
from protocols.policy import check_measure
from protocols.template import PlanTemplate
from tests.oracle import oracle
from tests.plain_round import play_sparse
from tests.strategies import NO_LIMITS, frame, histogram_of

EXAMPLE = Path(__file__).parents[2] / "examples" / "us_plants" / "plan.toml"
GAS = Measure("natural_gas", "MJ", bound=20_000_000_000)


def template(cohort: str, participants: int) -> Plan:
    filled = frame(cohort=cohort, participants=participants)
    return PlanTemplate.load(EXAMPLE).instantiate(**filled)


def members() -> dict[str, list[dict[str, int]]]:
    """By sector, the plants that the example admits, each with its gas in MJ."""
    with oracle.US_PLANTS.open(encoding="utf-8", newline="") as file:
        gas = {
            row["plant_id"]: oracle.half_even(
                Fraction(row["natural_gas_mmbtu"] or 0) * oracle.MJ_PER_MMBTU
            )
            for row in csv.DictReader(file)
        }
    sectors: dict[str, list[dict[str, int]]] = defaultdict(list)
    for plant, (sector, measures, excluded) in oracle.us_plants_measures().items():
        if excluded is None and measures["energy"] <= GAS.bound:
            sectors[sector].append({**measures, GAS.name: gas[plant]})
    return sectors


def is_unsafe(values: list[int], plan: Plan) -> bool:
    """The exact rules, over the values themselves."""
    largest, _, *others = sorted(values, reverse=True)
    few = sum(value > 0 for value in values) < plan.policy.minimum_cohort
    return few or 100 * sum(others) < plan.policy.dominance_percent * largest


@pytest.mark.slow
def test_natural_gas_would_fail_in_bands_that_are_safe_for_sales_and_emissions() -> None:
    found: Counter[str] = Counter()
    for sector, plants in members().items():
        full = template(sector, len(plants))
        plan = dataclasses.replace(
            full,
            measures=(full.measure("sales"), full.measure("emissions")),
            indicators=(full.indicator("cef"),),
            relations=(),
            unrelated=(),
        )
        certificate = play_sparse(plan, plants, 3072).certificate
        edges = plan.indicator("cef").edges
        place = [
            sum(edge <= Fraction(own["sales"], own["emissions"]) for edge in edges)
            for own in plants
        ]
        for band in () if certificate.withheld else certificate.ranking("cef"):
            gas = [
                own[GAS.name]
                for own, bin_ in zip(plants, place, strict=True)
                if band.first <= bin_ < band.end
            ]
            assert len(gas) == band.members
            classes = histogram_of(gas, GAS.bound.bit_length() + 1)
            found["bands"] += 1
            violation = check_measure(GAS.name, classes, plan.policy, NO_LIMITS)
            found["fail by classes"] += violation is not None
            found["unsafe"] += is_unsafe(gas, plan)
    print(dict(found))
    # The design counted 71 of 350, by other bins.
    assert found == {"bands": 414, "fail by classes": 110, "unsafe": 86}


def with_fuels() -> Plan:
    """Energy and electricity in bands; the fuels between them are guarded together."""
    full = template("20", 500)
    return dataclasses.replace(
        full,
        measures=(
            full.measure("sales"),
            full.measure("electricity"),
            dataclasses.replace(full.measure("energy"), level=Level.BAND),
            Measure("fuel_energy", "MJ", bound=GAS.bound, published=False),
        ),
        indicators=(dataclasses.replace(full.indicator("energy_intensity"), ranking=Ranking.SUMS),),
        relations=(Relation("energy", (Part("electricity", Fraction(18, 5)),), "fuel_energy"),),
    )


def test_the_linter_refuses_gas_without_the_rest() -> None:
    plan = with_fuels()
    relations = (*plan.relations, Relation("fuel_energy", (Part(GAS.name),)))
    with pytest.raises(PlanError) as caught:
        dataclasses.replace(plan, measures=(*plan.measures, GAS), relations=relations)
    assert "can compute the rest of fuel_energy in every band" in str(caught.value)


def test_the_linter_asks_about_gas_that_nobody_declared() -> None:
    """Without a relation as well as with an indicator only, and for the cohort as in bands."""
    for plan in (with_fuels(), template("20", 500)):
        for level in Level:
            gas = dataclasses.replace(GAS, level=level)
            with pytest.raises(PlanError, match=r"may connect .* and 'natural_gas'"):
                dataclasses.replace(plan, measures=(*plan.measures, gas))


def test_gas_with_a_guard_for_the_other_fuels_is_accepted() -> None:
    plan = with_fuels()
    rest = Measure("other_fuels", "MJ", bound=GAS.bound, published=False)
    accepted = dataclasses.replace(
        plan,
        measures=(*plan.measures, GAS, rest),
        relations=(*plan.relations, Relation("fuel_energy", (Part(GAS.name),), rest.name)),
    )
    assert Plan.from_bytes(accepted.to_bytes()) == accepted
