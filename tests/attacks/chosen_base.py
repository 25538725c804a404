"""A base of the fast encryption that somebody else has chosen.

``c = (1 + n m) h_s^s mod n^2`` hides m only as well as the powers of ``h_s``. Whoever could hand
out the base would hand out one of three: ``h = 1`` (no mask at all), ``h = -1`` (order two), or
``h_s = (1 + n)^(2^1024)``, which looks random and leaves m in the low bits. What stops it: every
party derives h from the modulus by hashing (:func:`protocols.paillier.derive_base`); no message has
a place for it.

Removed by ``--weakened``: that derivation; the node takes the base it is given.
"""

from __future__ import annotations

from unittest.mock import patch

from gmpy2 import mpz

from protocols import paillier
from protocols.paillier import Encryptor, PublicKey
from protocols.wire import messages_pb2 as pb
from tests.attacks.result import Result, main
from tests.keys import test_primes as frozen_primes

PLANTED = 123_457_890_123
TRAPDOOR_BITS = 1024
BASES = ("one", "minus one", "trapdoor")


def run(weakened: bool, base: str = "trapdoor") -> Result:
    """Encrypt under a base that is derived, or handed out; read without any key."""
    key = handed_out(base) if weakened else _key()
    ciphertext = int(Encryptor(key, window_bits=4).encrypt(PLANTED))
    fields = pb.Ceremony.DESCRIPTOR.fields_by_name
    return Result(
        had="one ciphertext, and the say over the base" if weakened else "one ciphertext",
        did="divided by the mask it expected: none, a sign, or a multiple of 2^1024",
        planted=PLANTED,
        gained=read(key, ciphertext),
        stopped_by=()
        if weakened
        else (f"the ceremony's record has no place for a base: {', '.join(sorted(fields))}",),
        removed=f"every party derives h itself; h handed out: {base}" if weakened else "",
    )


def handed_out(base: str) -> PublicKey:
    """The test key with a base of the attacker's."""
    if base == "trapdoor":
        key = _key()
        key.base_powered = (1 + (key.n << TRAPDOOR_BITS)) % key.n_squared
        return key
    chosen = {"one": lambda n: mpz(1), "minus one": lambda n: n - 1}[base]
    with patch.object(paillier, "derive_base", chosen):
        return _key()


def read(key: PublicKey, ciphertext: int) -> int | None:
    """The plaintext, if the mask was of one of the three kinds."""
    for signed in (ciphertext, int(key.n_squared) - ciphertext):
        quotient, rest = divmod(signed - 1, int(key.n))
        if rest == 0:
            return quotient % (1 << TRAPDOOR_BITS)
    return None


def _key() -> PublicKey:
    p, q = frozen_primes()
    return PublicKey.from_modulus(p * q)


if __name__ == "__main__":
    main(run, __doc__)
