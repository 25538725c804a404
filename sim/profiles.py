"""What each disclosure profile would publish of a record set, without a round.

Run by ``cefed sim profiles`` for whoever chooses a profile. It reads plain records, so it is for
data that its user may see: public sets, simulations, or the sample an authority plans with.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.table import Table

from coordinator.deciding import Member
from coordinator.profile_costs import Cost, add_cohort
from protocols.paillier import DEFAULT_MODULUS_BITS
from protocols.plan import Plan
from protocols.profiles import PROFILES, Policy, finest_classes
from protocols.template import PlanTemplate
from sim.errors import NobodyTakesPart
from sim.people import Population, read_people
from sim.plain import member_of
from sim.plans import Planner
from sim.progress import Reporter
from sim.runner import prepare
from sim.settings import Settings

SCHEMA = "cefed.profiles/1"
OWN = "plan"

Cohorts = Sequence[tuple[Plan, Sequence[Member]]]


def run_profiles(
    settings: Settings, reporter: Reporter, *, at_least: int = 1, every_resolution: bool = False
) -> dict[str, Any]:
    """The cost of the plan's own policy and of each named profile, as plain containers.

    :param at_least: leave out cohorts with fewer members who can take part.
    :param every_resolution: each profile at every number of classes an octave that it allows.
    :raises NobodyTakesPart: no cohort is left. :raises PlanError: a profile does not fit the bins.
    """
    cohorts = read_cohorts(settings, at_least)
    own = cohorts[0][0].policy
    wanted = _policies(own, every_resolution)
    rows = []
    for number, (name, policy) in enumerate(wanted):
        reporter.step("policies", number, len(wanted))
        cost = Cost(policy)
        for plan, members in cohorts:
            add_cohort(cost, plan, DEFAULT_MODULUS_BITS, members)
        rows.append({"name": name, **cost.as_document()})
    reporter.step("policies", len(wanted), len(wanted))
    return {"schema": SCHEMA, "at_least": at_least, "profiles": rows}


def as_table(document: dict[str, Any]) -> Table:
    """The document for people; shares are percentages."""
    rows = document["profiles"]
    measures = list(rows[0]["measures_covered_percent"])
    parts = "cells" if rows[0]["table_cells"]["filled"] else "bands"
    table = Table(title="What each profile would publish, in percent of the data at hand")
    for name in ("profile", "classes", "cohorts", parts, "enterprises", *measures):
        table.add_column(name, justify="left" if name == "profile" else "right")
    table.add_column("safe cells refused", justify="right")
    for row in rows:
        cells = row["cells"]["runs_of_bands"]
        if not cells["cells"]:
            cells = row["cells"]["cohorts"]
        table.add_row(
            row["name"],
            str(row["policy"]["classes_per_octave"]),
            f"{row['cohorts_published']} of {row['cohorts']}",
            _parts(row),
            row["enterprises_covered_percent"],
            *(row["measures_covered_percent"][name] or "-" for name in measures),
            f"{cells['refused_percent'] or '0.0'} % of {cells['safe']}" if cells["safe"] else "-",
        )
    return table


def _parts(row: dict[str, Any]) -> str:
    """Published bands, or cells where the plan publishes a table."""
    table = row["table_cells"]
    return f"{table['published']} of {table['filled']}" if table["filled"] else str(row["bands"])


def _policies(own: Policy, every_resolution: bool) -> list[tuple[str, Policy]]:
    named = [(OWN, own), *((n, p) for n, p in reversed(tuple(PROFILES.items())) if p != own)]
    if not every_resolution:
        return named
    return [
        (name, replace(policy, classes_per_octave=resolution))
        for name, policy in named
        for resolution in (1, 2, 4, 8)
        if resolution <= finest_classes(policy.dominance_percent)
    ]


def read_cohorts(settings: Settings, at_least: int) -> Cohorts:
    """Each cohort of a record set with the plan it would have and who can take part.

    :raises NobodyTakesPart: no cohort has ``at_least`` enterprises that can.
    """
    population = read_people(settings.records, settings.mapping, settings.cohorts)
    definitions = {n.replace("/", "_"): text for n, text in population.intake.definitions}
    planner = Planner(PlanTemplate.load(settings.plan), settings, definitions)
    found = []
    largest = 0
    for prepared in prepare(population, planner):
        size = len(prepared.taking_part)
        largest = max(largest, size)
        if size >= max(1, at_least):
            plan = planner.draft(prepared.cohort, size)
            found.append((plan, [member_of(plan, person) for person in prepared.taking_part]))
    if not found:
        raise NobodyTakesPart(_nobody(population, at_least, largest))
    return found


def _nobody(population: Population, at_least: int, largest: int) -> str:
    """Why no cohort is left, and what to do about it."""
    if largest:
        return (
            f"no cohort has {at_least} enterprises that can take part; lower --at-least to "
            f"{largest}, the largest there is"
        )
    why = next((p.excluded for p in population.everybody if p.excluded), "")
    return (
        f"none of {len(population.everybody)} enterprises can take part"
        f"{f'; the first: {why}' if why else ''}; check the mapping against the records, the "
        "plan's bounds and units, and --cohorts"
    )


def settings_of(records: Path, mapping: Path, plan: Path, cohorts: tuple[str, ...]) -> Settings:
    """The part of a simulation's settings that is needed here."""
    return Settings(records=records, mapping=mapping, plan=plan, out=Path(), cohorts=cohorts)
