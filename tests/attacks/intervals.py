"""How narrow everything published makes each enterprise's values, on the real data.

Bands are decided under the default policy on plain data, then HiGHS finds for each enterprise and
measure the least and the largest value that fit the release, the plan's limits and relations, and
the own values of the largest other enterprise of the same published cell.

    python -m tests.attacks.intervals --records us_plants --sector 39
    python -m tests.attacks.intervals --records us_plants --sector all --every 5
    python -m tests.attacks.intervals --records region_a --knows cef,energy_intensity

*over* is by how much the upper estimate is too high, *width* upper less lower, both as shares of
the true value. ``--knows`` names the rankings in which the reader knows everybody's band; with
``cef`` alone it knows more than any release says. ``--factors``: it knows the grid factor of each
plant's state too, which the plan leaves open, and that the plan means that one.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from statistics import median

from protocols.plan import Part, Plan, Relation
from protocols.template import PlanTemplate
from tests.attacks.confinement import Confinement, Interval
from tests.attacks.published import (
    HalfSpace,
    Member,
    Publication,
    by_relation,
    certified,
    released,
)
from tests.oracle.oracle import (
    FACTOR_SETS,
    ROOT,
    US_PLANTS,
    region_a_measures,
    us_plants_measures,
)
from tests.strategies import frame

LEAST_PLANTS = 30
RECORDS = {"region_a": region_a_measures, "us_plants": us_plants_measures}


@dataclass(frozen=True)
class Row:
    """One enterprise: its place in the records, and its interval by measure."""

    enterprise: str
    intervals: dict[str, Interval]


@dataclass(frozen=True)
class Survey:
    """All enterprises of a cohort; ``bands`` are the members of each published band."""

    plan: Plan
    bands: tuple[int, ...]
    rows: tuple[Row, ...]

    def over(self, measure: str) -> list[float]:
        """How much too high each upper estimate is, ascending; infinite where the value is 0."""
        return sorted(row.intervals[measure].over_estimate() for row in self.rows)

    def width(self, measure: str) -> list[float]:
        """The widths, ascending."""
        return sorted(row.intervals[measure].width() for row in self.rows)

    def too_close(self) -> int:
        """Intervals whose upper end is closer than the policy's p percent."""
        percent = self.plan.policy.dominance_percent
        return sum(
            not interval.wide_enough(percent)
            for row in self.rows
            for interval in row.intervals.values()
        )


def survey(
    records: str, cohort: str, knows: Collection[str], *, every: int = 1, factors: bool = False
) -> Survey:
    """Publish a cohort of the examples and measure what it leaves.

    :param cohort: the sector; ignored for Region A, which is one cohort.
    :param every: 1 for all enterprises, n for each n-th.
    :param factors: each plant's own grid factor is known; for the plants only.
    :raises SystemExit: nothing would be published.
    """
    template = PlanTemplate.load(ROOT / "examples" / records / "plan.toml")
    chosen = {
        enterprise: integers
        for enterprise, (sector, integers, reason) in RECORDS[records]().items()
        if reason is None and (sector == cohort or records == "region_a")
    }
    plan = template.instantiate(
        **frame(participants=max(1, len(chosen)), cohort=cohort or "region-a", period="2020")
    )
    usable = {e: m for e, m in chosen.items() if _fits(plan, m)}
    members = list(usable.values())
    certificate = certified(plan, members)
    if certificate.withheld:
        raise SystemExit(f"nothing is published of {cohort}: {certificate.withheld}")
    publication = released(plan, members, certificate, knows)
    if factors:
        publication = replace(
            publication, half_spaces=publication.half_spaces + grid_relations(list(usable))
        )
    if not publication.holds(members):
        raise AssertionError("the model says what is not true of the records")
    rows = tuple(
        Row(name, intervals_of(plan, publication, members, index))
        for index, name in enumerate(usable)
        if index % every == 0
    )
    ranked = plan.sums_indicator
    bands = certificate.ranking(ranked.name) if ranked else ()
    return Survey(plan, tuple(band.members for band in bands), rows)


