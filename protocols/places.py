"""A member's place on a roster, shown to whoever has the plan and not the roster.

The coordinator makes it (:func:`place_of`), the member's node checks it
(:meth:`Place.check`): a logarithm of the roster's size instead of the roster. SPEC.md section 4.
"""

from __future__ import annotations

from dataclasses import dataclass

from protocols.errors import InvalidSignature, PlanError, ProtocolError
from protocols.plan import Plan
from protocols.roster import Member, Roster, check_members
from protocols.signing import VerifyKey
from protocols.wire import messages_pb2
from protocols.wire import service_pb2 as pb
from protocols.wire.codec import MAX_SMALL, decode, encode


@dataclass(frozen=True)
class Place:
    """A member, its place on the roster from 0, and the proof (:func:`roster.check_members`)."""

    index: int
    entry: Member
    proof: tuple[bytes, ...]

    def check(self, plan: Plan) -> None:
        """Check that the plan's roster has this member at this place.

        :raises PlanError: it has not, or has another number of members than the plan says.
        """
        try:
            check_members(plan.roster_hash, plan.participants, {self.index: self.entry}, self.proof)
        except ProtocolError as error:
            raise PlanError(f"the place is not on the plan's roster: {error}") from error

    def member(self, key: VerifyKey) -> Member:
        """The member with ``key``. :raises InvalidSignature: the place is another member's."""
        if key != self.entry.key:
            raise InvalidSignature(
                f"the place on the roster is that of {self.entry.key.fingerprint}, not of "
                f"{key.fingerprint}"
            )
        return self.entry

    def to_message(self) -> pb.RosterPlace:
        """The field of a round's description."""
        return pb.RosterPlace(
            place=self.index, member=self.entry.to_bytes(), proof=list(self.proof)
        )

    def to_bytes(self) -> bytes:
        """The bytes of a description's field."""
        return encode(self.to_message())

    @classmethod
    def from_bytes(cls, data: bytes) -> Place:
        """Decode; nothing is proven yet. :raises ProtocolError: malformed."""
        message = decode(pb.RosterPlace, data, MAX_SMALL)
        entry = Member.from_message(decode(messages_pb2.RosterMember, message.member, MAX_SMALL))
        return cls(message.place, entry, tuple(message.proof))


def place_of(roster: Roster, key: VerifyKey) -> Place:
    """The place of the member with ``key``; for whoever holds the roster.

    :raises InvalidSignature: it has none.
    """
    index = roster.place(key)
    return Place(index, roster.members[index], roster.prove([index]))
