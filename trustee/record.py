"""The part of a round's transcript that a trustee keeps, checked entry by entry as it is read.

Contributions are held in the log's order, and only until the round's aggregates are recomputed from
them. Which kinds may stand where is SPEC.md section 4; a transcript that is otherwise was not
written by an honest coordinator.
"""

from __future__ import annotations

from typing import NoReturn

from protocols import notices
from protocols.ceremony import Ceremony
from protocols.certificate import BandCertificate, tally
from protocols.closing import Proposal, max_vote_bytes, read_proposal
from protocols.contribution import MAX_VERSION, max_bytes
from protocols.errors import InvalidSignature, QuorumMissing, TranscriptBroken
from protocols.federated import masked
from protocols.plan import Mode
from protocols.quorum import open_vote
from protocols.signing import Statement, open_signed
from protocols.terms import Terms
from protocols.transcript import Entry, genesis, next_entry

VOTES = ("closing", "certificate", "sums", "endorsement")


class Record:
    """What the transcript has said so far.

    :ivar proposal: the coordinator's inclusion list, once the round is closed.
    :ivar contributions: the signed contributions in the log's order; emptied by
        :meth:`forget_contributions`.
    :ivar masked: the counted members' signed masked vectors, in a federated round.
    :ivar votes: signed statements of the trustees by kind, in the transcript's order.
    :ivar cancelled: the coordinator's reason, if it ended the round.
    :ivar refusals: reasons of trustees that left the round, by index.
    """

    def __init__(self, terms: Terms) -> None:
        self.proposal: Proposal | None = None
        self.contributions: list[bytes] = []
        self.masked: list[bytes] = []
        self.votes: dict[str, list[bytes]] = {kind: [] for kind in VOTES}
        self.release: Statement | None = None
        self.cancelled: str | None = None
        self.refusals: dict[int, str] = {}
        self.next_index = 0
        self._terms = terms
        self._head = genesis(terms.plan.round_id)
        self._contributed = 0
        self._largest = max_bytes(terms.layout, terms.ceremony.key.public)
        self._roster_votes: list[bytes] = []
        self._collecting = False

    def read(self, entry: Entry) -> None:
        """Take in the next entry. :raises ProtocolError: it breaks the chain or the order."""
        if entry != next_entry(self._head, self.next_index, entry.kind, entry.payload):
            self._break("breaks the hash chain")
        if (entry.index == 0) != (entry.kind == "plan") or self.cancelled is not None:
            self._break("has no place there")
        self._place(entry)
        self._head = entry.hash
        self.next_index += 1

    def voted(self, kind: str, ceremony: Ceremony, index: int) -> bool:
        """Whether trustee ``index`` has a statement of ``kind`` in the transcript."""
        key = ceremony.trustees[index - 1].signing_key
        return any(open_signed(vote, kind).signer == key for vote in self.votes[kind])

    def forget_contributions(self) -> None:
        """Let the contributions go; their aggregates have been recomputed."""
        self.contributions = []

    def _place(self, entry: Entry) -> None:
        kind = entry.kind
        if kind == "plan":
            if entry.payload != self._terms.description.plan:
                self._break("is another plan than the one described")
        elif kind == notices.REHEARSAL:
            if entry.index != 1:
                self._break("is a rehearsal after the round began")
            notices.read_rehearsal(entry.payload, self._terms.plan, self._terms.coordinator)
        elif kind == notices.ROSTER:
            self._roster(entry)
        elif kind == "contribution":
            self._contribution(entry)
        elif kind == masked.KIND:
            self._masked(entry)
        elif kind in notices.KINDS:
            self._announcement(entry)
        elif kind == notices.REFUSAL:
            self._refusal(entry)
        elif kind == "close":
            self._close(entry)
        elif kind == "release":
            if self.proposal is None or self.release is not None:
                self._break("is a release too many or too early")
            self.release = self._own(entry)
        else:
            self._vote(entry)

    def _roster(self, entry: Entry) -> None:
        if self.proposal is not None or self._too_many(self._roster_votes):
            self._break("is a roster vote too many or too late")
        _, statement = open_vote(entry.payload, notices.ROSTER, self._terms.ceremony)
        notices.read_roster_vote(statement, self._terms.plan)
        self._roster_votes.append(entry.payload)

    def _contribution(self, entry: Entry) -> None:
        if not self._collecting:
            self._check_roster_votes()
            self._collecting = True
        self._contributed += 1
        if (
            self.proposal is not None
            or self._contributed > self._terms.plan.participants * MAX_VERSION
        ):
            self._break("is a contribution too many or too late")
        if len(entry.payload) > self._largest:
            self._break("is larger than any contribution to this plan")
        self.contributions.append(entry.payload)

    def _check_roster_votes(self) -> None:
        try:
            notices.roster_tally(self._roster_votes, self._terms.plan, self._terms.ceremony)
        except QuorumMissing:
            self._break("comes before enough trustees countersigned the roster")

    def _announcement(self, entry: Entry) -> None:
        notice = notices.read_notice(entry.payload, self._terms.plan, self._terms.coordinator)
        if notice.kind != entry.kind:
            self._break("is logged as another kind than it was signed for")
        if self.proposal is not None and notice.kind != notices.CANCELLATION:
            self._break(f"is a {notice.kind} after the closing")
        if notice.kind == notices.CANCELLATION:
            if self._opens():
                self._break("is a cancellation after enough trustees certified the bands")
            self.cancelled = notice.reason

    def _opens(self) -> bool:
        """Whether the round can only go on: its sums are as good as opened, or it is released.

        A federated round may still lack a member's masked vector, and end without a result.
        """
        certificate = self._certificate()
        if certificate is None:
            return False
        waits = self._terms.plan.mode is Mode.CERTIFIED and not certificate.withheld
        return not waits or self.release is not None

    def _certificate(self) -> BandCertificate | None:
        try:
            return tally(self.votes["certificate"], self._terms.plan, self._terms.ceremony)
        except QuorumMissing:
            return None

    def _masked(self, entry: Entry) -> None:
        """Keep a masked vector; what it says is looked at when all are there."""
        counted = len(self.proposal.included) if self.proposal else 0
        if self._terms.plan.mode is not Mode.CERTIFIED or self.release is not None:
            self._break("is a masked vector, and nothing is masked then")
        if len(self.masked) >= counted:
            self._break("is a masked vector too many or too early")
        if len(entry.payload) > masked.max_bytes(self._terms.plan):
            self._break("is larger than any masked vector of this plan")
        self.masked.append(entry.payload)

    def _refusal(self, entry: Entry) -> None:
        trustee, statement = open_vote(entry.payload, notices.REFUSAL, self._terms.ceremony)
        if trustee.index in self.refusals:
            self._break("is a second refusal of one trustee")
        self.refusals[trustee.index] = notices.read_refusal(statement, self._terms.plan)

    def _close(self, entry: Entry) -> None:
        if self.proposal is not None:
            self._break("closes the round a second time")
        proposal = read_proposal(self._own(entry).payload, self._terms.plan)
        if proposal.transcript_head != self._head:
            self._break("closes another log than this one")
        # A round that nobody contributed to has still been shown to the trustees.
        self._check_roster_votes()
        self.proposal = proposal

    def _vote(self, entry: Entry) -> None:
        votes = self.votes[entry.kind]
        if self.proposal is None or self._too_many(votes):
            self._break(f"is a {entry.kind} too many or too early")
        # Ledgers keep them.
        if entry.kind == "closing" and len(entry.payload) > max_vote_bytes(self._terms.plan):
            self._break("is larger than any closing vote on this plan")
        votes.append(entry.payload)

    def _too_many(self, votes: list[bytes]) -> bool:
        return len(votes) >= len(self._terms.ceremony.trustees)

    def _own(self, entry: Entry) -> Statement:
        statement = open_signed(entry.payload, entry.kind)
        if statement.signer != self._terms.coordinator:
            raise InvalidSignature(f"a {entry.kind} statement is the coordinator's to sign")
        return statement

    def _break(self, what: str) -> NoReturn:
        raise TranscriptBroken(f"round {self._terms.plan.round_id}: entry {self.next_index} {what}")