def grid_relations(plants: Sequence[str]) -> tuple[HalfSpace, ...]:
    """Emissions are electricity by each plant's own grid factor, and its fuels' emissions."""
    factors = _grid_factors()
    with US_PLANTS.open(encoding="utf-8", newline="") as file:
        states = {row["plant_id"]: row["state"] for row in csv.DictReader(file)}
    return tuple(
        space
        for index, plant in enumerate(plants)
        for part in [Part("electricity", factors[f"US-{states[plant]}"] / 1000)]
        for space in by_relation(index, Relation("emissions", (part,), "fuel_emissions"))
    )


def intervals_of(
    plan: Plan, publication: Publication, members: Sequence[Member], member: int
) -> dict[str, Interval]:
    """The interval of each measure, guards included, each as the best-informed rival has it."""
    part = publication.part(member)
    insiders = {m.name: rival(part, members, member, m.name) for m in plan.measures}
    programmes = {
        insider: Confinement(part, members, frozenset([insider]))
        for insider in set(insiders.values())
    }
    return {name: programmes[i].interval(member, name) for name, i in insiders.items()}


def rival(publication: Publication, members: Sequence[Member], member: int, measure: str) -> int:
    """The largest other member of the smallest published cell that both are in."""
    cells = publication.cells(member, measure) or tuple(
        s.members for s in publication.sums if member in s.members
    )
    smallest = min(cells, key=len)
    return max((i for i in smallest if i != member), key=lambda i: members[i][measure])


def _grid_factors() -> dict[str, Fraction]:
    """kg a MWh by state, as the factor set has them."""
    document = json.loads((FACTOR_SETS / "us-grid-2023.json").read_text(encoding="utf-8"))
    return {factor["id"]: Fraction(factor["value"]) for factor in document["factors"]}


def _fits(plan: Plan, member: Member) -> bool:
    return all(m.minimum <= member[m.name] <= m.bound for m in plan.measures)


def summary(found: Survey) -> list[str]:
    """A line a measure, and how many upper estimates are closer than the policy allows."""
    lines = [f"{len(found.rows)} enterprises in bands of {', '.join(map(str, found.bands))}"]
    for name in (m.name for m in found.plan.measures):
        over, width = found.over(name), found.width(name)
        lines.append(
            f"{name}: upper estimate too high by {over[0]:.1%} at least, {median(over):.1%} in "
            f"the middle; width {width[0]:.1%} at least, {median(width):.1%} in the middle"
        )
    percent = found.plan.policy.dominance_percent
    return [*lines, f"upper estimates closer than {percent} %: {found.too_close()}"]


def large_sectors() -> list[str]:
    """The sectors of at least thirty usable plants."""
    usable = Counter(sector for sector, _, reason in us_plants_measures().values() if not reason)
    return sorted(sector for sector, plants in usable.items() if plants >= LEAST_PLANTS)


def main() -> None:
    """Print a line an enterprise, or for all sectors the least and median of each measure."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--records", choices=sorted(RECORDS), default="us_plants")
    parser.add_argument("--sector", default="", help="two-digit sector of the plants, or all")
    parser.add_argument("--knows", default="cef", help="rankings in which bands are known")
    parser.add_argument("--every", type=int, default=1, help="only each n-th enterprise")
    parser.add_argument("--factors", action="store_true", help="grid factors are known")
    asked = parser.parse_args()
    knows = [name for name in asked.knows.split(",") if name]
    if asked.sector == "all":
        for sector in large_sectors():
            try:
                found = survey(
                    asked.records, sector, knows, every=asked.every, factors=asked.factors
                )
                lines = summary(found)
            except SystemExit as nothing:
                lines = [str(nothing)]
            print(f"sector {sector}", *lines, sep="\n  ", flush=True)
        return
    found = survey(asked.records, asked.sector, knows, every=asked.every, factors=asked.factors)
    names = [m.name for m in found.plan.measures]
    print("enterprise", *(f"{name} over/width" for name in names), sep="\t")
    for row in found.rows:
        cells = [row.intervals[name] for name in names]
        print(
            row.enterprise, *(f"{i.over_estimate():.2f}/{i.width():.2f}" for i in cells), sep="\t"
        )
    print(*summary(found), sep="\n")


if __name__ == "__main__":
    main()
