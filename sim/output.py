"""The output folder of a simulation, file by file (docs/release-schema.md).

``release.json``, ``bundle/``, ``targets.csv`` and ``report.html`` are public. ``nodes/`` is not:
each file there belongs to one simulated enterprise and exists so that an outside script can play
the oracle.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from coordinator.report import render_report
from coordinator.store import Store
from coordinator.targets import write_targets
from enterprise_node.private.position import position, read_targets
from protocols import bundle
from protocols.federated.terms import Mode
from sim.errors import OutputError
from sim.people import Person, measures_file

SCHEMA = "cefed.release/1"

NOBODY = "no enterprise of this cohort can take part"
"""Why a cohort is withheld for which no round was opened."""

Document = Mapping[str, Any]


def generated_by() -> str:
    """Name and version of this program, as documents carry it."""
    try:
        return f"cefed {version('cefed')}"
    except PackageNotFoundError:
        return "cefed"


def prepare_folder(out: Path) -> None:
    """Make the output folder. :raises OutputError: it has content, or cannot be made."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        if any(out.iterdir()):
            raise OutputError(f"{out} is not empty; choose another --out, or remove it first")
    except OSError as error:
        raise OutputError(f"cannot use {out}: {error.strerror}") from error


def write_bundle(
    folder: Path,
    store: Store,
    rounds: Iterable[tuple[str, bytes]],
    ceremony: bytes,
    countersignatures: Iterable[bytes],
) -> None:
    """Everything that ``cefed verify`` reads; transcripts are streamed from the store.

    :param rounds: id and roster bytes of each round.
    """
    bundle.write_ceremony(folder, ceremony, countersignatures)
    for round_id, roster in rounds:
        entries = ((entry.kind, entry.payload) for entry in store.read(round_id))
        bundle.write_round(folder, round_id, roster, entries)


def write_nodes(folder: Path, people: Iterable[Person]) -> None:
    """Each simulated node's own ``measures.json``, excluded enterprises included."""
    for person in people:
        write_json(folder / person.folder_name / "measures.json", measures_file(person))


def write_positions(
    folder: Path, document: Document, people: Iterable[Person], targets: Path
) -> None:
    """Each simulated node's own ``position.json``: what its owner sees, and nobody else."""
    rates = read_targets(targets, document["cohort"])
    for person in people:
        if person.excluded is None:
            place = position(document, person.own, rates)
            write_json(folder / person.folder_name / "position.json", place.document())


def write_release(
    out: Path,
    documents: Sequence[Document],
    run: Mapping[str, str],
    extras: Mapping[str, Mapping[str, str]],
) -> None:
    """``release.json``, ``targets.csv`` and ``report.html``."""
    write_json(
        out / "release.json",
        {"schema": SCHEMA, "generated_by": generated_by(), "cohorts": list(documents)},
    )
    write_targets(documents, out / "targets.csv")
    write_text(out / "report.html", render_report(documents, run=run, extras=extras))


def withheld_document(cohort: str, title: str, period: str, reason: str, backend: str) -> Document:
    """The document of a cohort for which no round could be opened: nobody was left to take part."""
    return {
        "cohort": cohort,
        "title": title,
        "period": period,
        "round_id": "",
        "plan_hash": "",
        "backend": backend,
        "dominance_controlled": backend != Mode.TOTALS,
        "publicly_verifiable": backend != Mode.TOTALS,
        "n": None,
        "withheld": reason,
        "definitions": {},
        "policy": {},
        "measures": {},
        "withheld_measures": {},
        "indicators": {},
        "bands": [],
        "ranking": None,
        "rankings": {},
        "best_decile": None,
        "curve": [],
        "tabulated_by": None,
        "table": [],
    }


def write_json(path: Path, document: object) -> None:
    """Indented JSON in UTF-8, replaced in one step."""
    write_text(path, json.dumps(document, ensure_ascii=False, indent=1) + "\n")


def write_text(path: Path, text: str) -> None:
    """UTF-8 text, replaced in one step. :raises OutputError: it cannot be written."""
    partial = path.with_name(path.name + ".partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(text, encoding="utf-8")
        os.replace(partial, path)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}") from error
