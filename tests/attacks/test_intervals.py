"""The real records: what a default release leaves, and the program that prints it."""

from __future__ import annotations

import sys

import pytest

from tests.attacks import intervals


@pytest.mark.parametrize(
    ("records", "cohort", "bands"), [("region_a", "", 10), ("us_plants", "39", 5)]
)
@pytest.mark.parametrize("knows", [["cef"], ["cef", "energy_intensity"]])
def test_no_upper_estimate_is_closer_than_p_percent(
    records: str, cohort: str, bands: int, knows: list[str]
) -> None:
    found = intervals.survey(records, cohort, knows, every=8)
    assert len(found.bands) >= bands
    assert found.too_close() == 0
    measures = [m.name for m in found.plan.measures]
    assert all(found.over(name)[0] > found.plan.policy.dominance_percent / 100 for name in measures)
    assert all(found.width(name)[0] > 1 for name in measures)


def test_nor_where_the_grid_factor_of_each_plant_is_known() -> None:
    found = intervals.survey("us_plants", "29", ["cef"], every=4, factors=True)
    assert found.too_close() == 0
    without = intervals.survey("us_plants", "29", ["cef"], every=4)
    assert found.over("fuel_emissions")[0] < without.over("fuel_emissions")[0]


def test_the_program_prints_a_line_an_enterprise(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        sys, "argv", ["intervals", "--records", "region_a", "--knows", "", "--every", "24"]
    )
    intervals.main()
    printed = capsys.readouterr().out.splitlines()
    assert [line.split("\t")[0] for line in printed[:4]] == ["enterprise", "A01", "A25", "A49"]
    assert printed[-1] == "upper estimates closer than 10 %: 0"


def test_a_cohort_of_which_nothing_is_published_has_no_intervals() -> None:
    with pytest.raises(SystemExit, match="nothing is published of 31"):
        intervals.survey("us_plants", "31", ["cef"])


def test_all_sectors_are_summed_up(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(intervals, "large_sectors", lambda: ["29", "31"])
    monkeypatch.setattr(sys, "argv", ["intervals", "--sector", "all", "--every", "20"])
    intervals.main()
    printed = capsys.readouterr().out
    assert printed.startswith("sector 29\n  2 enterprises in bands of")
    assert "sector 31\n  nothing is published of 31" in printed


def test_a_large_sector_has_thirty_plants() -> None:
    sectors = intervals.large_sectors()
    assert len(sectors) == 18
    assert "31" not in sectors
