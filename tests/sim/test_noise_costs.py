"""What noise costs: measured on records, the same for the same seed, and less for a larger loss."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sim.cli import app

REGION = Path(__file__).resolve().parents[2] / "examples" / "region_a"


def measured(*options: str) -> dict[str, object]:
    files = [f"--{n}={REGION / f}" for n, f in (("records", "region_a.csv"),)]
    files += [f"--{n}={REGION / f'{n}.toml'}" for n in ("mapping", "plan")]
    result = CliRunner().invoke(app, ["noise", *files, "--json", *options])
    assert result.exit_code == 0, result.output
    document: dict[str, object] = json.loads(result.stdout[result.stdout.index("{") :])
    return document


@pytest.fixture(scope="module")
def region() -> dict[str, object]:
    return measured("--epsilon", "1,10")


def test_every_choice_has_its_errors(region: dict[str, object]) -> None:
    rows = region["rows"]
    assert isinstance(rows, list)
    assert [row["epsilon"] for row in rows] == ["1", "10"] * 4
    assert {row["bounds"] for row in rows} == {
        "as in the plan",
        "close, one for all",
        "close, by cohort",
        "totals only, close",
    }
    assert region["enterprises"] == 72
    for row in rows:
        banded = row["bounds"] != "totals only, close"
        # Two band-level measures; electricity is for the cohort.
        assert row["bands"]["sums"] == (2 * region["bands"] if banded else 0)
        assert row["cohorts"]["sums"] == 3
        assert set(row["cohorts"]["printed_median"]) == {"output", "emissions", "electricity"}


def test_noise_costs_less_with_a_larger_loss_closer_bounds_and_totals_alone(
    region: dict[str, object],
) -> None:
    rows = {(r["bounds"], r["epsilon"]): r["cohorts"]["printed_median"] for r in region["rows"]}
    wide, tight = float(rows["as in the plan", "1"]["output"]), "close, by cohort"
    assert float(rows["as in the plan", "10"]["output"]) < wide / 5
    assert float(rows[tight, "1"]["output"]) < wide / 100
    assert float(rows["totals only, close", "1"]["output"]) < float(rows[tight, "1"]["output"]) / 3


def test_the_same_seed_gives_the_same_figures(region: dict[str, object]) -> None:
    assert measured("--epsilon", "1,10") == region
    assert measured("--epsilon", "1,10", "--seed", "2")["rows"] != region["rows"]


def test_what_is_no_number_is_refused() -> None:
    files = ["--records=x", "--mapping=x", "--plan=x"]
    result = CliRunner().invoke(app, ["noise", *files, "--epsilon", "a"])
    assert "give numbers, such as 0.1,1,10" in str(result.exception)
