"""Reading a member from the size, the work and the order of what leaves its node.

An observer of the line sees how many bytes a contribution has; one who can watch the process, or
time it finely, sees how much work each ciphertext takes; everybody sees the order of the log. What
stops it: contributions to a plan have one size, whatever they hold; every ciphertext, of zero too,
is made by one encryption with a fresh exponent, so that the work depends on the randomness alone; a
contribution's ciphertexts stand in the plan's order, and the log's order is that of arrival, which
gateways decide by when they ask and not by what they carry.

Removed by ``--weakened``: that zeros are encrypted like everything else. A "fast path" takes them
from a pool that was filled before; bytes and sizes are perfect, and the member's bin is the only
one that takes work. The command also times encryptions and prints their rank correlation with
output; no test asserts it.
"""

from __future__ import annotations

import random
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from statistics import correlation
from typing import Any
from unittest.mock import patch

from gmpy2 import mpz

from protocols.contribution import build
from protocols.modular import FixedBase
from protocols.paillier import Encryptor
from protocols.signing import SigningKey
from tests.attacks.play import PLANTED, VICTIM, own_bin, value_position
from tests.attacks.result import Result, main
from tests.trustee.scene import Scene, member_key, values

TIMED = 300
_power = FixedBase.power
_encrypt = Encryptor.encrypt

Trace = list[int]
"""Multiplications by a table's row, one number a ciphertext."""


def run(weakened: bool, timed: bool = False) -> Result:
    """Watch the victim's node encrypt, and name its bin."""
    scene = Scene()
    encryptor = Encryptor(scene.held.ceremony.key.public, window_bits=4)
    trace, size = watch(scene, encryptor, PLANTED, fast_zeros=weakened)
    work = {index: trace[value_position(scene, index)] for index in range(scene.layout.bins)}
    busy = [index for index, steps in work.items() if steps]
    figures: dict[str, Any] = {"bytes": size}
    if timed:
        figures["rank correlation of time and output"] = f"{timing(scene, encryptor):+.3f}"
        figures["2 / sqrt(n), about the 5 % point"] = f"{2 / TIMED**0.5:.3f}"
    return Result(
        had="a view of the work that a node does for each ciphertext",
        did="looked for the one bin whose values took any",
        planted=own_bin(scene, PLANTED),
        gained=busy[0] if len(busy) == 1 else None,
        stopped_by=() if len(busy) == 1 else (f"{len(busy)} of {len(work)} bins took work",),
        removed="zeros are encrypted like everything else" if weakened else "",
        figures=figures,
    )


def watch(
    scene: Scene,
    encryptor: Encryptor,
    measures: dict[str, int],
    *,
    fast_zeros: bool = False,
    randbits: Callable[[int], int] | None = None,
    signer: SigningKey | None = None,
) -> tuple[Trace, int]:
    """The work for each ciphertext of a contribution, and the contribution's bytes.

    :param randbits: the node's randomness, to compare two nodes that draw the same.
    """
    pool = iter([encryptor.mask(1)] * len(scene.layout.labels)) if fast_zeros else iter(())
    with counting(pool) as trace:
        drawn = encryptor if randbits is None else _same_table(encryptor, randbits)
        key = member_key(VICTIM) if signer is None else signer
        source = secrets.randbits if randbits is None else randbits
        data = build(scene.plan, scene.layout, measures, key, drawn, randbits=source)
    return trace[: len(scene.layout.labels)], len(data)


@contextmanager
def counting(pool: Iterator[mpz]) -> Iterator[Trace]:
    """Count the multiplications of each encryption; zeros cost none while the pool lasts."""
    steps = 0
    trace: Trace = []

    def power(table: FixedBase, exponent: int) -> mpz:
        nonlocal steps
        steps += -(-int(exponent).bit_length() // table._window_bits)
        return _power(table, exponent)

    def encrypt(encryptor: Encryptor, plaintext: int, exponent: int | None = None) -> mpz:
        nonlocal steps
        steps = 0
        ready = next(pool, None) if plaintext == 0 else None
        made = _encrypt(encryptor, plaintext, exponent) if ready is None else ready
        trace.append(steps)
        return made

    with patch.object(FixedBase, "power", power), patch.object(Encryptor, "encrypt", encrypt):
        yield trace


def timing(scene: Scene, encryptor: Encryptor) -> float:
    """Rank correlation of the time that a contribution takes with its output."""
    chance = random.Random(1)
    outputs, seconds = [], []
    for _ in range(TIMED):
        measures = values(2) | {"output": chance.randrange(1, 1_000_000)}
        start = time.perf_counter()
        build(scene.plan, scene.layout, measures, member_key(VICTIM), encryptor)
        seconds.append(time.perf_counter() - start)
        outputs.append(measures["output"])
    return correlation(ranks(outputs), ranks(seconds))


def ranks(numbers: Sequence[float]) -> list[int]:
    """The place of each number in ascending order."""
    order = sorted(range(len(numbers)), key=numbers.__getitem__)
    places = [0] * len(order)
    for place, index in enumerate(order):
        places[index] = place
    return places


def _same_table(encryptor: Encryptor, randbits: Callable[[int], int]) -> Encryptor:
    """An encryptor with the same table and another source of randomness."""
    other = Encryptor.__new__(Encryptor)
    other.__dict__.update(encryptor.__dict__, _randbits=randbits)
    return other


if __name__ == "__main__":
    main(lambda weakened: run(weakened, timed=True), __doc__)
