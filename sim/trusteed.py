"""Rounds with trustees, Paillier's and certified ones: ceremony, roles, members, to the release."""

from __future__ import annotations

import os
from collections.abc import Iterator

from coordinator import export
from coordinator.folder import Office
from coordinator.store import Store
from enterprise_node.private.backends import Backend
from sim import output
from sim.board import Operator
from sim.ceremony import CeremonyRecord, hold_ceremony
from sim.faults import liars
from sim.flower_pool import FlowerPool
from sim.nodes import NodePool
from sim.orchestrate import PUBLISHED, CohortRound, Orchestra, Pool
from sim.people import Population, roster_of, settle_in, strike
from sim.plans import Planner
from sim.processes import Processes, wait_for_address
from sim.progress import Reporter
from sim.settings import Engine, Settings
from sim.summary import Clock, Federated
from sim.writing import Played, PlayedRound, Prepared


def run_rounds(
    settings: Settings,
    population: Population,
    planner: Planner,
    prepared: list[Prepared],
    reporter: Reporter,
    clock: Clock,
) -> Played:
    """Hold the ceremony, start every role, and run one round for each cohort; writes the bundle.

    :raises Exception: the root exceptions of the packages; every process has been stopped then.
    """
    taking_part = sum(len(p.taking_part) for p in prepared)
    with Processes(settings.work / "logs") as processes:
        with clock.phase("ceremony"):
            record = hold_ceremony(settings, planner.period, reporter)
        office, operator = _start_roles(settings, processes, record)
        orchestra = Orchestra(
            operator, processes, reporter, record, taking_part, follow=settings.nodes > 0
        )
        with clock.phase("round"):
            rounds = _rounds(prepared, population, planner, record, settings, office, clock)
            pool = _pool(settings, processes, office, operator, orchestra, reporter)
            try:
                orchestra.run(rounds, pool, sum(1 for p in prepared if p.taking_part))
            finally:
                pool.stop()
        servers = [child for child in processes.children if child.server]
        peaks = {child.name: child.peak_rss() for child in servers}
        used = {child.name: child.cpu_seconds() for child in servers}
        operator.close()
    with clock.phase("output"), office.store() as store:
        played = _played(settings, record, orchestra, store, pool)
    played.peak_rss_roles, played.cpu_seconds_roles = peaks, used
    return played


def _pool(
    settings: Settings,
    processes: Processes,
    office: Office,
    operator: Operator,
    orchestra: Orchestra,
    reporter: Reporter,
) -> Pool:
    if settings.engine is Engine.FLOWER:
        return FlowerPool(
            settings, operator.address, office, orchestra.hear, orchestra.costs, reporter
        )
    return NodePool(
        processes,
        operator.address,
        office.authority_file(),
        orchestra.hear,
        workers=settings.node_processes,
        isolate=settings.isolate,
    )


def _start_roles(
    settings: Settings, processes: Processes, record: CeremonyRecord
) -> tuple[Office, Operator]:
    """Start the coordinator, wait for its address, and start the trustees on it."""
    home = settings.work / "coordinator"
    child = processes.start(
        "coordinator",
        "cefed",
        ["coordinator", "serve", str(home), "--listen", "127.0.0.1:0"],
        # It checks proofs while everybody else waits for it, so on every core.
        variables={"CEFED_COORDINATOR_WORKERS": str(os.cpu_count() or 1)},
    )
    address = wait_for_address(child, home / "address")
    office = Office.open(home)
    operator = Operator(office)
    lying = liars(settings.faults)
    for number, (name, folder) in enumerate(record.trustee_folders.items()):
        processes.start(
            name,
            "sim.liar" if number < lying else "cefed",
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
    homes = settings.homes
    coordinator = office.key().public
    trustees = tuple(trustee.signing_key for trustee in record.ceremony.trustees)
    for cohort in prepared:
        if not cohort.taking_part:
            continue
        with clock.phase("folders"):
            settle_in(
                cohort.taking_part,
                population,
                settings.mapping,
                homes,
                coordinator,
                trustees,
                Backend(settings.backend),
            )
            struck = strike(cohort.taking_part, settings)
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
            struck=struck,
        )


def _played(
    settings: Settings,
    record: CeremonyRecord,
    orchestra: Orchestra,
    store: Store,
    pool: Pool,
) -> Played:
    """Read the releases out of the store, and write the bundle."""
    played = Played(
        ceremony=record.ceremony,
        bytes_sent=orchestra.bytes_sent,
        peak_rss_nodes=orchestra.peak_node_rss,
        cpu_seconds_nodes=orchestra.node_cpu_seconds,
    )
    abandoned: dict[str, str] = {}
    faults: dict[str, str] = {}
    for round_ in orchestra.rounds.values():
        _note_refusals(round_)
        document = None
        if round_.state in PUBLISHED:
            modulus_bytes = record.ceremony.key.public.modulus_bytes
            document = export.document(store, round_.plan.round_id, modulus_bytes)
        else:
            abandoned[round_.cohort] = round_.abandoned or "cancelled by the coordinator"
        faults |= {name: str(operation) for name, operation in round_.struck.items()}
        contributed = round_.contributed or round_.opened
        played.rounds[round_.cohort] = PlayedRound(
            plan=round_.plan,
            document=document,
            counted=[person for person in round_.people if person.excluded is None],
            abandoned=abandoned.get(round_.cohort, ""),
            contributing=contributed - round_.opened,
            closing=(round_.finished or contributed) - contributed,
        )
    output.write_bundle(
        settings.out / "bundle",
        store,
        ((r.plan.round_id, r.roster.to_bytes()) for r in orchestra.rounds.values()),
        record.ceremony.received,
        record.countersignatures,
    )
    played.federated = Federated(
        costs=orchestra.costs.document(),
        abandoned=abandoned,
        faults=faults,
        exchanges=pool.run.exchanges if isinstance(pool, FlowerPool) else 0,
        engine_peak_rss=pool.run.peak_memory if isinstance(pool, FlowerPool) else 0,
    )
    return played


def _note_refusals(round_: CohortRound) -> None:
    by_folder = {person.folder_name: person for person in round_.people}
    for answer in round_.errors:
        by_folder[answer.folder.name].excluded = answer.error
