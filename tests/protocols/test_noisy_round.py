"""A whole round with noise: what is opened is noisy, checked, and says how far off it may be."""

from __future__ import annotations

import json
import random
import secrets
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction

import pytest

from protocols import release
from protocols.ceremony import Ceremony
from protocols.document import CONTRADICTION
from protocols.errors import ContributionRefused, OpeningInconsistent, PlanError
from protocols.layout import Layout
from protocols.noise import draw
from protocols.plan import Plan
from protocols.roster import Roster
from protocols.walkthrough import hold_ceremony, run_round, verify
from tests.keys import test_primes
from tests.noisy import MILLIONTH, MODERATE, STRONG, members, play, tight_plan
from tests.plain_round import PlainRound
from tests.plain_round import play as play_exact
from tests.tables import table_members, table_plan


@pytest.fixture(scope="module")
def frame() -> tuple[Roster, Ceremony]:
    cast = hold_ceremony(test_primes(), len(members()))
    roster = run_round(cast, members(), tight_plan, lambda _: None).roster
    return roster, cast.ceremony


def true_sums(played: PlainRound) -> list[dict[str, int]]:
    """Of the members in each published band."""
    plan = played.plan
    sums = []
    for band in played.certificate.ranking("cef"):
        inside = [m for m in members() if band.first <= played.layout.bins_of(m)["cef"] < band.end]
        assert len(inside) == band.members
        sums.append({m.name: sum(own[m.name] for own in inside) for m in plan.measures})
    return sums


def test_an_encrypted_round_with_noise_verifies_and_is_near_the_truth() -> None:
    measures = members()
    cast = hold_ceremony(test_primes(), len(measures))
    randbits = random.Random(1).getrandbits
    played = run_round(cast, measures, tight_plan, lambda _: None, randbits)
    document = played.release.document
    assert verify(cast, played).accepted
    assert document["withheld"] is None
    assert document["noise"]["epsilon"] == "44.29"
    shares = played.layout.shares
    for name in ("output", "emissions", "electricity"):
        printed = document["measures"][name]
        off = int(printed["value"]) - sum(own[name] for own in measures)
        assert off != 0
        assert abs(off) <= shares[name].allowance(len(measures))
        assert int(printed["error"]) == shares[name].half_width(len(measures))
    for band in document["bands"]:
        assert set(band["measures"]["output"]) == {"unit", "value", "error"}
        low, high = map(Fraction, band["indicators"]["cef"]["interval"])
        assert low < Fraction(band["indicators"]["cef"]["value"]) < high
    knot = document["curve"][-1]
    assert knot["errors"]["output"] == document["measures"]["output"]["error"]


def test_every_band_is_centred_by_its_own_members(frame: tuple[Roster, Ceremony]) -> None:
    """Over many rounds the mean of what is published is the truth, and errors are as printed."""
    plan = tight_plan(*frame)
    offs: list[Fraction] = []
    within = 0
    for seed in range(60):
        played = play(plan, members(), seed)
        document = played.document
        assert document["withheld"] is None
        for band, truth in zip(document["bands"], true_sums(played), strict=True):
            for name, printed in band["measures"].items():
                off = int(printed["value"]) - truth[name]
                error = int(printed["error"])
                offs.append(Fraction(off, error))
                within += abs(off) <= error
    assert len(offs) >= 240
    assert abs(sum(offs) / len(offs)) < Fraction(12, 100)
    assert 0.90 < within / len(offs) < 0.99


def test_without_noise_the_bytes_are_those_of_ever(frame: tuple[Roster, Ceremony]) -> None:
    plan = tight_plan(*frame, noise=None)
    layout = Layout(plan, 2048)
    encoded = [layout.encode(own) for own in members()]
    document = PlainRound(layout, tuple(map(sum, zip(*encoded, strict=True))), 16).document
    text = json.dumps(document)
    assert not any(word in text for word in ("noise", "error", "interval"))
    assert [m["value"] for m in document["measures"].values()][:1] == [
        str(sum(own["output"] for own in members()))
    ]


def test_strong_noise_drowns_the_bands_and_says_so(frame: tuple[Roster, Ceremony]) -> None:
    """Negative sums are printed as they are; a ratio without a positive divisor is null."""
    plan = tight_plan(*frame, noise=STRONG)
    documents = [play(plan, members(), seed).document for seed in range(12)]
    assert all(document["withheld"] is None for document in documents)
    values = [int(b["measures"]["output"]["value"]) for d in documents for b in d["bands"]]
    assert min(values) < 0 < max(values)
    ratios = [b["indicators"]["cef"] for d in documents for b in d["bands"]]
    assert any(ratio["value"] is None for ratio in ratios)
    assert any(ratio["value"] is not None for ratio in ratios)
    assert any(ratio["interval"][1] is None for ratio in ratios)


