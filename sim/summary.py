"""What a simulation found out about itself: ``run.json``, and the table at its end."""

from __future__ import annotations

import platform
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from protocols.federated.terms import Mode
from sim.output import generated_by
from sim.settings import Settings

SCHEMA = "cefed.run/1"
MEBIBYTE = 1 << 20


class Clock:
    """Seconds spent in each named phase; a phase may be entered several times."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Time what happens inside."""
        started = time.monotonic()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.monotonic() - started


@dataclass(frozen=True)
class Federated:
    """What federated and many-node runs add, by cohort or enterprise.

    ``survivors``: whose figures a ``totals`` release holds. ``abandoned``: why a round ended
    without a result. ``silent``: by cohort and stage, how many members did not answer. ``faults``:
    what enterprises were told to do wrong. ``costs``: of a node, :mod:`sim.costs`.
    ``exchanges``: between the conductor or the server and its nodes.
    """

    costs: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    survivors: Mapping[str, Sequence[str]] = field(default_factory=dict)
    abandoned: Mapping[str, str] = field(default_factory=dict)
    silent: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    faults: Mapping[str, str] = field(default_factory=dict)
    exchanges: int = 0
    engine_peak_rss: int = 0


@dataclass(frozen=True)
class Summary:
    """Counts, timings in seconds, and sizes in bytes of a finished simulation."""

    documents: Sequence[Mapping[str, Any]]
    enterprises: int
    excluded: Sequence[tuple[str, str, str]]
    deviations: Mapping[str, Fraction]
    timings: Mapping[str, float]
    cohort_seconds: Mapping[str, float]
    closing_seconds: Mapping[str, float]
    bytes_sent: int
    peak_rss_nodes: int
    peak_rss_roles: Mapping[str, int | None]
    cpu_seconds_nodes: float
    cpu_seconds_roles: Mapping[str, float | None]
    federated: Federated = field(default_factory=Federated)

    @property
    def bands(self) -> int:
        """Published bands with sums, over all cohorts."""
        return sum(len(document["bands"]) for document in self.documents)

    @property
    def cells(self) -> int:
        """Published cells of tables that hold somebody, totals included, over all cohorts."""
        return sum(bool(cell["n"]) for document in self.documents for cell in document["table"])

    @property
    def released(self) -> int:
        """Cohorts that were published."""
        return sum(1 for document in self.documents if document["withheld"] is None)


def run_document(settings: Settings, summary: Summary) -> dict[str, object]:
    """``run.json``."""
    return {
        "schema": SCHEMA,
        "generated_by": generated_by(),
        "single_machine": True,
        "backend": settings.backend,
        "engine": str(settings.engine),
        "machine": {
            "system": platform.system(),
            "processor": platform.machine(),
            "python": platform.python_version(),
            "node_processes": settings.node_processes,
            "process_for_each_node": settings.isolate,
        },
        "inputs": {
            "records": settings.records.name,
            "mapping": settings.mapping.name,
            "plan": settings.plan.name,
        },
        "population": (
            {"nodes": settings.nodes, "seed": settings.seed} if settings.nodes else None
        ),
        "ceremony": None if settings.mode is Mode.TOTALS else _ceremony(settings),
        "counts": {
            "enterprises": summary.enterprises,
            "took_part": summary.enterprises - len(summary.excluded),
            "excluded": len(summary.excluded),
            "cohorts": len(summary.documents),
            "released": summary.released,
            "withheld": len(summary.documents) - summary.released,
            "bands": summary.bands,
            "contribution_bytes": summary.bytes_sent,
        },
        "excluded": [
            {"enterprise": enterprise, "cohort": cohort, "reason": reason}
            for enterprise, cohort, reason in summary.excluded
        ],
        "withheld": [
            {"cohort": document["cohort"], "reason": document["withheld"]}
            for document in summary.documents
            if document["withheld"] is not None
        ],
        "abandoned": [
            {"cohort": cohort, "reason": reason}
            for cohort, reason in summary.federated.abandoned.items()
        ],
        "survivors": {cohort: list(names) for cohort, names in summary.federated.survivors.items()},
        "silent": {cohort: dict(found) for cohort, found in summary.federated.silent.items()},
        "faults": dict(summary.federated.faults),
        "per_node": {name: dict(spread) for name, spread in summary.federated.costs.items()},
        "exchanges": summary.federated.exchanges,
        "curve_deviation": {
            cohort: f"{float(value):.6f}" for cohort, value in summary.deviations.items()
        },
        "seconds": {name: round(value, 3) for name, value in summary.timings.items()},
        "seconds_by_cohort": {
            cohort: {
                "contributing": round(value, 3),
                "closing_to_release": round(summary.closing_seconds[cohort], 3),
            }
            for cohort, value in summary.cohort_seconds.items()
        },
        "cpu_seconds": {
            "nodes": round(summary.cpu_seconds_nodes, 2),
            **summary.cpu_seconds_roles,
        },
        "peak_rss_bytes": {"nodes": summary.peak_rss_nodes, **summary.peak_rss_roles},
    }


def _ceremony(settings: Settings) -> dict[str, object]:
    return {
        "trustees": settings.trustees,
        "threshold": settings.threshold,
        "quorum": settings.quorum,
        "modulus_bits": settings.modulus_bits,
        "fresh_primes": settings.primes is None,
    }
