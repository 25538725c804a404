"""One simulation from records to output folder; ``cefed demo`` and ``cefed sim run`` call it."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from protocols.federated.terms import Mode
from protocols.template import PlanTemplate
from sim import output, totals, trusteed
from sim.errors import NobodyTakesPart, OptionError
from sim.faults import check_faults
from sim.people import Population, exclude_by_group, exclude_by_plan, read_people
from sim.plans import Planner
from sim.population import draw
from sim.progress import Reporter
from sim.settings import Settings
from sim.summary import Clock, Summary, run_document
from sim.writing import Prepared, write_output

ROLES_TEXT = (
    "All roles run on this one machine, each as a process of its own, to show how a round goes. In "
    "reality the coordinator, the trustees and the enterprises are different organisations, and "
    "nobody is trustee of a cohort of its own sector."
)


@dataclass(frozen=True)
class Cast:
    """Everybody of a run, by cohort, and who makes their plans."""

    population: Population
    planner: Planner
    prepared: list[Prepared]


def run_simulation(settings: Settings, reporter: Reporter) -> Summary:
    """Run one round for each cohort and write the output folder.

    :raises Exception: the root exceptions of the packages; every process has been stopped then.
    """
    clock = Clock()
    check_faults(settings.faults, settings.mode, settings.trustees)
    template = PlanTemplate.load(settings.plan)
    output.prepare_folder(settings.out)
    reporter.say(ROLES_TEXT)
    with clock.phase("intake"):
        cast = _take_in(settings, template)
    _introduce(cast, reporter)
    keep = settings.keep_work
    try:
        run = totals.run_rounds if settings.mode is Mode.TOTALS else trusteed.run_rounds
        played = run(settings, cast.population, cast.planner, cast.prepared, reporter, clock)
        with clock.phase("output"):
            summary = write_output(
                settings, cast.planner, cast.population, cast.prepared, played, clock
            )
        summary = replace(summary, timings=clock.seconds)
        output.write_json(settings.out / "run.json", run_document(settings, summary))
        return summary
    except Exception as error:
        # The logs say what happened; an interrupted run leaves nothing.
        error.add_note(f"the roles' folders and logs are kept in {settings.work}")
        keep = True
        raise
    finally:
        if not keep:
            shutil.rmtree(settings.work, ignore_errors=True)


def _take_in(settings: Settings, template: PlanTemplate) -> Cast:
    """Read the records, draw virtual enterprises if they are wanted, and see who can take part."""
    population = read_people(settings.records, settings.mapping, settings.cohorts)
    definitions = {n.replace("/", "_"): text for n, text in population.intake.definitions}
    planner = Planner(template, settings, definitions)
    if settings.nodes:
        drawn = draw(
            population, planner, settings.nodes, settings.seed, pooled=not settings.cohorts
        )
        output.write_json(settings.out / "population.json", drawn.sources)
        population = drawn.population
    return Cast(population, planner, prepare(population, planner))


def _introduce(cast: Cast, reporter: Reporter) -> None:
    """Say who takes part. :raises NobodyTakesPart: nobody does."""
    everybody = cast.population.everybody
    taking_part = sum(len(p.taking_part) for p in cast.prepared)
    reporter.say(
        f"{len(everybody)} enterprises in {len(cast.prepared)} cohorts; {taking_part} take "
        f"part, {len(everybody) - taking_part} are excluded with a reason"
    )
    if not taking_part:
        reasons = [f"{p.own.enterprise}: {p.excluded}" for p in everybody[:3]]
        raise NobodyTakesPart(f"no enterprise can take part; {'; '.join(reasons)}")


def prepare(population: Population, planner: Planner) -> list[Prepared]:
    """Ask of every enterprise what its node would ask, so that rosters hold those who can join."""
    prepared = []
    for cohort, people in population.cohorts.items():
        able = [person for person in people if person.excluded is None]
        draft = planner.draft(cohort, len(able)) if able else None
        if draft is not None:
            exclude_by_plan(able, draft)
            exclude_by_group(able)
            able = [person for person in able if person.excluded is None]
        prepared.append(Prepared(cohort, able, draft))
    return sorted(prepared, key=lambda p: (-len(p.taking_part), p.cohort))


def example_folder(name: str) -> Path:
    """A folder of the examples that come with the source tree."""
    return Path(__file__).resolve().parent.parent / "examples" / name


def inputs(
    records: Path | None, mapping: Path | None, plan: Path | None, nodes: int
) -> tuple[Path, Path, Path]:
    """The three files; virtual enterprises are drawn from the real plants unless others are named.

    :raises OptionError: some are missing.
    """
    if records is not None and mapping is not None and plan is not None:
        return records, mapping, plan
    if nodes and records is None and mapping is None and plan is None:
        plants = example_folder("us_plants")
        if plants.is_dir():
            return (
                plants / "us_plants_2010_2019.csv",
                plants / "mapping.toml",
                plants / "plan.toml",
            )
    raise OptionError("name --records, --mapping and --plan, all three of them")
