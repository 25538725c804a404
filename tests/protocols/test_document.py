"""The published figures follow from the opened sums, exactly, and contradictions are refused."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from decimal import ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction
from itertools import accumulate, pairwise
from typing import Any

import pytest

from protocols.certificate import sum_labels, withhold
from protocols.document import CONTRADICTION, build_document
from protocols.errors import OpeningInconsistent
from protocols.plan import Direction, Plan
from protocols.release import canonical_json
from tests.plain_round import STATEMENT, PlainRound, play
from tests.strategies import PLAIN_INDICATORS, PLAIN_MEASURES, plain_plan

BANDED = ("output", "emissions")


def random_members(count: int, seed: int) -> list[dict[str, int]]:
    source = random.Random(seed)
    members = []
    for _ in range(count):
        emissions = round(source.lognormvariate(9, 0.7))
        members.append(
            {
                "output": round(emissions * source.lognormvariate(4, 1.2)),
                "emissions": emissions,
                "fuel": round(source.lognormvariate(8, 0.5)),
                "electricity": round(source.lognormvariate(11, 0.5)),
                "heat": round(source.lognormvariate(8, 0.5)),
                "other": round(source.lognormvariate(7, 0.5)),
            }
        )
    return members


PLAN = plain_plan()
MEMBERS = random_members(40, 7)
PLAYED = play(PLAN, MEMBERS)
DOCUMENT = PLAYED.document


def rounded(value: Fraction) -> str:
    """Twenty significant digits by decimal arithmetic, without trailing zeros."""
    quotient = Context(prec=20, rounding=ROUND_HALF_EVEN).divide(
        Decimal(value.numerator), Decimal(value.denominator)
    )
    text = format(quotient, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def sums_of(part: dict[str, Any]) -> dict[str, int]:
    return {name: int(entry["value"]) for name, entry in part["measures"].items()}


def in_band(band: dict[str, Any]) -> list[dict[str, int]]:
    lower = Fraction(band["lower"] or 0)
    upper = Fraction(band["upper"] or 10**30)
    ratios = [(1000 * Fraction(m["output"], m["emissions"]), m) for m in MEMBERS]
    return [m for ratio, m in ratios if lower <= ratio < upper]


def test_several_bands_were_published() -> None:
    assert len(DOCUMENT["bands"]) >= 3
    assert DOCUMENT["withheld"] is None


def test_header_says_what_the_plan_says() -> None:
    assert DOCUMENT["cohort"] == "cohort-1"
    assert DOCUMENT["title"] == "A plain plan"
    assert DOCUMENT["period"] == "2024"
    assert DOCUMENT["round_id"] == "round-1"
    assert DOCUMENT["plan_hash"] == PLAN.hash.hex()
    assert DOCUMENT["n"] == 40
    assert DOCUMENT["definitions"] == {"scope": "scope 1 and 2", "value": "output value"}
    assert DOCUMENT["policy"] == {
        "profile": "statistical",
        "minimum_cohort": 5,
        "dominance_percent": 10,
        "classes_per_octave": 1,
    }
    assert DOCUMENT["ranking"] == "cef"


def test_bands_hold_the_sums_of_their_members() -> None:
    for band in DOCUMENT["bands"]:
        inside = in_band(band)
        assert band["n"] == len(inside) >= 5
        assert sums_of(band) == {name: sum(m[name] for m in inside) for name in BANDED}


def test_totals_are_the_sums_of_the_bands() -> None:
    totals = sums_of(DOCUMENT)
    for name in BANDED:
        assert totals[name] == sum(sums_of(band)[name] for band in DOCUMENT["bands"])
        assert totals[name] == sum(m[name] for m in MEMBERS)
    for name in ("electricity", "heat"):
        assert totals[name] == sum(m[name] for m in MEMBERS)
    assert set(totals) == {"output", "emissions", "electricity", "heat"}
    assert DOCUMENT["measures"]["output"]["unit"] == "yuan"


def test_ratios_are_exact_fractions_rounded_once() -> None:
    totals = sums_of(DOCUMENT)
    for indicator in PLAN.indicators:
        shown = DOCUMENT["indicators"][indicator.name]
        exact = indicator.scale * Fraction(
            totals[indicator.numerator], totals[indicator.denominator]
        )
        assert shown["value"] == rounded(exact)
        assert Fraction(shown["scale"]) == indicator.scale
        assert shown["direction"] == indicator.direction.value
        assert (shown["numerator"], shown["denominator"]) == (
            indicator.numerator,
            indicator.denominator,
        )
    for band in DOCUMENT["bands"]:
        sums = sums_of(band)
        exact = 1000 * Fraction(sums["output"], sums["emissions"])
        assert band["indicators"] == {"cef": {"unit": "yuan/tCO2", "value": rounded(exact)}}
        assert Fraction(band["lower"] or 0) <= exact < Fraction(band["upper"] or 10**30)


def test_rankings_show_counts_and_cut_points() -> None:
    for name, sums in (("cef", True), ("intensity", False)):
        shown = DOCUMENT["rankings"][name]
        assert shown["sums"] is sums
        assert sum(band["n"] for band in shown["bands"]) == 40
        assert min(band["n"] for band in shown["bands"]) >= 5
        assert all(set(band) == {"n", "lower", "upper"} for band in shown["bands"])
        assert shown["bands"][0]["lower"] is None
        assert shown["bands"][-1]["upper"] is None
        assert all(a["upper"] == b["lower"] for a, b in pairwise(shown["bands"]))
        below = list(accumulate(band["n"] for band in shown["bands"]))[:-1]
        edges = {f"{n}/40": b["upper"] for n, b in zip(below, shown["bands"], strict=False)}
        assert [cut["target"] for cut in shown["cut_points"]] == ["0.25", "0.5", "0.75"]
        for cut in shown["cut_points"]:
            wanted = 40 * Fraction(cut["target"])
            distances = [abs(n - wanted) for n in below]
            assert abs(Fraction(cut["share"]) * 40 - wanted) == min(distances)
            assert cut["value"] == edges[cut["share"]]
    assert "cei" not in DOCUMENT["rankings"]


def test_knots_are_cumulative_sums_from_the_least_efficient() -> None:
    running = {"output": 0, "emissions": 0}
    members = 0
    for knot, band in zip(DOCUMENT["curve"], DOCUMENT["bands"], strict=True):
        members += band["n"]
        running = {name: running[name] + value for name, value in sums_of(band).items()}
        assert knot == {
            "members": members,
            "cumulative": {name: str(value) for name, value in running.items()},
        }


def check_best_decile(document: dict[str, Any], best_last: bool) -> None:
    bands, shown = document["bands"], document["best_decile"]
    order = list(range(len(bands)))[:: -1 if best_last else 1]
    counted = list(accumulate(bands[index]["n"] for index in order))
    distances = [abs(10 * n - counted[-1]) for n in counted]
    number = distances.index(min(distances)) + 1
    assert shown["bands"] == sorted(order[:number])
    assert shown["n"] == counted[number - 1]
    assert shown["share"] == f"{shown['n']}/{counted[-1]}"
    assert shown["target_share"] == "1/10"
    assert shown["withheld"] is None
    assert shown["near"] == (abs(shown["n"] / counted[-1] - 0.1) <= 0.05)
    sums = [sums_of(bands[index]) for index in shown["bands"]]
    exact = 1000 * Fraction(sum(s["output"] for s in sums), sum(s["emissions"] for s in sums))
    assert shown["value"] == rounded(exact)


def lower_plan() -> Plan:
    lower = replace(PLAIN_INDICATORS[0], direction=Direction.LOWER)
    return plain_plan(indicators=(lower, *PLAIN_INDICATORS[1:]))


def test_best_decile_when_higher_is_better() -> None:
    check_best_decile(DOCUMENT, best_last=True)


def test_direction_lower_turns_best_and_curve_round() -> None:
    document = play(lower_plan(), MEMBERS).document
    assert document["bands"] == DOCUMENT["bands"]
    check_best_decile(document, best_last=False)
    assert document["best_decile"]["bands"][0] == 0
    last = DOCUMENT["bands"][-1]
    assert document["curve"][0]["members"] == last["n"]
    assert document["curve"][0]["cumulative"]["output"] == last["measures"]["output"]["value"]
    assert document["curve"][-1] == DOCUMENT["curve"][-1]


def test_no_best_decile_mean_where_it_would_be_the_cohorts() -> None:
    """One band, as of a small cohort or of totals only: no substitution, and the reason."""
    few = MEMBERS[:6]
    document = play(plain_plan(), few).document
    assert len(document["bands"]) == 1
    shown = document["best_decile"]
    assert (shown["value"], shown["share"], shown["near"]) == (None, "6/6", False)
    assert "6 of 6 enterprises, more than a third" in shown["withheld"]
    assert document["indicators"]["cef"]["value"] is not None


def test_documents_are_canonical_json() -> None:
    data = canonical_json(DOCUMENT)
    assert json.loads(data) == DOCUMENT
    assert canonical_json(json.loads(data)) == data
    assert canonical_json(play(plain_plan(), MEMBERS[::-1]).document) == data


def test_a_withheld_cohort_shows_its_reason_only() -> None:
    certificate = withhold(PLAN, STATEMENT, 4, "fewer than 5 enterprises took part")
    document = build_document(PLAN, PLAYED.layout, certificate, {})
    assert document["withheld"] == "fewer than 5 enterprises took part"
    assert document["n"] is None
    empty = ("measures", "withheld_measures", "indicators", "rankings", "bands", "curve")
    assert not any(document[name] for name in empty)
    assert document["best_decile"] is None
    large = withhold(PLAN, STATEMENT, 8, "dominated")
    assert build_document(PLAN, PLAYED.layout, large, {})["n"] == 8


def test_only_what_is_certified_is_read() -> None:
    fewer = dict(PLAYED.sums)
    fewer.popitem()
    more = {**PLAYED.sums, "VC/other#0": 1}
    for opened in (fewer, more, {}):
        with pytest.raises(OpeningInconsistent, match="not exactly what the certificate allows"):
            build_document(PLAN, PLAYED.layout, PLAYED.certificate, opened)


def with_band_sums(played: PlainRound, index: int, output: int, emissions: int) -> dict[str, int]:
    """The opened sums with those of one band replaced."""
    labels = [
        x for x in sum_labels(played.plan, played.layout, played.certificate) if x.startswith("V/")
    ]
    width = (played.plan.participants * PLAIN_MEASURES[0].bound).bit_length()
    return {**played.sums, labels[index]: output | emissions << width}


@pytest.mark.parametrize(
    ("index", "output", "emissions", "published"),
    [
        (0, 0, 1, True),  # the lowest band has no lower edge
        (0, 10**9, 1, False),
        (0, 10**9, 0, False),  # no denominator at all
        (1, 0, 1, False),
        (1, 10**9, 1, False),
        (-1, 0, 1, False),
        (-1, 10**9, 1, True),  # the highest band has no upper edge
    ],
)
def test_ratios_outside_the_bands_edges_withhold_the_cohort(
    index: int, output: int, emissions: int, published: bool
) -> None:
    document = document_with(index, output, emissions)
    assert document["withheld"] == (None if published else CONTRADICTION)
    assert bool(document["bands"]) == bool(document["measures"]) == published


def test_sums_that_no_members_can_have_withhold_the_cohort() -> None:
    labels = sum_labels(PLAN, PLAYED.layout, PLAYED.certificate)
    opened = {**PLAYED.sums, labels[0]: 1 << 2000}
    document = build_document(PLAN, PLAYED.layout, PLAYED.certificate, opened)
    assert document["withheld"] == CONTRADICTION


def document_with(index: int, output: int, emissions: int) -> dict[str, Any]:
    opened = with_band_sums(PLAYED, index, output, emissions)
    return build_document(PLAN, PLAYED.layout, PLAYED.certificate, opened)


def test_a_ratio_on_an_edge_belongs_to_the_band_above() -> None:
    second, first = DOCUMENT["bands"][1], DOCUMENT["bands"][0]
    assert second["lower"] == first["upper"]
    edge = Fraction(second["lower"]) / 1000
    sums = (edge.numerator * 1000, edge.denominator * 1000)
    assert document_with(1, *sums)["withheld"] is None
    assert document_with(0, *sums)["withheld"] == CONTRADICTION
