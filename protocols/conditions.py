"""The conditions that a finished round has to meet, each a named check on its public parts.

:mod:`protocols.verification` runs them in this order and reports every failure. SPEC.md section 9.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import takewhile

from protocols import atom_classes, closing, notices, release
from protocols import certificate as certificates
from protocols.errors import InvalidSignature, PlanError, PolicyRefusal, TranscriptBroken
from protocols.evidence import Evidence
from protocols.federated import keybook, masked
from protocols.plan import Mode
from protocols.quorum import agreed, open_vote
from protocols.transcript import replay
from protocols.wire import messages_pb2 as pb
from protocols.wire.codec import decode

SINGLE_KINDS = ("plan", "close", "release")
"""Kinds that appear exactly once in the transcript of a finished round."""

_ORDER = ("plan", "rehearsal", "contribution", "close", "closing", "certificate", "sums", "release")
_STAGES = {kind: stage for stage, kind in enumerate((*_ORDER, "endorsement"))}
_STAGES[masked.KIND] = _STAGES["sums"]
_COLLECTED = frozenset({"rehearsal", "roster", "contribution", "reminder", "deadline"})
_ANYTIME = frozenset({"roster", "refusal"}) | notices.KINDS


def _ceremony_record(e: Evidence) -> None:
    _ = e.ceremony


def _ceremony_countersigned(e: Evidence) -> None:
    e.ceremony.check_countersignatures(e.countersignatures)


def _transcript_complete(e: Evidence) -> None:
    """Kinds known, single ones single, and in an order that a round can have."""
    for kind in SINGLE_KINDS:
        e.single(kind)
    last = 0
    for position, (kind, _) in enumerate(e.entries):
        if kind not in _STAGES and kind not in _ANYTIME:
            raise TranscriptBroken(f"entry {position} is of unknown kind {kind[:40]!r}")
        # Votes of slow trustees may arrive during the next step, but nothing precedes the plan, the
        # rehearsal follows it at once, and nothing that is collected comes after the closing.
        misplaced = (kind == "plan") != (position == 0) or (kind == "rehearsal" and position != 1)
        if misplaced or (kind in _COLLECTED and last > _STAGES["contribution"]):
            raise TranscriptBroken(f"entry {position}: a {kind} statement has no place here")
        last = max(last, _STAGES.get(kind, 0))


def _roster_countersigned(e: Evidence) -> None:
    """Enough trustees had seen the members' certificates before the first contribution came."""
    before = takewhile(lambda entry: entry[0] != "contribution", e.entries)
    votes = [payload for kind, payload in before if kind == "roster"]
    notices.roster_tally(votes, e.plan, e.ceremony)


def _announcements(e: Evidence) -> None:
    if e.notices.cancelled is not None:
        raise TranscriptBroken(f"the round was cancelled: {e.notices.cancelled}")
    for payload in e.payloads("rehearsal"):
        notices.read_rehearsal(payload, e.plan, e.plan_statement.signer)
    for payload in e.payloads("refusal"):
        notices.read_refusal(open_vote(payload, "refusal", e.ceremony)[1], e.plan)


def _plan_signed(e: Evidence) -> None:
    if e.plan.round_id != e.round_id:
        raise PlanError(f"the plan is for round {e.plan.round_id}")
    _ = e.layout


def _plan_names_key(e: Evidence) -> None:
    if e.plan.key_id != e.ceremony.key_id:
        raise PlanError("the plan names another key than this ceremony's")
    if e.plan.period != e.ceremony.period:
        raise PlanError(f"the key is for {e.ceremony.period}, the plan for {e.plan.period}")
    e.ceremony.check_apart_from(e.plan_statement.signer)


def _roster(e: Evidence) -> None:
    if e.roster.hash != e.plan.roster_hash:
        raise PlanError("the roster is not the one that the plan names")
    if len(e.roster.members) != e.plan.participants:
        raise PlanError("the plan's number of participants is not that of its roster")


