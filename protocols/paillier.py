"""Paillier encryption with ``g = n + 1`` and the short-exponent speed-up.

The scheme is Paillier (EUROCRYPT 1999); the faster encryption is that of Damgard, Jurik, Nielsen,
"A generalization of Paillier's public-key system with applications to electronic voting" (2010),
section 4.2: ``c = (1 + n m) h_s^s mod n^2`` with ``h_s = h^n``, ``h = -x^2 mod n`` and a short
fresh ``s``. The argument behind short exponents supports half of |n|; 512 bits is the usual
heuristic, with a best known generic attack of 2^256 (SPEC.md section 5).

``x`` is a hash of the modulus: every party derives h itself, since whoever could hand out ``h = 1``
could read every ciphertext. This is the only module that imports ``phe``, which supplies the key
type and is the interoperability oracle: a ciphertext made here decrypts there and the reverse.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from functools import lru_cache

import gmpy2
from gmpy2 import mpz
from phe import paillier as phe_paillier

from protocols.errors import InvalidCiphertext, KeyRefused, ProtocolError
from protocols.hashing import domain_hash, domain_integers
from protocols.modular import FixedBase
from protocols.primes import small_primes

MINIMUM_MODULUS_BITS = 2048
MAXIMUM_MODULUS_BITS = 8192
"""Checks of a modulus take time that grows with the cube of its length: a bound for strangers'."""

DEFAULT_MODULUS_BITS = 3072
RANDOMNESS_BITS = 512
TABLE_BITS = 792
"""What the fixed-base table covers: the longest exponent is a proof's response of 785 bits."""

WINDOW_BITS = 9
"""Of the fixed-base table: 10 would be a tenth faster and take twice the memory."""

_SMALL_FACTOR_LIMIT = 1 << 16


