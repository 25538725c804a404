"""What a node knows, gathered for its owner. Reads the folder and changes nothing."""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from typing import Any

from enterprise_node.errors import ExchangeError, PlanRefused
from enterprise_node.private import checking, decisions, outlook
from enterprise_node.private.admission import reason_against
from enterprise_node.private.answering import accept
from enterprise_node.private.backends import backend_of, opened_by
from enterprise_node.private.events import moment
from enterprise_node.private.intake import OwnMeasures
from enterprise_node.private.noticeboard import Noticeboard
from enterprise_node.private.offered import plan_of
from enterprise_node.private.participation import reason_to_wait
from enterprise_node.private.policy import Approver, NodePolicy
from enterprise_node.private.repeats import check_repeats, corrected_since
from enterprise_node.private.rounds import RoundFolder
from enterprise_node.private.store import NodeStore
from enterprise_node.private.totalling import VERSION as TOTALS_VERSION
from enterprise_node.private.totals_files import TotalsFiles
from enterprise_node.private.totals_steps import stage_of
from enterprise_node.private.totals_terms import accept_totals, reason_to_wait_for_totals
from protocols.enrolment import read_certificate
from protocols.errors import ProtocolError
from protocols.plan import Mode, Plan

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
        "exchange": str(store.exchange_path()),
        "problems": [check.problem for check in checking.checks(store) if check.problem],
        "plans": [asdict(plan) for plan in store.commitments.all()],
        "contributed": [
            {"period": sent.period, "round_id": sent.round_id, "version": sent.version}
            for sent in store.contributed.all()
        ],
        "corrected_since": corrected_since(store, policy),
        "rounds": [_round(store, folder, now) for folder in store.rounds()],
        "notices": [asdict(n) for n in Noticeboard(store.notices_path).all()[-RECENT:]],
    }


def status_lines(document: dict[str, Any]) -> list[str]:
    """As text for a terminal."""
    several = ("plans", "rounds", "notices", "problems", "contributed", "corrected_since")
    lines = [
        f"{name:<14} {_plain(value)}" for name, value in document.items() if name not in several
    ]
    lines += [f"problem        {problem}" for problem in document["problems"]]
    for item in document["rounds"]:
        lines.append(f"round          {item['round_id']}: {item['standing']}")
        if item["backend"]:
            lines.append(f"                 {item['backend']}: {item['opened_by']}")
        lines += [f"                 {reason}" for reason in item["reasons"]]
    lines += [f"corrected      {text}" for text in document["corrected_since"]]
    lines += [
        f"notice         {moment(n['time'])} UTC {n['about']}: {n['text']}"
        for n in document["notices"]
    ]
    return lines


def _plain(value: object) -> str:
    if isinstance(value, dict):
        value = [f"{name} {bound}" for name, bound in value.items()]
    if isinstance(value, (list, tuple)):
        value = ", ".join(str(item) for item in value)
    return "-" if value is None or value == "" else str(value)


def _round(store: NodeStore, folder: RoundFolder, now: int) -> dict[str, Any]:
    receipts = folder.receipts()
    plan = plan_of(folder, store.policy())
    backend = None if plan is None else backend_of(plan)
    standing, reasons = _standing(store, folder, now)
    return {
        "round_id": folder.round_id,
        "standing": standing,
        "reasons": list(reasons),
        "receipts": receipts,
        "released": folder.release_path.exists(),
        "backend": backend.value if backend else None,
        "opened_by": opened_by(backend) if backend else None,
    }


def _standing(store: NodeStore, folder: RoundFolder, now: int) -> tuple[str, tuple[str, ...]]:
    """How a round stands in a few words, and what more there is to say about that."""
    refusal, receipts, version = folder.refusal(), folder.receipts(), folder.version()
    if folder.release_path.exists():
        warning = folder.warning()
        return "released", (warning,) if warning else ()
    over = outlook.cancelled(folder, store.policy())
    if over is not None:
        return f"cancelled by the coordinator: {over}", ()
    if TotalsFiles(folder).offer() is not None:
        return _standing_in_totals(store, folder, now)
    if folder.masked() is not None:
        return "masked for the trustees' certificate, waits for the release", ()
    if refusal is not None and refusal.late and receipts:
        return (
            f"version {receipts[-1]} counts; version {refusal.version} came too late",
            (refusal.text,),
        )
    if refusal is not None:
        return "refused by the coordinator", (refusal.text,)
    earlier = outlook.earlier_figures(store, folder, now)
    reasons = (earlier,) if earlier else ()
    if receipts and receipts[-1] == version:
        return f"contributed, receipt for version {receipts[-1]}{_later(store, folder)}", reasons
    if version:
        return f"version {version} is on its way, no receipt yet", reasons
    return _undecided(store, folder, now)