def _contributions(e: Evidence) -> None:
    """Whatever is listed can be counted; whether all that counts is listed is another condition."""
    for listed in e.proposal.included:
        if listed not in e.counted.included:
            reason = e.counted.left_out.get(listed, "it is not in the log")
            raise TranscriptBroken(f"contribution {listed.hex()[:16]} is listed: {reason}")


def _closing_quorum(e: Evidence) -> None:
    _ = e.statement


def _transcript_head(e: Evidence) -> None:
    before = takewhile(lambda entry: entry[0] != "close", e.entries)
    if replay(e.round_id, before).head != e.proposal.transcript_head:
        raise TranscriptBroken("what came in before closing is not what the coordinator closed")


def _closing_list(e: Evidence) -> None:
    if not e.statement.lists(e.proposal.included):
        raise TranscriptBroken("the closing statement lists other contributions than were closed")
    if e.statement.declared != e.proposal.declared:
        raise TranscriptBroken("the closing statement declares other atoms than were closed")
    closing.check_proposal(e.proposal, e.counted)


def _declared_atoms(e: Evidence) -> None:
    """What every trustee asks of a declaration, whatever its own ledger demands."""
    declared, minimum = e.statement.declared, e.plan.policy.minimum_cohort
    if any(len(atom) < minimum for atom in declared.atoms):
        raise PolicyRefusal(f"the closing declares an atom of fewer than {minimum} enterprises")
    if declared.fresh and closing.parted(e.plan) and not declared.totals_only:
        raise PolicyRefusal(
            "the closing declares a fresh atom, so an earlier round opened data of the same "
            "enterprises for the period, and yet it does not publish totals only"
        )


def _aggregates(e: Evidence) -> None:
    if e.statement.aggregates_hash != e.counted.aggregates.hash:
        raise TranscriptBroken("the closing statement is over other aggregates")


def _certificate_quorum(e: Evidence) -> None:
    if e.certificate.statement_hash != e.statement.hash:
        raise TranscriptBroken("the band certificate rests on another closing statement")
    if e.certificate.members != e.statement.members:
        raise TranscriptBroken("the band certificate counts other members than were included")
    atom_classes.check_totals_only(e.certificate, e.statement.declared)


def _minimum_cohort(e: Evidence) -> None:
    small = closing.check_cohort_size(e.plan, len(e.counted.members))
    if small and not e.certificate.withheld:
        raise TranscriptBroken(f"{small}, and yet the cohort is published")


def _round_keys(e: Evidence) -> None:
    """A federated round's certificate names the round keys that its members mask with."""
    if e.plan.mode is not Mode.CERTIFIED or e.certificate.withheld:
        return  # the certificate's form shows that it names none
    if keybook.root_of(e.counted.round_keys) != e.certificate.masks_root:
        raise TranscriptBroken("the band certificate names other round keys than were contributed")


def _release_signed(e: Evidence) -> None:
    if e.release_statement.signer != e.plan_statement.signer:
        raise InvalidSignature("the release is not signed by the plan's coordinator")
    if (e.release.plan_hash, e.release.certificate_hash) != (e.plan.hash, e.certificate.hash):
        raise PlanError("the release belongs to another plan or certificate")


def _openings(e: Evidence) -> None:
    if e.plan.mode is Mode.CERTIFIED:
        if e.payloads("sums"):
            raise TranscriptBroken("shares of sums in a round whose sums are masked")
        _ = e.masked_sum
    elif e.payloads(masked.KIND):
        raise TranscriptBroken("masked vectors in a round whose sums are encrypted")
    labels = certificates.sum_labels(e.plan, e.layout, e.certificate)
    release.check_openings(e.release.openings, labels, e.counted.aggregates)


def _document(e: Evidence) -> None:
    if e.plan.mode is Mode.CERTIFIED:
        release.check_masked(e.release, e.plan, e.certificate, e.masked_sum)
    else:
        release.check_document(e.release, e.plan, e.layout, e.certificate)
    e.document = e.release.document_bytes


