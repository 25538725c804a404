"""``cefed bench nodes``: whole rounds of many virtual enterprises, backend by backend.

Each case is a ``cefed sim run`` in a process of its own, on virtual members drawn from the real
plants, and its ``run.json`` is what is measured: wall time of the round without the key ceremony,
bytes and processor time of a node, and the memory of all processes together. On Flower's engine an
empty app with as many exchanges runs beside it, so that the engine's own cost is known.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from itertools import product
from math import log2
from pathlib import Path
from typing import Any

from protocols.federated.terms import Mode
from sim import bench_engine
from sim.bench_engine import SecAgg
from sim.errors import ProcessFailed
from sim.output import prepare_folder
from sim.settings import Engine
from sim.watching import Watched, run_watched

SIZES = (72, 1_000, 10_000)
DROPPING = "totals-dropping"
BACKENDS = ("paillier", "certified", "totals", DROPPING)
"""What can be measured; the last is totals with a fifth of the nodes dropping out."""

DROPPED = "drop-before-masks=20%"
MEBIBYTE = 1 << 20
TARGET_SECONDS = {
    ("totals", 1_000): 180.0,
    ("totals", 10_000): 2400.0,
    ("certified", 1_000): 360.0,
    ("certified", 10_000): 3600.0,
    ("paillier", 1_000): 360.0,
    ("paillier", 10_000): 3600.0,
}
"""Wall seconds that the project set itself, on two cores."""

KEPT = "measured.jsonl"
"""In the work folder: one line for each case that was measured."""

TARGET_BYTES = 16 * 1024 * MEBIBYTE
MOST_RATIO = 2.0
"""A totals round that a fifth drops out of, against a clean one."""


@dataclass(frozen=True)
class Case:
    """One round: ``nodes`` virtual members under a backend, with 20 % dropping out or not."""

    nodes: int
    backend: str
    dropping: bool = False


@dataclass(frozen=True)
class Measured:
    """What a case took. ``None``: not measured, or there is none on this engine.

    ``seconds``: of the round, from settled members to the checked release; ``engine_seconds``: of
    an empty app with as many exchanges. ``peak_bytes``: resident memory of all processes of the
    case together, at its highest. ``up``, ``down``: bytes of a node, mean. ``node_cpu``: seconds of
    a node, mean, engine excluded.
    """

    case: Case
    engine: str
    seconds: float
    whole_seconds: float
    peak_bytes: int
    up: float
    down: float
    node_cpu: float
    exchanges: int
    members: int
    engine_seconds: float | None = None
    target_seconds: float | None = None

    @property
    def met(self) -> bool | None:
        """Whether its targets were reached; None if it has none."""
        if self.target_seconds is None:
            return None
        return self.seconds <= self.target_seconds and self.peak_bytes <= TARGET_BYTES


def cases(sizes: Iterable[int], backends: Iterable[str]) -> list[Case]:
    """Every size under every one of :data:`BACKENDS` that is named."""
    return [
        Case(nodes, Mode.TOTALS.value, dropping=True) if name == DROPPING else Case(nodes, name)
        for nodes, name in product(sizes, backends)
    ]


def run(
    wanted: Iterable[Case],
    work: Path,
    *,
    on: Engine,
    modulus_bits: int,
    primes: Path | None,
    empty: bool,
    progress: Callable[[str], None],
) -> list[Measured]:
    """Measure the cases one after the other.

    What was measured stays in :data:`KEPT`, so that a bench of hours that was cut short goes on
    where it stopped.

    :param work: where the runs write; each is removed once it was measured.
    :param primes: a file with two safe primes, instead of drawing some for every case.
    :param empty: measure the engine's own cost as well.
    :raises OutputError: ``work`` has other content. :raises ProcessFailed: a run failed, with its
        words.
    """
    book = work / KEPT
    if not book.exists():
        prepare_folder(work)
        book.touch()
    settings = {"engine": str(on), "modulus_bits": modulus_bits, "empty": empty}
    kept = _kept(book, settings)
    measured = []
    for case in wanted:
        if case in kept:
            measured.append(kept[case])
            continue
        progress(_named(case))
        out = work / f"{case.backend}-{case.nodes}{'-dropping' if case.dropping else ''}"
        shutil.rmtree(out, ignore_errors=True)  # of a run that was cut short
        watched = run_watched(_command(case, out, on, modulus_bits, primes))
        if watched.code != 0:
            raise ProcessFailed(f"{_named(case)} failed: {watched.said}")
        facts = json.loads((out / "run.json").read_text(encoding="utf-8"))
        shutil.rmtree(out)
        cost = None
        if empty and on is Engine.FLOWER:
            progress(f"an empty app with {facts['exchanges']} exchanges, {case.nodes} nodes")
            cost = bench_engine.empty(
                case.nodes, int(facts["exchanges"]), work / f"{out.name}-empty"
            )
        measured.append(_measured(case, on, facts, watched, cost))
        with book.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(settings | {"measured": asdict(measured[-1])}) + "\n")
    return measured


def _kept(book: Path, settings: Mapping[str, object]) -> dict[Case, Measured]:
    """What was measured with the same settings before, by case."""
    found = {}
    for line in book.read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        fields = entry.pop("measured")
        if entry == settings:
            case = Case(**fields.pop("case"))
            found[case] = Measured(case=case, **fields)
    return found


def document(
    measured: list[Measured], modulus_bits: int, aggregated: Iterable[SecAgg] = ()
) -> dict[str, Any]:
    """Everything ``--json`` prints."""
    return {
        "schema": "cefed.bench-nodes/1",
        "modulus_bits": modulus_bits,
        "cases": [asdict(item) | {"met": item.met} for item in measured],
        "dropping_ratio": {str(n): ratio for n, ratio in dropping_ratios(measured).items()},
        "growth": growth(measured),
        "flower_secagg": [asdict(item) for item in aggregated],
    }


def dropping_ratios(measured: Iterable[Measured]) -> dict[int, float]:
    """By number of nodes: seconds of the totals round with a fifth dropping over the clean one."""
    seconds = {m.case: m.seconds for m in measured}
    return {
        case.nodes: round(taken / clean, 3)
        for case, taken in seconds.items()
        if case.dropping and (clean := seconds.get(Case(case.nodes, case.backend)))
    }


def growth(measured: list[Measured]) -> dict[str, dict[str, float]]:
    """By backend: what a node's bytes and seconds grow by when the members double.

    Logarithmic growth adds the same with every doubling; the figures are such steps as a share of
    what a node of the smallest round takes, between the smallest and the largest round.
    """
    found = {}
    for backend in dict.fromkeys(m.case.backend for m in measured):
        clean = [m for m in measured if m.case.backend == backend and not m.case.dropping]
        first, last = min(clean, key=_size), max(clean, key=_size)
        doublings = log2(last.case.nodes / first.case.nodes)
        if not doublings:
            continue
        found[backend] = {
            name: round((getattr(last, name) / getattr(first, name) - 1) / doublings, 4)
            for name in ("up", "down", "node_cpu")
        }
    return found


def as_markdown(measured: list[Measured], aggregated: Iterable[SecAgg] = ()) -> str:
    """The table of docs/benchmarks.md."""
    lines = [
        "| nodes | backend | members in the release | round, s | empty app, s | peak MiB, all "
        "processes | bytes up / down per node | CPU per node, s | target, s | |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for m in measured:
        name = f"{m.case.backend}, 20 % drop out" if m.case.dropping else m.case.backend
        own = "" if m.engine_seconds is None else f"{m.engine_seconds:,.0f}"
        target = "" if m.target_seconds is None else f"{m.target_seconds:,.0f}"
        verdict = {None: "", True: "met", False: "**missed**"}[m.met]
        lines.append(
            f"| {m.case.nodes:,} | {name} | {m.members:,} | {m.seconds:,.0f} | {own} | "
            f"{m.peak_bytes / MEBIBYTE:,.0f} | {m.up:,.0f} / {m.down:,.0f} | {m.node_cpu:.3f} | "
            f"{target} | {verdict} |"
        )
    for nodes, ratio in dropping_ratios(measured).items():
        verdict = "met" if ratio <= MOST_RATIO else "**missed**"
        lines.append(
            f"\n{nodes:,} nodes: 20 % dropping out took {ratio:.2f} times the clean round "
            f"(target {MOST_RATIO:.0f}): {verdict}"
        )
    lines += [f"\n{item.line()}" for item in aggregated]
    return "\n".join(lines)


def _command(
    case: Case, out: Path, on: Engine, modulus_bits: int, primes: Path | None
) -> list[str]:
    command = ["sim", "run", "--nodes", str(case.nodes), "--out", str(out), "--engine", str(on)]
    if case.backend == "paillier":
        command += ["--backend", "paillier"]
    else:
        command += ["--backend", "federated", "--mode", case.backend]
    if case.dropping:
        command += ["--fault", DROPPED]
    if primes is not None:
        command += ["--unsafe-primes", str(primes)]
    return [*command, "--modulus-bits", str(modulus_bits), "--json"]


def _measured(
    case: Case, on: Engine, facts: dict[str, Any], watched: Watched, cost: float | None
) -> Measured:
    if facts["abandoned"]:
        raise ProcessFailed(f"{_named(case)} was abandoned: {facts['abandoned'][0]['reason']}")
    survivors = [name for names in facts["survivors"].values() for name in names]
    per_node = facts["per_node"]
    return Measured(
        case=case,
        engine=str(on),
        seconds=_round_seconds(case, facts["seconds"]),
        whole_seconds=watched.seconds,
        peak_bytes=watched.peak_bytes,
        up=float(per_node["bytes_up"]["mean"]),
        down=float(per_node["bytes_down"]["mean"]),
        node_cpu=float(per_node["cpu_seconds"]["mean"]),
        exchanges=int(facts["exchanges"]),
        members=len(survivors) or int(facts["counts"]["took_part"]),
        engine_seconds=cost,
        target_seconds=None if case.dropping else TARGET_SECONDS.get((case.backend, case.nodes)),
    )


def _round_seconds(case: Case, seconds: dict[str, float]) -> float:
    """The round without making the nodes' folders, which goes on within it where rounds overlap."""
    within = 0.0 if case.backend == Mode.TOTALS else float(seconds.get("folders", 0.0))
    return float(seconds["round"]) - within


def _named(case: Case) -> str:
    return f"{case.backend}, {case.nodes} nodes{', a fifth dropping out' if case.dropping else ''}"


def _size(measured: Measured) -> int:
    return measured.case.nodes
