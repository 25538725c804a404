"""The part of a round's transcript that a trustee keeps, checked entry by entry as it is read.

Contributions are held only until the round's aggregates are recomputed from them.
"""

from __future__ import annotations

from protocols.ceremony import Ceremony
from protocols.closing import read_proposal
from protocols.errors import InvalidSignature, TranscriptBroken
from protocols.signing import Statement, open_signed, statement_hash
from protocols.terms import Terms
from protocols.transcript import Entry, genesis, next_entry

VOTES = ("closing", "certificate", "sums", "endorsement")


class Record:
    """What the transcript has said so far.

    :ivar included: the proposed inclusion list, every contribution, once the round is closed.
    :ivar contributions: the signed contributions; emptied by :meth:`forget_contributions`.
    :ivar votes: signed statements of the trustees by kind, in the transcript's order.
    """

    def __init__(self, terms: Terms) -> None:
        self.included: tuple[bytes, ...] | None = None
        self.contributions: list[bytes] = []
        self.votes: dict[str, list[bytes]] = {kind: [] for kind in VOTES}
        self.release: Statement | None = None
        self.next_index = 0
        self._terms = terms
        self._head = genesis(terms.plan.round_id)
        self._contributed = 0

    def read(self, entry: Entry) -> None:
        """Take in the next entry. :raises ProtocolError: it breaks the chain or the order."""
        if entry != next_entry(self._head, self.next_index, entry.kind, entry.payload):
            self._break("breaks the hash chain")
        if (entry.index == 0) != (entry.kind == "plan"):
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
        kind, terms = entry.kind, self._terms
        if kind == "plan":
            if entry.payload != terms.description.plan:
                self._break("is another plan than the one described")
        elif kind == "contribution":
            self._contributed += 1
            if self.included is not None or self._contributed > terms.plan.participants:
                self._break("is a contribution too many or too late")
            self.contributions.append(entry.payload)
        elif kind == "close":
            if self.included is not None:
                self._break("closes the round a second time")
            proposal = read_proposal(self._own(entry).payload, terms.plan)
            if proposal.transcript_head != self._head:
                self._break("closes another log than this one")
            # Only valid contributions are logged, and each is acknowledged: none may be left out.
            if list(proposal.included) != sorted(map(statement_hash, self.contributions)):
                self._break("closes another list than all the contributions before it")
            self.included = proposal.included
        elif kind == "release":
            if self.release is not None:
                self._break("is a second release")
            self.release = self._own(entry)
        else:
            self._vote(entry)

    def _vote(self, entry: Entry) -> None:
        votes = self.votes[entry.kind]
        if self.included is None or len(votes) >= len(self._terms.ceremony.trustees):
            self._break(f"is a {entry.kind} too many or too early")
        votes.append(entry.payload)

    def _own(self, entry: Entry) -> Statement:
        statement = open_signed(entry.payload, entry.kind)
        if statement.signer != self._terms.coordinator:
            raise InvalidSignature(f"a {entry.kind} statement is the coordinator's to sign")
        return statement

    def _break(self, what: str) -> None:
        raise TranscriptBroken(f"round {self._terms.plan.round_id}: entry {self.next_index} {what}")
