"""Guessing values of little entropy by encrypting every guess again.

A member's bin is one of a few dozen. Were encryption deterministic, or its randomness foreseeable
(seeded by the time, by public data, or restored from a snapshot), anybody would encrypt all vectors
and compare. What stops it: 512 bits from the operating system's generator for every ciphertext,
drawn when they are used and never kept.

Removed by ``--weakened``: that generator; the node's is seeded with the plan's hash and its key.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from protocols.contribution import build
from protocols.paillier import Encryptor
from tests.attacks.play import PLANTED, VICTIM, ciphertexts, own_bin
from tests.attacks.result import Result, main
from tests.trustee.scene import Scene, member_key

WINDOW_BITS = 4


def run(weakened: bool) -> Result:
    """Compare the victim's first ciphertext with an encryption of every possible bin."""
    scene = Scene()
    key = scene.held.ceremony.key.public
    node = (
        Encryptor(key, window_bits=WINDOW_BITS, randbits=foreseen(scene))
        if weakened
        else Encryptor(key, window_bits=WINDOW_BITS)
    )
    data = build(scene.plan, scene.layout, PLANTED, member_key(VICTIM), node)
    seen = ciphertexts(scene, data)[0]
    guesses = bins(scene)
    found = [
        index
        for index, plaintext in guesses.items()
        if Encryptor(key, window_bits=WINDOW_BITS, randbits=foreseen(scene)).encrypt(plaintext)
        == seen
    ]
    again = build(scene.plan, scene.layout, PLANTED, member_key(VICTIM), node)
    return Result(
        had="the victim's contribution, the plan, the victim's public key",
        did=f"encrypted each of {len(guesses)} bins and compared",
        planted=own_bin(scene, PLANTED),
        gained=found[0] if found else None,
        removed="randomness from the operating system" if weakened else "",
        figures={
            "ciphertexts that two encryptions of the same values have in common": len(
                set(ciphertexts(scene, data)) & set(ciphertexts(scene, again))
            )
        },
    )


def foreseen(scene: Scene) -> Callable[[int], int]:
    """What a node draws whose generator is seeded with what everybody knows."""
    return random.Random(scene.plan.hash + member_key(VICTIM).public.raw).getrandbits


def bins(scene: Scene) -> dict[int, int]:
    """The first plaintext of a member in each bin."""
    (indicator,) = scene.plan.ranked_indicators
    found: dict[int, int] = {}
    for edge in (indicator.edges[0] - 1, *indicator.edges):
        measures = PLANTED | {"output": -(-4_000 * edge.numerator // edge.denominator)}
        measures |= {"emissions": 4_000}
        found[own_bin(scene, measures)] = scene.layout.encode(measures)[0]
    return found


if __name__ == "__main__":
    main(run, __doc__)
