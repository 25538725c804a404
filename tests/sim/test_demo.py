"""The table at the end of a run: nothing squeezed, nothing offered that is empty."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import Any

from rich.console import Console

from sim import demo
from sim.settings import Settings
from sim.summary import Summary
from tests.coordinator import sample
from tests.plain_round import play
from tests.tables import table_members, table_plan

REASON = "even as one band: fewer than 5 enterprises have a value of sales (publishable with more)"


def shown(documents: list[dict[str, Any]], out: Path) -> str:
    summary = Summary(
        documents=[{"table": [], "tabulated_by": None, "ranking": None, **d} for d in documents],
        enterprises=9,
        excluded=[],
        deviations={},
        timings={},
        cohort_seconds={},
        closing_seconds={},
        bytes_sent=0,
        peak_rss_nodes=0,
        peak_rss_roles={},
        cpu_seconds_nodes=0.0,
        cpu_seconds_roles={},
    )
    settings = Settings(records=Path(), mapping=Path(), plan=Path(), out=out)
    told = StringIO()
    demo.show(Console(file=told, width=100), settings, summary, None)
    return told.getvalue()


def test_a_withheld_reason_stands_below_the_table_in_full(tmp_path: Path) -> None:
    (tmp_path / "targets.csv").write_text("cohort,band\n")
    text = shown([sample.withheld("b", "B", REASON, 9)], tmp_path)
    lines = text.splitlines()
    assert f"withheld: b: {REASON}" in " ".join(text.split())
    assert not any("even as one" in line for line in lines if "│" in line)


def test_empty_targets_are_not_offered(tmp_path: Path) -> None:
    targets = tmp_path / "targets.csv"
    targets.write_text("cohort,band\n")
    assert "targets.csv" not in shown([sample.region_a()], tmp_path)
    targets.write_text("cohort,band\na,1\n")
    assert "targets.csv" in shown([sample.region_a()], tmp_path)


def test_cells_are_counted_for_a_table_and_one_band_is_none(tmp_path: Path) -> None:
    (tmp_path / "targets.csv").write_text("cohort,band\n")
    members, leaves = table_members()
    tabulated = dict(play(table_plan(), members, categories=leaves).document)
    filled = [cell for cell in tabulated["table"] if cell["n"] != 0]
    published = [cell for cell in filled if cell["withheld"] is None]
    assert 0 < len(published) < len(filled)
    assert f"{len(published)} of {len(filled)} cells" in shown([tabulated], tmp_path)

    one = sample.document(sample.synthetic_members(9, 1), least=5)
    assert "totals only" in shown([one], tmp_path)
    assert "totals only" not in shown([sample.region_a()], tmp_path)
