"""What coordinator and trustees say about a round beside the contributions: notices and votes.

All are signed statements in the round's transcript. The coordinator reminds, moves the deadline (a
deadline that has come ends the collection) or cancels; each trustee votes for the roster once it
has seen a certificate of every member, and may say why it leaves the round. Nodes, trustees and
verifiers read them with the same functions. SPEC.md section 4.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from protocols.ceremony import Ceremony
from protocols.errors import InvalidSignature, MalformedMessage, PlanError
from protocols.plan import Plan
from protocols.quorum import agreed, open_vote
from protocols.roster import Roster
from protocols.signing import SigningKey, Statement, VerifyKey, open_signed
from protocols.wire import messages_pb2 as pb
from protocols.wire.codec import MAX_SMALL, decode, encode

REMINDER, DEADLINE, CANCELLATION = "reminder", "deadline", "cancellation"
KINDS = frozenset({REMINDER, DEADLINE, CANCELLATION})
"""What the coordinator announces after a round was created."""

REHEARSAL, ROSTER, REFUSAL = "rehearsal", "roster", "refusal"

MAX_REASON = 500
CUT = " ..."
"""How a reason ends that was longer."""
_CLAUSE_END = re.compile(r"[.;:](?= )")
MAX_REPORT = 1 << 20
MAX_SIGNED = MAX_REPORT + 1024
LATEST = 1 << 63


@dataclass(frozen=True)
class Notice:
    """One announcement. ``deadline`` and ``reason`` are None and empty where the kind has none."""

    kind: str
    time: int
    deadline: int | None = None
    reason: str = ""
    contributed: int | None = None


@dataclass(frozen=True)
class Notices:
    """Everything announced about one round, read in the transcript's order.

    ``deadline``: the one that holds, in seconds since 1970-01-01 UTC. ``cancelled``: the reason, or
    None.
    """

    deadline: int
    cancelled: str | None
    all: tuple[Notice, ...]

    @classmethod
    def read(cls, statements: Iterable[bytes], plan: Plan, coordinator: VerifyKey) -> Notices:
        """Check every announcement of a round.

        :raises ProtocolError: malformed, for another plan, or not by ``coordinator``.
        """
        found = tuple(read_notice(data, plan, coordinator) for data in statements)
        deadline, cancelled = plan.deadline, None
        for notice in found:
            if notice.deadline is not None:
                deadline = notice.deadline
            if notice.kind == CANCELLATION:
                cancelled = notice.reason
        return cls(deadline, cancelled, found)


def make_reminder(plan: Plan, time: int, contributed: int, key: SigningKey) -> bytes:
    """The coordinator reminds the members that have not contributed yet."""
    message = pb.Reminder(plan_hash=plan.hash, time=time, contributed=contributed)
    return key.sign(REMINDER, encode(message))


def make_deadline(plan: Plan, time: int, deadline: int, reason: str, key: SigningKey) -> bytes:
    """The coordinator moves the deadline; to ``time`` itself, to end the collection now."""
    message = pb.Deadline(
        plan_hash=plan.hash, time=time, deadline=deadline, reason=check_reason(reason)
    )
    return key.sign(DEADLINE, encode(message))


def make_cancellation(plan: Plan, time: int, reason: str, key: SigningKey) -> bytes:
    """The coordinator ends the round without a result."""
    message = pb.Cancellation(plan_hash=plan.hash, time=time, reason=check_reason(reason))
    return key.sign(CANCELLATION, encode(message))


def read_notice(data: bytes, plan: Plan, coordinator: VerifyKey) -> Notice:
    """One announcement of a round. :raises ProtocolError: as :meth:`Notices.read`."""
    kind = decode(pb.Signed, data, MAX_SMALL).kind
    if kind not in KINDS:
        raise InvalidSignature(f"{kind[:40]!r} is not an announcement")
    statement = open_signed(data, kind, MAX_SMALL)
    if statement.signer != coordinator:
        raise InvalidSignature(f"a {kind} is the coordinator's to sign")
    notice, plan_hash = _content(kind, statement.payload)
    if plan_hash != plan.hash:
        raise PlanError(f"the {kind} belongs to another plan")
    if notice.deadline is not None and not plan.opens_at < notice.deadline < LATEST:
        raise MalformedMessage("deadline: not after the round's opening")
    terms = plan.aggregation
    if notice.deadline is not None and terms is not None and notice.deadline >= terms.until:
        raise MalformedMessage(
            "deadline: the plan waits for masked values for no longer than that, so that the round "
            "would be closed and given up at once: choose an earlier one"
        )
    return notice


def make_rehearsal(plan: Plan, report: bytes, key: SigningKey) -> bytes:
    """The report of the dry run on synthetic members, logged right after the plan."""
    if len(report) > MAX_REPORT:
        raise MalformedMessage(f"rehearsal: a report has at most {MAX_REPORT} bytes")
    return key.sign(REHEARSAL, encode(pb.Rehearsal(plan_hash=plan.hash, report=report)))


def read_rehearsal(data: bytes, plan: Plan, coordinator: VerifyKey) -> bytes:
    """The report in a ``rehearsal`` statement. :raises ProtocolError: not for this plan."""
    statement = open_signed(data, REHEARSAL, MAX_SIGNED)
    if statement.signer != coordinator:
        raise InvalidSignature("a rehearsal is the coordinator's to sign")
    message = decode(pb.Rehearsal, statement.payload, MAX_SIGNED)
    if message.plan_hash != plan.hash:
        raise PlanError("the rehearsal belongs to another plan")
    return message.report


def roster_vote(plan: Plan, roster: Roster, trustee: SigningKey) -> bytes:
    """A trustee has seen a valid certificate of every member of this roster."""
    message = pb.RosterVote(plan_hash=plan.hash, roster_hash=roster.hash)
    return trustee.sign(ROSTER, encode(message))


def read_roster_vote(statement: Statement, plan: Plan) -> None:
    """Check the content of a ``roster`` statement.

    :raises PlanError: it is for another plan or roster.
    """
    message = decode(pb.RosterVote, statement.payload, MAX_SMALL)
    if (message.plan_hash, message.roster_hash) != (plan.hash, plan.roster_hash):
        raise PlanError("the roster vote is for another plan or roster")


def roster_tally(votes: Iterable[bytes], plan: Plan, ceremony: Ceremony) -> None:
    """Whether q trustees countersigned the plan's roster.

    :raises QuorumMissing: not yet. :raises ProtocolError: a vote that is not one.
    """
    opened = []
    for data in votes:
        trustee, statement = open_vote(data, ROSTER, ceremony)
        read_roster_vote(statement, plan)
        opened.append((trustee, statement.payload))
    agreed(opened, ceremony, "roster vote")


def make_refusal(plan: Plan, reason: str, trustee: SigningKey) -> bytes:
    """A trustee says why it leaves the round, so that the operator sees it. No values in it."""
    words = fit_reason(reason) or "no reason given"
    message = pb.Refusal(plan_hash=plan.hash, reason=words)
    return trustee.sign(REFUSAL, encode(message))


def read_refusal(statement: Statement, plan: Plan) -> str:
    """The reason in a ``refusal``. :raises ProtocolError: for another plan, or malformed."""
    message = decode(pb.Refusal, statement.payload, MAX_SMALL)
    if message.plan_hash != plan.hash:
        raise PlanError("the refusal belongs to another plan")
    return check_reason(message.reason)


def fit_reason(text: str) -> str:
    """A reason that :func:`check_reason` takes, of a text of any length; empty if that is blank.

    A long one ends with its last whole clause that fits, or with a whole word, and " ...".
    """
    words = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    if len(words) <= MAX_REASON:
        return words
    kept = words[: MAX_REASON - len(CUT)]
    ends = [end.end() for end in _CLAUSE_END.finditer(words, 0, len(kept) + 1)]
    if ends and ends[-1] > len(kept) // 3:
        return kept[: ends[-1]].rstrip() + CUT
    return (kept.rpartition(" ")[0] or kept) + CUT


def check_reason(reason: str) -> str:
    """A reason that can be shown to people. :raises MalformedMessage: empty, long, unprintable."""
    if not 0 < len(reason) <= MAX_REASON or not reason.isprintable():
        raise MalformedMessage(f"a reason has 1 to {MAX_REASON} printable characters on one line")
    return reason


def _content(kind: str, payload: bytes) -> tuple[Notice, bytes]:
    if kind == REMINDER:
        reminder = decode(pb.Reminder, payload, MAX_SMALL)
        notice = Notice(kind, reminder.time, contributed=reminder.contributed)
        return notice, reminder.plan_hash
    if kind == DEADLINE:
        moved = decode(pb.Deadline, payload, MAX_SMALL)
        reason = check_reason(moved.reason)
        return Notice(kind, moved.time, moved.deadline, reason), moved.plan_hash
    cancelled = decode(pb.Cancellation, payload, MAX_SMALL)
    notice = Notice(kind, cancelled.time, reason=check_reason(cancelled.reason))
    return notice, cancelled.plan_hash
