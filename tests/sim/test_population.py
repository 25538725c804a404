"""Virtual enterprises: drawn among those who can take part, under new names, by seed."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from protocols.template import PlanTemplate
from sim.errors import NobodyTakesPart, OptionError
from sim.people import Population, read_people
from sim.plans import Planner
from sim.population import POOLED, Draw, draw
from sim.runner import prepare
from sim.settings import Settings
from tests.sim.shared import EXAMPLES, PLANTS

REGION_A = EXAMPLES / "region_a"


def region_a(cohorts: tuple[str, ...] = ()) -> tuple[Population, Planner]:
    records, mapping = REGION_A / "region_a.csv", REGION_A / "mapping.toml"
    return _read(records, mapping, REGION_A / "plan.toml", cohorts)


@pytest.fixture(scope="module")
def plants() -> tuple[Population, Planner]:
    records = PLANTS / "us_plants_2010_2019.csv"
    return _read(records, PLANTS / "mapping.toml", PLANTS / "plan.toml", ("25", "31"))


def _read(
    records: Path, mapping: Path, plan: Path, cohorts: tuple[str, ...]
) -> tuple[Population, Planner]:
    population = read_people(records, mapping, cohorts)
    definitions = {n.replace("/", "_"): text for n, text in population.intake.definitions}
    settings = Settings(records, mapping, plan, Path())
    return population, Planner(PlanTemplate.load(plan), settings, definitions)


def names(drawn: Draw) -> list[str]:
    return [drawn.sources[person.own.enterprise] for person in drawn.population.everybody]


def test_more_than_there_are_records_all_of_whom_can_take_part() -> None:
    population, planner = region_a()
    drawn = draw(population, planner, 200, 1, pooled=True)
    everybody = drawn.population.everybody
    assert list(drawn.population.cohorts) == ["region-a"]
    assert len({p.own.enterprise for p in everybody}) == len({p.group for p in everybody}) == 200
    by_name = {person.own.enterprise: person for person in population.everybody}
    for person in everybody:
        source = by_name[drawn.sources[person.own.enterprise]]
        assert person.own.integers == source.own.integers
        assert person.row == source.row
    assert max(Counter(names(drawn)).values()) > 1
    (prepared,) = prepare(drawn.population, planner)
    assert len(prepared.taking_part) == 200


def test_the_seed_alone_decides() -> None:
    population, planner = region_a()
    one, same, other = (draw(population, planner, 50, seed, pooled=True) for seed in (1, 1, 2))
    assert one.sources == same.sources
    assert one.sources != other.sources


def test_several_cohorts_are_pooled_or_kept(plants: tuple[Population, Planner]) -> None:
    population, planner = plants
    pooled = draw(population, planner, 40, 1, pooled=True)
    assert list(pooled.population.cohorts) == [POOLED]
    kept = draw(population, planner, 40, 1, pooled=False)
    assert names(pooled) == names(draw(population, planner, 40, 1, pooled=True))
    cohort_of = {person.own.enterprise: person.own.cohort for person in population.everybody}
    for person in kept.population.everybody:
        assert person.own.cohort == cohort_of[kept.sources[person.own.enterprise]]


def test_who_cannot_take_part_is_never_drawn(plants: tuple[Population, Planner]) -> None:
    population, planner = plants
    draw(population, planner, 1, 1, pooled=True)  # which marks whom the plan excludes
    excluded = {p.own.enterprise for p in population.everybody if p.excluded is not None}
    assert not excluded & set(draw(population, planner, 2000, 3, pooled=True).sources.values())


def test_nobody_to_draw_from() -> None:
    population, planner = region_a()
    for person in population.everybody:
        person.excluded = "for this test"
    with pytest.raises(NobodyTakesPart, match="none can be drawn"):
        draw(population, planner, 5, 1, pooled=True)
    with pytest.raises(OptionError, match="--nodes 0"):
        draw(population, planner, 0, 1, pooled=True)
