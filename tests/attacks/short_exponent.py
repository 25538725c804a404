"""Finding a short encryption exponent, and with it the plaintext.

Modulo n the message drops out: ``c mod n = h_s^s mod n``. Whoever finds s by baby steps and giant
steps (Shanks) in about ``2^(bits/2)`` multiplications divides the mask away. What stops it: s has
512 bits, and 2^256 steps are out of reach.

Removed by ``--weakened``: that length; the node draws ``--bits`` bits (36). With ``--bits 44`` the
same program takes sixteen times as long: up to 2^24 giant steps. It prints the rate that it
measured, and what 320 and 512 bits would take at that rate.
"""

from __future__ import annotations

import time

import gmpy2
from gmpy2 import mpz

from protocols import paillier
from protocols.paillier import Encryptor, PublicKey
from tests.attacks.play import PLANTED, VICTIM, ciphertexts, decode_values, own_bin, value_position
from tests.attacks.result import Result, main, removed
from tests.trustee.scene import Scene, member_key

# isort: split
from protocols.contribution import build

BITS = 36
MOST_BABY_STEPS = 1 << 20
"""A table of about 150 MB."""

_MARK = (1 << 60) - 1
YEAR = 365.25 * 86_400


def run(weakened: bool, bits: int = BITS) -> Result:
    """Search exponents up to 2^bits for the ciphertext with the victim's values."""
    scene = Scene()
    key = scene.held.ceremony.key.public
    with removed(weakened, paillier, "RANDOMNESS_BITS", bits) as what:
        node = Encryptor(key, window_bits=4)
        data = build(scene.plan, scene.layout, PLANTED, member_key(VICTIM), node)
    ciphertext = ciphertexts(scene, data)[value_position(scene, own_bin(scene, PLANTED))]
    start = time.perf_counter()
    exponent, steps = find(key, ciphertext, bits)
    seconds = time.perf_counter() - start
    gained = None
    if exponent is not None:
        mask = gmpy2.powmod(key.base_powered, exponent, key.n_squared)
        plaintext = (ciphertext * gmpy2.invert(mask, key.n_squared) % key.n_squared - 1) // key.n
        gained = decode_values(scene, int(plaintext))
    rate = steps / seconds
    return Result(
        had="one ciphertext, and the public key",
        did=f"searched exponents up to 2^{bits} in {steps:,} steps",
        planted={name: PLANTED[name] for name in ("output", "emissions")},
        gained=gained,
        stopped_by=()
        if gained
        else (f"no exponent under 2^{bits}: the node draws {paillier.RANDOMNESS_BITS} bits",),
        removed=what and f"the exponent's length ({what})",
        figures={
            "steps a second, one core, 512-bit modulus": f"{rate:,.0f}",
            "years for 320 bits at that rate": f"{2.0**160 / rate / YEAR:.1e}",
            "years for 512 bits at that rate": f"{2.0**256 / rate / YEAR:.1e}",
        },
    )


def find(key: PublicKey, ciphertext: int, bits: int) -> tuple[mpz | None, int]:
    """The exponent under ``2^bits`` of a ciphertext's mask, or None; and the steps it took."""
    n, base = key.n, key.base_powered % key.n
    baby = min(1 << -(-bits // 2), MOST_BABY_STEPS)
    table: dict[int, int] = {}
    value = mpz(1)
    for index in range(baby):
        table[int(value & _MARK)] = index
        value = value * base % n
    back = gmpy2.invert(value, n)  # base^-baby
    left = mpz(ciphertext) % n
    giant = -(-(1 << bits) // baby)
    for step in range(giant):
        index = table.get(int(left & _MARK), -1)
        if index >= 0 and (left - gmpy2.powmod(base, index, n)) % n == 0:
            return mpz(step * baby + index), baby + step
        left = left * back % n
    return None, baby + giant


if __name__ == "__main__":
    main(run, __doc__, bits=BITS)
