"""What a node knows, gathered for its owner. Reads the folder and changes nothing."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from enterprise_node.private import checking, decisions
from enterprise_node.private.noticeboard import Noticeboard
from enterprise_node.private.rounds import RoundFolder
from enterprise_node.private.store import NodeStore
from protocols.enrolment import read_certificate
from protocols.errors import ProtocolError

RECENT = 10
"""Notices that are shown."""


def status_document(store: NodeStore, now: int) -> dict[str, Any]:
    """As JSON; no value of the enterprise is in it.

    :param now: seconds since 1970-01-01 UTC.
    """
    settings, policy, key = store.settings(), store.policy(), store.key().public
    upcoming = store.next_key()
    own = store.own() if store.has_import() else None
    return {
        "name": settings.name,
        "enterprise_id": settings.enterprise_id,
        "group": settings.group,
        "pseudonym": key.fingerprint,
        "signing_key": key.raw.hex(),
        "next_key": upcoming.public.raw.hex() if upcoming is not None else None,
        "next_pseudonym": upcoming.public.fingerprint if upcoming is not None else None,
        "enrolment": _enrolment(store, now),
        "coordinator": policy.coordinator_key.fingerprint if policy.coordinator_key else None,
        "trustees": [trustee.fingerprint for trustee in policy.trustees.keys],
        "approval": policy.approval.value,
        "limits": asdict(policy.limits),
        "enterprise": own.enterprise if own else None,
        "cohort": own.cohort if own else None,
        "exchange": str(store.exchange().folder),
        "problems": checking.problems(store),
        "plans": [asdict(plan) for plan in store.commitments.all()],
        "rounds": [_round(store, folder) for folder in store.rounds()],
        "notices": [asdict(n) for n in Noticeboard(store.notices_path).all()[-RECENT:]],
    }


def status_lines(document: dict[str, Any]) -> list[str]:
    """As text for a terminal."""
    several = ("plans", "rounds", "notices", "problems")
    lines = [
        f"{name:<14} {value if value not in (None, '', []) else '-'}"
        for name, value in document.items()
        if name not in several
    ]
    lines += [f"problem        {problem}" for problem in document["problems"]]
    for item in document["rounds"]:
        lines.append(f"round          {item['round_id']}: {item['standing']}")
        lines += [f"                 {reason}" for reason in item["reasons"]]
    lines += [f"notice         {n['about']}: {n['text']}" for n in document["notices"]]
    return lines


def _round(store: NodeStore, folder: RoundFolder) -> dict[str, Any]:
    decision = store.decisions.last(folder.round_id)
    refusal, receipts = folder.refusal(), folder.receipts()
    reasons: tuple[str, ...] = ()
    warning = folder.warning()
    if folder.release_path.exists():
        standing = "released"
        reasons = (warning,) if warning else ()
    elif refusal is not None:
        standing, reasons = "refused by the coordinator", (refusal.text,)
    elif receipts and receipts[-1] == folder.version():
        standing = f"contributed, receipt for version {receipts[-1]}"
    elif folder.version():
        standing = f"version {folder.version()} is on its way, no receipt yet"
    elif decision is not None and decision.outcome == decisions.REFUSED:
        standing, reasons = "refused by this node", decision.reasons
    else:
        standing = "waits (cefed node run says for what)"
    return {
        "round_id": folder.round_id,
        "standing": standing,
        "reasons": list(reasons),
        "receipts": receipts,
        "released": folder.release_path.exists(),
    }


def _enrolment(store: NodeStore, now: int) -> str:
    if store.invitation_path.exists():
        return "waits for the operator's approval"
    data, coordinator = store.certificate(), store.policy().coordinator_key
    if data is None or coordinator is None:
        return "none"
    try:
        certificate = read_certificate(data, coordinator, now=now)
    except ProtocolError as error:
        return str(error)
    return f"enrolled as {certificate.enterprise_id} of group {certificate.group}"
