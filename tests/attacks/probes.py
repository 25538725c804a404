"""Malformed ciphertexts as probes: numbers that are no ciphertext, or one of a special kind.

A member sends in place of a ciphertext 0, a multiple of a factor of n (from a leaked prime), n^2
and above, or the elements of small order 1, n - 1 and n^2 - 1, and watches what becomes of the
round: a product of 0 opens to nothing and voids the round for everybody, and trustees raise
whatever they are given to a secret power. What stops it, twice over: the range and gcd of every
ciphertext (:meth:`PublicKey.check_ciphertexts`), and the proof of knowledge over the bytes as they
came.

Removed by ``--weakened``: both. :func:`verdicts` shows each alone: the first refuses whatever is no
unit modulo n^2, the second everything.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from protocols import closing, knowledge
from protocols.paillier import PublicKey
from tests.attacks.play import encrypt, folder, serving, submit, tampered
from tests.attacks.result import Result, heard, main, removed
from tests.keys import small_primes_unsafe
from tests.trustee.scene import MEMBERS, Scene, member_key, values
from tests.trustee.scene import run as run_trustees

PROBER = MEMBERS
ENDED = ("released", "withheld")


def run(weakened: bool) -> Result:
    """Send 0 in the place of one ciphertext; is there a release for the other eleven?"""
    scene = Scene()
    with folder() as path, without(range_check=not weakened, proofs=not weakened) as what:
        board = scene.board(path / "board.sqlite")
        for number in range(1, MEMBERS):
            submit(board, scene, encrypt(scene, values(number), member_key(number)))
        submit(board, scene, probe(scene, 0))
        with heard() as lines, serving(scene, board, path) as services:
            state = run_trustees(board, services)
        board.close()
    return Result(
        had="a place on the roster",
        did="sent 0 for a ciphertext",
        planted="no release for anybody",
        gained=None if state in ENDED else "no release for anybody",
        stopped_by=tuple(line for line in lines if "is not counted" in line),
        removed=what,
        figures={"the round's state": state},
    )


def probes(key: PublicKey) -> dict[str, int]:
    """The numbers that are sent, by name."""
    n, factor = int(key.n), small_primes_unsafe()[0]
    return {
        "0": 0,
        "a factor of n": factor,
        "n": n,
        "n^2": n * n,
        "n^2 + 1, which is 1 again": n * n + 1,
        "1, zero without a mask": 1,
        "n - 1": n - 1,
        "n^2 - 1, of order two": n * n - 1,
    }


def verdicts(*, range_check: bool = True, proofs: bool = True) -> dict[str, str]:
    """Why each probe is not counted, with what is left of the checks; "" if it is counted."""
    scene = Scene()
    found = {}
    with without(range_check=range_check, proofs=proofs):
        for name, number in probes(scene.held.ceremony.key.public).items():
            counted = closing.recompute(
                scene.plan,
                scene.layout,
                scene.roster,
                scene.held.ceremony,
                [probe(scene, number)],
            )
            found[name] = next(iter(counted.left_out.values()), "")
    return found


def probe(scene: Scene, number: int) -> bytes:
    """The prober's contribution with ``number`` for its first ciphertext."""

    def put(own: list[int]) -> None:
        own[0] = number

    return tampered(scene, values(PROBER), member_key(PROBER), put)


@contextmanager
def without(*, range_check: bool, proofs: bool) -> Iterator[str]:
    """Take away the check of ranges, of proofs, or both; what was taken, in words."""
    with (
        removed(not range_check, PublicKey, "check_ciphertexts", lambda *_: None) as first,
        removed(not proofs, knowledge, "verify", lambda *_: None) as second,
    ):
        yield " and ".join(filter(None, (first, second)))


if __name__ == "__main__":
    main(run, __doc__)
