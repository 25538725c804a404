"""Virtual enterprises: as many as are asked for, drawn with replacement from a record set.

A bootstrap: each is one of the enterprises that can take part, under another name, with a key,
a folder and a group of its own. Nothing is jittered, so the integers stay those of a real year of
a real plant, and several virtual enterprises may have the same. The figures of such a round say
how the system behaves with many members, and nothing about any sector.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass, replace

from sim.errors import NobodyTakesPart, OptionError
from sim.people import Person, Population, exclude_by_plan
from sim.plans import Planner

POOLED = "all"
"""The cohort of a draw over several cohorts, none of which was named."""

MOST_NODES = 1_000_000


@dataclass(frozen=True)
class Draw:
    """A drawn population, and whom each of its members was drawn from, by names."""

    population: Population
    sources: dict[str, str]


def draw(population: Population, planner: Planner, nodes: int, seed: int, *, pooled: bool) -> Draw:
    """Draw virtual enterprises among those who could take part.

    :param nodes: how many.
    :param pooled: put them into one cohort, whatever the cohorts they were drawn from; else each
        stays in its own.
    :raises NobodyTakesPart: there is nobody to draw from.
    :raises OptionError: a number that makes no sense.
    """
    if not 0 < nodes <= MOST_NODES:
        raise OptionError(f"--nodes {nodes}: use 1 to {MOST_NODES}")
    for name, people in population.cohorts.items():
        exclude_by_plan(people, planner.draft(name, len(people)))
    able = [person for person in population.everybody if person.excluded is None]
    if not able:
        raise NobodyTakesPart("no enterprise of the records can take part, so none can be drawn")
    cohort = _pool_name(population) if pooled else None
    width = len(str(nodes))
    chance = random.Random(f"cefed/draw {seed}")  # noqa: S311 - to be repeated, not to be secret
    drawn = chance.choices(able, k=nodes)
    people = [
        _virtual(person, f"virtual-{number:0{width}}", cohort)
        for number, person in enumerate(drawn, start=1)
    ]
    made = Population(population.intake, population.records, _by_cohort(people))
    sources = {
        person.own.enterprise: source.own.enterprise
        for person, source in zip(people, drawn, strict=True)
    }
    return Draw(made, sources)


def _virtual(source: Person, name: str, cohort: str | None) -> Person:
    own = replace(
        source.own,
        enterprise=name,
        group=name,
        cohort=source.own.cohort if cohort is None else cohort,
    )
    return Person(own, source.row, name, name, None)


def _pool_name(population: Population) -> str:
    """The one cohort's own name, or one that stands for several."""
    names = list(population.cohorts)
    return names[0] if len(names) == 1 else POOLED


def _by_cohort(people: Iterable[Person]) -> dict[str, list[Person]]:
    cohorts: dict[str, list[Person]] = {}
    for person in people:
        cohorts.setdefault(person.own.cohort, []).append(person)
    return cohorts
