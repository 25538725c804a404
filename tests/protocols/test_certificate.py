"""Trustees refuse contradictions, withhold what the policy forbids, and check each other's form."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from protocols.bands import BinRange
from protocols.certificate import (
    BandCertificate,
    RankingResult,
    certify,
    check_form,
    class_labels,
    read_classes,
    read_counts,
    sum_labels,
    withhold,
)
from protocols.errors import MalformedMessage, OpeningInconsistent, PackingError, PlanError
from protocols.plan import Plan, Policy
from protocols.wire import messages_pb2 as pb
from protocols.wire.codec import encode
from tests.plain_round import STATEMENT, PlainRound, play
from tests.strategies import PLAIN_MEASURES, plain_plan

PLAN = plain_plan()


def member(bin_: int, size: int = 100, **changes: int) -> dict[str, int]:
    """A member in ``bin_`` of cef; everything passes unless changed."""
    emissions = size
    return {
        "output": emissions * (5, 10, 20, 40, 80, 160, 320, 640)[bin_],
        "emissions": emissions,
        "fuel": 50,
        "electricity": 200,
        "heat": 300,
        "other": 40,
        **changes,
    }


def three_bands(**changes: int) -> list[dict[str, int]]:
    """Fifteen members, five in each of the bins 1, 3 and 6."""
    return [member(bin_, **changes) for bin_ in (1, 3, 6) for _ in range(5)]


PLAYED = play(PLAN, three_bands())
CERTIFICATE = PLAYED.certificate


def tampered(played: PlainRound, label: str, difference: int) -> PlainRound:
    index = played.layout.labels.index(label)
    totals = list(played.totals)
    totals[index] += difference
    return PlainRound(played.layout, tuple(totals), played.members)


def slot(plan: Plan, index: int) -> int:
    """One member in slot ``index`` of a one-hot section."""
    return 1 << index * plan.participants.bit_length()


def test_an_ordinary_round() -> None:
    assert CERTIFICATE.withheld == ""
    assert [r.indicator for r in CERTIFICATE.rankings] == ["cef", "intensity"]
    assert CERTIFICATE.ranking("cef") == (
        BinRange(0, 3, 5),
        BinRange(3, 5, 5),
        BinRange(5, 8, 5),
    )
    assert CERTIFICATE.ranking("cei") == ()
    assert CERTIFICATE.cohort_measures == ("electricity", "heat")
    assert CERTIFICATE.withheld_measures == {}
    check_form(CERTIFICATE, PLAN)
    assert BandCertificate.from_bytes(CERTIFICATE.to_bytes()) == CERTIFICATE


def test_exactly_the_certified_sums_may_be_opened() -> None:
    assert sum_labels(PLAN, PLAYED.layout, CERTIFICATE) == [
        "V/[0:3]#0",
        "V/[3:5]#0",
        "V/[5:8]#0",
        "VC/electricity#0",
        "VC/heat#0",
    ]
    withheld = withhold(PLAN, STATEMENT, 15, "because")
    assert sum_labels(PLAN, PLAYED.layout, withheld) == []


def test_classes_are_opened_for_tentative_bands_only() -> None:
    labels = class_labels(PLAYED.layout, PLAYED.counts)
    assert labels == ["K/[0:3]#0", "K/[3:5]#0", "K/[5:8]#0", "KC#0"]


@pytest.mark.parametrize("label", ["N/cef#0", "N/intensity#0"])
@pytest.mark.parametrize("difference", [1, -1])
def test_counts_of_a_member_in_two_bins_or_none_are_refused(label: str, difference: int) -> None:
    # A filled slot, so that minus one stays a count.
    filled = PLAYED.counts.by_indicator[label[2:-2]]
    index = next(i for i, members in enumerate(filled) if members)
    wrong = tampered(PLAYED, label, difference * slot(PLAN, index))
    with pytest.raises(OpeningInconsistent, match="not one-hot"):
        _ = wrong.counts


def test_counts_beyond_all_participants_are_refused() -> None:
    wrong = tampered(PLAYED, "N/cef#0", 36 * slot(PLAN, 1))
    with pytest.raises(PackingError):
        _ = wrong.counts


def test_members_must_be_those_of_the_closing_statement() -> None:
    opened = PLAYED.open(PLAYED.layout.count_labels())
    for members in (14, 16):
        with pytest.raises(OpeningInconsistent, match=f"{members} took part"):
            read_counts(PLAN, PLAYED.layout, opened, members)


@pytest.mark.parametrize("label", ["K/1#0", "K/7#0", "KC#0"])
def test_classes_of_a_member_in_two_classes_are_refused(label: str) -> None:
    wrong = tampered(PLAYED, label, slot(PLAN, 3))
    opened = wrong.open(class_labels(wrong.layout, PLAYED.counts))
    with pytest.raises(OpeningInconsistent, match="do not count every member once"):
        read_classes(wrong.layout, PLAYED.counts, opened)


def test_classes_moved_between_bands_are_refused() -> None:
    """The total still fits; each band is checked by itself."""
    moved = slot(PLAN, 10)  # outputs of 1000 are in class 10
    wrong = tampered(tampered(PLAYED, "K/1#0", -moved), "K/3#0", moved)
    with pytest.raises(OpeningInconsistent, match="classes of output"):
        _ = wrong.classes


def test_bands_merge_until_their_measures_pass() -> None:
    members = three_bands()
    members[0] = member(1, size=4_000)
    certificate = play(PLAN, members).certificate
    assert [b.members for b in certificate.ranking("cef")] == [10, 5]


def test_a_guard_stops_bands_too() -> None:
    members = three_bands()
    members[0] = member(1, fuel=100_000)
    certificate = play(PLAN, members).certificate
    assert certificate.withheld.startswith("even as one band: one enterprise dominates fuel")
    assert certificate.rankings == ()
    check_form(certificate, PLAN)


def test_a_cohort_level_measure_is_withheld_alone() -> None:
    members = three_bands()
    members[0] = member(1, heat=10**7)
    certificate = play(PLAN, members).certificate
    assert certificate.cohort_measures == ("electricity",)
    assert set(certificate.withheld_measures) == {"heat"}
    assert "dominates heat" in certificate.withheld_measures["heat"]
    assert len(certificate.ranking("cef")) == 3
    check_form(certificate, PLAN)


def test_a_published_measure_takes_along_what_it_protects() -> None:
    """Heat is withheld for itself, electricity because it would show heat."""
    heat = dataclasses.replace(PLAIN_MEASURES[4], protects=("electricity",))
    measures = (*PLAIN_MEASURES[:4], heat, PLAIN_MEASURES[5])
    members = three_bands()
    members[0] = member(1, heat=10**7)
    played = play(plain_plan(measures=measures), members)
    withheld = played.certificate.withheld_measures
    assert played.certificate.cohort_measures == ()
    assert set(withheld) == {"heat", "electricity"}
    assert "dominates heat" in withheld["electricity"]
    assert not {"VC/heat#0", "VC/electricity#0"} & played.sums.keys()


@pytest.mark.parametrize(
    ("others", "reason"),
    [
        ([10**6] + [1] * 14, "one enterprise dominates other"),
        ([9] * 4 + [0] * 11, "fewer than 5 enterprises have a value of other"),
        ([0] * 15, "fewer than 5 enterprises have a value of other"),
    ],
)
def test_a_measure_is_withheld_through_its_guard(others: list[int], reason: str) -> None:
    members = [{**m, "other": value} for m, value in zip(three_bands(), others, strict=True)]
    played = play(PLAN, members)
    assert played.certificate.cohort_measures == ("heat",)
    assert played.certificate.withheld_measures["electricity"].startswith(reason)
    assert "VC/electricity#0" not in played.sums
    assert played.document["indicators"]["cei"]["value"] is None
    assert "electricity" not in played.document["measures"]


def test_too_few_members_are_withheld() -> None:
    played = play(PLAN, three_bands()[:4])
    assert played.counts.tentative == ()
    assert played.certificate.withheld == "fewer than 5 enterprises took part"
    assert played.document["n"] is None
    check_form(played.certificate, PLAN)


def test_all_trustees_arrive_at_the_same_bytes() -> None:
    again = play(plain_plan(), list(reversed(three_bands())))
    assert again.certificate.to_bytes() == CERTIFICATE.to_bytes()
    assert again.certificate.hash == CERTIFICATE.hash
    other = certify(PLAN, PLAYED.layout, bytes([1] * 32), PLAYED.counts, PLAYED.classes)
    assert other.hash != CERTIFICATE.hash


def with_bands(*bands: tuple[int, int, int], indicator: str = "cef") -> dict[str, Any]:
    rankings = tuple(
        RankingResult(r.indicator, tuple(BinRange(*b) for b in bands))
        if r.indicator == indicator
        else r
        for r in CERTIFICATE.rankings
    )
    return {"rankings": rankings}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (with_bands((0, 2, 5), (3, 8, 10)), "leave a gap"),
        (with_bands((0, 4, 5), (3, 8, 10)), "overlap"),
        (with_bands((0, 0, 5), (0, 8, 10)), "overlap or leave a gap"),
        (with_bands((0, 9, 5), (9, 8, 10)), "overlap or leave a gap"),
        (with_bands((1, 8, 15)), "do not cover all bins"),
        (with_bands((0, 7, 15)), "do not cover all bins"),
        (with_bands((0, 9, 15)), "do not cover all bins"),
        (with_bands(), "do not cover all bins"),
        (with_bands((0, 2, 4), (2, 8, 11)), "fewer than 5 members"),
        (with_bands((0, 2, 5), (2, 8, 9)), "do not add up"),
        (with_bands((0, 2, 5), (2, 8, 11)), "do not add up"),
        (with_bands((0, 2, 15), (2, 4, 0), indicator="intensity"), "intensity include one of"),
        (with_bands((0, 3, 15), indicator="intensity"), "intensity do not cover"),
        ({"members": 16}, "do not add up"),
        ({"rankings": CERTIFICATE.rankings[:1]}, "exactly the plan's rankings"),
        ({"rankings": CERTIFICATE.rankings[::-1]}, "exactly the plan's rankings"),
        ({"rankings": ()}, "exactly the plan's rankings"),
        ({"cohort_measures": ("heat", "electricity")}, "out of order"),
        ({"cohort_measures": ("heat",)}, "every cohort-level measure once"),
        ({"cohort_measures": ("electricity", "heat", "heat")}, "measure once"),
        ({"cohort_measures": ("electricity", "heat", "other")}, "measure once"),
        ({"cohort_measures": ("electricity", "heat", "output")}, "measure once"),
        ({"withheld_measures": {"heat": "no"}}, "measure once"),
        ({"withheld_measures": {"fuel": "no"}}, "measure once"),
        ({"withheld": "no"}, "nothing to publish"),
        ({"withheld": "no", "rankings": ()}, "nothing to publish"),
        (
            {
                "withheld": "no",
                "rankings": (),
                "cohort_measures": (),
                "withheld_measures": {"heat": "no"},
            },
            "nothing to publish",
        ),
    ],
)
def test_certificates_without_form_are_refused(changes: dict[str, Any], message: str) -> None:
    wrong = dataclasses.replace(CERTIFICATE, **changes)
    with pytest.raises(OpeningInconsistent, match=message):
        check_form(wrong, PLAN)


def test_certificates_of_another_plan_are_refused() -> None:
    for plan in (plain_plan(period="2025"), plain_plan(policy=Policy(4, 10))):
        with pytest.raises(PlanError, match="another plan"):
            check_form(CERTIFICATE, plan)


def test_a_measure_withheld_twice_is_refused() -> None:
    twice = [pb.Withheld(measure="heat", reason=reason) for reason in ("a", "b")]
    data = encode(pb.BandCertificate(plan_hash=PLAN.hash, withheld_measures=twice))
    with pytest.raises(MalformedMessage, match="withheld twice"):
        BandCertificate.from_bytes(data)


def test_a_plan_without_bands_certifies_cohort_measures() -> None:
    plan = plain_plan(measures=PLAIN_MEASURES[3:], indicators=())
    members = [{name: m[name] for name in ("electricity", "heat", "other")} for m in three_bands()]
    played = play(plan, members)
    assert played.certificate.rankings == ()
    assert played.certificate.cohort_measures == ("electricity", "heat")
    check_form(played.certificate, plan)
    assert played.document["measures"]["heat"] == {"unit": "MJ", "value": "4500"}
    assert played.document["bands"] == []
