"""What a member keeps of a round from one answer to the next: one record, secret, never sent.

A member that forgot what it answered would answer again, and two answers to one question can show
what one hides. So the record is written before an answer leaves, and a record that is older than
the last answer must not be used: keep it out of backups (SPEC.md section 11.3).
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field

from protocols.errors import StorageError
from protocols.federated.totals.stages import ANSWERED, Stage
from protocols.hashing import domain_hash
from protocols.secrets import Secret
from protocols.wire import federated_pb2 as fb
from protocols.wire.codec import decode, encode

ROOT_BYTES = 32


@dataclass(frozen=True)
class Answered:
    """An answer that was given: ``subject`` tells whether a step asks for it again."""

    subject: bytes
    answer: bytes


@dataclass(frozen=True)
class NeighbourKeys:
    """A neighbour's public keys, which it signed."""

    mask_key: bytes
    seal_key: bytes


@dataclass(repr=False)
class Memory(Secret):
    """The record. ``keys`` and ``deals`` by the neighbours' places."""

    plan_hash: bytes
    root: bytes
    answered: dict[Stage, Answered] = field(default_factory=dict)
    keys: dict[int, NeighbourKeys] = field(default_factory=dict)
    deals: dict[int, bytes] = field(default_factory=dict)

    @classmethod
    def new(cls, plan_hash: bytes) -> Memory:
        """For a round that begins: fresh secrets of the operating system's generator."""
        return cls(plan_hash, secrets.token_bytes(ROOT_BYTES))

    def secret(self, purpose: str) -> bytes:
        """32 secret bytes of this round for one purpose."""
        return domain_hash("cefed/totals-secret/v1", self.root, purpose.encode(), self.plan_hash)

    def to_bytes(self) -> bytes:
        """What is written to the node's disk."""
        return encode(
            fb.TotalsMemory(
                plan_hash=self.plan_hash,
                root=self.root,
                answered=[
                    fb.TotalsAnswered(stage=stage.number, subject=one.subject, answer=one.answer)
                    for stage, one in sorted(self.answered.items(), key=lambda item: item[0].number)
                ],
                keys=[
                    fb.TotalsNeighbour(place=at, mask_key=one.mask_key, seal_key=one.seal_key)
                    for at, one in sorted(self.keys.items())
                ],
                deals=[
                    fb.SealedDeal(place=at, sealed=sealed)
                    for at, sealed in sorted(self.deals.items())
                ],
            )
        )

    @classmethod
    def from_bytes(cls, data: bytes, plan_hash: bytes) -> Memory:
        """Inverse of :meth:`to_bytes`.

        :raises StorageError: not a record of this round. :raises MalformedMessage: damaged.
        """
        message = decode(fb.TotalsMemory, data)
        if message.plan_hash != plan_hash or len(message.root) != ROOT_BYTES:
            raise StorageError("what is kept of this totals round belongs to another one")
        numbers = [one.stage for one in message.answered]
        if not set(numbers) <= {stage.number for stage in ANSWERED}:
            raise StorageError("what is kept of this totals round names an unknown stage")
        return cls(
            plan_hash,
            message.root,
            {
                ANSWERED[one.stage - 1]: Answered(one.subject, one.answer)
                for one in message.answered
            },
            {one.place: NeighbourKeys(one.mask_key, one.seal_key) for one in message.keys},
            {one.place: one.sealed for one in message.deals},
        )


def subject_of(received: bytes) -> bytes:
    """What a step is remembered by, where it is its very bytes that must not change."""
    return domain_hash("cefed/totals-subject/v1", received)
