"""Both example record sets through a whole round without encryption: what would be published.

The integers are the oracle's, not those of the accounting package; sums are compared with a plain
computation over the same integers.
"""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction
from functools import lru_cache
from itertools import accumulate, pairwise
from pathlib import Path

import pytest

from protocols import certificate as certificates
from protocols import policy
from protocols.errors import ContributionRefused
from protocols.layout import Layout
from protocols.plan import Plan
from protocols.template import PlanTemplate
from tests.oracle import oracle
from tests.plain_round import PlainRound, play, play_sparse
from tests.strategies import frame

EXAMPLES = Path(__file__).parents[2] / "examples"

Members = list[dict[str, int]]


def plan_of(name: str, cohort: str, participants: int) -> Plan:
    template = PlanTemplate.load(EXAMPLES / name / "plan.toml")
    return template.instantiate(**frame(cohort=cohort, participants=participants))


@lru_cache(maxsize=1)
def region_a() -> tuple[Members, PlainRound]:
    members = [measures for _, measures, _ in oracle.region_a_measures().values()]
    return members, play(plan_of("region_a", "region-a", len(members)), members, 3072)


@lru_cache(maxsize=1)
def us_plants() -> tuple[dict[str, Members], dict[str, PlainRound], list[str]]:
    """Members and round of each sector, and who is excluded: without data, or by the plan."""
    rows, excluded = defaultdict(list), []
    for plant, (cohort, measures, reason) in oracle.us_plants_measures().items():
        if reason is None:
            rows[cohort].append((plant, measures))
        else:
            excluded.append(plant)
    members: dict[str, Members] = {}
    rounds: dict[str, PlainRound] = {}
    for cohort, entries in sorted(rows.items()):
        plan = plan_of("us_plants", cohort, len(entries))
        energy = plan.measure("energy").bound
        excluded += [plant for plant, measures in entries if measures["energy"] > energy]
        members[cohort] = [measures for _, measures in entries if measures["energy"] <= energy]
        rounds[cohort] = play_sparse(plan, members[cohort], 3072)
    return members, rounds, excluded


def deviation(members: Members, played: PlainRound) -> Fraction:
    """Largest distance between true and published curve, as a share of the total output.

    Both are cumulative output over cumulative emissions, the least efficient first; the published
    one is straight between its knots.
    """
    ordered = sorted(members, key=lambda m: Fraction(m["output"], m["emissions"]))
    sums = [knot["cumulative"] for knot in played.document["curve"]]
    knots = [(0, 0), *((int(s["emissions"]), int(s["output"])) for s in sums)]
    truth = zip(
        accumulate(m["emissions"] for m in ordered),
        accumulate(m["output"] for m in ordered),
        strict=True,
    )
    worst = Fraction(0)
    for emissions, output in truth:
        (x0, y0), (x1, y1) = next((a, b) for a, b in pairwise(knots) if a[0] <= emissions <= b[0])
        straight = y0 + Fraction((y1 - y0) * (emissions - x0), x1 - x0)
        worst = max(worst, abs(output - straight) / knots[-1][1])
    return worst


def test_region_a_is_published_in_fine_bands() -> None:
    members, played = region_a()
    document = played.document
    assert len(members) == document["n"] == 72
    assert len(document["bands"]) >= 9
    assert document["withheld_measures"] == {}
    totals = {name: int(entry["value"]) for name, entry in document["measures"].items()}
    assert totals == {
        name: sum(m[name] for m in members) for name in ("output", "emissions", "electricity")
    }
    assert totals["output"] == 8_030_260_000
    assert round(Fraction(totals["emissions"], 1000)) == 209_773


def test_region_a_curve_is_close_to_the_truth() -> None:
    members, played = region_a()
    worst = deviation(members, played)
    print(f"{len(played.document['bands'])} bands; the curve is off by {float(100 * worst):.2f} %")
    assert worst <= Fraction(4, 100)


