"""What ``cefed bench nodes`` runs, and what it makes of the figures."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sim.bench_nodes import Case, Measured, as_markdown, cases, document, dropping_ratios, growth

BASE = Measured(
    case=Case(72, "totals"),
    engine="flower",
    seconds=40.0,
    whole_seconds=60.0,
    peak_bytes=2 << 30,
    up=1000.0,
    down=2000.0,
    node_cpu=0.05,
    exchanges=7,
    members=72,
    engine_seconds=30.0,
)


def measured(nodes: int, *, dropping: bool = False, **changes: float) -> Measured:
    case = Case(nodes, "totals", dropping)
    return replace(BASE, case=case, **changes)  # type: ignore[arg-type]


def test_totals_are_run_once_more_with_a_fifth_dropping_out() -> None:
    assert cases([72], ["paillier", "totals"]) == [
        Case(72, "paillier"),
        Case(72, "totals"),
        Case(72, "totals", dropping=True),
    ]


def test_growth_is_the_step_of_a_doubling() -> None:
    """72 to 288 nodes are two doublings: 20 % more bytes are 10 % a doubling."""
    found = growth([measured(72), measured(288, up=1200.0), measured(288, dropping=True, up=9.0)])
    assert found == {"totals": {"up": 0.1, "down": 0.0, "node_cpu": 0.0}}
    assert growth([measured(72)]) == {}


def test_the_ratio_of_a_round_that_a_fifth_drops_out_of() -> None:
    pair = [measured(72), measured(72, dropping=True, seconds=60.0), measured(1000)]
    assert dropping_ratios(pair) == {72: 1.5}
    assert "20 % dropping out took 1.50 times the clean round (target 2): met" in as_markdown(pair)


@pytest.mark.parametrize(
    ("seconds", "peak", "met"), [(100, 1, True), (181, 1, False), (1, 17, False)]
)
def test_targets(seconds: float, peak: int, met: bool) -> None:
    item = measured(1000, seconds=seconds, peak_bytes=peak << 30, target_seconds=180.0)
    assert item.met is met
    assert ("| met |" if met else "| **missed** |") in as_markdown([item])
    assert document([item], 2048)["cases"][0]["met"] is met
    assert BASE.met is None
