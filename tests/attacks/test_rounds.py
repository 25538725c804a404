"""Attacks on who is counted and what is opened: both sides of each."""

from __future__ import annotations

import pytest

from protocols.errors import KeyRefused
from tests.attacks import (
    colluding_trustee,
    copied_ciphertext,
    copied_later,
    replay,
    roster_swap,
    subset,
    sybils,
)
from tests.attacks.both_sides import Attack, check_both_sides, name_of
from tests.keys import hold_ceremony

BOTH = [
    (sybils.run, "4 members of the roster are not enterprises that this trustee knows"),
    (roster_swap.run, "PlanError: the plan names another roster"),
    (subset.run, "was logged, and so acknowledged, but not counted"),
    (colluding_trustee.run, "2 of 4 trustees signed the same one, 3 needed"),
    (colluding_trustee.alone, "OpeningFailed: 1 shares, 2 needed"),
    (copied_ciphertext.run, "the proof of knowledge does not hold for these ciphertexts"),
    (copied_ciphertext.on_the_wire, "is not counted: InvalidProof"),
    (copied_later.run, "is not counted: InvalidProof"),
    (replay.run, "PlanError: the contribution was made for another plan"),
]


@pytest.mark.parametrize(("attack", "refusal"), BOTH, ids=[name_of(attack) for attack, _ in BOTH])
def test_it_succeeds_without_the_line_of_defence_and_fails_with_it(
    attack: Attack, refusal: str
) -> None:
    check_both_sides(attack, refusal)


@pytest.mark.parametrize(
    ("keepers", "fingerprints", "known_ids", "succeeds", "refusal"),
    [
        # The other three are a quorum without the one that knows better.
        (1, True, False, True, "are not enterprises that this trustee knows"),
        # Real ids with keys of the coordinator's own: fingerprints tell, ids alone do not.
        (2, True, True, False, "have another key than this trustee knows"),
        (2, False, True, True, ""),
        (2, False, False, False, "are not enterprises that this trustee knows"),
    ],
)
def test_what_lists_of_known_enterprises_stop(
    keepers: int, fingerprints: bool, known_ids: bool, succeeds: bool, refusal: str
) -> None:
    found = sybils.play(keepers, with_fingerprints=fingerprints, known_ids=known_ids)

    assert found.succeeded is succeeds
    assert [refusal in why for why in found.stopped_by] == ([True] if refusal else [])


@pytest.mark.parametrize("weakened", [True, False])
def test_a_contribution_that_is_not_in_the_log_is_never_multiplied(weakened: bool) -> None:
    found = subset.unlogged(weakened)

    assert not found.succeeded
    assert any("it is not in the log" in why for why in found.stopped_by)


def test_a_key_that_one_trustee_opens_is_refused_by_ceremony_and_members() -> None:
    with pytest.raises(KeyRefused, match="one different verification key is needed"):
        hold_ceremony(threshold=1, small=True)
    with pytest.raises(KeyRefused, match="two different closing lists could be opened"):
        hold_ceremony(quorum=2, small=True)
    (objection,) = colluding_trustee.alone(True).figures["a node's objection"]
    assert "1 of 4 trustees can open any contribution" in objection
