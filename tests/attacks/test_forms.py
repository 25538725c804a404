"""Malformed vectors and ciphertexts: what the checks catch, and the one that they do not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.attacks import cancelling_vector, malformed_vector, probes
from tests.attacks.result import Result
from trustee.duties import INCONSISTENT

PROOF = "the proof of knowledge does not hold"
RANGE = "is not between 0 and n^2"
FACTOR = "shares a factor with the modulus"


def test_a_vector_that_cancels_out_succeeds_against_the_defaults() -> None:
    """Until contributions carry proofs of form: docs/threats.md, "what remains"."""
    found = cancelling_vector.run()

    assert found.succeeded, list(found.lines())
    assert found.figures["the round's state"] == "released"


def test_a_lie_outside_its_class_is_not_endorsed() -> None:
    without = malformed_vector.run(True)
    assert without.succeeded, list(without.lines())

    default = malformed_vector.run(False)
    assert not default.succeeded
    assert default.figures["the round's state"] == "pending"
    assert any("the sum of output contradicts its size classes" in r for r in default.stopped_by)


@pytest.mark.parametrize(
    ("attack", "reason"),
    [
        (malformed_vector.multi_hot, INCONSISTENT),
        (malformed_vector.out_of_range, "a contribution was not well formed"),
    ],
)
def test_a_vector_that_does_not_add_up_is_withheld(
    attack: Callable[[], Result], reason: str
) -> None:
    found = attack()

    assert found.gained is None
    assert any(reason in why for why in found.stopped_by), found.stopped_by


def test_a_zero_voids_a_round_only_without_the_checks() -> None:
    without = probes.run(True)
    assert without.succeeded, list(without.lines())

    default = probes.run(False)
    assert not default.succeeded
    assert default.figures["the round's state"] == "released"
    assert any("InvalidCiphertext" in why for why in default.stopped_by)


def test_each_check_of_a_ciphertext_alone() -> None:
    everything = probes.verdicts()
    by_range = probes.verdicts(proofs=False)
    by_proof = probes.verdicts(range_check=False)

    units = {name for name, why in by_range.items() if not why}
    assert units == {"1, zero without a mask", "n - 1", "n^2 - 1, of order two"}
    assert all(RANGE in why or FACTOR in why for why in by_range.values() if why)
    assert all(PROOF in why for why in by_proof.values())
    assert all(everything.values())
    assert not any(probes.verdicts(range_check=False, proofs=False).values())
