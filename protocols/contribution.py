"""A node's single submission: encrypted counts N, classes K and values V, one proof, one signature.

In a federated round of mode ``certified`` it has no V, but the member's signed round key.
Made by :func:`build` on the private side, checked by everybody else with :func:`read` and
:func:`verify_proof`. Every contribution to a plan has the same number of bytes whatever it holds.
SPEC.md section 4.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gmpy2 import mpz

from protocols import knowledge, noise
from protocols.errors import (
    InvalidProof,
    MalformedMessage,
    PlanError,
)
from protocols.federated import keys
from protocols.federated.keys import RoundKeys
from protocols.hashing import domain_hash
from protocols.knowledge import KnowledgeProof
from protocols.layout import Layout
from protocols.paillier import Encryptor, PublicKey
from protocols.plan import Mode, Plan
from protocols.roster import Roster
from protocols.signing import SigningKey, VerifyKey, open_signed, statement_hash
from protocols.wire import messages_pb2 as pb
from protocols.wire.codec import decode, encode, encode_fixed, encode_uint

KIND = "contribution"
ENVELOPE_BYTES = 1024
"""Room for everything around the ciphertexts that is not the proof."""


MAX_VERSION = 16
"""A member may correct its contribution while the round is open, this often at most."""


@dataclass(frozen=True)
class Arrived:
    """A contribution whose envelope was checked; nothing is known about its ciphertexts yet."""

    member: VerifyKey
    version: int
    hash: bytes
    round_key: RoundKeys | None = None


@dataclass(frozen=True)
class Contribution:
    """A contribution of checked form; ``received`` are the signed bytes as they came.

    ``round_key``: what the member masks with, in ``certified`` rounds; else None.
    """

    member: VerifyKey
    version: int
    ciphertexts: tuple[mpz, ...]
    proof: KnowledgeProof
    plan_hash: bytes
    received: bytes
    round_key: RoundKeys | None = None

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
    category: str | None = None,
    version: int = 1,
    round_key: bytes = b"",
    randbits: Callable[[int], int] = secrets.randbits,
) -> bytes:
    """Encrypt, prove and sign a node's measures. Run by the private side, and nowhere else.

    :param measures: every measure of the plan, guards included, as integers in the plan's units.
    :param category: the member's leaf of the plan's table, if the plan has one.
    :param round_key: of :func:`protocols.federated.keys.make_round_key`, another one each version;
        in ``certified`` rounds only.
    The plan's noise is drawn here, anew each time, and leaves no trace but in the ciphertexts.

    :raises ContributionRefused: missing measure, value out of bound, zero denominator, unknown
        category.
    :raises ProtocolError: a round key that the plan does not want, or that is not the signer's.
    """
    _read_round_key(round_key, plan, signer.public)
    if layout.modulus_bits != encryptor.key.bits:
        raise PlanError("the layout was made for another modulus length")
    plaintexts = layout.encode(measures, category, noise.draw(layout.shares, randbits))
    exponents = [encryptor.draw() for _ in plaintexts]
    ciphertexts = [
        encryptor.encrypt(plaintext, exponent)
        for plaintext, exponent in zip(plaintexts, exponents, strict=True)
    ]
    context = proof_context(plan.hash, signer.public, version)
    proof = knowledge.prove(encryptor, context, ciphertexts, plaintexts, exponents, randbits)
    return assemble(plan.hash, ciphertexts, proof, signer, encryptor.key, version, round_key)


def assemble(
    plan_hash: bytes,
    ciphertexts: list[mpz],
    proof: KnowledgeProof,
    signer: SigningKey,
    key: PublicKey,
    version: int = 1,
    round_key: bytes = b"",
) -> bytes:
    """Serialise and sign; apart from :func:`build` used by negative test vectors only."""
    size = key.ciphertext_bytes
    message = pb.Contribution(
        plan_hash=plan_hash,
        version=version,
        ciphertexts=b"".join(encode_fixed(int(c), size) for c in ciphertexts),
        proof=proof.to_message(key),
        round_key=round_key,
    )
    return signer.sign(KIND, encode(message))


def peek(
    data: bytes, plan: Plan, layout: Layout, roster: Roster, key: PublicKey
) -> tuple[Arrived, pb.Contribution]:
    """The checks on arrival: size before parsing, signature, roster, plan, version, length.

    Costs a hash of the bytes and a signature, and another one of the round key in a ``certified``
    round. The ciphertexts and the proof are not looked at.

    :raises ProtocolError: a subclass that names the defect.
    """
    expected = len(layout.labels) * key.ciphertext_bytes
    limit = max_bytes(layout, key)
    statement = open_signed(data, KIND, limit)
    roster.member(statement.signer)
    message = decode(pb.Contribution, statement.payload, limit)
    if message.plan_hash != plan.hash:
        raise PlanError("the contribution was made for another plan")
    if not 1 <= message.version <= MAX_VERSION:
        raise MalformedMessage(f"contribution: versions count from 1 to {MAX_VERSION}")
    if len(message.ciphertexts) != expected:
        raise MalformedMessage(
            f"contribution: {len(message.ciphertexts)} bytes of ciphertext, {expected} needed"
        )
    round_key = _read_round_key(message.round_key, plan, statement.signer)
    return Arrived(statement.signer, message.version, statement.hash, round_key), message


def max_bytes(layout: Layout, key: PublicKey) -> int:
    """The largest signed contribution to a plan that is looked at."""
    ciphertexts = (len(layout.labels) + 1) * key.ciphertext_bytes
    round_key = keys.MAX_BYTES if layout.plan.mode is Mode.CERTIFIED else 0
    return ciphertexts + key.modulus_bytes + ENVELOPE_BYTES + round_key


def read(data: bytes, plan: Plan, layout: Layout, roster: Roster, key: PublicKey) -> Contribution:
    """Check everything about a contribution but its proof.

    That the ciphertexts were not seen before is :func:`protocols.closing.select`'s business.

    :raises ProtocolError: a subclass that names the defect.
    """
    arrived, message = peek(data, plan, layout, roster, key)
    size = key.ciphertext_bytes
    ciphertexts = tuple(
        mpz(int.from_bytes(message.ciphertexts[i * size : (i + 1) * size], "big"))
        for i in range(len(layout.labels))
    )
    key.check_ciphertexts(ciphertexts)
    return Contribution(
        member=arrived.member,
        version=arrived.version,
        ciphertexts=ciphertexts,
        proof=KnowledgeProof.from_message(message.proof, key),
        plan_hash=message.plan_hash,
        received=data,
        round_key=arrived.round_key,
    )


def round_key_in(data: bytes) -> bytes:
    """The signed round key in a contribution that was checked before; empty if it has none."""
    return bytes(decode(pb.Contribution, decode(pb.Signed, data).payload).round_key)


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


def ciphertext_marks(contribution: Contribution) -> tuple[bytes, ...]:
    """Sixteen bytes that stand for each ciphertext, by which a copy is recognised."""
    return tuple(
        domain_hash("cefed/ciphertext/v1", encode_uint(int(c)))[:16]
        for c in contribution.ciphertexts
    )


def _read_round_key(data: bytes, plan: Plan, member: VerifyKey) -> RoundKeys | None:
    """The round key of a contribution: the member's own where the plan wants one, else none."""
    if plan.mode is Mode.CERTIFIED:
        if not data:
            raise MalformedMessage("contribution: no round key, and the plan masks its values")
        return keys.read_round_key(data, plan.hash, member)
    if data:
        raise MalformedMessage("contribution: a round key, and the plan masks nothing")
    return None
