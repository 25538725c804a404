"""Attacks on federated rounds: both sides of each, and those that nothing stops."""

from __future__ import annotations

import pytest

from tests.attacks import (
    both_secrets,
    cancelling_masked,
    copied_mask_key,
    dominated_total,
    invented_members,
    last_to_mask,
    late_vector,
    parted_ring,
    second_totals_round,
    shrunk_set,
    swapped_round_key,
    two_certificates,
    two_survivor_lists,
)
from tests.attacks.both_sides import Attack, check_both_sides, name_of

BOTH = [
    (swapped_round_key.run, "Merkle proof: the list does not have these entries"),
    (swapped_round_key.in_totals, "Merkle proof: the list does not have these entries"),
    (two_certificates.run, "this node has masked its figures for another one"),
    (two_survivor_lists.run, "it signs one and reveals for one"),
    (both_secrets.run, "use more than five eighths of them"),
    (parted_ring.run, "28 of 96 members that follow each other on the ring survive, 54 are needed"),
    (shrunk_set.run, "the list has 9 survivors; the plan's policy asks for 11"),
    (second_totals_round.run, "where one of two rounds has no trustees, nobody compares them"),
    (late_vector.run, "was opened with 1 enterprise that is not counted now"),
]


@pytest.mark.parametrize(("attack", "refusal"), BOTH, ids=[name_of(attack) for attack, _ in BOTH])
def test_it_succeeds_without_the_line_of_defence_and_fails_with_it(
    attack: Attack, refusal: str
) -> None:
    check_both_sides(attack, refusal)


@pytest.mark.parametrize("attack", [copied_mask_key.run, copied_mask_key.in_another_encoding])
def test_copied_keys_leave_a_vector_bare_only_if_masks_are_bound_to_nothing(
    attack: Attack,
) -> None:
    without = attack(True)
    assert without.succeeded, list(without.lines())

    default = attack(False)
    assert default.gained is None
    assert default.figures == {"masks in the victim's vector": "some"}


def test_a_vector_for_one_certificate_is_noise_under_another() -> None:
    _, counts = two_certificates.run(False).stopped_by

    assert "the counts of the masked sum are not those of the certificate" in counts


def test_half_a_neighbourhood_is_too_few_for_the_default_threshold() -> None:
    assert "4 shares of a secret that needs 6" in both_secrets.run(False).stopped_by


def test_an_equivocating_coordinator_gets_one_quorum_at_most() -> None:
    assert two_survivor_lists.run(False).figures == {"lists with a quorum": 1}


def test_with_one_vector_missing_the_others_are_noise() -> None:
    refused = late_vector.incomplete()

    assert len(refused) == len(late_vector.OTHERS)
    assert all("the counts of the masked sum" in why for why in refused)


# What succeeds against the defaults: docs/threats.md, "what remains".


def test_invented_members_show_the_one_among_them() -> None:
    found = invented_members.run()
    assert found.succeeded, list(found.lines())

    (refused,) = invented_members.unasked()
    assert "'totals' is not among the backends" in refused


def test_a_masked_vector_that_cancels_out_succeeds() -> None:
    found = cancelling_masked.run()

    assert found.succeeded, list(found.lines())
    assert found.figures["the round's state"] == "released"


def test_a_total_shows_who_dominates_it_and_trustees_withhold_such_a_measure() -> None:
    found = dominated_total.run()
    assert found.succeeded, list(found.lines())
    figures = found.figures
    assert round(100 * figures["estimate"] / figures["value"]) == 104  # as docs/threats.md says
    assert figures["the release says, dominance controlled"] is False

    certificate = dominated_total.with_trustees()
    assert certificate.cohort_measures == ()
    assert "one enterprise dominates electricity" in certificate.withheld_measures["electricity"]


def test_the_last_to_mask_chooses_the_total_within_the_classes_bounds() -> None:
    found = last_to_mask.run()
    assert found.succeeded, list(found.lines())
    assert found.figures["moved by"] == "62 %"  # as docs/threats.md says
    assert any("electricity contradicts its size classes" in why for why in found.stopped_by)


def test_nobody_compares_totals_of_consecutive_years() -> None:
    assert second_totals_round.in_the_next_year() is None
