"""A node's folder: its key, settings, records, integers, receipts and releases.

::

    signing.pem       Ed25519 key, mode 0600
    node.toml         name, keys of coordinator and trustees, limits
    records.csv, mapping.toml   copies of what was imported
    measures.json     the integers computed from them
    plans.json        the plan of each period that the integers were compared with
    egress.jsonl      the egress ledger
    outbox/           a contribution that has no receipt yet: sent again as the same bytes
    receipts/         the coordinator's signed receipts, by round
    releases/         release documents, by round

The folder belongs to one owner (mode 0700). Files are replaced in one step, so a crash leaves the
old content or the new one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from enterprise_node.errors import NodeStoreError, NodeUsageError
from enterprise_node.private.commitments import Commitments
from enterprise_node.private.intake import OwnMeasures
from enterprise_node.private.ledger import EgressLedger
from enterprise_node.private.settings import Settings
from protocols.files import replace_file
from protocols.keyfiles import load_signing_key, save_signing_key
from protocols.signing import SigningKey, VerifyKey

MEASURES_SCHEMA = "cefed.node-measures/1"

_ROUND_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
"""What a plan allows as a round's identifier; nothing else becomes a part of a path."""


class NodeStore:
    """One node's folder. :meth:`create` makes it, the constructor opens it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        if not (folder / "node.toml").is_file():
            raise NodeUsageError(
                f"{folder} is not a node's folder; make one with: cefed node init {folder} "
                "--name NAME"
            )
        self.ledger = EgressLedger(folder / "egress.jsonl")
        self.commitments = Commitments(folder / "plans.json")

    @classmethod
    def create(cls, folder: Path, settings: Settings) -> NodeStore:
        """Make the folder and its signing key. :raises NodeStoreError: it is a node already."""
        if (folder / "node.toml").exists():
            raise NodeStoreError(f"{folder} is a node's folder already; choose another")
        if not settings.name.isprintable() or not 0 < len(settings.name) <= 100:
            raise NodeUsageError("a node's name has 1 to 100 printable characters")
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.chmod(0o700)  # it may have been there already, open to others
        except OSError as error:
            raise NodeStoreError(f"cannot make {folder}: {error.strerror}") from error
        save_signing_key(folder / "signing.pem", SigningKey.generate())
        replace_file(folder / "node.toml", settings.to_toml().encode("utf-8"))
        return cls(folder)

    def key(self) -> SigningKey:
        """The node's signing key."""
        return load_signing_key(self.folder / "signing.pem")

    def settings(self) -> Settings:
        """What ``node.toml`` says. :raises NodeStoreError: not readable, or out of range."""
        return Settings.load(self.folder / "node.toml")

    def pin(self, coordinator: VerifyKey) -> Settings:
        """Remember the coordinator's key. :raises NodeUsageError: another one is pinned."""
        settings = self.settings()
        if settings.coordinator is None:
            settings = replace(settings, coordinator=coordinator)
            replace_file(self.folder / "node.toml", settings.to_toml().encode("utf-8"))
        elif settings.coordinator != coordinator:
            raise NodeUsageError(
                f"this node knows the coordinator {settings.coordinator.fingerprint}, not "
                f"{coordinator.fingerprint}; if it really changed, edit coordinator_key in "
                f"{self.folder / 'node.toml'}"
            )
        return settings

    def save_import(self, own: OwnMeasures, records: bytes, mapping: bytes) -> None:
        """Keep copies of the records and the mapping, and the integers computed from them."""
        replace_file(self.folder / "records.csv", records)
        replace_file(self.folder / "mapping.toml", mapping)
        replace_file(self.folder / "measures.json", _json(measures_document(own)))

    def own(self) -> OwnMeasures:
        """The imported measures. :raises NodeUsageError: nothing was imported yet."""
        path = self.folder / "measures.json"
        if not path.exists():
            raise NodeUsageError(
                f"{self.folder} has no measures yet; run: cefed node import {self.folder} "
                "--records FILE --mapping FILE"
            )
        try:
            document = json.loads(path.read_bytes())
            measures = document["measures"]
            return OwnMeasures(
                enterprise=document["enterprise"],
                cohort=document["cohort"],
                group=document["group"],
                integers={name: int(item["value"]) for name, item in measures.items()},
                units={name: item["unit"] for name, item in measures.items()},
                definitions=tuple((n, v) for n, v in document["definitions"]),
                findings=tuple(document["findings"]),
                notes=tuple(document["notes"]),
                excluded=document["excluded"],
                records_sha256=document["records_sha256"],
                mapping_sha256=document["mapping_sha256"],
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise NodeStoreError(f"{path}: damaged; run cefed node import again") from error

    def keep(self, path: Path, data: bytes) -> None:
        """Write one of the files below durably, in one step. :raises StorageError: it cannot be."""
        try:
            path.parent.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise NodeStoreError(f"cannot make {path.parent}: {error.strerror}") from error
        replace_file(path, data)

    def pending(self, round_id: str) -> Path:
        """Where a contribution waits for its receipt."""
        return self._of_round("outbox", round_id, "contribution")

    def receipt(self, round_id: str) -> Path:
        """Where the receipt of a round is kept."""
        return self._of_round("receipts", round_id, "receipt")

    def release(self, round_id: str) -> Path:
        """Where the release document of a round is kept."""
        return self._of_round("releases", round_id, "json")

    def rounds(self) -> list[str]:
        """Rounds that this node has a receipt for."""
        return sorted(path.stem for path in (self.folder / "receipts").glob("*.receipt"))

    def _of_round(self, kind: str, round_id: str, suffix: str) -> Path:
        """A round's file. :raises NodeUsageError: an identifier that would lead elsewhere."""
        if not _ROUND_ID.fullmatch(round_id):
            raise NodeUsageError(
                f"{round_id[:80]!r} is not a round's identifier: 1 to 64 letters, digits, '.', '_' "
                "and '-', beginning with a letter or digit"
            )
        return self.folder / kind / f"{round_id}.{suffix}"


def measures_document(own: OwnMeasures) -> Mapping[str, object]:
    """``measures.json``; a simulation writes a part of it for outsiders."""
    return {
        "schema": MEASURES_SCHEMA,
        "enterprise": own.enterprise,
        "cohort": own.cohort,
        "group": own.group,
        "measures": {
            name: {"unit": own.units[name], "value": str(value)}
            for name, value in own.integers.items()
        },
        "excluded": own.excluded,
        "definitions": [list(pair) for pair in own.definitions],
        "findings": list(own.findings),
        "notes": list(own.notes),
        "records_sha256": own.records_sha256,
        "mapping_sha256": own.mapping_sha256,
    }


def _json(document: Mapping[str, object]) -> bytes:
    return (json.dumps(document, ensure_ascii=False, indent=1) + "\n").encode("utf-8")
