"""Rounds without trustees: the conductor and the nodes, one round for each cohort.

With the local engine the conductor runs in this process and nodes in processes of their own, which
take a step from their inbox and leave the answer in their outbox; with Flower's it runs in a
ServerApp (:mod:`sim.flower_rounds`).
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

from coordinator.folder import Office
from coordinator.totals import Account, Conductor, Patience, binding_of
from enterprise_node.private.backends import Backend
from protocols.federated.totals.gathering import Gathering
from protocols.federated.totals.release import TotalsRelease, read_release
from protocols.plan import Plan
from protocols.roster import Roster
from protocols.signing import SigningKey
from sim import flower_rounds
from sim.costs import NodeCosts
from sim.errors import ProcessFailed
from sim.flower_figures import Figures
from sim.nodes import Answer, NodePool, Task
from sim.people import Person, Population, roster_of, settle_in, strike
from sim.plans import Planner
from sim.processes import Processes
from sim.progress import Reporter
from sim.settings import Engine, Settings
from sim.summary import Clock, Federated
from sim.writing import Played, PlayedRound, Prepared

CHECK_SECONDS = 1.0
PATIENCE = Patience(
    stage_seconds=1800.0, grace_seconds=0.0, enough=Fraction(1, 2), pause_seconds=0.0, visits=2
)
"""Of a simulation, where whoever answers at all does so on the first visit."""


@dataclass
class TotalsRound:
    """One cohort's round: who is at which place of the roster, and what came of it."""

    cohort: str
    plan: Plan
    plan_signed: bytes
    roster: Roster
    people: list[Person]
    homes: Path
    folder: Path
    faults: dict[str, str]
    account: Account = field(default_factory=Account)
    released: TotalsRelease | None = None

    def folder_of(self, place: int) -> Path:
        """The node's folder of the member at a place."""
        return self.homes / self.people[place].folder_name

    def pseudonym(self, place: int) -> str:
        """How the conductor names the member at a place."""
        return self.roster.members[place].key.fingerprint


class LocalCarrier:
    """Brings steps to node processes on this machine and collects what they answer."""

    def __init__(self, round_: TotalsRound, reporter: Reporter, costs: NodeCosts) -> None:
        self._round = round_
        self._reporter = reporter
        self._costs = costs
        self._places = {round_.folder_of(place).name: place for place in range(len(round_.people))}
        self._answers: dict[int, Answer] = {}
        self._changed = threading.Condition()
        self.peak_rss = 0
        self.cpu_seconds = 0.0
        self.errors: dict[int, str] = {}

    def hear(self, answer: Answer) -> None:
        """A node's visit is done; called from the pool's threads."""
        with self._changed:
            self._answers[self._places[answer.folder.name]] = answer
            self.peak_rss = max(self.peak_rss, answer.peak_rss)
            self.cpu_seconds += answer.cpu_seconds
            self._costs.add(answer)
            self._changed.notify_all()

    def carry(
        self, pool: NodePool, task: Task, given: Mapping[int, bytes], seconds: float
    ) -> Mapping[int, bytes]:
        """One visit to each of some nodes; the answers of those that gave one.

        :raises ProcessFailed: a node process ended.
        """
        with self._changed:
            self._answers.clear()
        places = sorted(given)
        folders = [self._round.folder_of(place) for place in places]
        pool.put(self._round.plan.round_id, folders, task, [given[place] for place in places])
        what = f"cohort {self._round.cohort}: nodes visited"
        waited = 0.0
        with self._changed:
            while len(self._answers) < len(places) and waited < seconds:
                if not self._changed.wait(CHECK_SECONDS):
                    waited += CHECK_SECONDS
                pool.check()
                self._reporter.step(what, len(self._answers), len(places))
            answers = dict(self._answers)
        for place, answer in answers.items():
            if answer.error is not None:
                self.errors[place] = answer.error
        return {place: answer.reply for place, answer in answers.items() if answer.reply}