def test_us_plants_exclude_exactly_those_without_data() -> None:
    members, _, excluded = us_plants()
    assert len(excluded) == len(set(excluded)) == 35
    assert sum(map(len, members.values())) + 35 == len(oracle.us_plants_measures())


def test_us_plants_withhold_three_sectors() -> None:
    _, rounds, _ = us_plants()
    withheld = {c: r.certificate.withheld for c, r in rounds.items() if r.certificate.withheld}
    assert set(withheld) == {"21", "23", "31"}
    assert "dominates sales" in withheld["21"]
    assert "dominates emissions" in withheld["23"]
    assert withheld["31"] == "fewer than 5 enterprises took part"
    assert rounds["31"].document["n"] is None


def test_us_plants_are_published_in_many_bands() -> None:
    members, rounds, _ = us_plants()
    bands = sum(len(played.document["bands"]) for played in rounds.values())
    large = {c: len(own) for c, own in members.items() if len(own) >= 30}
    inside = sum(size for c, size in large.items() if rounds[c].document["bands"])
    share = Fraction(inside, sum(large.values()))
    print(
        f"{bands} bands in {len(rounds)} sectors, {float(100 * share):.1f} % of the plants inside"
    )
    assert bands >= 250
    assert share >= Fraction(9, 10)


def test_us_plants_totals_are_plain_sums() -> None:
    members, rounds, _ = us_plants()
    for cohort, played in rounds.items():
        shown = {name: int(m["value"]) for name, m in played.document["measures"].items()}
        held = played.document["withheld_measures"]
        published = [m.name for m in played.plan.measures if m.published and m.name not in held]
        expected = {name: sum(m[name] for m in members[cohort]) for name in published}
        assert shown == ({} if played.certificate.withheld else expected)


def test_energy_is_withheld_where_few_plants_burn_anything_but_gas() -> None:
    """The sectors' other figures, the ranking by energy intensity included, are published."""
    _, rounds, _ = us_plants()
    withheld = {
        cohort: played.document["withheld_measures"]["energy"]
        for cohort, played in rounds.items()
        if played.document["withheld_measures"]
    }
    assert set(withheld) == {"22", "25", "26", "27", "33", "36", "38"}
    assert all("fuels_heavier_than_gas" in reason for reason in withheld.values())
    for cohort in withheld:
        assert rounds[cohort].document["rankings"]["energy_intensity"]["cut_points"]
        assert rounds[cohort].document["indicators"]["energy_intensity"]["value"] is None
        assert rounds[cohort].document["bands"]


def test_the_products_encoder_agrees_on_a_sample_of_plants() -> None:
    members, rounds, _ = us_plants()
    for cohort in ("22", "34"):
        sample = members[cohort][::9]
        plan = rounds[cohort].plan
        assert play(plan, sample, 3072).totals == play_sparse(plan, sample, 3072).totals


def test_the_plant_over_the_limit_is_refused_by_its_own_node() -> None:
    plan = plan_of("us_plants", "36", 210)
    layout = Layout(plan, 3072)
    refused = []
    for _, measures, reason in oracle.us_plants_measures().values():
        if reason is None and measures["energy"] > plan.measure("energy").bound:
            try:
                layout.encode(measures)
            except ContributionRefused as error:
                refused.append(str(error))
    assert len(refused) == 1
    assert refused[0].startswith("energy is outside 0..20000000000 MJ")


def test_the_limits_of_the_examples_are_so_far_from_the_values_that_they_cost_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Every certificate is the one that readers without the plan's minimum and bound would get."""
    rounds = [region_a()[1], *us_plants()[1].values()]
    decided = [(played.certificate, played) for played in rounds]  # made before the rule goes
    monkeypatch.setattr(policy, "keeps_distance_by_classes", lambda *_: True)
    for own, played in decided:
        without = certificates.certify(
            played.plan, played.layout, own.statement_hash, played.counts, played.classes
        )
        assert without == own
    assert len(rounds) == 21
