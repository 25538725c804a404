"""Who may contribute to a round: signing keys, known to everybody as pseudonyms.

The roster's hash is in the plan, so a coordinator cannot swap it after the plan was signed. A
corporate group is one member: were it several, a band of affiliates and one outsider would show the
outsider to the group. Trustees see to that by the members' certificates
(:mod:`protocols.enrolment.members`); a roster is public, so no group's name stands in it. SPEC.md
section 4.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from protocols.errors import InvalidSignature, MalformedMessage
from protocols.hashing import domain_hash
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
        roster = cls(tuple(Member(VerifyKey(m.signing_key), m.group) for m in message.members))
        roster._check()
        return roster

    def to_bytes(self) -> bytes:
        """The bytes that :attr:`hash` covers."""
        return encode(
            pb.Roster(
                members=[
                    pb.RosterMember(signing_key=m.key.raw, group=m.group) for m in self.members
                ]
            )
        )

    @cached_property
    def hash(self) -> bytes:
        """What the plan refers to."""
        return domain_hash("cefed/roster/v1", self.to_bytes())

    @cached_property
    def _by_key(self) -> dict[bytes, Member]:
        return {member.key.raw: member for member in self.members}

    def member(self, key: VerifyKey) -> Member:
        """The member with ``key``. :raises InvalidSignature: if there is none."""
        try:
            return self._by_key[key.raw]
        except KeyError:
            raise InvalidSignature(f"{key.fingerprint} is not on the roster") from None

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
        if any(not 0 < len(member.group) <= MAX_GROUP_LENGTH for member in self.members):
            raise MalformedMessage("roster: every member needs a group tag of 1 to 100 characters")
