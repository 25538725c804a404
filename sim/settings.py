"""What a simulation is asked to do."""

from __future__ import annotations

import os
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from protocols.federated.terms import Mode
from sim.faults import Fault

FOLDERS = "nodes"
"""Under the work folder: one folder for each node that takes part."""


class Backend(StrEnum):
    """How sums are opened; federated rounds have a mode besides."""

    PAILLIER = "paillier"
    FEDERATED = "federated"


class Engine(StrEnum):
    """What runs the nodes: processes of this program, or Flower's simulation engine."""

    LOCAL = "local"
    FLOWER = "flower"


@dataclass(frozen=True)
class Settings:
    """Options of ``cefed sim run``.

    ``records``, ``mapping``, ``plan``: the CSV file, the mapping and the plan template. ``out``: an
    output folder that is empty or not there. ``trustees``, ``threshold``, ``quorum``: n, t and q of
    the ceremony. ``cohorts``: names to take, empty for all. ``primes``: a JSON file with two safe
    primes, for tests; None draws fresh ones. ``isolate``: a process for each node instead of
    ``workers`` processes (0 for one a core) that host many. ``keep_work``: leave the roles'
    folders in ``out/work``.

    ``nodes``: how many virtual enterprises are drawn from the records with ``seed``; 0 for the
    records as they stand. ``mode``: of federated rounds; None for Paillier. ``faults``: what goes
    wrong, struck by ``seed`` as well.
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
    nodes: int = 0
    seed: int = 1
    mode: Mode | None = None
    engine: Engine = Engine.LOCAL
    faults: tuple[Fault, ...] = ()

    @property
    def backend(self) -> str:
        """As documents name it: ``paillier``, ``certified`` or ``totals``."""
        return str(self.mode) if self.mode is not None else str(Backend.PAILLIER)

    @property
    def node_processes(self) -> int:
        """How many node processes run at a time: ``workers``, or one for each core."""
        return self.workers or max(1, os.cpu_count() or 1)

    @property
    def work(self) -> Path:
        """Where the roles have their folders while the simulation runs."""
        return self.out / "work"

    @property
    def homes(self) -> Path:
        """Where the nodes have theirs, one each."""
        return self.work / FOLDERS