def _endorsed(e: Evidence) -> None:
    opened = (open_vote(data, "endorsement", e.ceremony) for data in e.payloads("endorsement"))
    payload = agreed(((who, vote.payload) for who, vote in opened), e.ceremony, "endorsement")
    if decode(pb.Endorsement, payload).release_hash != e.release_statement.hash:
        raise TranscriptBroken("the trustees endorsed another release")


@dataclass(frozen=True)
class Check:
    """A condition: name, text, which others have to hold first, and what raises if it fails."""

    name: str
    text: str
    needs: tuple[str, ...]
    run: Callable[[Evidence], None]


CONDITIONS: tuple[Check, ...] = (
    Check("ceremony-record", "the key ceremony's record is well formed", (), _ceremony_record),
    Check(
        "ceremony-countersigned",
        "every trustee countersigned the ceremony",
        ("ceremony-record",),
        _ceremony_countersigned,
    ),
    Check("transcript-order", "the transcript is complete and in order", (), _transcript_complete),
    Check(
        "plan-signed",
        "the plan is valid and signed by the coordinator",
        ("ceremony-record", "transcript-order"),
        _plan_signed,
    ),
    Check(
        "plan-key",
        "the plan names this ceremony's key and period, and its coordinator had no part in it",
        ("plan-signed",),
        _plan_names_key,
    ),
    Check("roster", "the roster is the one that the plan names", ("plan-signed",), _roster),
    Check(
        "roster-countersigned",
        "enough trustees countersigned the roster before anything was contributed",
        ("plan-signed", "roster"),
        _roster_countersigned,
    ),
    Check(
        "announcements",
        "what was announced is signed for this plan, and the round was not cancelled",
        ("plan-signed",),
        _announcements,
    ),
    Check(
        "contributions",
        "every counted contribution is its member's last valid one, signed, new and proven",
        ("plan-signed", "roster"),
        _contributions,
    ),
    Check(
        "transcript-head",
        "the log up to closing is the one that the coordinator signed",
        ("plan-signed",),
        _transcript_head,
    ),
    Check(
        "closing-quorum",
        "enough trustees signed the same closing statement",
        ("plan-signed",),
        _closing_quorum,
    ),
    Check(
        "closing-list",
        "each member's last valid contribution is counted, by coordinator and trustees alike",
        ("contributions", "closing-quorum"),
        _closing_list,
    ),
    Check(
        "declared-atoms",
        "each declared atom has enough enterprises, and beside a fresh one only totals are allowed",
        ("closing-list",),
        _declared_atoms,
    ),
    Check(
        "aggregates",
        "the certified aggregates are the products of the counted contributions",
        ("contributions", "closing-quorum"),
        _aggregates,
    ),
    Check(
        "certificate-quorum",
        "enough trustees signed the same band certificate, over bands that cover the cohort",
        ("closing-quorum",),
        _certificate_quorum,
    ),
    Check(
        "minimum-cohort",
        "a cohort with too few enterprises is withheld",
        ("contributions", "certificate-quorum"),
        _minimum_cohort,
    ),
    Check(
        "round-keys",
        "the certificate names the round keys of exactly what is counted, where values are masked",
        ("contributions", "certificate-quorum"),
        _round_keys,
    ),
    Check(
        "release-signed",
        "the release is the coordinator's, for this plan and certificate",
        ("certificate-quorum",),
        _release_signed,
    ),
    Check(
        "openings",
        "exactly the certified sums are opened, each correctly, or from every counted member's one "
        "masked vector for this certificate",
        ("aggregates", "release-signed"),
        _openings,
    ),
    Check(
        "figures",
        "every published figure follows from the openings",
        ("release-signed",),
        _document,
    ),
    Check("endorsed", "enough trustees endorsed this release", ("release-signed",), _endorsed),
)