class PublicKey:
    """A Paillier public key: the modulus, and what every party derives from it."""

    def __init__(self, phe_key: phe_paillier.PaillierPublicKey) -> None:
        self.phe_key = phe_key
        self.n = mpz(phe_key.n)
        self.n_squared = self.n * self.n
        self.bits: int = self.n.bit_length()
        self.ciphertext_bytes: int = (self.n_squared.bit_length() + 7) // 8
        self.modulus_bytes: int = (self.bits + 7) // 8
        self.base = derive_base(self.n)
        self.base_powered = gmpy2.powmod(self.base, self.n, self.n_squared)

    @classmethod
    def from_modulus(cls, modulus: int) -> PublicKey:
        """A key from a foreign modulus, after every check that can be made from outside.

        Size, oddness, no factor below 2^16, not a prime, not a perfect power. That the modulus is a
        product of two safe primes rests on the ceremony's signatures.

        :raises KeyRefused: naming the check that failed.
        """
        if int(modulus).bit_length() < MINIMUM_MODULUS_BITS:
            raise KeyRefused(
                f"modulus of {int(modulus).bit_length()} bits; "
                f"at least {MINIMUM_MODULUS_BITS} needed"
            )
        return cls.unsafe_from_modulus(modulus)

    @classmethod
    def unsafe_from_modulus(cls, modulus: int) -> PublicKey:
        """As :meth:`from_modulus` for any size: tests and demonstrations of breaks only."""
        if int(modulus).bit_length() > MAXIMUM_MODULUS_BITS:
            raise KeyRefused(f"modulus of more than {MAXIMUM_MODULUS_BITS} bits")
        n = mpz(modulus)
        if n.is_even() or n < 3:
            raise KeyRefused("modulus is even")
        if gmpy2.gcd(n, _small_factor_product()) != 1:
            raise KeyRefused("modulus has a factor below 2^16")
        if gmpy2.is_prime(n):
            raise KeyRefused("modulus is a prime")
        if gmpy2.is_power(n):
            raise KeyRefused("modulus is a perfect power")
        return cls(phe_paillier.PaillierPublicKey(int(n)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PublicKey) and self.n == other.n

    def __hash__(self) -> int:
        return hash(int(self.n))

    def __repr__(self) -> str:
        name = domain_hash("cefed/modulus/v1", int(self.n).to_bytes(self.modulus_bytes, "big"))
        return f"<PublicKey {self.bits} bits {name.hex()[:16]}>"

    def check_ciphertext(self, ciphertext: int) -> None:
        """Raise :class:`InvalidCiphertext` unless ``0 < c < n^2`` and ``gcd(c, n) = 1``."""
        self.check_ciphertexts((ciphertext,))

    def check_ciphertexts(self, ciphertexts: Iterable[int]) -> None:
        """The same for many, with one gcd: a product has a factor of n if and only if one has."""
        residue = mpz(1)
        for position, ciphertext in enumerate(ciphertexts):
            if not 0 < ciphertext < self.n_squared:
                raise InvalidCiphertext(f"ciphertext {position} is not between 0 and n^2")
            residue = residue * (ciphertext % self.n) % self.n
        if gmpy2.gcd(residue, self.n) != 1:
            raise InvalidCiphertext("a ciphertext shares a factor with the modulus")

    def encode_plaintext(self, plaintext: int) -> mpz:
        """``(1 + n)^m mod n^2``, which is ``1 + n m``."""
        return (1 + self.n * (plaintext % self.n)) % self.n_squared


class Encryptor:
    """Encrypts under one key with a shared window table. Process-local, built on first use.

    Randomness is drawn for every call and never kept: nothing here survives a fork, a snapshot or
    a restore.
    """

    def __init__(
        self,
        key: PublicKey,
        *,
        window_bits: int = WINDOW_BITS,
        exponent_bits: int = TABLE_BITS,
        randbits: Callable[[int], int] = secrets.randbits,
    ) -> None:
        self.key = key
        self._table = FixedBase(key.base_powered, key.n_squared, exponent_bits, window_bits)
        self._randbits = randbits

    def draw(self) -> mpz:
        """A fresh encryption exponent of :data:`RANDOMNESS_BITS` bits."""
        return mpz(self._randbits(RANDOMNESS_BITS))

    def mask(self, exponent: int) -> mpz:
        """``h_s^exponent``: an encryption of zero."""
        return self._table.power(exponent)

    def encrypt(self, plaintext: int, exponent: int | None = None) -> mpz:
        """``(1 + n m) h_s^s mod n^2`` for ``0 <= m < n``.

        :param exponent: the randomness s, only given by proofs and test vectors.
        :raises ProtocolError: for a plaintext outside ``0 <= m < n``.
        """
        if not 0 <= plaintext < self.key.n:
            raise ProtocolError("plaintext outside the modulus")
        masked = self.mask(self.draw() if exponent is None else exponent)
        return (1 + self.key.n * plaintext) * masked % self.key.n_squared


@lru_cache(maxsize=4)
def encryptor_for(key: PublicKey) -> Encryptor:
    """The process's encryptor for ``key``; the table takes about 0.4 s and 35 MB to build."""
    return Encryptor(key)


def derive_base(n: mpz) -> mpz:
    """``h = -x^2 mod n`` with ``x`` the first hash of the modulus that is coprime to it."""
    encoded = int(n).to_bytes((n.bit_length() + 7) // 8, "big")
    bits = (n.bit_length() + 128 + 7) // 8 * 8  # 128 spare bits: the reduction is unbiased
    for counter in range(1 << 16):
        seed = encoded + counter.to_bytes(4, "big")
        x = mpz(domain_integers("cefed/paillier-base/v1", seed, 1, bits)[0]) % n
        if x > 1 and gmpy2.gcd(x, n) == 1:
            return (-x * x) % n
    raise KeyRefused("no base coprime to the modulus")


@lru_cache(maxsize=1)
def _small_factor_product() -> mpz:
    result = mpz(1)
    for prime in small_primes(_SMALL_FACTOR_LIMIT):
        result *= prime
    return result
