"""The proof of knowledge: complete, bound to its context, and useless to somebody who copies."""

from __future__ import annotations

import dataclasses
import secrets

import pytest
from gmpy2 import mpz
from hypothesis import given
from hypothesis import strategies as st

from protocols import knowledge
from protocols.errors import InvalidProof, MalformedMessage
from protocols.knowledge import BLINDING_BITS, KnowledgeProof
from protocols.paillier import encryptor_for
from tests.keys import small_public_key

KEY = small_public_key()
ENCRYPTOR = encryptor_for(KEY)
CONTEXT = b"plan, signer, version"


def contribution(count: int) -> tuple[list[int], list[mpz], list[mpz]]:
    plaintexts = [secrets.randbelow(int(KEY.n)) for _ in range(count)]
    exponents = [ENCRYPTOR.draw() for _ in plaintexts]
    pairs = zip(plaintexts, exponents, strict=True)
    return plaintexts, exponents, [ENCRYPTOR.encrypt(m, s) for m, s in pairs]


def proof_for(count: int) -> tuple[list[mpz], KnowledgeProof]:
    plaintexts, exponents, ciphertexts = contribution(count)
    return ciphertexts, knowledge.prove(ENCRYPTOR, CONTEXT, ciphertexts, plaintexts, exponents)


@given(st.integers(1, 12))
def test_honest_proofs_hold(count: int) -> None:
    ciphertexts, proof = proof_for(count)
    knowledge.verify(ENCRYPTOR, CONTEXT, ciphertexts, proof)


def test_proof_is_bound_to_its_context() -> None:
    ciphertexts, proof = proof_for(3)
    with pytest.raises(InvalidProof):
        knowledge.verify(ENCRYPTOR, b"another signer", ciphertexts, proof)


@pytest.mark.parametrize("position", range(4))
def test_every_ciphertext_is_covered(position: int) -> None:
    ciphertexts, proof = proof_for(4)
    ciphertexts[position] = ciphertexts[position] * ENCRYPTOR.encrypt(0) % KEY.n_squared
    with pytest.raises(InvalidProof):
        knowledge.verify(ENCRYPTOR, CONTEXT, ciphertexts, proof)


def test_order_of_ciphertexts_is_covered() -> None:
    ciphertexts, proof = proof_for(2)
    with pytest.raises(InvalidProof):
        knowledge.verify(ENCRYPTOR, CONTEXT, ciphertexts[::-1], proof)


def test_reblinded_copy_cannot_be_proven_by_the_copier() -> None:
    """The attack: multiply a victim's ciphertext by one of your own and prove what you know."""
    _, _, (victim,) = contribution(1)
    (own,), (exponent,), (ciphertext,) = contribution(1)
    copied = victim * ciphertext % KEY.n_squared
    forged = knowledge.prove(ENCRYPTOR, CONTEXT, [copied], [own], [exponent])
    with pytest.raises(InvalidProof):
        knowledge.verify(ENCRYPTOR, CONTEXT, [copied], forged)


@pytest.mark.parametrize(
    "change",
    [
        {"commitment": 0},
        {"commitment": int(KEY.n)},
        {"commitment": int(KEY.n_squared) + 1},
        {"plaintext_response": int(KEY.n)},
        {"plaintext_response": -1},
        {"randomness_response": 1 << (BLINDING_BITS + 1)},
        {"randomness_response": -1},
    ],
)
def test_values_out_of_range_are_refused(change: dict[str, int]) -> None:
    ciphertexts, proof = proof_for(2)
    with pytest.raises(InvalidProof):
        knowledge.verify(ENCRYPTOR, CONTEXT, ciphertexts, dataclasses.replace(proof, **change))


@pytest.mark.parametrize("field", ["commitment", "plaintext_response", "randomness_response"])
def test_any_change_of_the_proof_is_noticed(field: str) -> None:
    ciphertexts, proof = proof_for(2)
    changed = dataclasses.replace(proof, **{field: getattr(proof, field) + 1})
    with pytest.raises(InvalidProof):
        knowledge.verify(ENCRYPTOR, CONTEXT, ciphertexts, changed)


def test_no_ciphertexts_is_no_proof() -> None:
    _, proof = proof_for(1)
    with pytest.raises(InvalidProof):
        knowledge.verify(ENCRYPTOR, CONTEXT, [], proof)


def test_response_hides_what_it_carries() -> None:
    """The blinding is at least 128 bits longer than the largest sum of challenge times secret."""
    largest = (1 << 16) * ((1 << 128) - 1) * ((1 << 512) - 1)
    assert BLINDING_BITS - largest.bit_length() >= 128


def test_messages_have_a_fixed_length_and_round_trip() -> None:
    _, first = proof_for(1)
    _, second = proof_for(5)
    messages = [first.to_message(KEY), second.to_message(KEY)]
    assert len({message.ByteSize() for message in messages}) == 1
    assert KnowledgeProof.from_message(messages[0], KEY) == first
    messages[1].commitment = messages[1].commitment[1:]
    with pytest.raises(MalformedMessage):
        KnowledgeProof.from_message(messages[1], KEY)
