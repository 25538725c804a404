"""What a simulation is asked to do."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Settings:
    """Options of ``cefed sim run``.

    ``records``, ``mapping``, ``plan``: the CSV file, the mapping and the plan template. ``out``: an
    output folder that is empty or not there. ``trustees``, ``threshold``, ``quorum``: n, t and q of
    the ceremony. ``cohorts``: names to take, empty for all. ``primes``: a JSON file with two safe
    primes, for tests; None draws fresh ones. ``isolate``: a process for each node instead of
    ``workers`` processes (0 for one a core) that host many. ``keep_work``: leave the roles'
    folders in ``out/work``.
    """

    records: Path
    mapping: Path
    plan: Path
    out: Path
    period: str = ""
    title: str = ""
    title_zh: str = ""
    trustees: int = 4
    threshold: int = 2
    quorum: int = 3
    modulus_bits: int = 3072
    cohorts: tuple[str, ...] = ()
    primes: Path | None = None
    isolate: bool = False
    keep_work: bool = False
    workers: int = 0

    @property
    def node_processes(self) -> int:
        """How many node processes run at a time: ``workers``, or one for each core."""
        return self.workers or max(1, os.cpu_count() or 1)

    @property
    def work(self) -> Path:
        """Where the roles have their folders while the simulation runs."""
        return self.out / "work"
