"""A node's folder: its key, settings, policy, records, integers and rounds.

::

    signing.pem       Ed25519 key, mode 0600
    signing-next.pem  the key that takes its place, while a rotation is under way
    certificate.der   what the coordinator issued to the key
    invitation.json   the one-time invitation, mode 0600, until the certificate came
    node.toml         name, registered id and group, exchange folder
    policy.toml       which plans are answered
    records.csv, mapping.toml   copies of what was imported
    measures.json     the integers computed from them
    plans.json        the plan of each period that the integers were compared with
    contributed.jsonl the integers of each contribution, for further rounds over the same data
    decisions.jsonl   what was decided about every plan, and why
    notices.jsonl     what the gateway and the coordinator had to say
    egress.jsonl      the egress ledger, and egress.head, its signed end
    rounds/           one folder a round: terms, contribution, receipt, release
    exchange/         what the gateway may see, unless node.toml puts it elsewhere

The folder belongs to one owner (mode 0700). Files are replaced in one step, so a crash leaves the
old content or the new one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from enterprise_node.errors import NodeStoreError, NodeUsageError
from enterprise_node.exchange import Exchange
from enterprise_node.private import policy as policies
from enterprise_node.private import settings as node_settings
from enterprise_node.private.commitments import Commitments
from enterprise_node.private.contributed import Contributed
from enterprise_node.private.decisions import Decisions
from enterprise_node.private.intake import OwnMeasures
from enterprise_node.private.ledger import EgressLedger
from enterprise_node.private.policy import NodePolicy
from enterprise_node.private.rounds import RoundFolder
from enterprise_node.private.settings import Settings
from protocols.errors import StorageError
from protocols.files import read_limited, replace_file
from protocols.keyfiles import load_signing_key, save_signing_key
from protocols.signing import SigningKey

MEASURES_SCHEMA = "cefed.node-measures/1"
MAX_MEASURES_BYTES = 1 << 24
MAX_CERTIFICATE_BYTES = 1 << 16


class NodeStore:
    """One node's folder. :meth:`create` makes it, the constructor opens it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        if not (folder / node_settings.FILE).is_file():
            raise NodeUsageError(
                f"{folder} is not a node's folder; make one with: cefed node enrol {folder} "
                "--invitation FILE"
            )
        self.ledger = EgressLedger(folder / "egress.jsonl")
        self.commitments = Commitments(folder / "plans.json")
        self.contributed = Contributed(folder / "contributed.jsonl")
        self.decisions = Decisions(folder / "decisions.jsonl")
        self.policy_path = folder / policies.FILE
        self.key_path = folder / "signing.pem"
        self.next_key_path = folder / "signing-next.pem"
        self.certificate_path = folder / "certificate.der"
        self.invitation_path = folder / "invitation.json"
        self.notices_path = folder / "notices.jsonl"

    @classmethod
    def create(
        cls, folder: Path, settings: Settings, policy: NodePolicy, key: SigningKey | None = None
    ) -> NodeStore:
        """Make the folder with a signing key, its settings and its policy.

        :param key: the key to keep there; a fresh one if None.
        :raises NodeStoreError: it is a node already, or cannot be made.
        """
        if (folder / node_settings.FILE).exists():
            raise NodeStoreError(f"{folder} is a node's folder already; choose another")
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.chmod(0o700)  # it may have been there already, open to others
            (folder / "rounds").mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise NodeStoreError(f"cannot make {folder}: {error.strerror}") from error
        if key is not None or not (folder / "signing.pem").exists():  # after an interruption
            save_signing_key(folder / "signing.pem", SigningKey.generate() if key is None else key)
        Exchange.create(folder / settings.exchange)
        replace_file(folder / policies.FILE, policy.to_toml().encode("utf-8"))
        # Last, because it makes the folder a node's: an interrupted command is told from a node.
        replace_file(folder / node_settings.FILE, settings.to_toml().encode("utf-8"))
        return cls(folder)

    def key(self) -> SigningKey:
        """The node's signing key."""
        return load_signing_key(self.key_path)

    def next_key(self) -> SigningKey | None:
        """The key that is to take its place, if a rotation is under way."""
        return load_signing_key(self.next_key_path) if self.next_key_path.exists() else None

    def settings(self) -> Settings:
        """What ``node.toml`` says. :raises NodeStoreError: not readable, or out of range."""
        return Settings.load(self.folder / node_settings.FILE)

    def policy(self) -> NodePolicy:
        """What ``policy.toml`` says. :raises NodeStoreError: not readable, or out of range."""
        return NodePolicy.load(self.policy_path)

    def certificate(self) -> bytes | None:
        """What the coordinator issued to this node's key, if anything."""
        if not self.certificate_path.exists():
            return None
        return read_limited(self.certificate_path, MAX_CERTIFICATE_BYTES)

    def exchange_path(self) -> Path:
        """Where the folder shared with the gateway is to be."""
        return self.folder / self.settings().exchange

    def exchange(self) -> Exchange:
        """The folder shared with the gateway. :raises ExchangeError: it is not there."""
        return Exchange.open(self.exchange_path())

    def round(self, round_id: str) -> RoundFolder:
        """A round's folder. :raises NodeUsageError: an identifier that would lead elsewhere."""
        return RoundFolder(self.folder / "rounds", round_id)

    def rounds(self) -> list[RoundFolder]:
        """Every round this node heard of, by name."""
        try:
            names = sorted(path.name for path in (self.folder / "rounds").iterdir())
        except FileNotFoundError:
            return []
        except OSError as error:
            raise NodeStoreError(f"cannot read {self.folder}: {error.strerror}") from error
        ids = (name.removeprefix("round-")[:-9] for name in names if name.startswith("round-"))
        return [self.round(round_id) for round_id in ids]

    def save_import(self, own: OwnMeasures, records: bytes, mapping: bytes) -> None:
        """Keep copies of the records and the mapping, and the integers computed from them."""
        replace_file(self.folder / "records.csv", records)
        replace_file(self.folder / "mapping.toml", mapping)
        replace_file(self.folder / "measures.json", _json(measures_document(own)))

    def has_import(self) -> bool:
        """Whether anything was imported yet."""
        return (self.folder / "measures.json").exists()

    def own(self) -> OwnMeasures:
        """The imported measures. :raises NodeUsageError: nothing was imported yet."""
        return self.imported()[0]

    def imported(self) -> tuple[OwnMeasures, str]:
        """The imported measures, and the digest by which approvals and decisions name them.

        :raises NodeUsageError: nothing was imported yet.
        """
        path = self.folder / "measures.json"
        if not path.exists():
            raise NodeUsageError(
                f"{self.folder} has no measures yet; run: cefed node import {self.folder} "
                "--records FILE --mapping FILE"
            )
        try:
            data = read_limited(path, MAX_MEASURES_BYTES)
            document = json.loads(data)
            measures = document["measures"]
            own = OwnMeasures(
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
                plants=int(document.get("plants", 1)),
                category=document.get("category"),
                period=document.get("period"),
            )
        except (StorageError, ValueError, KeyError, TypeError) as error:
            raise NodeStoreError(f"{path}: damaged; run cefed node import again") from error
        return own, hashlib.sha256(data).hexdigest()


def measures_document(own: OwnMeasures) -> Mapping[str, object]:
    """``measures.json``; a simulation writes a part of it for outsiders."""
    return {
        "schema": MEASURES_SCHEMA,
        "enterprise": own.enterprise,
        "cohort": own.cohort,
        "category": own.category,
        "period": own.period,
        "group": own.group,
        "plants": own.plants,
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
