"""What a simulation found out about itself: ``run.json``, and the table at its end."""

from __future__ import annotations

import platform
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

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
        "ceremony": {
            "trustees": settings.trustees,
            "threshold": settings.threshold,
            "quorum": settings.quorum,
            "modulus_bits": settings.modulus_bits,
            "fresh_primes": settings.primes is None,
        },
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
