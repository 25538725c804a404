"""A node's single submission: encrypted counts N, classes K and values V, one proof, one signature.

Made by :func:`build` on the private side, checked by everybody else with :func:`read` and
:func:`verify_proof`. Every contribution to a plan has the same number of bytes whatever it holds.
SPEC.md section 4.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gmpy2 import mpz

from protocols import knowledge
from protocols.errors import (
    ContributionRefused,
    InvalidCiphertext,
    InvalidProof,
    MalformedMessage,
    PlanError,
)
from protocols.hashing import domain_hash
from protocols.knowledge import KnowledgeProof
from protocols.layout import Layout
from protocols.paillier import Encryptor, PublicKey
from protocols.plan import Plan
from protocols.roster import Roster
from protocols.signing import SigningKey, VerifyKey, open_signed, statement_hash
from protocols.wire import messages_pb2 as pb
from protocols.wire.codec import decode, encode, encode_fixed, encode_uint

KIND = "contribution"
ENVELOPE_BYTES = 1024
"""Room for everything around the ciphertexts that is not the proof."""


@dataclass(frozen=True)
class Contribution:
    """A contribution of checked form; ``received`` are the signed bytes as they came."""

    member: VerifyKey
    version: int
    ciphertexts: tuple[mpz, ...]
    proof: KnowledgeProof
    plan_hash: bytes
    received: bytes

    @property
    def hash(self) -> bytes:
        """How closing lists refer to this contribution."""
        return statement_hash(self.received)


def build(
    plan: Plan,
    layout: Layout,
    measures: Mapping[str, int],
    signer: SigningKey,
    encryptor: Encryptor,
    *,
    version: int = 1,
    randbits: Callable[[int], int] = secrets.randbits,
) -> bytes:
    """Encrypt, prove and sign a node's measures. Run by the private side, and nowhere else.

    :param measures: every measure of the plan, guards included, as integers in the plan's units.
    :raises ContributionRefused: missing measure, value out of bound, zero denominator.
    """
    if layout.modulus_bits != encryptor.key.bits:
        raise PlanError("the layout was made for another modulus length")
    plaintexts = layout.encode(measures)
    exponents = [encryptor.draw() for _ in plaintexts]
    ciphertexts = [
        encryptor.encrypt(plaintext, exponent)
        for plaintext, exponent in zip(plaintexts, exponents, strict=True)
    ]
    context = proof_context(plan.hash, signer.public, version)
    proof = knowledge.prove(encryptor, context, ciphertexts, plaintexts, exponents, randbits)
    return assemble(plan.hash, ciphertexts, proof, signer, encryptor.key, version)


def assemble(
    plan_hash: bytes,
    ciphertexts: list[mpz],
    proof: KnowledgeProof,
    signer: SigningKey,
    key: PublicKey,
    version: int = 1,
) -> bytes:
    """Serialise and sign; apart from :func:`build` used by negative test vectors only."""
    size = key.ciphertext_bytes
    message = pb.Contribution(
        plan_hash=plan_hash,
        version=version,
        ciphertexts=b"".join(encode_fixed(int(c), size) for c in ciphertexts),
        proof=proof.to_message(key),
    )
    return signer.sign(KIND, encode(message))


def read(data: bytes, plan: Plan, layout: Layout, roster: Roster, key: PublicKey) -> Contribution:
    """Check everything about a contribution but its proof; cheap enough to do on arrival.

    Size before parsing, signature, roster, plan hash, number and range of the ciphertexts. That the
    ciphertexts were not seen before is :class:`SeenCiphertexts`'s business.

    :raises ProtocolError: a subclass that names the defect.
    """
    count = len(layout.labels)
    expected = count * key.ciphertext_bytes
    limit = expected + key.ciphertext_bytes + key.modulus_bytes + ENVELOPE_BYTES
    statement = open_signed(data, KIND, limit)
    roster.member(statement.signer)
    message = decode(pb.Contribution, statement.payload, limit)
    if message.plan_hash != plan.hash:
        raise PlanError("the contribution was made for another plan")
    if message.version < 1:
        raise MalformedMessage("contribution: versions count from 1")
    if len(message.ciphertexts) != expected:
        raise MalformedMessage(
            f"contribution: {len(message.ciphertexts)} bytes of ciphertext, {expected} needed"
        )
    size = key.ciphertext_bytes
    ciphertexts = tuple(
        mpz(int.from_bytes(message.ciphertexts[i * size : (i + 1) * size], "big"))
        for i in range(count)
    )
    key.check_ciphertexts(ciphertexts)
    return Contribution(
        member=statement.signer,
        version=message.version,
        ciphertexts=ciphertexts,
        proof=KnowledgeProof.from_message(message.proof, key),
        plan_hash=message.plan_hash,
        received=data,
    )


def verify_proof(contribution: Contribution, encryptor: Encryptor) -> None:
    """Check the proof of knowledge. Nothing is counted before this passed.

    :raises InvalidProof: naming the member.
    """
    context = proof_context(contribution.plan_hash, contribution.member, contribution.version)
    try:
        knowledge.verify(encryptor, context, contribution.ciphertexts, contribution.proof)
    except InvalidProof as error:
        raise InvalidProof(f"contribution of {contribution.member.fingerprint}: {error}") from error


def proof_context(plan_hash: bytes, member: VerifyKey, version: int) -> bytes:
    """What a proof is bound to besides the ciphertexts: plan (and so round), signer, version."""
    return domain_hash("cefed/proof-context/v1", plan_hash, member.raw, encode_uint(version))


class SeenCiphertexts:
    """Refuses a ciphertext or a member that was accepted before in the same round.

    Kept by whoever collects or recomputes: coordinator, trustee, verifier.
    """

    def __init__(self) -> None:
        self._ciphertexts: set[bytes] = set()
        self._members: set[bytes] = set()

    def check_new(self, contribution: Contribution) -> None:
        """Raise for a second contribution of a member, or for any repeated ciphertext."""
        if contribution.member.raw in self._members:
            raise ContributionRefused(
                f"{contribution.member.fingerprint} has already contributed to this round"
            )
        digests = [_digest(ciphertext) for ciphertext in contribution.ciphertexts]
        if len(set(digests)) != len(digests) or not self._ciphertexts.isdisjoint(digests):
            raise InvalidCiphertext(
                f"contribution of {contribution.member.fingerprint} repeats a ciphertext"
            )

    def add(self, contribution: Contribution) -> None:
        """Check and remember ``contribution``."""
        self.check_new(contribution)
        self._members.add(contribution.member.raw)
        self._ciphertexts.update(_digest(ciphertext) for ciphertext in contribution.ciphertexts)


def _digest(ciphertext: int) -> bytes:
    return domain_hash("cefed/ciphertext/v1", encode_uint(int(ciphertext)))[:16]
