"""One file that shows an auditor what left a node and when, and its check without the folder.

It holds the egress ledger with its signed head, the node's certificate and the coordinator's
receipts. Whoever knows the node's key, from the certificate or the coordinator's register, can tell
that no entry was changed, moved, added or cut off; every receipt has to belong to an entry, so that
a ledger from which a contribution was left out is found by the coordinator's own signature.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from enterprise_node.errors import LedgerBroken
from enterprise_node.private.ledger import EgressEntry, Head, verify_chain
from enterprise_node.private.store import NodeStore
from protocols.enrolment import read_certificate
from protocols.errors import ProtocolError
from protocols.signing import VerifyKey
from protocols.transcript import open_receipt

SCHEMA = "cefed.egress-ledger/1"
MAX_BYTES = 1 << 28


@dataclass(frozen=True)
class Verified:
    """What an export proves. ``enterprise_id`` and ``group`` are None without a certificate.

    The certificate is checked against ``coordinator``, the key in the export: whoever verifies
    compares it, or ``key``, with what is known elsewhere.
    """

    entries: int
    contributions: int
    receipts: int
    key: VerifyKey
    coordinator: VerifyKey | None
    enterprise_id: str | None
    group: str | None


def export_ledger(store: NodeStore) -> str:
    """The file's text; what it says was verified first.

    :raises LedgerBroken: the ledger does not hold.
    """
    key = store.key().public
    store.ledger.verify(key)
    head, coordinator = store.ledger.head(), store.policy().coordinator_key
    certificate = store.certificate()
    receipts = [
        {"round": folder.round_id, "version": version, "receipt": receipt.hex()}
        for folder in store.rounds()
        for version in folder.receipts()
        if (receipt := folder.receipt(version)) is not None
    ]
    document = {
        "schema": SCHEMA,
        "key": key.raw.hex(),
        "coordinator_key": coordinator.raw.hex() if coordinator is not None else None,
        "certificate": certificate.hex() if certificate is not None else None,
        "head": asdict(head) if head is not None else None,
        "entries": [asdict(entry) for entry in store.ledger.entries()],
        "receipts": receipts,
    }
    return json.dumps(document, ensure_ascii=False, indent=1) + "\n"


def verify_export(data: bytes, key: VerifyKey | None = None) -> Verified:
    """Check an exported ledger.

    :param key: the node's key as the auditor knows it; the export's own if None.
    :raises LedgerBroken: naming what does not hold.
    """
    try:
        document = json.loads(data)
        if document["schema"] != SCHEMA:
            raise LedgerBroken(f"not an export of an egress ledger ({SCHEMA})")
        entries = [EgressEntry.read(item) for item in document["entries"]]
        head = Head.read(document["head"]) if document["head"] is not None else None
        own = _key(document["key"])
        named = document["coordinator_key"]
        coordinator = _key(named) if named is not None else None
        certificate, receipts = document["certificate"], list(document["receipts"])
    except (ValueError, TypeError, KeyError, RecursionError, ProtocolError) as error:
        raise LedgerBroken("not an export of an egress ledger: a part is missing") from error
    if entries and head is None:
        raise LedgerBroken("the export has no signed head: nobody can tell how long it was")
    verify_chain(entries, head, key or own)
    verify_chain(entries, head, own)
    names = _check_certificate(certificate, own, coordinator)
    _check_receipts(receipts, entries, coordinator)
    return Verified(
        entries=len(entries),
        contributions=sum(1 for entry in entries if entry.kind == "contribution"),
        receipts=len(receipts),
        key=own,
        coordinator=coordinator,
        enterprise_id=names[0],
        group=names[1],
    )


def _check_certificate(
    data: object, key: VerifyKey, coordinator: VerifyKey | None
) -> tuple[str | None, str | None]:
    if data is None or coordinator is None:
        return None, None
    try:
        certificate = read_certificate(bytes.fromhex(str(data)), coordinator, now=None)
    except (ProtocolError, ValueError) as error:
        raise LedgerBroken(f"the certificate does not hold: {error}") from error
    if certificate.key != key:
        raise LedgerBroken("the certificate is for another key than the ledger's")
    return certificate.enterprise_id, certificate.group


def _check_receipts(
    receipts: Iterable[Mapping[str, Any]],
    entries: Iterable[EgressEntry],
    coordinator: VerifyKey | None,
) -> None:
    sent = {(e.round_id, e.statement) for e in entries if e.kind == "contribution"}
    for item in receipts:
        try:
            round_id, data = str(item["round"]), bytes.fromhex(item["receipt"])
            if coordinator is None:
                raise LedgerBroken("there are receipts, but no coordinator's key to check them by")
            receipt = open_receipt(data, coordinator, round_id=round_id)
        except (ProtocolError, ValueError, TypeError, KeyError) as error:
            raise LedgerBroken(f"a receipt does not hold: {error}") from error
        if (round_id, receipt.payload_hash.hex()) not in sent:
            raise LedgerBroken(
                f"the coordinator has a contribution to round {round_id} that no entry is about: "
                "an entry was left out"
            )


def _key(text: str) -> VerifyKey:
    return VerifyKey(bytes.fromhex(text))