def run_rounds(
    settings: Settings,
    population: Population,
    planner: Planner,
    prepared: list[Prepared],
    reporter: Reporter,
    clock: Clock,
) -> Played:
    """Conduct one round for each cohort, one after the other.

    :raises Exception: the root exceptions of the packages; every process has been stopped then.
    """
    office = Office.create(settings.work / "coordinator", ("localhost",))
    key = office.key()
    played, costs = Played(), NodeCosts()
    abandoned: dict[str, str] = {}
    survivors: dict[str, list[str]] = {}
    silent: dict[str, dict[str, int]] = {}
    faults: dict[str, str] = {}
    exchanges = engine_peak = 0
    conduct = flower_rounds.conduct if settings.engine is Engine.FLOWER else _conduct
    for round_ in _rounds(settings, population, planner, prepared, key, clock):
        with clock.phase("round"):
            before = clock.seconds.get("round", 0.0)
            figures = conduct(settings, round_, office.folder, reporter, costs)
        if round_.account.release is not None:
            round_.released = read_release(round_.account.release, round_.plan, key.public)
        played.rounds[round_.cohort] = _played(round_, clock.seconds["round"] - before)
        played.peak_rss_nodes = max(played.peak_rss_nodes, figures.peak_rss)
        played.cpu_seconds_nodes += figures.cpu_seconds
        engine_peak = max(engine_peak, figures.engine_peak_rss)
        exchanges += round_.account.exchanges
        faults |= round_.faults
        silent[round_.cohort] = {s: len(names) for s, names in round_.account.silent.items()}
        if round_.released is None:
            abandoned[round_.cohort] = round_.account.reason
        else:
            survivors[round_.cohort] = [
                round_.people[place].own.enterprise for place in _places(round_.released)
            ]
    played.bytes_sent = sum(costs.up.values())
    played.federated = Federated(
        costs=costs.document(),
        survivors=survivors,
        abandoned=abandoned,
        silent=silent,
        faults=faults,
        exchanges=exchanges,
        engine_peak_rss=engine_peak,
    )
    return played


def _rounds(
    settings: Settings,
    population: Population,
    planner: Planner,
    prepared: list[Prepared],
    key: SigningKey,
    clock: Clock,
) -> Iterator[TotalsRound]:
    """Settle the members of each cohort in and make its round; one after the other."""
    for cohort in prepared:
        if not cohort.taking_part:
            continue
        with clock.phase("folders"):
            settle_in(
                cohort.taking_part,
                population,
                settings.mapping,
                settings.homes,
                key.public,
                (),
                Backend.TOTALS,
            )
            struck = strike(cohort.taking_part, settings)
        roster = roster_of(cohort.taking_part)
        by_key = {person.key: person for person in cohort.taking_part}
        plan = planner.final(cohort.cohort, roster, None)
        yield TotalsRound(
            cohort=cohort.cohort,
            plan=plan,
            plan_signed=key.sign("plan", plan.to_bytes()),
            roster=roster,
            people=[by_key[member.key] for member in roster.members],
            homes=settings.homes,
            folder=settings.work / "rounds" / plan.round_id,
            faults={name: str(operation) for name, operation in struck.items()},
        )


def _conduct(
    settings: Settings,
    round_: TotalsRound,
    office: Path,
    reporter: Reporter,
    costs: NodeCosts,
) -> Figures:
    key = Office.open(office).key()
    terms = round_.plan.aggregation
    carrier = LocalCarrier(round_, reporter, costs)
    with Processes(settings.work / "logs") as processes:
        pool = NodePool(
            processes,
            "",
            None,
            carrier.hear,
            workers=settings.node_processes,
            isolate=settings.isolate,
        )
        conductor = Conductor(
            Gathering(round_.plan_signed, round_.roster, key),
            round_.folder,
            binding_of(round_.plan_signed, round_.roster.hash),
            lambda steps, seconds: carrier.carry(pool, Task.STEP, steps, seconds),
            pseudonym=round_.pseudonym,
            quorum=terms.quorum if terms is not None else 0,
            patience=PATIENCE,
            say=lambda text: reporter.say(f"cohort {round_.cohort}: {text}"),
        )
        round_.account = conductor.run()
        if round_.account.release is not None:
            released = read_release(round_.account.release, round_.plan, key.public)
            staying = dict.fromkeys(_places(released), round_.account.release)
            carrier.errors.clear()
            carrier.carry(pool, Task.TAKE, staying, PATIENCE.stage_seconds)
            _require_believed(round_, carrier.errors)
        pool.finish()
        pool.join()
    return Figures(carrier.peak_rss, carrier.cpu_seconds)


def _require_believed(round_: TotalsRound, errors: Mapping[int, str]) -> None:
    """Every node that stayed checks the release itself. :raises ProcessFailed: one refuses it."""
    for place, text in sorted(errors.items()):
        raise ProcessFailed(f"{round_.people[place].own.enterprise} refuses the release: {text}")


def _places(released: TotalsRelease) -> list[int]:
    """The places on the roster whose figures are in the release."""
    return [place for place in range(released.survivors.size) if place in released.survivors]


def _played(round_: TotalsRound, seconds: float) -> PlayedRound:
    document: dict[str, Any] | None = None
    counted: list[Person] = []
    if round_.released is not None:
        document = json.loads(round_.released.document_bytes)
        counted = [round_.people[place] for place in _places(round_.released)]
    return PlayedRound(
        plan=round_.plan,
        document=document,
        counted=counted,
        abandoned=round_.account.reason,
        contributing=seconds,
    )
