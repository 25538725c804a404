"""``cefed sim profiles``: for people, for machines, and on the real plants."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.sim.shared import EXAMPLES, cefed

MOST_REFUSED = 10.0
"""Percent of the safe cells of a decision that a profile's classes may refuse."""


def run(example: str, *options: str, plan: str | Path = "") -> Any:
    folder = EXAMPLES / example
    records = next(folder.glob("*.csv"))
    return cefed(
        "sim",
        "profiles",
        "--records",
        records,
        "--mapping",
        folder / "mapping.toml",
        "--plan",
        EXAMPLES / plan if plan else folder / "plan.toml",
        *options,
    )


def test_region_a_for_people_and_machines() -> None:
    told = run("region_a")
    assert told.code == 0, told.stderr
    assert "safety-zone" in told.stdout

    document = json.loads(run("region_a", "--json", "--every-resolution").stdout)
    assert document["schema"] == "cefed.profiles/1"
    rows = {(r["name"], r["policy"]["classes_per_octave"]): r for r in document["profiles"]}
    assert [n for n, _ in rows] == [
        name for name in ("plan", "nk", "safety-zone", "fifteen") for _ in range(3)
    ]
    assert rows["plan", 1]["enterprises_covered_percent"] == "100.0"
    assert rows["safety-zone", 4]["enterprises_covered_percent"] == "0.0"


def test_a_limit_that_leaves_nobody(tmp_path: Path) -> None:
    refused = run("region_a", "--at-least", "73")
    assert refused.code == 3
    assert "lower --at-least to 72" in " ".join(refused.stderr.split())


def test_a_plan_that_nobody_fits_says_why(tmp_path: Path) -> None:
    plan = (EXAMPLES / "region_a" / "plan.toml").read_text(encoding="utf-8")
    tiny = tmp_path / "plan.toml"
    tiny.write_text(re.sub("^bound = .*", 'bound = "10"', plan, flags=re.MULTILINE))
    refused = run("region_a", plan=tiny)
    assert refused.code == 3
    said = " ".join(refused.stderr.split())
    assert "none of 72 enterprises can take part; the first: " in said
    assert "over the plan's bound of 10" in said
    assert "--at-least" not in said


def test_cells_of_a_table_are_counted(tmp_path: Path) -> None:
    document = json.loads(run("region_a", "--json", plan="region_a/sectors.toml").stdout)
    assert document["profiles"][0]["table_cells"] == {"published": 5, "filled": 9}
    told = run("region_a", plan="region_a/sectors.toml").stdout
    assert "5 of 9" in " ".join(told.split())
    assert " % of " in " ".join(told.split())


def test_defaults_refuse_under_a_tenth_of_the_safe_cells_of_real_plants() -> None:
    """Two real sectors; the stricter profiles keep it over all sectors (the slow test)."""
    document = json.loads(run("us_plants", "--json", "--cohorts", "25,39").stdout)
    for row in document["profiles"][:2]:
        cells = row["cells"]["runs_of_bands"]
        assert cells["safe"] > 100
        assert float(cells["refused_percent"]) < MOST_REFUSED, row["name"]
    statistical = document["profiles"][0]
    assert statistical["enterprises_covered_percent"] == "100.0"


@pytest.mark.slow
def test_all_real_sectors_of_at_least_thirty_plants() -> None:
    document = json.loads(run("us_plants", "--json", "--at-least", "30").stdout)
    rows = {row["name"]: row for row in document["profiles"]}
    assert float(rows["plan"]["enterprises_covered_percent"]) > 90
    for row in rows.values():
        assert float(row["cells"]["runs_of_bands"]["refused_percent"]) < MOST_REFUSED
