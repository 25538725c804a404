"""The position is computed from a release and the own integers, by hand-checked numbers."""

from __future__ import annotations

from copy import deepcopy
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
