"""The position is computed from a release and the own integers, by hand-checked numbers."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from enterprise_node.errors import ReleaseRefused
from enterprise_node.private.intake import OwnMeasures
from enterprise_node.private.position import position, read_targets
from enterprise_node.private.published import read_release_file

# Twenty members in three bands of output per tonne; the own ratio is 300 yuan/kg.
DOCUMENT: dict[str, Any] = {
    "cohort": "steel",
    "n": 20,
    "withheld": None,
    "measures": {
        "output": {"unit": "yuan", "value": "2000000"},
        "emissions": {"unit": "kgCO2", "value": "10000"},
    },
    "indicators": {
        "cef": {
            "unit": "yuan/tCO2",
            "value": "200000",
            "numerator": "output",
            "denominator": "emissions",
            "scale": "1000",
            "direction": "higher",
        },
    },
    "ranking": "cef",
    "bands": [],
    "rankings": {
        "cef": {
            "direction": "higher",
            "unit": "yuan/tCO2",
            "bands": [
                {"n": 5, "lower": None, "upper": "100000"},
                {"n": 9, "lower": "100000", "upper": "400000"},
                {"n": 6, "lower": "400000", "upper": None},
            ],
            "cut_points": [
                {"target": "0.25", "share": "5/20", "value": "100000"},
                {"target": "0.5", "share": "5/20", "value": "200000"},
            ],
        }
    },
    "best_decile": {"indicator": "cef", "value": "600000", "unit": "yuan/tCO2", "n": 6},
}


def own(output: int = 3000, emissions: int = 10, cohort: str = "steel") -> OwnMeasures:
    return OwnMeasures(
        enterprise="E1",
        cohort=cohort,
        group="E1",
        integers={"output": output, "emissions": emissions},
        units={"output": "yuan", "emissions": "kgCO2"},
        definitions=(),
        findings=(),
        notes=(),
        excluded=None,
        records_sha256="",
        mapping_sha256="",
    )


def test_percentile_range_distances_and_grade() -> None:
    place = position(DOCUMENT, own(), {2: {"opt_out": "0.000000", "cas1": "0.125000"}})
    (standing,) = place.standings
    assert standing.band == 2
    assert standing.interval == ("100000", "400000")
    assert standing.better_than == ("25 %", "70 %")
    assert standing.to_median == "+50 %"
    assert standing.to_best == "-50 %"
    assert standing.best_share == "30 %"
    assert (
        "    -50 % from the best decile's mean, here of the best 30 % of the cohort"
        in place.lines()
    )
    # K = (10/3000) / (10000/2000000) = 2/3: grade 2 (0.6 < K <= 0.8).
    assert place.grade == 2
    assert place.k == "0.666667"
    assert place.targets == {"opt_out": "0.000000", "cas1": "0.125000"}
    assert any("nobody else" in line for line in place.lines())


@pytest.mark.parametrize(
    ("output", "band"), [(999, 1), (1000, 2), (3999, 2), (4000, 3), (10**9, 3)]
)
def test_a_value_on_an_edge_belongs_to_the_upper_band(output: int, band: int) -> None:
    (standing,) = position(DOCUMENT, own(output), None).standings
    assert standing.band == band


def test_a_withheld_best_decile_says_why() -> None:
    document = deepcopy(DOCUMENT)
    why = "the nearest set of best bands holds 9 of 20 enterprises"
    document["best_decile"] |= {"value": None, "withheld": why}
    place = position(document, own(), None)
    (standing,) = place.standings
    assert (standing.to_best, standing.best_share, standing.best_withheld) == (None, None, why)
    assert f"    no best decile's mean: {why}" in place.lines()


def test_where_lower_is_better_the_bands_above_are_the_worse_ones() -> None:
    document = deepcopy(DOCUMENT)
    document["indicators"]["cef"]["direction"] = "lower"
    (standing,) = position(document, own(), None).standings
    assert standing.better_than == ("30 %", "75 %")


def test_a_withheld_cohort_says_why() -> None:
    place = position({**DOCUMENT, "withheld": "fewer than 5", "n": None}, own(), None)
    assert place.standings == ()
    assert "fewer than 5" in "\n".join(place.lines())


def test_another_cohort_is_refused() -> None:
    with pytest.raises(ReleaseRefused, match="glass"):
        position(DOCUMENT, own(cohort="glass"), None)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"cohorts": 3}', '{"cohort": "glass"}', "\0"])
def test_a_file_that_is_no_release_of_this_cohort(tmp_path: Path, text: str) -> None:
    path = tmp_path / "release.json"
    path.write_text(text)
    with pytest.raises(ReleaseRefused):
        read_release_file(path, "steel")


def test_targets_of_the_own_cohort_only(tmp_path: Path) -> None:
    path = tmp_path / "targets.csv"
    path.write_text(
        "cohort,band,lower,upper,members,share_of_cohort,strategy,r\n"
        "steel,1,,5,5,0.5,opt_out,1.000000\nglass,1,,5,5,0.5,opt_out,0.500000\n"
    )
    assert read_targets(path, "steel") == {1: {"opt_out": "1.000000"}}
    path.write_text("nothing\n1\n")
    with pytest.raises(ReleaseRefused):
        read_targets(path, "steel")


def test_what_noise_leaves_without_a_sense_is_left_out() -> None:
    """A ratio below zero is shown, and nothing is measured by it; one that is null is not shown."""
    noisy = deepcopy(DOCUMENT)
    noisy["measures"]["output"]["value"] = "-2000000"
    noisy["indicators"]["cef"]["value"] = "-200000"
    noisy["best_decile"]["value"] = None
    noisy["rankings"]["cef"]["cut_points"] = []
    noisy["table"] = [
        {
            "path": "",
            "n": 20,
            "withheld": None,
            "indicators": {
                "cef": {"unit": "yuan/tCO2", "value": None},
                "cei": {"unit": "tCO2/MWh", "value": "-1"},
            },
        }
    ]
    mine = replace(own(), category="steel/flat")
    found = position(noisy, mine, None)
    (standing,) = found.standings
    assert standing.cohort == "-200000"
    assert (standing.band, standing.to_best, standing.to_median) == (2, None, None)
    assert (found.grade, found.k) == (None, None)
    assert found.peers is not None
    assert dict(found.peers.figures) == {"cei": "-1 tCO2/MWh"}
    noisy["best_decile"]["value"] = "-5"
    assert position(noisy, mine, None).standings[0].to_best is None
