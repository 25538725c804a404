"""How far a round is, for its operator: votes, verdicts, refusals, notices, read from the store.

Works while the coordinator serves. Used by ``cefed coordinator round status``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from coordinator.states import FINAL, State
from coordinator.store import EntryHead, RoundRow, Store
from protocols import certificate, notices
from protocols.ceremony import Ceremony
from protocols.certificate import BandCertificate
from protocols.document import PAILLIER
from protocols.errors import PlanError, QuorumMissing
from protocols.federated.masked import KIND as MASKED
from protocols.notices import Notices
from protocols.plan import Plan
from protocols.signing import VerifyKey, open_signed
from protocols.terms import CeremonyReader, Description

VOTES = ("roster", "closing", "certificate", "sums", "endorsement")
_VOTE_WORDS = {
    "roster": ("roster vote", "roster votes"),
    "closing": ("closing vote", "closing votes"),
    "certificate": ("band certificate", "band certificates"),
    "sums": ("share of the sums", "shares of the sums"),
    "endorsement": ("endorsement", "endorsements"),
}


@dataclass(frozen=True)
class Status:
    """One round; ``facts`` is what ``--json`` prints."""

    facts: dict[str, Any]

    def lines(self) -> list[str]:
        """For people."""
        f = self.facts
        lines = [
            f"{f['round']}: {f['state']}, {f['contributions']} of {f['members']} members "
            f"contributed, {f['entries']} entries",
            f"  deadline {day(f['deadline'])}; closing needs {f['quorum']} trustees, opening "
            f"{f['threshold']}",
        ]
        if f["waits_for"]:
            lines.append(f"  waits for {f['waits_for']}")
        if f["masked"]:
            lines.append(f"  masked vectors: {f['masked']}, waited for until {day(f['until'])}")
        if f["withheld"]:
            lines.append(f"  withheld: {f['withheld']}")
        for kind, names in f["votes"].items():
            if names:
                lines.append(f"  {kind}: {', '.join(names)}")
        verdicts = f["verdicts"]
        if any(verdicts.values()):
            lines.append(
                f"  proofs: {verdicts['valid']} valid, {verdicts['invalid']} invalid, "
                f"{verdicts['waiting']} waiting"
            )
        for reason, count in f["invalid_reasons"].items():
            lines.append(f"    {count} invalid: {reason}")
        lines += _left(f["refusals"])
        for notice in f["notices"]:
            about = notice["reason"] or f"{notice['contributed']} had contributed"
            lines.append(f"  {day(notice['time'])} {notice['kind']}: {about}")
        return lines


def round_status(
    store: Store,
    round_id: str,
    coordinator: VerifyKey,
    *,
    read_ceremony: CeremonyReader = Ceremony.from_signed,
) -> Status:
    """Everything about one round. :raises PlanError: there is no such round."""
    record = record_of(store, round_id)
    row = next(row for row in list_rounds(store) if row.round_id == round_id)
    plan, ceremony = plan_of(record), read_ceremony(record.ceremony)
    heads = store.heads(round_id)
    told = _announced(store, round_id, heads, plan, coordinator)
    verdicts = store.verdicts(round_id)
    logged = sum(1 for head in heads if head.kind == "contribution")
    votes, refusals = _votes(heads, ceremony), _refusals(store, round_id, plan, ceremony)
    left = {refusal["trustee"] for refusal in refusals}
    unexamined = logged - len(verdicts)
    decision = _decision(store, round_id, plan, ceremony)
    masked = sum(1 for head in heads if head.kind == MASKED)
    state = State(row.state)
    return Status(
        {
            "round": round_id,
            "state": row.state,
            "members": plan.participants,
            "contributions": row.contributions,
            "entries": row.entries,
            "deadline": told.deadline,
            "threshold": ceremony.key.threshold,
            "quorum": ceremony.closing_quorum,
            "backend": plan.mode.value if plan.mode else PAILLIER,
            "masked": masked,
            "until": plan.aggregation.until if plan.aggregation else None,
            "waits_for": waits_for(
                state, ceremony, votes, left, unexamined, decision, masked=masked
            ),
            "withheld": "" if decision is None else decision.withheld,
            "votes": votes,
            "verdicts": {
                "valid": sum(1 for v in verdicts if v.valid),
                "invalid": sum(1 for v in verdicts if not v.valid),
                "waiting": unexamined,
            },
            "invalid_reasons": dict(Counter(v.reason for v in verdicts if not v.valid)),
            "refusals": refusals,
            "notices": [
                {
                    "kind": notice.kind,
                    "time": notice.time,
                    "deadline": notice.deadline,
                    "reason": notice.reason,
                    "contributed": notice.contributed,
                }
                for notice in told.all
            ],
        }
    )


def waits_for(
    state: State,
    ceremony: Ceremony,
    votes: Mapping[str, Sequence[str]],
    left: Collection[str],
    unexamined: int,
    decision: BandCertificate | None = None,
    *,
    masked: int = 0,
) -> str:
    """What a round needs to go on, in words; empty while it collects and when it is finished.

    :param votes: names of the trustees that voted, by kind. :param left: of those that left.
    :param decision: what q trustees certified, if they did.
    :param masked: how many counted members have sent their masked vectors.
    """
    if state is State.CLOSED and decision is not None:
        # The serving process notes it a moment later.
        state = State.MASKING if decision.masks_root else State.CERTIFIED
    if state is State.MASKING and decision is not None:
        missing = decision.members - masked
        if not missing:
            return "its release to be logged"
        return f"the masked vectors of {missing} more counted members"
    if state is State.CLOSING:
        return f"{unexamined} proofs to be checked" if unexamined else "its close to be logged"
    quorum = ceremony.closing_quorum
    withheld = decision is not None and bool(decision.withheld)
    needed = {
        State.PROPOSED: (("roster", quorum),),
        State.CLOSED: (("closing", quorum), ("certificate", quorum)),
        # Of a round that is withheld no sum is opened.
        State.CERTIFIED: (("sums", 0 if withheld else ceremony.key.threshold),),
        State.PENDING: (("endorsement", quorum),),
    }
    for kind, count in needed.get(state, ()):
        missing = count - len(votes[kind])
        if missing > 0:
            words = f"{missing} more {_VOTE_WORDS[kind][missing > 1]}"
            names = [t.name for t in ceremony.trustees if t.name not in {*votes[kind], *left}]
            if len(names) < missing:
                return f"{words}, and too few trustees are left: {', '.join(names) or 'none'}"
            return f"{words}: {' or '.join(names)}"
    return "the trustees' votes to agree" if state is State.CLOSED else ""


def present_deadline(store: Store, round_id: str, coordinator: VerifyKey) -> int:
    """When a round's collection ends, after every announcement. :raises PlanError: no such round"""
    plan = plan_of(record_of(store, round_id))
    return _announced(store, round_id, store.heads(round_id), plan, coordinator).deadline