def test_trustees_allow_for_noise_and_for_no_more(frame: tuple[Roster, Ceremony]) -> None:
    plan = tight_plan(*frame)
    for seed in range(8):
        check_classes(play(plan, members(), seed))
    played = play(plan, members(), 3)
    band, truth = played.certificate.ranking("cef")[0], true_sums(played)[0]
    emissions = 2 * played.layout.shares["emissions"].allowance(band.members) + 5 * 1_100_000
    output = emissions * truth["output"] // truth["emissions"]
    # In proportion, so that the band's ratio stays, and only the classes can tell.
    lifted = lift(played, band.first, {"output": output, "emissions": emissions})
    assert lifted.document["withheld"] is None
    with pytest.raises(OpeningInconsistent, match="contradicts its size classes"):
        check_classes(lifted)


def test_a_ratio_further_outside_its_edges_than_noise_can_do_withholds(
    frame: tuple[Roster, Ceremony],
) -> None:
    played = play(tight_plan(*frame), members(), 3)
    band, truth = played.certificate.ranking("cef")[0], true_sums(played)[0]
    slack = {n: s.allowance(band.members) for n, s in played.layout.shares.items()}
    upper = band_upper(played.plan, band.end)
    most = upper * (truth["emissions"] + 2 * slack["emissions"]) + 2 * slack["output"]
    assert lift(played, band.first, {"output": int(most)}).document["withheld"] == CONTRADICTION
    assert lift(played, band.first, {"output": 1000}).document["withheld"] is None


def band_upper(plan: Plan, edge: int) -> Fraction:
    """The raw ratio at an edge."""
    upper = plan.indicator("cef").edge_value(edge)
    assert upper is not None
    return upper / plan.indicator("cef").scale


def lift(played: PlainRound, section: int, added: Mapping[str, int]) -> PlainRound:
    """The round in which somebody malformed the slots of one bin."""
    layout, totals = played.layout, list(played.totals)
    own = dict(next(m for m in members() if layout.bins_of(m)["cef"] == section))
    place = layout.labels.index(f"V/{section}#0")
    nothing = dict.fromkeys(layout.shares, 0)
    for name, amount in added.items():
        more = {**nothing, name: 1}
        step = layout.encode(own, None, more)[place] - layout.encode(own, None, nothing)[place]
        totals[place] += step * amount
    return PlainRound(layout, tuple(totals), played.members)


def check_classes(played: PlainRound) -> None:
    release.check_against_classes(
        played.plan,
        played.layout,
        played.certificate,
        played.sums,
        played.counts,
        played.classes,
    )


def test_noise_is_demanded_for_exactly_what_is_published(frame: tuple[Roster, Ceremony]) -> None:
    noisy, exact = (Layout(tight_plan(*frame, noise=n), 2048) for n in (MODERATE, None))
    own = members()[0]
    with pytest.raises(ContributionRefused, match="wants noise"):
        noisy.encode(own)
    with pytest.raises(ContributionRefused, match="wants noise"):
        exact.encode(own, None, {"output": 3})


def test_two_contributions_of_the_same_values_carry_other_noise(
    frame: tuple[Roster, Ceremony],
) -> None:
    """By default: from the operating system's generator."""
    layout = Layout(tight_plan(*frame), 2048)
    first, second = (draw(layout.shares, secrets.randbits) for _ in range(2))
    assert first != second
    assert layout.encode(members()[0], None, first) != layout.encode(members()[0], None, second)


def test_bounds_that_leave_no_room_for_noise_are_refused(frame: tuple[Roster, Ceremony]) -> None:
    plan = tight_plan(*frame, noise=replace(STRONG, loss=MILLIONTH, budget=MILLIONTH))
    wide = replace(plan, measures=tuple(replace(m, bound=2**190) for m in plan.measures))
    assert Layout(replace(wide, noise=None), 201).labels
    with pytest.raises(PlanError, match="a plaintext has 200: lower the bound"):
        Layout(wide, 201)


def test_cells_of_a_table_are_centred_by_their_own_members() -> None:
    """Cells are added up from atoms: the noise of a total is that of all its members."""
    noisy = table_plan(noise=MODERATE)
    people, leaves = table_members()
    exact = play_exact(table_plan(), people, categories=leaves).document["table"]
    played = play(noisy, people, 5, leaves)
    check_classes(played)
    shares, cells = played.layout.shares, played.document["table"]
    assert [cell["n"] for cell in cells] == [cell["n"] for cell in exact]
    compared = 0
    for cell, truth in zip(cells, exact, strict=True):
        assert set(cell["measures"]) == set(truth["measures"])
        for name, printed in cell["measures"].items():
            off = int(printed["value"]) - int(truth["measures"][name]["value"])
            assert 0 < abs(off) <= shares[name].allowance(cell["n"])
            assert int(printed["error"]) == shares[name].half_width(cell["n"])
            compared += 1
    assert compared >= 4
