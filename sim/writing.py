"""The output folder at the end of a run, from the rounds as they were played.

Called by :mod:`sim.runner`; the files themselves are :mod:`sim.output`'s.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from protocols.ceremony import Ceremony
from protocols.plan import Plan
from sim import output
from sim.deviation import curve_deviation
from sim.output import Document
from sim.people import Person, Population
from sim.plain import profile_extras
from sim.plans import Planner
from sim.settings import Settings
from sim.summary import Clock, Federated, Summary


@dataclass(frozen=True)
class Prepared:
    """A cohort that can hold a round, or the reason why it cannot."""

    cohort: str
    taking_part: list[Person]
    draft: Plan | None


@dataclass
class PlayedRound:
    """One cohort's round when it is over. Times in seconds.

    ``document``: of its release; None where it was abandoned, with the reason. ``counted``: whose
    figures the release holds.
    """

    plan: Plan
    document: Document | None
    counted: list[Person]
    abandoned: str = ""
    contributing: float = 0.0
    closing: float = 0.0


@dataclass
class Played:
    """All rounds of a run, by cohort, and what they cost. ``ceremony``: None without trustees."""

    rounds: dict[str, PlayedRound] = field(default_factory=dict)
    ceremony: Ceremony | None = None
    bytes_sent: int = 0
    peak_rss_nodes: int = 0
    peak_rss_roles: Mapping[str, int | None] = field(default_factory=dict)
    cpu_seconds_nodes: float = 0.0
    cpu_seconds_roles: Mapping[str, float | None] = field(default_factory=dict)
    federated: Federated = field(default_factory=Federated)


def write_output(
    settings: Settings,
    planner: Planner,
    population: Population,
    prepared: list[Prepared],
    played: Played,
    clock: Clock,
) -> Summary:
    """Write everything but the bundle and ``run.json``, and sum the run up."""
    documents: list[Document] = []
    extras: dict[str, dict[str, str]] = {}
    deviations: dict[str, Fraction] = {}
    for item in sorted(prepared, key=lambda p: p.cohort):
        round_ = played.rounds.get(item.cohort)
        if round_ is None or round_.document is None:
            reason = output.NOBODY if round_ is None else f"abandoned: {round_.abandoned}"
            title = planner.title(item.cohort)
            documents.append(
                output.withheld_document(
                    item.cohort, title, planner.period, reason, settings.backend
                )
            )
            continue
        documents.append(round_.document)
        deviation = curve_deviation(
            round_.document, [person.own.integers for person in round_.counted]
        )
        if deviation is not None:
            deviations[item.cohort] = deviation
            extras[item.cohort] = {"curve_deviation": f"{float(deviation):.6f}"}
        if not settings.nodes:  # of virtual members they would say nothing
            extras.setdefault(item.cohort, {}).update(profile_extras(round_.plan, round_.counted))
    output.write_nodes(settings.out / "nodes", population.everybody)
    excluded = [p for p in population.everybody if p.excluded is not None]
    report = planner.report_facts(played.ceremony, len(excluded))
    output.write_release(settings.out, documents, report, extras)
    _write_positions(settings, documents, played)
    return Summary(
        documents=documents,
        enterprises=len(population.everybody),
        excluded=[(p.own.enterprise, p.own.cohort, p.excluded or "") for p in excluded],
        deviations=deviations,
        timings=clock.seconds,
        cohort_seconds={cohort: r.contributing for cohort, r in played.rounds.items()},
        closing_seconds={cohort: r.closing for cohort, r in played.rounds.items()},
        bytes_sent=played.bytes_sent,
        peak_rss_nodes=played.peak_rss_nodes,
        peak_rss_roles=played.peak_rss_roles,
        cpu_seconds_nodes=played.cpu_seconds_nodes,
        cpu_seconds_roles=played.cpu_seconds_roles,
        federated=played.federated,
    )


def _write_positions(settings: Settings, documents: list[Document], played: Played) -> None:
    for published in documents:
        round_ = played.rounds.get(published["cohort"])
        if round_ is not None and published["withheld"] is None:
            output.write_positions(
                settings.out / "nodes", published, round_.counted, settings.out / "targets.csv"
            )