def _later(store: NodeStore, folder: RoundFolder) -> str:
    """What a round still asks of a node that has contributed."""
    plan = plan_of(folder, store.policy())
    if plan is None or plan.mode is not Mode.CERTIFIED:
        return ""
    return "; its values are masked and sent once the trustees have certified the bands"


def _standing_in_totals(
    store: NodeStore, folder: RoundFolder, now: int
) -> tuple[str, tuple[str, ...]]:
    """How a round of totals stands."""
    files = TotalsFiles(folder)
    refusal = files.refusal()
    said = (refusal,) if refusal else ()
    step = files.step()
    if store.contributed.of(folder.round_id, TOTALS_VERSION) is None:
        return _undecided(store, folder, now)
    if step is None:
        return "takes part, waits for the next step or the release", said
    return f"takes part, last step: {stage_of(step)}", said


def _undecided(store: NodeStore, folder: RoundFolder, now: int) -> tuple[str, tuple[str, ...]]:
    """How a round stands that this node has not contributed to."""
    decision = store.decisions.last(folder.round_id)
    if decision is not None and decision.outcome == decisions.REFUSED:
        return "refused by this node", decision.reasons
    if not store.has_import():
        return f"waits for your records: cefed node import {store.folder}", ()
    policy, own = store.policy(), store.own()
    try:
        plan, wait = _accepted(store, policy, folder, own, now)
        if plan is None:
            return "waits for its description", ()
        check_repeats(store, policy, plan, own)
    except PlanRefused as error:
        return "this node will refuse it", error.reasons
    except ProtocolError as error:
        return "its description does not hold", (str(error),)
    if wait is not None:
        return f"waits: {wait}", ()
    unknown = reason_against(store, policy, plan)
    if unknown is not None and folder.approval() is None:
        return "waits for your word", (unknown,)
    if policy.approval is Approver.PERSON and folder.approval() is None:
        return (
            f"waits for your word: cefed node preview {store.folder} --round {folder.round_id}, "
            "then cefed node approve",
            (),
        )
    return f"answered by the next cefed node run {store.folder}", ()


def _accepted(
    store: NodeStore, policy: NodePolicy, folder: RoundFolder, own: OwnMeasures, now: int
) -> tuple[Plan | None, str | None]:
    """The plan, if it keeps the whole policy, and why it waits; None if it is not here yet."""
    totals = TotalsFiles(folder).offer()
    if totals is not None:
        terms = accept_totals(store, policy, store.key(), folder, totals, own, now)
        return terms.plan, reason_to_wait_for_totals(terms, now)
    offer = folder.offer()
    if offer is None:
        return None, None
    accepted = accept(store, policy, store.key(), folder, offer, own, now)
    return accepted.plan, reason_to_wait(offer, accepted, now)


def _enrolment(store: NodeStore, now: int) -> str:
    if store.invitation_path.exists():
        refused = _refused_enrolment(store)
        return f"refused: {refused}" if refused else "waits for the operator's approval"
    data, coordinator = store.certificate(), store.policy().coordinator_key
    if data is None or coordinator is None:
        return "none"
    try:
        certificate = read_certificate(data, coordinator, now=now)
    except ProtocolError as error:
        return str(error)
    return f"enrolled as {certificate.enterprise_id} of group {certificate.group}"


def _refused_enrolment(store: NodeStore) -> str | None:
    """What the coordinator said against the request that lies in the outbox now, if it did."""
    try:
        request = store.exchange().outbox.get("enrolment")
    except ExchangeError:
        return None  # a problem of its own
    if request is None:
        return None
    digest = hashlib.sha256(request.payload).hexdigest()
    told = [n for n in Noticeboard(store.notices_path).all() if n.sha256 == digest]
    return told[-1].text if told and told[-1].about == "refused" else None
