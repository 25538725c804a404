"""Three sectors of the real plants in one run: two published, one too small."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.oracle.oracle import us_plants_measures
from tests.sim.shared import PLANTS, cefed, check_against, frozen_primes, node_integers, read_json

SECTORS = ("25", "39", "31")


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("plants")
    done = cefed(
        "sim", "run",
        "--records", PLANTS / "us_plants_2010_2019.csv",
        "--mapping", PLANTS / "mapping.toml",
        "--plan", PLANTS / "plan.toml",
        "--cohorts", ",".join(SECTORS),
        "--out", folder / "out",
        "--unsafe-primes", frozen_primes(folder),
        "--modulus-bits", 2048,
        "--json",
    )  # fmt: skip
    assert done.code == 0, done.stderr
    return folder / "out"


def test_every_node_equals_the_oracle_and_the_excluded_are_those_without_a_factor(
    out: Path,
) -> None:
    expected = {e: v for e, v in us_plants_measures().items() if v[0] in SECTORS}
    for enterprise, (_, integers, reason) in expected.items():
        values, excluded = node_integers(out, enterprise)
        assert values == integers
        assert (excluded is None) == (reason is None), enterprise
    listed = {item["enterprise"] for item in read_json(out / "run.json")["excluded"]}
    assert listed == {e for e, (_, _, reason) in expected.items() if reason is not None}


def test_published_figures_equal_the_oracle(out: Path) -> None:
    expected = us_plants_measures()
    documents = {d["cohort"]: d for d in read_json(out / "release.json")["cohorts"]}
    assert set(documents) == set(SECTORS)
    for sector in ("25", "39"):
        assert documents[sector]["withheld"] is None
        check_against(
            documents[sector],
            [m for cohort, m, reason in expected.values() if cohort == sector and reason is None],
        )


def test_the_small_sector_is_withheld_with_a_reason_and_without_a_count(out: Path) -> None:
    (document,) = (d for d in read_json(out / "release.json")["cohorts"] if d["cohort"] == "31")
    assert "fewer than 5" in document["withheld"]
    assert document["n"] is None
    assert document["measures"] == {}
    assert document["bands"] == []


def test_the_report_says_how_much_is_still_covered(out: Path) -> None:
    """Of all enterprises; of sums in published cohorts only: a share of all would give the withheld
    sector's total away."""
    able = [v for v in us_plants_measures().values() if v[0] in SECTORS and v[2] is None]
    shown = [v for v in able if v[0] != "31"]
    page = (out / "report.html").read_text(encoding="utf-8")
    rows = re.findall(r"<tr>(.*?)</tr>", page.split("How much is still published")[1], re.DOTALL)
    cells = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in rows]
    found = {one[0]: one[1:] for one in cells if len(one) == 3}
    assert found["Cohorts"][0] == "2 / 3"
    few = len(able) - len(shown) < 5
    whole = f"at most {len(shown) + 4}" if few else str(len(able))
    assert found["Members"][0] == f"{len(shown)} / {whole}"
    assert "Emissions" not in found
    assert found["Emissions, of the published cohorts"] == ["–", "100\u202f%"]


def test_the_bundle_with_its_withheld_round_is_accepted(out: Path) -> None:
    done = cefed("verify", out / "bundle", "--release", out / "release.json")
    assert done.code == 0, done.stdout
    assert len(list((out / "bundle" / "rounds").iterdir())) == 3
