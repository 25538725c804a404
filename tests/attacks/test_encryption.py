"""Attacks on one ciphertext: a chosen base, guesses, a short exponent."""

from __future__ import annotations

import pytest

from tests.attacks import chosen_base, guessing, short_exponent
from tests.keys import small_public_key


@pytest.mark.parametrize("base", chosen_base.BASES)
def test_a_base_that_is_handed_out_opens_everything(base: str) -> None:
    found = chosen_base.run(True, base)

    assert found.succeeded, list(found.lines())


def test_a_derived_base_opens_nothing_and_no_message_carries_one() -> None:
    found = chosen_base.run(False)

    assert found.gained is None
    (fields,) = found.stopped_by
    assert "modulus" in fields
    assert not {"base", "h", "h_s", "generator"} & set(fields.replace(":", ",").split(", "))


def test_foreseeable_randomness_shows_the_bin() -> None:
    found = guessing.run(True)

    assert found.succeeded, list(found.lines())


def test_fresh_randomness_shows_nothing() -> None:
    found = guessing.run(False)

    assert found.gained is None
    assert found.figures["ciphertexts that two encryptions of the same values have in common"] == 0


def test_an_exponent_of_36_bits_is_found() -> None:
    found = short_exponent.run(True)

    assert found.succeeded, list(found.lines())


def test_the_same_search_finds_no_exponent_of_512_bits() -> None:
    found = short_exponent.run(False)

    assert found.gained is None
    assert found.stopped_by == ("no exponent under 2^36: the node draws 512 bits",)


@pytest.mark.parametrize("bits", [1, 7, 16, 21])
def test_the_search_covers_every_exponent_of_its_length(bits: int) -> None:
    key = small_public_key()
    for exponent in {0, 1, (1 << bits) - 1, (1 << bits) // 3}:
        ciphertext = int(
            key.encode_plaintext(5) * pow(int(key.base_powered), exponent, int(key.n_squared))
        ) % int(key.n_squared)
        found, steps = short_exponent.find(key, ciphertext, bits)
        assert found == exponent
        assert steps <= 1 << (bits // 2 + 2)
