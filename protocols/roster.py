"""Who may contribute to a round: signing keys, known to everybody as pseudonyms.

The roster's hash is in the plan, so a coordinator cannot swap it after the plan was signed. It is
over the root of a Merkle tree of the members and over their number, so that a member's place can be
shown to whoever holds the plan but not the roster (:func:`check_members`;
:mod:`protocols.places`). Coordinator, trustees and verifiers hold the roster, nodes their place. A
corporate group is one member: were it several, a band of affiliates and one outsider would show the
outsider to the group. Trustees see to that by the members' certificates
(:mod:`protocols.enrolment.members`); a roster is public, so no group's name stands in it. SPEC.md
section 4.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from protocols.errors import InvalidSignature, MalformedMessage
from protocols.hashing import domain_hash
from protocols.merkle import MerkleTree, check_entries
from protocols.signing import VerifyKey
from protocols.wire import messages_pb2 as pb
from protocols.wire.codec import decode, encode

MAX_GROUP_LENGTH = 100


@dataclass(frozen=True)
class Member:
    """One enterprise: its key, and an opaque tag that no other member has.

    Coordinators write the key's fingerprint there (:meth:`Roster.of_keys`).
    """

    key: VerifyKey
    group: str

    def to_message(self) -> pb.RosterMember:
        """The roster's field."""
        return pb.RosterMember(signing_key=self.key.raw, group=self.group)

    def to_bytes(self) -> bytes:
        """What the tree's leaf is over."""
        return encode(self.to_message())

    @classmethod
    def from_message(cls, message: pb.RosterMember) -> Member:
        """Read the roster's field. :raises ProtocolError: an unusable key or tag."""
        member = cls(VerifyKey(message.signing_key), message.group)
        member.check()
        return member

    def check(self) -> None:
        """:raises MalformedMessage: an unusable tag."""
        if not 0 < len(self.group) <= MAX_GROUP_LENGTH:
            raise MalformedMessage("roster: every member needs a group tag of 1 to 100 characters")


@dataclass(frozen=True)
class Roster:
    """All members of a round, in ascending order of their keys, without repetition."""

    members: tuple[Member, ...]

    @classmethod
    def of(cls, members: Iterable[Member]) -> Roster:
        """A roster in canonical order. :raises MalformedMessage: for a repeated key."""
        roster = cls(tuple(sorted(members, key=lambda member: member.key.raw)))
        roster._check()
        return roster

    @classmethod
    def of_keys(cls, keys: Iterable[VerifyKey]) -> Roster:
        """The roster of these members, which says nothing of them but their keys.

        :raises MalformedMessage: for a repeated key.
        """
        return cls.of(Member(key, key.fingerprint) for key in keys)

    @classmethod
    def from_bytes(cls, data: bytes) -> Roster:
        """Decode; :class:`MalformedMessage` if out of order, repeated or with an unusable tag."""
        message = decode(pb.Roster, data)
        roster = cls(tuple(Member.from_message(member) for member in message.members))
        roster._check()
        return roster

    def to_bytes(self) -> bytes:
        """The whole roster as it travels."""
        return encode(pb.Roster(members=[member.to_message() for member in self.members]))

    @cached_property
    def hash(self) -> bytes:
        """What the plan refers to."""
        return _hash(len(self.members), self._tree.root)

    def member(self, key: VerifyKey) -> Member:
        """The member with ``key``. :raises InvalidSignature: if there is none."""
        return self.members[self.place(key)]

    def place(self, key: VerifyKey) -> int:
        """Where the member with ``key`` is, from 0. :raises InvalidSignature: nowhere."""
        try:
            return self._places[key.raw]
        except KeyError:
            raise InvalidSignature(f"{key.fingerprint} is not on the roster") from None

    def prove(self, places: Iterable[int]) -> tuple[bytes, ...]:
        """What :func:`check_members` needs beside the members at ``places``.

        :raises IndexError: no place, or one outside the roster.
        """
        return (self._tree.root, *self._tree.prove(places))

    @cached_property
    def _tree(self) -> MerkleTree:
        return MerkleTree([member.to_bytes() for member in self.members])

    @cached_property
    def _places(self) -> dict[bytes, int]:
        return {member.key.raw: place for place, member in enumerate(self.members)}

    def _check(self) -> None:
        keys = [member.key.raw for member in self.members]
        if any(first >= second for first, second in pairwise(keys)):
            raise MalformedMessage("roster: keys repeated or not in ascending order")
        counts = Counter(member.group for member in self.members)
        repeated = next((group for group, count in counts.items() if count > 1), None)
        if repeated is not None:
            raise MalformedMessage(
                f"roster: two members have the group tag {repeated!r}; a group takes part as one "
                "enterprise, through one node that adds up its plants"
            )
        for member in self.members:
            member.check()


def check_members(
    roster_hash: bytes, size: int, members: Mapping[int, Member], proof: Sequence[bytes]
) -> None:
    """Check that the roster with this hash has ``size`` members, and these at these places.

    That no key and no group is on it twice is for whoever holds the roster to see: trustees do,
    before they countersign its hash.

    :param members: by their places, from 0.
    :param proof: what :meth:`Roster.prove` made for these places.
    :raises MalformedMessage: it does not show that.
    """
    root, *parts = proof or (b"",)
    if _hash(size, root) != roster_hash:
        raise MalformedMessage("roster: the proof is for another roster, or another size of it")
    check_entries(root, size, {at: member.to_bytes() for at, member in members.items()}, parts)


def _hash(size: int, root: bytes) -> bytes:
    return domain_hash("cefed/roster/v2", size.to_bytes(8, "big"), root)
