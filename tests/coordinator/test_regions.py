"""The real plants by region and division: every atom is safe by the exact rule, in every sector."""

from __future__ import annotations

from collections import defaultdict
from functools import lru_cache
from pathlib import Path

from accounting.measures import compute_file
from coordinator.deciding import LEAF, Member, covered, decide
from protocols.cells import atoms_of, check_cells
from protocols.certificate import BandCertificate
from protocols.layout import Layout
from protocols.plan import Level, Plan
from protocols.template import PlanTemplate
from tests.strategies import frame
from tests.tables import exact_rule

PLANTS = Path(__file__).parents[2] / "examples" / "us_plants"
TARGET_SIZE = 30
"""Sectors of at least so many plants are the ones that coverage is looked at for."""

Sector = tuple[Plan, list[Member], BandCertificate]


@lru_cache(maxsize=1)
def sectors() -> dict[str, Sector]:
    intake = compute_file(PLANTS / "us_plants_2010_2019.csv", PLANTS / "mapping.toml")
    rows = defaultdict(list)
    for row in intake.included:
        rows[row.cohort].append(row)
    template = PlanTemplate.load(PLANTS / "regions.toml")
    found = {}
    for cohort, own in sorted(rows.items()):
        plan = template.instantiate(**frame(cohort=cohort, participants=len(own)))
        assert plan.table is not None
        members: list[Member] = [
            {**row.integers, LEAF: plan.table.leaf_of(row.category)}
            for row in own
            if all(m.minimum <= row.integers[m.name] <= m.bound for m in plan.measures)
        ]
        found[cohort] = plan, members, decide(plan, Layout(plan, 3072), members)
    return found


def test_every_plant_has_a_place_in_the_table() -> None:
    assert len(sectors()) == 20
    assert sum(len(members) for _, members, _ in sectors().values()) == 4303


def test_every_atom_passes_the_exact_rule_for_every_measure_and_guard() -> None:
    for plan, members, certificate in sectors().values():
        if plan.table is None or certificate.withheld:
            continue
        check_cells(plan.table, certificate.table, len(members), plan.policy.minimum_cohort)
        for atom in atoms_of(plan.table, certificate.table).values():
            inside = [member for member in members if member[LEAF] in atom]
            for measure in plan.measures_at(Level.BAND):
                assert exact_rule([own[measure.name] for own in inside], plan.policy)


def test_how_much_is_still_covered() -> None:
    """Four plants in five: a table costs more than bands, whose cuts can move."""
    large = [one for one in sectors().values() if len(one[1]) >= TARGET_SIZE]
    plants = sum(len(members) for _, members, _ in large)
    inside = sum(covered(plan, certificate) for plan, _, certificate in large)
    assert len(large) == 18
    assert inside / plants > 0.8


def test_a_sector_whose_total_fails_is_withheld_with_the_reason() -> None:
    withheld = {cohort: c.withheld for cohort, (_, _, c) in sectors().items() if c.withheld}
    assert set(withheld) == {"21", "23", "31"}
    assert withheld["31"] == "fewer than 5 enterprises took part"
    assert withheld["21"].startswith("even as one cell: one enterprise dominates sales")
    assert withheld["23"].startswith("even as one cell: one enterprise dominates emissions")
