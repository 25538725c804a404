"""Offline verification of one round, as a numbered list of named conditions.

Every condition is evaluated and every failure reported; a condition whose inputs failed is reported
as not evaluated, never as passed. Verification needs no key and no network. What it cannot know is
left to the caller and listed in :data:`CALLER_DUTIES`. SPEC.md section 9.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import takewhile

from protocols import certificate as certificates
from protocols import closing, notices, release
from protocols.errors import InvalidSignature, PlanError, ProtocolError, TranscriptBroken
from protocols.evidence import Evidence
from protocols.quorum import agreed, open_vote
from protocols.transcript import replay
from protocols.wire import messages_pb2 as pb
from protocols.wire.codec import decode

CALLER_DUTIES = (
    "compare the fingerprints of coordinator, dealer and trustees with those you know",
    "make sure that trustees and coordinator are different organisations",
    "make sure that the pseudonyms are real enterprises: ask a trustee that countersigned",
    "compare the head of the transcript with that of somebody else, or with your own receipt",
)

SINGLE_KINDS = ("plan", "close", "release")
"""Kinds that appear exactly once in the transcript of a finished round."""

_ORDER = ("plan", "rehearsal", "contribution", "close", "closing", "certificate", "sums", "release")
_STAGES = {kind: stage for stage, kind in enumerate((*_ORDER, "endorsement"))}
_COLLECTED = frozenset({"rehearsal", "roster", "contribution", "reminder", "deadline"})
_ANYTIME = frozenset({"roster", "refusal"}) | notices.KINDS


class Outcome(StrEnum):
    """What became of a condition."""

    HOLDS = "holds"
    FAILS = "fails"
    NOT_EVALUATED = "not evaluated"


@dataclass(frozen=True)
class Condition:
    """One numbered condition with its outcome; ``reason`` is empty when it holds."""

    number: int
    name: str
    text: str
    outcome: Outcome
    reason: str = ""


@dataclass(frozen=True)
class Report:
    """The outcome of a verification; ``facts`` are what the caller has duties about."""

    round_id: str
    conditions: tuple[Condition, ...]
    facts: tuple[tuple[str, str], ...]
    document: bytes | None

    @property
    def accepted(self) -> bool:
        """Whether every condition holds."""
        return all(c.outcome is Outcome.HOLDS for c in self.conditions)

    @property
    def failed(self) -> tuple[str, ...]:
        """The names of the conditions that fail."""
        return tuple(c.name for c in self.conditions if c.outcome is Outcome.FAILS)


def verify_round(
    round_id: str,
    ceremony: bytes,
    countersignatures: Sequence[bytes],
    roster: bytes,
    entries: Iterable[tuple[str, bytes]],
    *,
    unsafe_small_modulus: bool = False,
) -> Report:
    """Evaluate every condition on a finished round.

    :param entries: kind and signed statement of every transcript entry, in order.
    :param unsafe_small_modulus: accept a modulus under 2048 bits; tests only.
    """
    evidence = Evidence(
        round_id, ceremony, countersignatures, roster, list(entries), unsafe_small_modulus
    )
    broken: set[str] = set()
    conditions = []
    for number, (name, text, needs, check) in enumerate(_CONDITIONS, start=1):
        outcome, reason = _evaluate(evidence, needs, broken, check)
        if outcome is not Outcome.HOLDS:
            broken.add(name)
        conditions.append(Condition(number, name, text, outcome, reason))
    return Report(round_id, tuple(conditions), _facts(evidence), evidence.document)


def _evaluate(
    evidence: Evidence,
    needs: tuple[str, ...],
    broken: set[str],
    check: Callable[[Evidence], None],
) -> tuple[Outcome, str]:
    missing = [name for name in needs if name in broken]
    if missing:
        return Outcome.NOT_EVALUATED, f"needs {', '.join(missing)}"
    try:
        check(evidence)
    except ProtocolError as error:
        return Outcome.FAILS, str(error)
    return Outcome.HOLDS, ""


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
    if e.statement.included != e.proposal.included:
        raise TranscriptBroken("the closing statement lists other contributions than were closed")
    closing.check_proposal(e.proposal, e.counted)


def _aggregates(e: Evidence) -> None:
    if e.statement.aggregates_hash != e.counted.aggregates.hash:
        raise TranscriptBroken("the closing statement is over other aggregates")


def _certificate_quorum(e: Evidence) -> None:
    if e.certificate.statement_hash != e.statement.hash:
        raise TranscriptBroken("the band certificate rests on another closing statement")
    if e.certificate.members != len(e.statement.included):
        raise TranscriptBroken("the band certificate counts other members than were included")


def _minimum_cohort(e: Evidence) -> None:
    small = closing.check_cohort_size(e.plan, len(e.counted.members))
    if small and not e.certificate.withheld:
        raise TranscriptBroken(f"{small}, and yet the cohort is published")


def _release_signed(e: Evidence) -> None:
    if e.release_statement.signer != e.plan_statement.signer:
        raise InvalidSignature("the release is not signed by the plan's coordinator")
    if (e.release.plan_hash, e.release.certificate_hash) != (e.plan.hash, e.certificate.hash):
        raise PlanError("the release belongs to another plan or certificate")


def _openings(e: Evidence) -> None:
    labels = certificates.sum_labels(e.plan, e.layout, e.certificate)
    release.check_openings(e.release.openings, labels, e.counted.aggregates)


def _document(e: Evidence) -> None:
    release.check_document(e.release, e.plan, e.layout, e.certificate)
    e.document = e.release.document_bytes


def _endorsed(e: Evidence) -> None:
    opened = (open_vote(data, "endorsement", e.ceremony) for data in e.payloads("endorsement"))
    payload = agreed(((who, vote.payload) for who, vote in opened), e.ceremony, "endorsement")
    if decode(pb.Endorsement, payload).release_hash != e.release_statement.hash:
        raise TranscriptBroken("the trustees endorsed another release")


_C = tuple[str, str, tuple[str, ...], Callable[[Evidence], None]]

_CONDITIONS: tuple[_C, ...] = (
    ("ceremony-record", "the key ceremony's record is well formed", (), _ceremony_record),
    (
        "ceremony-countersigned",
        "every trustee countersigned the ceremony",
        ("ceremony-record",),
        _ceremony_countersigned,
    ),
    ("transcript-order", "the transcript is complete and in order", (), _transcript_complete),
    (
        "plan-signed",
        "the plan is valid and signed by the coordinator",
        ("ceremony-record", "transcript-order"),
        _plan_signed,
    ),
    (
        "plan-key",
        "the plan names this ceremony's key and period, and its coordinator had no part in it",
        ("plan-signed",),
        _plan_names_key,
    ),
    ("roster", "the roster is the one that the plan names", ("plan-signed",), _roster),
    (
        "roster-countersigned",
        "enough trustees countersigned the roster before anything was contributed",
        ("plan-signed", "roster"),
        _roster_countersigned,
    ),
    (
        "announcements",
        "what was announced is signed for this plan, and the round was not cancelled",
        ("plan-signed",),
        _announcements,
    ),
    (
        "contributions",
        "every counted contribution is its member's last valid one, signed, new and proven",
        ("plan-signed", "roster"),
        _contributions,
    ),
    (
        "transcript-head",
        "the log up to closing is the one that the coordinator signed",
        ("plan-signed",),
        _transcript_head,
    ),
    (
        "closing-quorum",
        "enough trustees signed the same closing statement",
        ("plan-signed",),
        _closing_quorum,
    ),
    (
        "closing-list",
        "each member's last valid contribution is counted, by coordinator and trustees alike",
        ("contributions", "closing-quorum"),
        _closing_list,
    ),
    (
        "aggregates",
        "the certified aggregates are the products of the counted contributions",
        ("contributions", "closing-quorum"),
        _aggregates,
    ),
    (
        "certificate-quorum",
        "enough trustees signed the same band certificate, over bands that cover the cohort",
        ("closing-quorum",),
        _certificate_quorum,
    ),
    (
        "minimum-cohort",
        "a cohort with too few enterprises is withheld",
        ("contributions", "certificate-quorum"),
        _minimum_cohort,
    ),
    (
        "release-signed",
        "the release is the coordinator's, for this plan and certificate",
        ("certificate-quorum",),
        _release_signed,
    ),
    (
        "openings",
        "exactly the certified sums are opened, each correctly",
        ("aggregates", "release-signed"),
        _openings,
    ),
    (
        "figures",
        "every published figure follows from the openings",
        ("release-signed",),
        _document,
    ),
    ("endorsed", "enough trustees endorsed this release", ("release-signed",), _endorsed),
)


def _facts(e: Evidence) -> tuple[tuple[str, str], ...]:
    """Fingerprints and counts for the caller's duties; only what could be decoded."""
    facts: list[tuple[str, str]] = []

    def note(name: str, value: Callable[[], str]) -> None:
        try:
            facts.append((name, value()))
        except ProtocolError:
            facts.append((name, "not readable"))

    note("coordinator", lambda: e.plan_statement.signer.fingerprint)
    note("dealer", lambda: e.ceremony.dealer.fingerprint)
    note(
        "trustees",
        lambda: ", ".join(f"{t.name} {t.signing_key.fingerprint}" for t in e.ceremony.trustees),
    )
    note("members", lambda: f"{len(e.proposal.included)} of {len(e.roster.members)} on the roster")
    return tuple(facts)
