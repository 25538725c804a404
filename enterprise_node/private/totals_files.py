"""What a node keeps of one round of totals, beside what every round's folder holds.

::

    totals-offer     the coordinator's signed plan and the own place, as the first step brought them
    totals-step      the step that came last
    totals-memory    secret: what the protocol remembers between two steps, mode 0600
    totals-answer    the answer that was made last, after the hash of the step that it is to
    totals-list      hash of the list of members that shares were revealed for; stays
    totals-refusal   why the protocol went no further here, for the owner

The secrets are destroyed when the round is over.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from enterprise_node.errors import EnvelopeDamaged, NodeStoreError
from enterprise_node.exchange import pack, unpack
from enterprise_node.private.rounds import RoundFolder
from protocols.federated.offer import TotalsDescription
from protocols.hashing import domain_hash
from protocols.wire import federated_pb2 as pb
from protocols.wire.codec import decode

MAX_STEP_BYTES = 1 << 24
MAX_MEMORY_BYTES = 1 << 24


@dataclass(frozen=True)
class Answered:
    """The last answer, and the SHA-256 of the step that it is to."""

    step: bytes
    answer: bytes


class TotalsFiles:
    """A round's folder, as far as it is one of totals."""

    def __init__(self, folder: RoundFolder) -> None:
        self._folder = folder

    def offer(self) -> TotalsDescription | None:
        """Plan and place; None if this is no round of totals. :raises NodeStoreError: damaged."""
        parts = self._pair("totals-offer")
        return None if parts is None else TotalsDescription(*parts)

    def keep_offer(self, offer: TotalsDescription) -> None:
        """Keep plan and place. :raises StorageError: they cannot be written."""
        self._folder.keep("totals-offer", pack((offer.plan, offer.place)))

    def step(self) -> bytes | None:
        """The step that came last."""
        return self._read("totals-step")

    def keep_step(self, step: bytes) -> None:
        """Keep a step, until it is answered. :raises StorageError: it cannot be written."""
        self._folder.keep("totals-step", step)

    def memory(self) -> bytes | None:
        """What the protocol remembers, secrets included; None before the first answer."""
        return self._folder.secret("totals-memory", MAX_MEMORY_BYTES)

    def keep_memory(self, memory: bytes) -> None:
        """Keep it, before the answer that it belongs to leaves."""
        self._folder.keep_secret("totals-memory", memory)

    def answered(self) -> Answered | None:
        """The last answer. :raises NodeStoreError: damaged."""
        parts = self._pair("totals-answer")
        return None if parts is None else Answered(*parts)

    def keep_answer(self, step: bytes, answer: bytes) -> None:
        """Keep the answer to a step."""
        self._folder.keep("totals-answer", pack((step_hash(step), answer)))

    def revealed_for(self) -> bytes | None:
        """Hash of the list of survivors that shares were revealed for; None if none were."""
        return self._read("totals-list")

    def keep_revealed_for(self, survivors_hash: bytes) -> None:
        """Keep it, since the release has to be for that list, however late it comes."""
        self._folder.keep("totals-list", survivors_hash)

    def refusal(self) -> str | None:
        """Why the protocol went no further here."""
        data = self._read("totals-refusal")
        return None if data is None else data.decode("utf-8", "replace")

    def keep_refusal(self, text: str) -> None:
        """Keep it for the status."""
        self._folder.keep("totals-refusal", text.encode("utf-8"))

    def drop_refusal(self) -> None:
        """Forget it: a later step was answered."""
        self._folder.drop("totals-refusal")

    def drop_step(self) -> None:
        """Forget the step that came last: it is not to be answered."""
        self._folder.drop("totals-step")

    def forget(self) -> None:
        """Destroy what only the running round needs."""
        for name in ("totals-memory", "totals-step", "totals-answer"):
            self._folder.drop(name)
        self._folder.drop_unfinished()

    def _pair(self, name: str) -> tuple[bytes, bytes] | None:
        """A file of two parts."""
        data = self._read(name)
        if data is None:
            return None
        try:
            first, second = unpack(data)
        except (EnvelopeDamaged, ValueError) as error:
            raise NodeStoreError(
                f"{self._folder.folder / name}: damaged; restore the round's folder from a backup, "
                "or remove it if this node is not to take part"
            ) from error
        return first, second

    def _read(self, name: str) -> bytes | None:
        return self._folder.secret(name, MAX_STEP_BYTES)


def step_hash(step: bytes) -> bytes:
    """By which an answer names its step."""
    return hashlib.sha256(step).digest()


def answers_in(memory: bytes | None) -> frozenset[bytes]:
    """Every answer that the protocol remembers. :raises ProtocolError: a damaged memory."""
    if memory is None:
        return frozenset()
    read = decode(pb.TotalsMemory, memory, MAX_MEMORY_BYTES)
    return frozenset(item.answer for item in read.answered)


def digest_of(offer: TotalsDescription) -> str:
    """Hexadecimal; names plan and place together, as decisions do."""
    return domain_hash("cefed/totals-offer/v1", offer.plan, offer.place).hex()
