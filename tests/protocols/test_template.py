"""Templates: the examples make plans, mistakes are named with their place and a way out."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path

import pytest

from protocols.errors import PlanError
from protocols.layout import Layout
from protocols.plan import Level, Part, Plan, Policy, Ranking, Relation
from protocols.profiles import PROFILES
from protocols.template import PlanTemplate
from tests.plain_round import play
from tests.strategies import class_histograms, frame

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"

TEXT = """
schema = "cefed.plan/1"

[plan]
title = "Cement, two plants a line"
period = "2024"

[definitions]
scope = "scope 1 and 2"

[[measures]]
name = "output"
unit = "t"
bound = "1000000"

[[measures]]
name = "emissions"
unit = "kgCO2"
bound = 1000000000

[[unrelated]]
measures = ["output", "emissions"]
reason = "the product is bought in, so nothing is emitted in making it"

[[indicators]]
name = "intensity"
unit = "tCO2/t"
numerator = "emissions"
denominator = "output"
scale = "0.001"
direction = "lower"
ranking = "sums"
bins = { lower = "0.1", upper = "2" }
"""


def made(text: str, participants: int = 72) -> Plan:
    return PlanTemplate.parse(text, "plan.toml").instantiate(**frame(participants=participants))


def test_region_a_makes_a_plan() -> None:
    plan = PlanTemplate.load(EXAMPLES / "region_a" / "plan.toml").instantiate(**frame())
    assert [m.name for m in plan.measures_at(Level.BAND)] == ["output", "emissions"]
    guard = plan.measure("other_emissions")
    assert (guard.published, guard.protects) == (False, ("electricity",))
    ranked = plan.sums_indicator
    assert ranked is not None
    assert ranked.bins == 32
    assert ranked.edge_value(1) == 500
    assert ranked.edge_value(31) == 200_000
    assert ranked.edges[0] == Fraction(1, 2)  # the raw ratio is yuan/kg
    assert plan.indicator("energy_intensity").scale == 1229
    assert plan.indicator("cei").ranking is Ranking.NONE
    assert Plan.from_bytes(plan.to_bytes()) == plan


@pytest.mark.parametrize(("participants", "bins"), [(5, 32), (100, 32), (101, 64), (547, 64)])
def test_us_plants_bins_follow_the_size_of_the_cohort(participants: int, bins: int) -> None:
    template = PlanTemplate.load(EXAMPLES / "us_plants" / "plan.toml")
    plan = template.instantiate(**frame(participants=participants))
    assert [i.bins for i in plan.ranked_indicators] == [bins, bins]
    assert plan.measure("sales").minimum == 1
    guards = [m.name for m in plan.measures if not m.published]
    assert guards[0] == "fuel_emissions"
    assert all(plan.measure(name).protects in ((), ("energy",)) for name in guards)
    assert Layout(plan, 3072).labels


def test_what_a_template_says_of_itself() -> None:
    template = PlanTemplate.parse(TEXT)
    assert template.title == "Cement, two plants a line"
    assert template.period == "2024"
    assert template.units == {"output": "t", "emissions": "kgCO2"}
    assert template.minimum_cohort == 5


def test_a_round_may_name_another_period() -> None:
    template = PlanTemplate.parse(TEXT)
    assert template.instantiate(**frame()).period == "2024"
    assert template.instantiate(**frame(period="2025")).period == "2025"
    without = PlanTemplate.parse(TEXT.replace('period = "2024"\n', ""))
    assert without.period is None
    with pytest.raises(PlanError, match=r"name a period in \[plan\]"):
        without.instantiate(**frame())


def test_the_title_may_name_the_cohort() -> None:
    template = PlanTemplate.parse(TEXT.replace("Cement, two", "Cement {cohort}, two"))
    assert template.title == "Cement {cohort}, two plants a line"
    plan = template.instantiate(**frame(cohort="north"))
    assert plan.title == "Cement north, two plants a line"


def test_edges_may_be_written_out_in_the_indicators_unit() -> None:
    text = TEXT.replace('bins = { lower = "0.1", upper = "2" }', 'edges = ["0.5", "3/4", 1]')
    indicator = made(text).indicators[0]
    assert indicator.bins == 4
    assert indicator.edges == (Fraction(500), Fraction(750), Fraction(1000))
    assert [indicator.edge_value(e) for e in (1, 2, 3)] == [
        Fraction(1, 2),
        Fraction(3, 4),
        Fraction(1),
    ]


def test_the_number_of_bins_may_be_given() -> None:
    text = TEXT.replace('upper = "2" }', 'upper = "2", count = 12 }')
    assert made(text, 5).indicators[0].bins == 12
    assert made(text, 500).indicators[0].bins == 12


def test_definitions_of_the_mapping_join_in() -> None:
    template = PlanTemplate.parse(TEXT)
    plan = template.instantiate(
        **frame(), definitions={"value": "sales", "scope": "scope 1 and 2", "gas_basis": "CO2"}
    )
    assert plan.definitions == (
        ("gas_basis", "CO2"),
        ("scope", "scope 1 and 2"),
        ("value", "sales"),
    )
    with pytest.raises(PlanError, match="mixed definitions are not summed; make them agree"):
        template.instantiate(**frame(), definitions={"scope": "scope 1"})


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "bound = 1000000000",
            "bound = 1e9",
            'measures.1.bound: write decimals as text, such as "0.5"',
        ),
        ('scale = "0.001"', "scale = 0.001", "indicators.0.scale: write decimals as text"),
        ('lower = "0.1"', "lower = 0.1", "indicators.0.bins.lower: write decimals as text"),
        ('scale = "0.001"', "scale = true", "indicators.0.scale: write decimals as text"),
        ('scale = "0.001"', 'scale = "a lot"', "'a lot' is not a number"),
        ('scale = "0.001"', 'scale = "nan"', "'nan' is not a number"),
        ('scale = "0.001"', 'scale = "1/0"', "'1/0' is not a number"),
        ('scale = "0.001"', 'scale = "1e999999999"', "is not a number of usable size"),
        ('scale = "0.001"', 'scale = "0"', "the scale must be positive"),
        ('bound = "1000000"', 'bound = "0.5"', "'0.5' is not a whole number"),
        ('bound = "1000000"', 'bound = "-5"', "give a bound from 1"),
        ('bound = "1000000"', f'bound = "{10**70}"', "give a bound from 1"),
        ('unit = "t"\n', "", "measures.0.unit: Field required"),
        (
            'unit = "t"\n',
            'unit = "t"\nlimit = 5\n',
            "measures.0.limit: unknown key; see docs/plans",
        ),
        ("[plan]", "[plan]\nauthor = 'x'", "plan.author: unknown key"),
        ("[definitions]", "[sectors]\n[definitions]", "sectors: unknown key"),
        ('upper = "2" }', 'upper = "2", step = 1 }', "indicators.0.bins.step: unknown key"),
        ("cefed.plan/1", "cefed.plan/2", "schema: Input should be 'cefed.plan/1'"),
        ('schema = "cefed.plan/1"', "", "schema: Field required"),
        ('direction = "lower"', 'direction = "down"', "indicators.0.direction: Input should be"),
        ('ranking = "sums"', 'ranking = "all"', "indicators.0.ranking: Input should be"),
        ('ranking = "sums"', "", "not ranked and has no use for bins: drop them"),
        ('bins = { lower = "0.1", upper = "2" }', "", "is ranked: give either bins"),
        ('upper = "2" }', 'upper = "2" }\nedges = ["1"]', "is ranked: give either bins"),
        ('bins = { lower = "0.1", upper = "2" }', "edges = []", "needs 2 to 64 bins"),
        ('bins = { lower = "0.1", upper = "2" }', "edges = [2, 1]", "strictly increasing"),
        ('lower = "0.1"', 'lower = "2"', "0 < lower < upper"),
        ('upper = "2" }', 'upper = "2", count = 2 }', "at least 3 bins"),
        ('upper = "2" }', 'upper = "2", count = 65 }', "at most 64 bins"),
        ('upper = "2" }', 'upper = "2", count = 1000000000 }', "at most 64 bins"),
        ('numerator = "emissions"', 'numerator = "co2"', "no measure 'co2'"),
        ("[[measures]]", "[[measures]", "not valid TOML"),
        ("bound = 1000000000", f"bound = {'9' * 5000}", "not valid TOML"),
        ("bound = 1000000000", f"bound = {'[' * 5000}", "not valid TOML"),
    ],
)
def test_mistakes_are_named(old: str, new: str, message: str) -> None:
    assert old in TEXT
    with pytest.raises(PlanError, match=re.escape(message)) as caught:
        made(TEXT.replace(old, new, 1))
    assert str(caught.value).startswith("plan.toml")


def test_several_mistakes_are_reported_at_once() -> None:
    text = TEXT.replace('unit = "t"\n', "").replace('scale = "0.001"', "scale = 0.5")
    with pytest.raises(PlanError, match=r"measures\.0\.unit.*; indicators\.0\.scale"):
        PlanTemplate.parse(text)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="cannot read plan template"):
        PlanTemplate.load(tmp_path / "none.toml")
    latin = tmp_path / "latin.toml"
    latin.write_bytes("title = 'é'".encode("latin-1"))
    with pytest.raises(PlanError, match="save it as UTF-8"):
        PlanTemplate.load(latin)


def test_relations_and_unrelated_measures() -> None:
    plan = PlanTemplate.load(EXAMPLES / "us_plants" / "plan.toml").instantiate(**frame())
    electricity, emissions, energy = plan.relations
    assert electricity.complete
    assert emissions.terms == ("electricity", "power_above_cleanest_grid", "fuel_emissions")
    coal = Fraction("1055.05585262") / Fraction("94.67")
    parts = (Part("electricity", Fraction(18, 5)), Part("fuel_emissions", coal))
    assert energy == Relation("energy", parts, "fuels_lighter_than_coal")
    (apart,) = made(TEXT).unrelated
    assert apart.measures == ("output", "emissions")
    split = '[[relations]]\ntotal = "output"\nparts = [{ measure = "emissions", factor = 2 }]\n'
    none = split + 'remainder = "none"\n'
    with pytest.raises(PlanError, match="declared unrelated, and by the relations they share"):
        made(TEXT + none)
    lone = re.sub(r"\[\[unrelated.*?in making it\"\n", "", TEXT, flags=re.DOTALL)
    assert made(lone + none).relations[0].complete
    with pytest.raises(PlanError, match="can compute the rest of output in every band"):
        made(lone + split)
    with pytest.raises(PlanError, match=r"relations\.0\.parts\.0\.factor: write decimals as text"):
        made(lone + none.replace("factor = 2", "factor = 0.5"))


def dozens_of_indicators() -> str:
    """60 cohort-level measures beside two band-level ones; 48 indicators, of which 12 ranked."""
    parts = [TEXT]
    parts += [
        f'[[measures]]\nname = "flow_{i}"\nunit = "kWh"\nbound = "1e{6 + i % 6}"\nlevel = "cohort"'
        for i in range(60)
    ]
    for i in range(47):
        ranking = "counts" if i % 4 == 0 else "none"
        bins = 'bins = { lower = "0.01", upper = "100", count = 16 }\n' if i % 4 == 0 else ""
        parts.append(
            f'[[indicators]]\nname = "ratio_{i}"\nunit = "1"\nnumerator = "flow_{i}"\n'
            f'denominator = "flow_{i + 13}"\ndirection = "lower"\nranking = "{ranking}"\n{bins}'
        )
    flows = ", ".join(f'"flow_{i}"' for i in range(60))
    text = "\n".join(parts)
    return text.replace('"output", "emissions"]', f'"output", "emissions", {flows}]')


def test_dozens_of_indicators_round_trip() -> None:
    plan = made(dozens_of_indicators(), participants=30)
    assert len(plan.indicators) == 48
    assert len(plan.measures_at(Level.COHORT)) == 60
    members = [
        {m.name: 1 + (m.bound - 1) * (7 * j + 3 * i) % m.bound for i, m in enumerate(plan.measures)}
        for j in range(30)
    ]
    played = play(plan, members, 3072)
    for indicator in plan.ranked_indicators:
        expected = [0] * indicator.bins
        for values in members:
            ratio = Fraction(values[indicator.numerator], values[indicator.denominator])
            expected[sum(edge <= ratio for edge in indicator.edges)] += 1
        assert played.counts.by_indicator[indicator.name] == tuple(expected)
    assert played.classes.cohort == class_histograms(plan, Level.COHORT, members)
    for measure in plan.measures_at(Level.COHORT):
        opened = played.open(played.layout.cohort_sum_labels(measure.name))
        total = played.layout.decode_cohort_sum(measure.name, opened)
        assert total == sum(values[measure.name] for values in members)
    assert Plan.from_bytes(plan.to_bytes()) == plan


def test_the_template_in_the_documentation_works() -> None:
    text = (ROOT / "docs" / "plans.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```toml\n(schema.*?)```", text, re.DOTALL)
    assert len(blocks) == 2
    for block in blocks:
        plan = made(block)
        assert Layout(plan, 3072).labels


def with_policy(*lines: str) -> PlanTemplate:
    return PlanTemplate.parse("\n".join([TEXT, "[policy]", *lines]), "plan.toml")


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([], Policy()),
        (["minimum_cohort = 4"], Policy(4, 10)),
        (['profile = "statistical"'], Policy()),
        (['profile = "statistical"', "minimum_cohort = 7"], Policy(7, 10)),
        (['profile = "safety-zone"'], PROFILES["safety-zone"]),
        (
            ['profile = "safety-zone"', "largest_share_percent = 20"],
            Policy(5, 10, largest_share_percent=20, classes_per_octave=4),
        ),
        (["minimum_cohort = 20", "largest_share_percent = 12"], None),  # fifteen, by its numbers
        (
            ['profile = "nk"', "top_count = 3", "classes_per_octave = 1"],
            Policy(5, 10, top_count=3, top_share_percent=85, classes_per_octave=1),
        ),
        (
            ['profile = "safety-zone"', "dominance_percent = 30"],
            Policy(5, 30, largest_share_percent=25, classes_per_octave=2),
        ),
    ],
)
def test_a_profile_is_a_start_that_may_be_tightened(
    lines: list[str], expected: Policy | None
) -> None:
    policy = with_policy(*lines).policy
    assert policy == (expected or Policy(20, 10, largest_share_percent=12, classes_per_octave=4))
    if policy.dominance_percent == 10:  # a larger p would need wider bins
        assert with_policy(*lines).instantiate(**frame()).policy == policy


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (['profile = "strict"'], "no profile 'strict'"),
        (['profile = "statistical"', "minimum_cohort = 4"], r"minimum_cohort = 4 \(5 there\) is"),
        (['profile = "safety-zone"', "largest_share_percent = 26"], "policy: largest_share"),
        (['profile = "safety-zone"', "largest_share_percent = 0"], "looser than its profile"),
        (
            ['profile = "safety-zone"', "minimum_cohort = 6", "largest_share_percent = 26"],
            r"policy: largest_share_percent = 26 \(25 there\) is looser",
        ),
        (
            ['profile = "nk"', "minimum_cohort = 4", "top_share_percent = 90"],
            r"minimum_cohort = 4 \(5 there\), top_share_percent = 90 \(85 there\) are looser",
        ),
        (["top_count = 2"], "needs both"),
        (["classes_per_octave = 8"], "narrower than p = 10"),
        (["largest_share = 25"], "unknown key"),
    ],
)
def test_a_policy_that_is_none_or_breaks_its_word_is_refused(
    lines: list[str], message: str
) -> None:
    with pytest.raises(PlanError, match=rf"plan\.toml: .*{message}"):
        with_policy(*lines)
