"""What Flower itself takes, beside our rounds on it: an empty app, and its own SecAgg+."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from sim.errors import ProcessFailed
from sim.flower import engine
from sim.progress import Reporter

MEBIBYTE = 1 << 20


@dataclass(frozen=True)
class SecAgg:
    """One aggregation by Flower's SecAgg+ (:mod:`sim.flower.secagg`).

    ``seconds``: of the aggregation, after all nodes had joined. ``largest_error``: of the average
    it gives, against the exact one. ``failed``: why it did not end; empty if it did.
    """

    nodes: int
    seconds: float = 0.0
    largest_error: float = 0.0
    shares: int = 0
    peak_bytes: int = 0
    failed: str = ""

    def line(self) -> str:
        """A sentence for the table's end."""
        if self.failed:
            return f"{self.nodes:,} nodes, Flower's SecAgg+: did not end: {self.failed}"
        return (
            f"{self.nodes:,} nodes, Flower's SecAgg+: {self.seconds:,.0f} s, {self.shares} shares, "
            f"{self.peak_bytes / MEBIBYTE:,.0f} MiB; its average of numbers up to 1 is off by "
            f"{self.largest_error:.2g}, and exact sums it cannot do"
        )


def empty(nodes: int, exchanges: int, work: Path) -> float:
    """Seconds of an app that does nothing, with as many exchanges, start and end included.

    :raises ProcessFailed: the run failed.
    """
    config: dict[str, str | int | float | bool] = {"task": "empty", "exchanges": exchanges}
    try:
        with Reporter(quiet=True) as reporter:
            return engine.run_on_flower("round", nodes, config, work, reporter).seconds
    finally:
        shutil.rmtree(work, ignore_errors=True)


def secagg(nodes: int, work: Path) -> SecAgg:
    """Run SecAgg+ once; that it fails is a result as well."""
    try:
        with Reporter(quiet=True) as reporter:
            run = engine.run_on_flower("secagg", nodes, {}, work, reporter)
        told = run.lines("secagg")
        if not told:
            return SecAgg(nodes, failed="it said nothing")
        facts = told[-1]
        return SecAgg(
            nodes,
            float(facts["seconds"]),
            float(facts["largest_error"]),
            int(facts["shares"]),
            run.peak_memory,
        )
    except ProcessFailed as error:
        return SecAgg(nodes, failed=str(error).splitlines()[-1])
    finally:
        shutil.rmtree(work, ignore_errors=True)
