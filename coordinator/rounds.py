"""The rules of a round at the bulletin board: its states, and what may be posted in each.

A :class:`Round` is a fold over the entries of its transcript: :meth:`Round.admit` decides whether a
statement may be logged, :meth:`Round.apply` takes it in once it is durable, :meth:`Round.duty` says
what the coordinator itself has to do next. A restarted coordinator applies the stored entries again
and is where it was. Nothing here touches a socket, a file or the clock. SPEC.md section 4.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from protocols import certificate, closing, opening, release
from protocols.ceremony import Trustee
from protocols.closing import ClosingStatement
from protocols.errors import (
    ContributionRefused,
    InvalidSignature,
    PlanError,
    PlanExpired,
    PolicyRefusal,
    QuorumMissing,
)
from protocols.signing import Statement, VerifyKey, statement_hash
from protocols.terms import Terms
from protocols.threshold import Opened
from protocols.wire import messages_pb2 as pb
from protocols.wire.codec import MAX_SMALL, decode


class State(StrEnum):
    """Where a round stands; stored and shown under these names."""

    OPEN = "open"
    CLOSED = "closed"
    CERTIFIED = "certified"
    PENDING = "pending"
    RELEASED = "released"
    WITHHELD = "withheld"


class Duty(StrEnum):
    """What the coordinator has to do next."""

    CLOSE = "close"
    RELEASE = "release"
    CLEAN = "clean"


TRANSITIONS: Mapping[State, frozenset[State]] = {
    State.OPEN: frozenset({State.CLOSED}),
    State.CLOSED: frozenset({State.CERTIFIED}),
    State.CERTIFIED: frozenset({State.PENDING}),
    State.PENDING: frozenset({State.RELEASED, State.WITHHELD}),
    State.RELEASED: frozenset(),
    State.WITHHELD: frozenset(),
}
"""Every change of state there is; none goes back."""

ACCEPTS: Mapping[State, frozenset[str]] = {
    State.OPEN: frozenset({"contribution", "close"}),
    State.CLOSED: frozenset({"closing", "certificate"}),
    State.CERTIFIED: frozenset({"closing", "certificate", "sums", "release"}),
    State.PENDING: frozenset({"closing", "certificate", "endorsement"}),
    State.RELEASED: frozenset({"endorsement"}),
    State.WITHHELD: frozenset({"endorsement"}),
}
"""Kinds that may be logged in each state; late votes are kept, since they add signatures."""

TRUSTEE_KINDS = frozenset({"closing", "certificate", "sums", "endorsement"})
OWN_KINDS = frozenset({"close", "release"})
FINAL = frozenset({State.RELEASED, State.WITHHELD})
SEALED_PHASES = frozenset({opening.COUNTS, opening.CLASSES})


class Round:
    """One round as its transcript tells it."""

    def __init__(self, terms: Terms) -> None:
        self.terms = terms
        self.state = State.OPEN
        self.members: dict[bytes, bytes] = {}
        """Hash of the contribution of each member, by the member's key."""
        self.included: tuple[bytes, ...] | None = None
        self.votes: dict[str, dict[int, bytes]] = {kind: {} for kind in TRUSTEE_KINDS}
        """Signed statements of the trustees, by kind and the trustee's index."""
        self.closing: ClosingStatement | None = None
        self.certificate: certificate.BandCertificate | None = None
        self.sum_labels: tuple[str, ...] = ()
        self.release_hash: bytes | None = None

    def check_open(self, now: int) -> None:
        """Refuse contributions before the plan opens, from its deadline on, and once closed."""
        plan = self.terms.plan
        if self.state is not State.OPEN:
            raise PlanExpired(f"round {plan.round_id} is {self.state}: it takes no contributions")
        if now < plan.opens_at:
            raise PlanExpired(f"round {plan.round_id} is not open yet")
        if now >= plan.deadline:
            raise PlanExpired(f"the deadline of round {plan.round_id} has passed")

    def check_member(self, member: VerifyKey) -> None:
        """Refuse a member that is not enrolled, or has contributed."""
        self.terms.roster.member(member)
        if member.raw in self.members:
            raise ContributionRefused(
                f"{member.fingerprint} has already contributed to this round; a correction is made "
                "in a new round"
            )

    def admit(self, statement: Statement) -> None:
        """Decide whether a trustee's or the coordinator's statement may be logged now.

        Shares for "sums" are checked for form here; the proofs, which take time, by the caller.

        :raises ProtocolError: a subclass that names what is wrong.
        """
        kind = statement.kind
        if kind not in TRUSTEE_KINDS | OWN_KINDS:
            raise PolicyRefusal(f"{kind[:40]!r} statements are not posted")
        if kind not in ACCEPTS[self.state]:
            raise PolicyRefusal(
                f"round {self.terms.plan.round_id} is {self.state}: no {kind} is due"
            )
        if kind in OWN_KINDS:
            if statement.signer != self.terms.coordinator:
                raise InvalidSignature(f"a {kind} statement is the coordinator's to sign")
            return
        trustee = self.terms.ceremony.trustee(statement.signer)
        if trustee.index in self.votes[kind]:
            raise PolicyRefusal(
                f"trustee {trustee.name} posted another {kind} in this round; the first stands"
            )
        self._check_content(trustee, statement)

    def apply(self, kind: str, signer: VerifyKey, payload: bytes, content: bytes) -> None:
        """Take in a logged statement other than a contribution.

        :param payload: the signed bytes; ``content``: what they sign.
        """
        terms = self.terms
        if kind == "close":
            self.included = closing.read_proposal(content, terms.plan).included
            self._move(State.CLOSED)
        elif kind == "release":
            self.release_hash = statement_hash(payload)
            self._move(State.PENDING)
        elif kind in TRUSTEE_KINDS:
            self.votes[kind][terms.ceremony.trustee(signer).index] = payload
            self._count(kind)

    def apply_contribution(self, member: bytes, payload_hash: bytes) -> None:
        """Take in a logged contribution; its ciphertexts stay in the store."""
        self.members[member] = payload_hash

    def duty(self, now: int) -> Duty | None:
        """What the coordinator has to do at ``now`` (seconds since 1970), if anything.

        :attr:`Duty.CLEAN` is due for as long as a round is final: its execution is idempotent.
        """
        plan = self.terms.plan
        if self.state is State.OPEN:
            complete = len(self.members) == plan.participants
            return Duty.CLOSE if complete or now >= plan.deadline else None
        if self.state is State.CERTIFIED and self.certificate is not None:
            enough = len(self.votes["sums"]) >= self.terms.ceremony.key.threshold
            return Duty.RELEASE if self.certificate.withheld or enough else None
        return Duty.CLEAN if self.state in FINAL else None

    def check_sealed(self, phase: str, sender: int, recipient: int, envelope: bytes) -> None:
        """Refuse a sealed envelope that no step of this round asks for, or signed for another."""
        trustees = self.terms.ceremony.trustees
        if phase not in SEALED_PHASES:
            raise PolicyRefusal("sealed envelopes carry the shares of counts and classes only")
        if not (1 <= sender <= len(trustees) and 1 <= recipient <= len(trustees)):
            raise PolicyRefusal("a sealed envelope from or for a trustee that does not exist")
        if self.closing is None or self.state in FINAL:
            raise PolicyRefusal(f"round {self.terms.plan.round_id} is {self.state}: no shares pass")
        opening.check_sealed(
            envelope, self.terms.plan, phase, trustees[sender - 1], trustees[recipient - 1]
        )

    def certificate_withholds(self) -> bool:
        """Whether the certified decision is to publish nothing."""
        return self.certificate is not None and bool(self.certificate.withheld)

    def sums_sets(self) -> dict[int, opening.ShareSet]:
        """The "sums" shares of each trustee that posted them."""
        return {
            index: self.read_sums(self.terms.ceremony.trustees[index - 1], _content(payload))
            for index, payload in self.votes["sums"].items()
        }

    def read_sums(self, trustee: Trustee, content: bytes) -> opening.ShareSet:
        """A trustee's "sums" share set. :raises ProtocolError: not for this step."""
        if self.certificate is None:
            raise PolicyRefusal("no band certificate allows sums to be opened")
        return opening.read_share_set(
            content,
            self.terms.plan,
            opening.SUMS,
            self.certificate.hash,
            trustee,
            self.sum_labels,
        )

    def _check_content(self, trustee: Trustee, statement: Statement) -> None:
        plan_hash = self.terms.plan.hash
        if statement.kind == "closing":
            vote = decode(pb.ClosingVote, statement.payload)
            if ClosingStatement.from_bytes(vote.statement).plan_hash != plan_hash:
                raise PlanError("the closing statement belongs to another plan")
        elif statement.kind == "certificate":
            certified = certificate.BandCertificate.from_bytes(statement.payload)
            if self.closing is None:
                raise PolicyRefusal("no closing statement has enough signatures yet")
            if certified.plan_hash != plan_hash or certified.statement_hash != self.closing.hash:
                raise PolicyRefusal("the certificate rests on another closing statement")
        elif statement.kind == "sums":
            self.read_sums(trustee, statement.payload)
        else:
            endorsed = decode(pb.Endorsement, statement.payload, MAX_SMALL)
            if endorsed.release_hash != self.release_hash:
                raise PolicyRefusal("the endorsement is for another release")

    def _count(self, kind: str) -> None:
        """See whether the statements of ``kind`` have reached their quorum."""
        terms, votes = self.terms, list(self.votes[kind].values())
        try:
            if kind == "closing" and self.closing is None:
                self.closing = closing.tally(votes, terms.plan, terms.ceremony)
            elif kind == "certificate" and self.state is State.CLOSED:
                found = certificate.tally(votes, terms.plan, terms.ceremony)
                self.certificate = found
                self.sum_labels = tuple(certificate.sum_labels(terms.plan, terms.layout, found))
                self._move(State.CERTIFIED)
        except QuorumMissing:
            return
        quorum = terms.ceremony.closing_quorum
        if kind == "endorsement" and self.state is State.PENDING and len(votes) >= quorum:
            self._move(State.WITHHELD if self.certificate_withholds() else State.RELEASED)

    def _move(self, state: State) -> None:
        if state not in TRANSITIONS[self.state]:
            raise PolicyRefusal(f"a round that is {self.state} cannot become {state}")
        self.state = state


def build_release(round_: Round, opened: Mapping[str, Opened]) -> bytes:
    """The release document's payload from the opened sums (none when withheld)."""
    if round_.certificate is None:
        raise PolicyRefusal("no band certificate allows a release")
    terms = round_.terms
    size = terms.ceremony.key.public.modulus_bytes
    return release.build(terms.plan, terms.layout, round_.certificate, opened, size)


def _content(payload: bytes) -> bytes:
    return bytes(decode(pb.Signed, payload).payload)
