"""The executable specification runs, says its steps, and gives the plain sums."""

from __future__ import annotations

from protocols.walkthrough import (
    certified_plan,
    example_measures,
    example_plan,
    hold_ceremony,
    run_round,
    verify,
)
from tests.keys import test_primes


def test_walkthrough_opens_the_plain_sums_and_verifies() -> None:
    said: list[str] = []
    measures = example_measures()
    cast = hold_ceremony(test_primes(), len(measures))
    played = run_round(cast, measures, example_plan, said.append)
    assert [line[:2] for line in said if line[0] != " "] == [f"{i}." for i in range(1, 9)]
    document = played.release.document
    for name in ("output", "emissions"):
        assert document["measures"][name]["value"] == str(sum(own[name] for own in measures))
    assert sum(band["n"] for band in document["bands"]) == len(measures)
    assert all(band["n"] >= 5 for band in document["bands"])
    assert verify(cast, played).accepted


def test_too_small_a_cohort_opens_nothing() -> None:
    measures = example_measures()[:4]
    cast = hold_ceremony(test_primes(), len(measures))
    said: list[str] = []
    played = run_round(cast, measures, example_plan, said.append)
    assert any("Nothing is opened" in line for line in said)
    assert not played.release.openings
    assert played.release.document["withheld"] == "fewer than 5 enterprises took part"
    assert played.release.document["n"] is None
    assert verify(cast, played).accepted


def test_the_certified_walkthrough_masks_and_says_so() -> None:
    said: list[str] = []
    measures = example_measures()
    cast = hold_ceremony(test_primes(), len(measures))
    played = run_round(cast, measures, certified_plan, said.append)
    assert [line[:2] for line in said if line[0] != " "] == [f"{i}." for i in range(1, 9)]
    assert any(line.startswith("7. Masking") for line in said)
    kinds = [entry.kind for entry in played.transcript.entries]
    assert kinds.count("masked") == len(measures)
    assert "sums" not in kinds
    assert played.release.document["measures"]["output"]["value"] == str(
        sum(own["output"] for own in measures)
    )


def test_too_small_a_certified_cohort_masks_nothing() -> None:
    measures = example_measures()[:4]
    cast = hold_ceremony(test_primes(), len(measures))
    played = run_round(cast, measures, certified_plan, lambda _: None)
    assert "masked" not in {entry.kind for entry in played.transcript.entries}
    assert played.release.document["withheld"] == "fewer than 5 enterprises took part"
    assert verify(cast, played).accepted
