"""The rules of a round at the bulletin board: what may be posted, by whom, with which content.

A :class:`Round` is a fold over the entries of its transcript: :meth:`Round.admit` decides whether a
statement may be logged, :meth:`Round.apply` takes it in once it is durable, :meth:`Round.duty` says
what the coordinator itself has to do next. When something may happen is :mod:`coordinator.states`'s
table. A restarted coordinator applies the stored entries again and is where it was. Nothing here
touches a socket, a file or the clock. SPEC.md section 4.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from functools import cached_property

from coordinator.masking import Masking
from coordinator.states import COLLECTING, FINAL, Event, State, follow
from protocols import certificate, closing, notices, opening, release
from protocols.ceremony import Trustee
from protocols.closing import ClosingStatement
from protocols.errors import (
    ContributionRefused,
    InvalidSignature,
    PlanError,
    PlanExpired,
    PolicyRefusal,
    QuorumMissing,
    RoundNotOpen,
    TranscriptBroken,
)
from protocols.federated import masked
from protocols.plan import Mode
from protocols.signing import Statement, VerifyKey, statement_hash
from protocols.terms import Terms
from protocols.threshold import Opened
from protocols.wire import messages_pb2 as pb
from protocols.wire.codec import MAX_SMALL, decode


class Duty(StrEnum):
    """What the coordinator has to do next."""

    END = "end"
    CLOSE = "close"
    RELEASE = "release"
    ABANDON = "abandon"
    CLEAN = "clean"


TRUSTEE_KINDS = frozenset({"roster", "closing", "certificate", "sums", "endorsement", "refusal"})
OWN_KINDS = frozenset({"close", "release"})
MEMBER_KINDS = frozenset({masked.KIND})
"""What counted members post after the closing; a contribution goes another way."""
SEALED_PHASES = frozenset({opening.COUNTS, opening.CLASSES})
MAX_NOTICES = 1000
"""Announcements in a round: they are part of its description."""


class Round:
    """One round as its transcript tells it."""

    def __init__(self, terms: Terms) -> None:
        self.terms = terms
        self.state = State.PROPOSED
        self.deadline = terms.plan.deadline
        """When the collection ends, seconds since 1970; moved by ``deadline`` statements."""
        self.notices: list[bytes] = []
        """The coordinator's announcements as they were signed, in order."""
        self.versions: dict[bytes, int] = {}
        """The last logged version of each member's contribution, by the member's key."""
        self.signers: dict[bytes, bytes] = {}
        """Who signed each logged contribution, by its hash."""
        self.votes: dict[str, dict[int, bytes]] = {kind: {} for kind in TRUSTEE_KINDS}
        """Signed statements of the trustees, by kind and the trustee's index."""
        self.refusals: dict[int, str] = {}
        """Why trustees left the round, by their index."""
        self.proposal: closing.Proposal | None = None
        self.closing: ClosingStatement | None = None
        self.certificate: certificate.BandCertificate | None = None
        self.masking: Masking | None = None
        """In a federated round, who masks for the certificate and who has."""
        self.sum_labels: tuple[str, ...] = ()
        self.release_hash: bytes | None = None

    @property
    def round_id(self) -> str:
        """The round's name."""
        return self.terms.plan.round_id

    @property
    def complete(self) -> bool:
        """Whether every member has contributed."""
        return len(self.versions) == self.terms.plan.participants

    @property
    def confidential(self) -> bool:
        """Whether contributions are shown to nobody: until the close, and for ever without one."""
        return self.state in COLLECTING or (self.state is State.CANCELLED and self.proposal is None)

    @cached_property
    def largest(self) -> Mapping[str, int]:
        """The most bytes of a trustee's statement in this round, by its kind."""
        plan = self.terms.plan
        return dict.fromkeys(TRUSTEE_KINDS, MAX_SMALL) | {
            "closing": closing.max_vote_bytes(plan),
            "certificate": certificate.max_bytes(plan),
            "sums": self._largest_shares,
        }

    @cached_property
    def _largest_shares(self) -> int:
        return opening.max_bytes(self.terms.layout, self.terms.ceremony.key.public)

    def check_time(self, member: VerifyKey, now: int) -> None:
        """Refuse a contribution outside the time for it, which :meth:`check_contribution` follows.

        :raises RoundNotOpen: too early. :raises PlanExpired: its collection has ended.
        """
        self._check_state(member)
        if now < self.terms.plan.opens_at:
            raise RoundNotOpen(f"round {self.round_id} is not open yet")
        if now >= self.deadline:
            raise PlanExpired(f"the deadline of round {self.round_id} has passed")

    def check_contribution(self, member: VerifyKey, version: int, last: int | None = None) -> None:
        """Refuse a contribution whose version is not above the member's last one.

        Versions may leave numbers out: one that its node made may never have arrived here, or have
        been forgotten with what a backup lacked. How high they go is checked with its form.

        :param last: the member's last version where it is not yet in the log, but about to be.
        :raises ContributionRefused: superseded, or after the closing.
        """
        self._check_state(member)
        known = self.versions.get(member.raw, 0) if last is None else last
        if version <= known:
            raise ContributionRefused(
                f"version {version} of this contribution was superseded: version {known} is "
                f"logged, and a correction would be version {known + 1}"
            )

    def admit(self, statement: Statement) -> None:
        """Decide whether a trustee's or the coordinator's statement may be logged now.

        Shares for "sums" are checked for form here; the proofs, which take time, by the caller.

        :raises ProtocolError: a subclass that names what is wrong.
        """
        kind = statement.kind
        if kind not in TRUSTEE_KINDS | OWN_KINDS | MEMBER_KINDS | notices.KINDS:
            raise PolicyRefusal(f"{kind[:40]!r} statements are not posted")
        follow(self.state, Event(kind), self.round_id)
        if kind in TRUSTEE_KINDS:
            trustee = self.terms.ceremony.trustee(statement.signer)
            if trustee.index in self.votes[kind]:
                raise PolicyRefusal(
                    f"trustee {trustee.name} posted another {kind} in this round; the first stands"
                )
            self._check_vote(trustee, statement)
            return
        if kind in MEMBER_KINDS and self.masking is not None:
            self.masking.check(statement)
            return
        if statement.signer != self.terms.coordinator:
            raise InvalidSignature(f"a {kind} statement is the coordinator's to sign")
        if kind in notices.KINDS:
            notices.read_notice(statement.received, self.terms.plan, self.terms.coordinator)
            if len(self.notices) >= MAX_NOTICES and kind != notices.CANCELLATION:
                raise PolicyRefusal(f"round {self.round_id} has had {MAX_NOTICES} announcements")

    def apply(self, kind: str, signer: VerifyKey, payload: bytes, content: bytes) -> None:
        """Take in a logged statement other than a contribution.

        :param payload: the signed bytes; ``content``: what they sign.
        """
        terms = self.terms
        if kind in notices.KINDS:
            notice = notices.read_notice(payload, terms.plan, terms.coordinator)
            self._happen(Event(kind))
            self.notices.append(payload)
            if notice.deadline is not None:
                self.deadline = notice.deadline
        elif kind == "close":
            self.end()
            self.proposal = closing.read_proposal(content, terms.plan)
            self._happen(Event.CLOSE)
        elif kind == "release":
            self.release_hash = statement_hash(payload)
            self._happen(Event.RELEASE)
        elif kind in TRUSTEE_KINDS:
            index = terms.ceremony.trustee(signer).index
            self.votes[kind][index] = payload
            if kind == "refusal":
                message = decode(pb.Refusal, content, MAX_SMALL)
                self.refusals[index] = message.reason
            self._count(kind)
        elif kind in MEMBER_KINDS and self.masking is not None:
            self._happen(Event(kind))
            self.masking.take(signer.raw)

    def apply_contribution(self, member: bytes, version: int, digest: bytes) -> None:
        """Take in a logged contribution; its ciphertexts stay in the store.

        :param digest: its statement hash.
        """
        self.versions[member] = version
        self.signers[digest] = member

    def end(self) -> None:
        """End the collection, if it has not ended."""
        if self.state is State.OPEN:
            self._happen(Event.ENDED)

    def duty(self, now: int, *, when_complete: bool = True) -> Duty | None:
        """What the coordinator has to do at ``now`` (seconds since 1970), if anything.

        :attr:`Duty.CLOSE` is due for as long as the round is closing; whether every contribution
        has its verdict is the caller's to know. :attr:`Duty.CLEAN` is due for as long as a round is
        final: its execution is idempotent.

        :param when_complete: whether a collection ends once every member has contributed.
        """
        if self.state is State.OPEN:
            ended = now >= self.deadline or (when_complete and self.complete)
            return Duty.END if ended else None
        if self.state is State.CLOSING:
            return Duty.CLOSE
        if self.state is State.CERTIFIED and self.certificate is not None:
            enough = len(self.votes["sums"]) >= self.terms.ceremony.key.threshold
            return Duty.RELEASE if self.certificate.withheld or enough else None
        if self.state is State.MASKING and self.masking is not None:
            if self.masking.complete:
                return Duty.RELEASE
            return Duty.ABANDON if self.masking.over(now) else None
        return Duty.CLEAN if self.state in FINAL else None

    def check_sealed(self, phase: str, sender: int, recipient: int, envelope: bytes) -> None:
        """Refuse a sealed envelope that no step of this round asks for, or signed for another."""
        trustees = self.terms.ceremony.trustees
        if phase not in SEALED_PHASES:
            raise PolicyRefusal("sealed envelopes carry the shares of counts and classes only")
        if not (1 <= sender <= len(trustees) and 1 <= recipient <= len(trustees)):
            raise PolicyRefusal("a sealed envelope from or for a trustee that does not exist")
        if self.closing is None or self.state in FINAL:
            raise PolicyRefusal(f"round {self.round_id} is {self.state}: no shares pass")
        opening.check_sealed(
            envelope,
            self.terms.plan,
            phase,
            trustees[sender - 1],
            trustees[recipient - 1],
            most=self._largest_shares,
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

    def _check_state(self, member: VerifyKey) -> None:
        collected = self.state not in COLLECTING and self.state is not State.CANCELLED
        if collected and member.raw in self.versions:
            raise ContributionRefused(
                f"round {self.round_id} is {self.state}: after the closing a correction would be "
                "shown by subtraction. That you sent one is noted; it does not count for "
                f"{self.terms.plan.period}, and takes effect with the next period"
            )
        follow(self.state, Event.CONTRIBUTION, self.round_id)

    def _check_vote(self, trustee: Trustee, statement: Statement) -> None:
        plan = self.terms.plan
        if statement.kind == "roster":
            notices.read_roster_vote(statement, plan)
        elif statement.kind == "refusal":
            notices.read_refusal(statement, plan)
        elif statement.kind == "closing":
            vote = decode(pb.ClosingVote, statement.payload)
            voted = ClosingStatement.from_bytes(vote.statement)
            if voted.plan_hash != plan.hash:
                raise PlanError("the closing statement belongs to another plan")
            if voted.members > plan.participants:
                raise PolicyRefusal(
                    f"the closing statement counts {voted.members} contributions of "
                    f"{plan.participants} members"
                )
        elif statement.kind == "certificate":
            certified = certificate.BandCertificate.from_bytes(statement.payload)
            if self.closing is None:
                raise PolicyRefusal("no closing statement has enough signatures yet")
            if certified.plan_hash != plan.hash or certified.statement_hash != self.closing.hash:
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
            if kind == "roster" and self.state is State.PROPOSED:
                notices.roster_tally(votes, terms.plan, terms.ceremony)
                self._happen(Event.ADMITTED)
            elif kind == "closing" and self.closing is None:
                self.closing = closing.tally(votes, terms.plan, terms.ceremony)
            elif kind == "certificate" and self.state is State.CLOSED:
                found = certificate.tally(votes, terms.plan, terms.ceremony)
                self.certificate = found
                self.sum_labels = tuple(certificate.sum_labels(terms.plan, terms.layout, found))
                self._happen(self._certified(found))
        except QuorumMissing:
            return
        quorum = terms.ceremony.closing_quorum
        if kind == "endorsement" and self.state is State.PENDING and len(votes) >= quorum:
            self._happen(Event.WITHHELD if self.certificate_withholds() else Event.ENDORSED)

    def _certified(self, found: certificate.BandCertificate) -> Event:
        """What follows from a certificate: in a federated round that is not withheld, masking."""
        if self.terms.plan.mode is not Mode.CERTIFIED or found.withheld:
            return Event.CERTIFIED
        included = self.proposal.included if self.proposal else ()
        counted = [self.signers[digest] for digest in included]
        self.masking = Masking(self.terms, found, included, counted)
        return Event.ALLOWED

    def _happen(self, event: Event) -> None:
        """Follow the table; a logged event that it does not know is a log of another program."""
        try:
            self.state = follow(self.state, event, self.round_id)
        except PolicyRefusal as error:
            raise TranscriptBroken(f"the log of round {self.round_id} is out of order") from error


def build_release(round_: Round, opened: Mapping[str, Opened]) -> bytes:
    """The release document's payload from the opened sums (none when withheld)."""
    if round_.certificate is None:
        raise PolicyRefusal("no band certificate allows a release")
    terms = round_.terms
    size = terms.ceremony.key.public.modulus_bytes
    return release.build(terms.plan, terms.layout, round_.certificate, opened, size)


def build_masked_release(round_: Round, statements: Iterable[bytes]) -> bytes:
    """The release document's payload from every logged masked vector (none when withheld)."""
    plan, certified = round_.terms.plan, round_.certificate
    if certified is None:
        raise PolicyRefusal("no band certificate allows a release")
    if round_.masking is None:
        return release.build_masked(plan, certified, masked.NOTHING)
    counted = round_.masking.counted
    total = masked.add_up(statements, plan, certified, round_.terms.roster, counted)
    return release.build_masked(plan, certified, total)


def _content(payload: bytes) -> bytes:
    return bytes(decode(pb.Signed, payload).payload)
