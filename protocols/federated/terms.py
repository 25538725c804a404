"""What a plan says about its federated aggregation; a plan that says nothing is Paillier's.

Two modes, which differ in who enforces the policy (SPEC.md section 11). ``certified``: counts run
through the trustees as ever, and members mask their values for the trustees' band certificate.
``totals``: no trustees; members mask their measures, and open the totals of those who remained.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from protocols.errors import PlanError
from protocols.wire import messages_pb2 as pb

WORD_BITS = 64
"""Masked sums are taken modulo 2 to this; a plan whose sums have no room in it is refused."""

CERTIFIED_NEIGHBOURS, TOTALS_NEIGHBOURS = 64, 192
"""Degree of a large round's mask graph. Neighbours are the nearest on a ring, so the honest members
fall apart only where as many colluding members as half the degree follow each other on the ring,
twice. In ``totals`` neighbours hold the shares of each other's secrets, too, and some drop out."""

MOST_NEIGHBOURS = 1024
"""What a plan may cost each member: some seconds."""

MOST_WAIT_SECONDS = 366 * 24 * 3600
"""From the deadline to the end of the wait: as long members keep their round keys."""

COMMITTEE = 640
"""Members who sign the list of survivors in a large round."""

# Why these numbers: with a fifth of 10,000 members colluding with the coordinator, each event that
# breaks a round has a probability below 2^-110 for one order of the ring, so that 2^40 orders tried
# in advance leave 2^-70. With a fifth dropping out, less than one such round in a thousand fails.
# tests/protocols/federated/test_parameters.py computes the tails.


class Mode(StrEnum):
    """Who enforces the policy."""

    CERTIFIED = "certified"
    TOTALS = "totals"


@dataclass(frozen=True)
class Aggregation:
    """How the members of a round mask what they send.

    ``neighbours``: with how many others each masks; all others if there are no more.
    ``until``: seconds since 1970-01-01 UTC; in ``certified`` how long masked vectors are waited
    for, in ``totals`` the end of the round. In ``totals`` only, else 0: ``threshold``, how many
    neighbours rebuild a secret of a member; ``committee`` and ``quorum``, how many members sign the
    list of survivors, and how many of them it needs.
    """

    mode: Mode
    neighbours: int
    until: int
    threshold: int = 0
    committee: int = 0
    quorum: int = 0

    @classmethod
    def certified(cls, participants: int, until: int) -> Aggregation:
        """The terms for a roster of ``participants``."""
        return cls(Mode.CERTIFIED, min(CERTIFIED_NEIGHBOURS, max(1, participants - 1)), until)

    @classmethod
    def totals(cls, participants: int, until: int) -> Aggregation:
        """The terms for a roster of ``participants``, of whom a fifth may drop out."""
        neighbours = min(TOTALS_NEIGHBOURS, max(1, participants - 1))
        committee = min(COMMITTEE, participants)
        return cls(
            Mode.TOTALS,
            neighbours,
            until,
            threshold=5 * neighbours // 8 + 1,
            committee=committee,
            quorum=7 * committee // 10 + 1,
        )

    def check(self, participants: int) -> None:
        """Whether these terms are safe for a roster of ``participants``.

        :raises PlanError: they are not, with what to change.
        """
        others = participants - 1
        enough = CERTIFIED_NEIGHBOURS if self.mode is Mode.CERTIFIED else TOTALS_NEIGHBOURS
        most = max(1, min(others, MOST_NEIGHBOURS))
        if not min(enough, others) <= self.neighbours <= most:
            raise PlanError(
                f"aggregation: {self.neighbours} neighbours of {participants} members; use "
                f"{min(enough, others)} to {most}"
            )
        if self.neighbours % 2 and self.neighbours != others and participants > 1:
            raise PlanError("aggregation: an odd number of neighbours must be all others")
        if not 0 < self.until < 1 << 63:
            raise PlanError("aggregation: until must be a time in seconds since 1970")
        if self.mode is Mode.CERTIFIED:
            if (self.threshold, self.committee, self.quorum) != (0, 0, 0):
                raise PlanError("aggregation: certified rounds have no threshold and no committee")
            return
        if participants < 3:
            raise PlanError("aggregation: totals of fewer than three members hide nobody")
        # More than half, so that no two disjoint parts of a neighbourhood rebuild both secrets of
        # a member; the eighth beyond is for members who tell both parts what they want to hear.
        if not 5 * self.neighbours < 8 * self.threshold <= 8 * self.neighbours:
            raise PlanError(
                f"aggregation: a threshold of {self.threshold} of {self.neighbours} neighbours: "
                "use more than five eighths of them"
            )
        if self.committee != participants and not COMMITTEE <= self.committee < participants:
            raise PlanError(
                f"aggregation: a committee of {self.committee}: all {participants} members, or at "
                f"least {COMMITTEE} of them"
            )
        # Two quorums share more than two fifths of the committee, and so an honest member.
        if not 7 * self.committee < 10 * self.quorum <= 10 * self.committee:
            raise PlanError(
                f"aggregation: {self.quorum} signatures of a committee of {self.committee}: use "
                "more than seven tenths of it"
            )

    def to_message(self) -> pb.Aggregation:
        """The plan's field."""
        return pb.Aggregation(
            mode=self.mode,
            neighbours=self.neighbours,
            until=self.until,
            threshold=self.threshold,
            committee=self.committee,
            quorum=self.quorum,
        )

    @classmethod
    def from_message(cls, message: pb.Aggregation) -> Aggregation:
        """Read a plan's field. :raises PlanError: an unknown mode."""
        try:
            mode = Mode(message.mode)
        except ValueError:
            raise PlanError(f"aggregation: unknown mode {message.mode[:40]!r}") from None
        return cls(
            mode,
            message.neighbours,
            message.until,
            message.threshold,
            message.committee,
            message.quorum,
        )
