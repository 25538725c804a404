"""What a finished round leaves for others: bundle, release.json, targets.csv, report.html.

Reads the store only, so it works while the coordinator serves. docs/release-schema.md describes the
files; ``cefed verify`` reads the bundle.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coordinator.errors import OutputError, SettingsError
from coordinator.report import render_report
from coordinator.store import Store
from coordinator.targets import write_targets
from protocols import bundle
from protocols.ceremony import Ceremony
from protocols.errors import PlanError, StorageError
from protocols.files import replace_file
from protocols.release import Release, canonical_json
from protocols.signing import open_signed
from protocols.terms import Description

SCHEMA = "cefed.release/1"
BUNDLE, RELEASE, TARGETS, REPORT = "bundle", "release.json", "targets.csv", "report.html"


@dataclass(frozen=True)
class Exported:
    """What was written, and the release documents by round."""

    folder: Path
    documents: Mapping[str, dict[str, Any]]


def export_rounds(
    store: Store,
    round_ids: Sequence[str],
    out: Path,
    *,
    generated_by: str,
    run: Mapping[str, str] | None = None,
    extras: Mapping[str, Mapping[str, str]] | None = None,
    unsafe_small_modulus: bool = False,
) -> Exported:
    """Write everything public about finished rounds that share a ceremony to ``out``.

    :param run: further facts for the report's header (:func:`coordinator.report.render_report`).
    :param extras: facts that only a simulation knows, by cohort.
    :raises PlanError: no such round, or it has no release yet.
    :raises SettingsError: no rounds, or rounds under different keys.
    :raises OutputError: a file cannot be written.
    """
    records = {round_id: _record(store, round_id) for round_id in round_ids}
    if not records:
        raise SettingsError("name at least one round to export")
    ceremonies = {(r.ceremony, r.countersignatures) for r in records.values()}
    if len(ceremonies) != 1:
        raise SettingsError("rounds under different keys go into different folders")
    record, countersignatures = ceremonies.pop()
    ceremony = Ceremony.from_signed(record, unsafe_small_modulus=unsafe_small_modulus)
    documents = {
        round_id: document(store, round_id, ceremony.key.public.modulus_bytes)
        for round_id in round_ids
    }
    bundle.write_ceremony(out / BUNDLE, record, countersignatures)
    for round_id, terms in records.items():
        entries = ((entry.kind, entry.payload) for entry in store.read(round_id))
        bundle.write_round(out / BUNDLE, round_id, terms.roster, entries)
    cohorts = [documents[round_id] for round_id in round_ids]
    _write(
        out / RELEASE,
        json.dumps(
            {"schema": SCHEMA, "generated_by": generated_by, "cohorts": cohorts},
            indent=1,
            ensure_ascii=False,
            sort_keys=True,
        )
        + "\n",
    )
    write_targets(cohorts, out / TARGETS)
    header = _header(ceremony, generated_by) | dict(run or {})
    _write(out / REPORT, render_report(cohorts, run=header, extras=extras))
    return Exported(out, documents)


def document(store: Store, round_id: str, modulus_bytes: int) -> dict[str, Any]:
    """The release document of a round. :raises PlanError: it has none yet."""
    for entry in store.read(round_id, kind="release"):
        released = Release.from_bytes(open_signed(entry.payload, "release").payload, modulus_bytes)
        found = released.document
        if canonical_json(found) != released.document_bytes:
            raise PlanError(f"the release of round {round_id} is not canonical")
        return found
    raise PlanError(f"round {round_id} has no release yet; see: cefed coordinator round status")


def _record(store: Store, round_id: str) -> Description:
    record = store.record(round_id)
    if record is None:
        raise PlanError(f"there is no round {round_id!r}; see: cefed coordinator round status")
    return record


def _header(ceremony: Ceremony, generated_by: str) -> dict[str, str]:
    return {
        "key_id": ceremony.key_id.hex(),
        "key_bits": str(ceremony.key.public.bits),
        "trustees": str(len(ceremony.trustees)),
        "threshold": str(ceremony.key.threshold),
        "quorum": str(ceremony.closing_quorum),
        "generated_by": generated_by,
        "bundle": BUNDLE,
    }


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, text.encode("utf-8"))
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from error
    except StorageError as error:
        raise OutputError(str(error)) from error
