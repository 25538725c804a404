"""One simulation from records to output folder; ``cefed demo`` and ``cefed sim run`` call it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from coordinator import export
from coordinator.folder import Office
from coordinator.store import Store
from protocols.plan import Plan
from protocols.template import PlanTemplate
from sim import output
from sim.board import Operator
from sim.ceremony import CeremonyRecord, hold_ceremony
from sim.deviation import curve_deviation
from sim.errors import NobodyTakesPart
from sim.nodes import NodePool
from sim.orchestrate import CohortRound, Orchestra
from sim.output import Document
from sim.people import (
    Person,
    Population,
    exclude_by_group,
    exclude_by_plan,
    read_people,
    roster_of,
    settle_in,
)
from sim.plain import profile_extras
from sim.plans import Planner
from sim.processes import Processes, wait_for_address
from sim.progress import Reporter
from sim.settings import Settings
from sim.summary import Clock, Summary, run_document

ROLES_TEXT = (
    "All roles run on this one machine, each as a process of its own, to show how a round goes. In "
    "reality the coordinator, the trustees and the enterprises are different organisations, and "
    "nobody is trustee of a cohort of its own sector."
)


@dataclass(frozen=True)
class Prepared:
    """A cohort that can hold a round, or the reason why it cannot."""

    cohort: str
    taking_part: list[Person]
    draft: Plan | None


def run_simulation(settings: Settings, reporter: Reporter) -> Summary:
    """Run one round for each cohort and write the output folder.

    :raises Exception: the root exceptions of the packages; every process has been stopped then.
    """
    clock = Clock()
    template = PlanTemplate.load(settings.plan)
    output.prepare_folder(settings.out)
    reporter.say(ROLES_TEXT)
    with clock.phase("intake"):
        population = read_people(settings.records, settings.mapping, settings.cohorts)
        definitions = {n.replace("/", "_"): text for n, text in population.intake.definitions}
        planner = Planner(template, settings, definitions)
        prepared = prepare(population, planner)
    taking_part = sum(len(p.taking_part) for p in prepared)
    reporter.say(
        f"{len(population.everybody)} enterprises in {len(prepared)} cohorts; {taking_part} take "
        f"part, {len(population.everybody) - taking_part} are excluded with a reason"
    )
    if not taking_part:
        reasons = [f"{p.own.enterprise}: {p.excluded}" for p in population.everybody[:3]]
        raise NobodyTakesPart(f"no enterprise can take part; {'; '.join(reasons)}")
    logs = settings.work / "logs"
    keep = settings.keep_work
    try:
        with Processes(logs) as processes:
            with clock.phase("ceremony"):
                record = hold_ceremony(settings, planner.period, reporter)
            office, operator = _start_roles(settings, processes, record)
            orchestra = Orchestra(operator, processes, reporter, record, taking_part)
            with clock.phase("round"):
                rounds = _rounds(prepared, population, planner, record, settings, office, clock)
                pool = NodePool(
                    processes,
                    operator.address,
                    office.authority_file(),
                    orchestra.hear,
                    workers=settings.node_processes,
                    isolate=settings.isolate,
                )
                orchestra.run(rounds, pool, sum(1 for p in prepared if p.taking_part))
            servers = [child for child in processes.children if child.server]
            peaks = {child.name: child.peak_rss() for child in servers}
            used = {child.name: child.cpu_seconds() for child in servers}
            operator.close()
        with clock.phase("output"), office.store() as store:
            summary = _write(
                settings, planner, population, prepared, orchestra, record, clock, store
            )
        summary = replace(summary, peak_rss_roles=peaks, cpu_seconds_roles=used)
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


def _start_roles(
    settings: Settings, processes: Processes, record: CeremonyRecord
) -> tuple[Office, Operator]:
    """Start the coordinator, wait for its address, and start the trustees on it."""
    home = settings.work / "coordinator"
    child = processes.start(
        "coordinator", "cefed", ["coordinator", "serve", str(home), "--listen", "127.0.0.1:0"]
    )
    address = wait_for_address(child, home / "address")
    office = Office.open(home)
    operator = Operator(office)
    for name, folder in record.trustee_folders.items():
        processes.start(
            name,
            "cefed",
            [
                "trustee",
                "serve",
                str(folder),
                "--coordinator",
                address,
                "--coordinator-key",
                operator.public_key.raw.hex(),
                "--authority",
                str(office.authority_file()),
            ],
        )
    return office, operator


def _rounds(
    prepared: list[Prepared],
    population: Population,
    planner: Planner,
    record: CeremonyRecord,
    settings: Settings,
    office: Office,
    clock: Clock,
) -> Iterator[CohortRound]:
    """Settle the members of each cohort in, enrol them, and make its round; one after the other."""
    homes = settings.work / "nodes"
    coordinator = office.key().public
    trustees = tuple(trustee.signing_key for trustee in record.ceremony.trustees)
    for cohort in prepared:
        if not cohort.taking_part:
            continue
        with clock.phase("folders"):
            settle_in(
                cohort.taking_part, population, settings.mapping, homes, coordinator, trustees
            )
            with office.registry() as registry:
                registry.admit_many(
                    (person.key, person.registered_id, person.group)
                    for person in cohort.taking_part
                    if person.key is not None
                )
        roster = roster_of(cohort.taking_part)
        yield CohortRound(
            cohort=cohort.cohort,
            people=cohort.taking_part,
            plan=planner.final(cohort.cohort, roster, record.ceremony),
            roster=roster,
            folders=[homes / person.folder_name for person in cohort.taking_part],
        )


def _write(
    settings: Settings,
    planner: Planner,
    population: Population,
    prepared: list[Prepared],
    orchestra: Orchestra,
    record: CeremonyRecord,
    clock: Clock,
    store: Store,
) -> Summary:
    by_cohort = {round_.cohort: round_ for round_ in orchestra.rounds.values()}
    documents: list[Document] = []
    extras: dict[str, dict[str, str]] = {}
    deviations: dict[str, Fraction] = {}
    for item in sorted(prepared, key=lambda p: p.cohort):
        round_ = by_cohort.get(item.cohort)
        if round_ is None:
            documents.append(
                output.withheld_document(
                    item.cohort,
                    planner.title(item.cohort),
                    planner.period,
                    output.NOBODY,
                )
            )
            continue
        _note_refusals(round_)
        document = export.document(
            store, round_.plan.round_id, record.ceremony.key.public.modulus_bytes
        )
        documents.append(document)
        members = [p.own.integers for p in round_.people if p.excluded is None]
        deviation = curve_deviation(document, members)
        if deviation is not None:
            deviations[item.cohort] = deviation
            extras[item.cohort] = {"curve_deviation": f"{float(deviation):.6f}"}
        extras.setdefault(item.cohort, {}).update(profile_extras(round_.plan, round_.people))
    output.write_nodes(settings.out / "nodes", population.everybody)
    output.write_bundle(
        settings.out / "bundle",
        store,
        ((r.plan.round_id, r.roster.to_bytes()) for r in by_cohort.values()),
        record.ceremony.received,
        record.countersignatures,
    )
    excluded = [p for p in population.everybody if p.excluded is not None]
    report = planner.report_facts(record.ceremony, len(excluded))
    output.write_release(settings.out, documents, report, extras)
    for published in documents:
        if published["withheld"] is None:
            people = population.cohorts[published["cohort"]]
            output.write_positions(
                settings.out / "nodes", published, people, settings.out / "targets.csv"
            )
    return Summary(
        documents=documents,
        enterprises=len(population.everybody),
        excluded=[(p.own.enterprise, p.own.cohort, p.excluded or "") for p in excluded],
        deviations=deviations,
        timings=clock.seconds,
        cohort_seconds={
            r.cohort: (r.contributed or r.opened) - r.opened for r in by_cohort.values()
        },
        closing_seconds={
            r.cohort: (r.finished or 0.0) - (r.contributed or r.opened) for r in by_cohort.values()
        },
        bytes_sent=orchestra.bytes_sent,
        peak_rss_nodes=orchestra.peak_node_rss,
        peak_rss_roles={},
        cpu_seconds_nodes=orchestra.node_cpu_seconds,
        cpu_seconds_roles={},
    )


def _note_refusals(round_: CohortRound) -> None:
    by_folder = {person.folder_name: person for person in round_.people}
    for answer in round_.errors:
        by_folder[answer.folder.name].excluded = answer.error


def example_folder(name: str) -> Path:
    """A folder of the examples that come with the source tree."""
    return Path(__file__).resolve().parent.parent / "examples" / name