def list_rounds(store: Store) -> list[RoundRow]:
    """Every round with its state.

    The stored state is what the serving process last noted; a cancellation may have been logged by
    a command since, and shows in the log.
    """
    return [
        replace(row, state=State.CANCELLED) if _cancelled(store, row) else row
        for row in store.rounds()
    ]


def record_of(store: Store, round_id: str) -> Description:
    """What a round was created from. :raises PlanError: there is no such round."""
    record = store.record(round_id)
    if record is None:
        raise PlanError(f"there is no round {round_id!r}; see: cefed coordinator round status")
    return record


def plan_of(record: Description) -> Plan:
    """The plan of a round that is in the store."""
    return Plan.from_bytes(open_signed(record.plan, "plan").payload)


def _cancelled(store: Store, row: RoundRow) -> bool:
    if State(row.state) in FINAL:
        return False
    return any(head.kind == notices.CANCELLATION for head in store.heads(row.round_id))


def _announced(
    store: Store, round_id: str, heads: Iterable[EntryHead], plan: Plan, coordinator: VerifyKey
) -> Notices:
    # One by one: a page of entries would fetch the contributions between them.
    announced = [store.payload(round_id, h.index) for h in heads if h.kind in notices.KINDS]
    return Notices.read(announced, plan, coordinator)


def _decision(
    store: Store, round_id: str, plan: Plan, ceremony: Ceremony
) -> BandCertificate | None:
    """What q trustees certified; None while they have not."""
    votes = [entry.payload for entry in store.read(round_id, kind=certificate.KIND)]
    try:
        return certificate.tally(votes, plan, ceremony)
    except QuorumMissing:
        return None


def _votes(heads: Iterable[EntryHead], ceremony: Ceremony) -> dict[str, list[str]]:
    names = {trustee.signing_key.raw: trustee.name for trustee in ceremony.trustees}
    votes: dict[str, list[str]] = {kind: [] for kind in VOTES}
    for head in heads:
        if head.kind in votes:
            votes[head.kind].append(names.get(head.signer, head.signer.hex()))
    return votes


def _refusals(store: Store, round_id: str, plan: Plan, ceremony: Ceremony) -> list[dict[str, str]]:
    found = []
    for entry in store.read(round_id, kind=notices.REFUSAL):
        statement = open_signed(entry.payload, notices.REFUSAL)
        found.append(
            {
                "trustee": ceremony.trustee(statement.signer).name,
                "reason": notices.read_refusal(statement, plan),
            }
        )
    return found


def _left(refusals: Sequence[Mapping[str, str]]) -> list[str]:
    """Who left a round and why; those that give one reason in one line."""
    names: dict[str, list[str]] = {}
    for refusal in refusals:
        names.setdefault(refusal["reason"], []).append(refusal["trustee"])
    return [
        f"  {f'{len(who)} trustees' if len(who) > 1 else who[0]} left the round: {reason}"
        + (f" ({', '.join(who)})" if len(who) > 1 else "")
        for reason, who in names.items()
    ]


def day(seconds: int) -> str:
    """A time for people."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")
