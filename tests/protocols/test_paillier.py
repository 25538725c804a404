"""Paillier: agreement with `phe` both ways, homomorphism, and everything that must be refused."""

from __future__ import annotations

import secrets

import gmpy2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from phe import paillier as phe_paillier

from protocols.errors import InvalidCiphertext, KeyRefused, ProtocolError
from protocols.paillier import Encryptor, PublicKey, derive_base, encryptor_for
from tests.keys import public_key, small_primes_unsafe, small_public_key, test_primes

SMALL = small_public_key()
ENCRYPTOR = encryptor_for(SMALL)
PRIVATE = phe_paillier.PaillierPrivateKey(SMALL.phe_key, *small_primes_unsafe())

plaintexts = st.integers(0, int(SMALL.n) - 1)


@given(plaintexts)
def test_phe_decrypts_our_ciphertexts(plaintext: int) -> None:
    assert PRIVATE.raw_decrypt(int(ENCRYPTOR.encrypt(plaintext))) == plaintext


@given(plaintexts)
def test_we_read_phe_ciphertexts(plaintext: int) -> None:
    theirs = SMALL.phe_key.raw_encrypt(plaintext)
    SMALL.check_ciphertext(theirs)
    doubled = theirs * ENCRYPTOR.encrypt(plaintext) % SMALL.n_squared
    assert PRIVATE.raw_decrypt(int(doubled)) == 2 * plaintext % SMALL.n


@given(plaintexts, plaintexts)
def test_the_product_encrypts_the_sum(first: int, second: int) -> None:
    product = ENCRYPTOR.encrypt(first) * ENCRYPTOR.encrypt(second) % SMALL.n_squared
    assert PRIVATE.raw_decrypt(int(product)) == (first + second) % SMALL.n


def test_full_size_key_agrees_with_phe() -> None:
    key = public_key()
    private = phe_paillier.PaillierPrivateKey(key.phe_key, *test_primes())
    value = secrets.randbits(2000)
    assert private.raw_decrypt(int(encryptor_for(key).encrypt(value))) == value


def test_same_plaintext_never_gives_the_same_ciphertext() -> None:
    assert len({int(ENCRYPTOR.encrypt(7)) for _ in range(50)}) == 50


def test_randomness_has_512_bits() -> None:
    asked: list[int] = []

    def record(bits: int) -> int:
        asked.append(bits)
        return secrets.randbits(bits)

    Encryptor(SMALL, randbits=record).encrypt(1)
    assert asked == [512]


def test_mask_is_the_power_of_the_derived_base() -> None:
    exponent = secrets.randbits(512)
    expected = gmpy2.powmod(SMALL.base_powered, exponent, SMALL.n_squared)
    assert ENCRYPTOR.mask(exponent) == expected


def test_base_depends_on_the_modulus_alone_and_is_not_trivial() -> None:
    again = PublicKey.unsafe_from_modulus(int(SMALL.n))
    assert again.base == SMALL.base == derive_base(SMALL.n)
    assert SMALL.base not in (0, 1, SMALL.n - 1)
    assert gmpy2.jacobi(SMALL.base, SMALL.n) in (-1, 1)


@pytest.mark.parametrize("plaintext", [-1, int(SMALL.n)])
def test_plaintext_outside_the_modulus_is_refused(plaintext: int) -> None:
    with pytest.raises(ProtocolError, match="outside the modulus"):
        ENCRYPTOR.encrypt(plaintext)


@pytest.mark.parametrize(
    ("ciphertext", "reason"),
    [
        (0, "not between"),
        (-1, "not between"),
        (int(SMALL.n_squared), "not between"),
        (int(SMALL.n_squared) + 5, "not between"),
        (small_primes_unsafe()[0], "shares a factor"),
        (int(SMALL.n), "shares a factor"),
    ],
)
def test_ciphertexts_out_of_range_or_not_coprime_are_refused(ciphertext: int, reason: str) -> None:
    with pytest.raises(InvalidCiphertext, match=reason):
        SMALL.check_ciphertext(ciphertext)
    with pytest.raises(InvalidCiphertext, match=reason):
        SMALL.check_ciphertexts([int(ENCRYPTOR.encrypt(1)), ciphertext])


@pytest.mark.parametrize(
    ("modulus", "reason"),
    [
        (int(SMALL.n), "bits; at least 2048"),
        (1 << 2050, "even"),
        ((1 << 9_000) + 1, "more than 8192 bits"),
        (3 * ((1 << 2100) + 1), "factor below"),
        ((1 << 2203) - 1, "is a prime"),
        (test_primes()[0] ** 2, "perfect power"),
        (test_primes()[0] ** 3, "perfect power"),
    ],
)
def test_malformed_moduli_are_refused(modulus: int, reason: str) -> None:
    with pytest.raises(KeyRefused, match=reason):
        PublicKey.from_modulus(modulus)
