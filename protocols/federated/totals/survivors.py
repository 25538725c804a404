"""The list of survivors: whose vectors are summed. The committee signs it, everybody checks it.

A bit for each place of the roster. Were two members shown different lists, their neighbours would
reveal both secrets of whoever is on one of them only; so each member signs one list and reveals for
one, and two lists with a quorum would have an honest signer in common (SPEC.md section 11.3).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from protocols.errors import (
    InvalidSignature,
    MalformedMessage,
    PolicyRefusal,
    QuorumMissing,
)
from protocols.federated.totals.setting import Setting
from protocols.hashing import domain_hash
from protocols.roster import Member, Roster, check_members
from protocols.signing import SigningKey, open_signed
from protocols.wire import federated_pb2 as fb
from protocols.wire import messages_pb2 as pb
from protocols.wire.codec import MAX_SMALL, decode, encode

KIND = "survivors"


@dataclass(frozen=True)
class Survivors:
    """A list for a round; ``bits`` as it travels, the lowest bit of a byte first."""

    plan_hash: bytes
    size: int
    bits: bytes

    def __post_init__(self) -> None:
        """:raises MalformedMessage: not one bit for each place."""
        unused = 8 * len(self.bits) - self.size
        if not 0 <= unused < 8 or (unused and self.bits[-1] >> (8 - unused)):
            raise MalformedMessage(f"survivors: not one bit for each of {self.size} places")

    @classmethod
    def of(cls, setting: Setting, places: Iterable[int]) -> Survivors:
        """The list of these places."""
        bits = bytearray((setting.plan.participants + 7) // 8)
        for place in places:
            bits[place // 8] |= 1 << place % 8
        return cls(setting.plan.hash, setting.plan.participants, bytes(bits))

    @classmethod
    def read(cls, setting: Setting, bits: bytes) -> Survivors:
        """The list that came. :raises MalformedMessage: it is none of this round."""
        return cls(setting.plan.hash, setting.plan.participants, bits)

    def __contains__(self, place: int) -> bool:
        return bool(self.bits[place // 8] >> place % 8 & 1)

    @cached_property
    def members(self) -> int:
        """How many survived."""
        return int.from_bytes(self.bits, "little").bit_count()

    @cached_property
    def hash(self) -> bytes:
        """How other messages refer to the list."""
        return domain_hash("cefed/survivors/v1", self.plan_hash, self.bits)

    def check_windows(self, setting: Setting) -> None:
        """That nobody parted the ring by calling its members lost.

        A coordinator may leave out of a list whom it likes. Were half a degree of members that
        follow each other left out, or colluding, in two places, the honest ones in between would
        mask among themselves only, and their sum would be seen.

        :raises PolicyRefusal: too few survivors follow each other somewhere on the ring.
        """
        ring, window = setting.ring, setting.window
        if not len(ring):
            return
        bits = np.unpackbits(np.frombuffer(self.bits, dtype=np.uint8), bitorder="little")
        around = bits[ring].astype(np.int64)
        sums = np.concatenate([[0], np.cumsum(np.concatenate([around, around[: window - 1]]))])
        least = int(np.min(sums[window:] - sums[:-window]))
        if least < setting.least_in_window:
            raise PolicyRefusal(
                f"{least} of {window} members that follow each other on the ring survive, "
                f"{setting.least_in_window} are needed: the others could be told apart from them"
            )

    def payload(self) -> bytes:
        """What a member of the committee signs."""
        return encode(
            fb.Survivors(plan_hash=self.plan_hash, survivors_hash=self.hash, members=self.members)
        )

    def sign(self, key: SigningKey) -> bytes:
        """The signed statement of a member of the committee."""
        return key.sign(KIND, self.payload())

    def check_for(self, setting: Setting, own: int, masked_with: Iterable[int]) -> None:
        """What a member asks of a list before it signs it, or reveals anything for it.

        :param masked_with: the neighbours that the member masked with.
        :raises PolicyRefusal: naming what the list lacks.
        """
        if self.members < setting.minimum:
            raise PolicyRefusal(
                f"the list has {self.members} survivors; the plan's policy asks for "
                f"{setting.minimum}"
            )
        if own not in self:
            raise PolicyRefusal("the list of survivors does not have this member")
        neighbours = set(setting.graph.neighbours(own))
        surviving = {place for place in neighbours if place in self}
        if not surviving <= set(masked_with):
            raise PolicyRefusal("the list has a neighbour that this member did not mask with")
        if len(surviving) < setting.threshold:
            raise PolicyRefusal(
                f"{len(surviving)} of this member's neighbours survive, {setting.threshold} are "
                "needed"
            )
        self.check_windows(setting)


def read_signature(data: bytes, survivors: Survivors, member: Member) -> bytes:
    """The bare signature of a member's signed list; the payload is the same for all.

    :raises ProtocolError: for another list, or not by this member.
    """
    statement = open_signed(data, KIND, MAX_SMALL)
    if statement.signer != member.key:
        raise InvalidSignature(f"a list signed by another than {member.key.fingerprint}")
    if statement.payload != survivors.payload():
        raise InvalidSignature(f"{member.key.fingerprint} signed another list of survivors")
    return decode(pb.Signed, data, MAX_SMALL).signature


def quorum_of(
    survivors: Survivors, signatures: Mapping[int, bytes], roster: Roster
) -> fb.TotalsQuorum:
    """The list with the signatures of its committee, by place, for every survivor."""
    places = sorted(signatures)
    return fb.TotalsQuorum(
        survivors=survivors.bits,
        signatures=[
            fb.TotalsSignature(
                place=place, member=roster.members[place].to_bytes(), signature=signatures[place]
            )
            for place in places
        ],
        proof=roster.prove(places),
    )


def check_quorum(message: fb.TotalsQuorum, setting: Setting) -> Survivors:
    """The list, if a quorum of the committee signed it.

    :raises QuorumMissing: too few signed.
    :raises ProtocolError: a signer twice, outside the committee or not on the roster, or a
        signature that does not verify.
    """
    survivors = Survivors.read(setting, message.survivors)
    places = [signature.place for signature in message.signatures]
    if places != sorted(set(places)) or not set(places) <= set(setting.committee):
        raise InvalidSignature("survivors: a signer twice, or one outside the committee")
    if len(places) < setting.terms.quorum:
        raise QuorumMissing(
            f"survivors: {len(places)} of the committee signed the list, {setting.terms.quorum} "
            "are needed"
        )
    members = {
        signature.place: Member.from_message(decode(pb.RosterMember, signature.member, MAX_SMALL))
        for signature in message.signatures
    }
    if len({member.key.raw for member in members.values()}) != len(members):
        raise InvalidSignature("survivors: one key signed for two places")
    check_members(setting.plan.roster_hash, setting.plan.participants, members, message.proof)
    payload = survivors.payload()
    for signature in message.signatures:
        members[signature.place].key.verify(KIND, payload, signature.signature)
    return survivors
