"""What ``cefed bench nodes`` runs, and what it makes of the figures."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from sim.bench_nodes import (
    Case,
    Measured,
    as_markdown,
    cases,
    document,
    dropping_ratios,
    growth,
    run,
)
from sim.errors import ProcessFailed
from sim.settings import Engine
from sim.watching import Watched

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
    assert cases([72], ["paillier", "totals", "totals-dropping"]) == [
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


def test_a_bench_that_was_cut_short_goes_on_where_it_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    power = [True, False, True]  # it fails during the second case
    played: list[str] = []

    def play(command: list[str]) -> Watched:
        if not power.pop(0):
            raise ProcessFailed("the power went")
        played.append(command[command.index("--mode") + 1])
        out = Path(command[command.index("--out") + 1])
        out.mkdir()
        facts = {
            "abandoned": [],
            "survivors": {},
            "counts": {"took_part": 72},
            "per_node": {n: {"mean": 1.0} for n in ("bytes_up", "bytes_down", "cpu_seconds")},
            "seconds": {"round": 5.0},
            "exchanges": 7,
        }
        (out / "run.json").write_text(json.dumps(facts))
        return Watched(code=0, said="", seconds=6.0, peak_bytes=1)

    def measure(modulus_bits: int = 2048) -> list[Measured]:
        return run(
            [Case(72, "totals"), Case(72, "certified")],
            tmp_path / "work",
            on=Engine.LOCAL,
            modulus_bits=modulus_bits,
            primes=None,
            empty=False,
            progress=lambda _: None,
        )

    monkeypatch.setattr("sim.bench_nodes.run_watched", play)
    with pytest.raises(ProcessFailed, match="power"):
        measure()
    assert [m.seconds for m in measure()] == [5.0, 5.0]
    assert played == ["totals", "certified"]

    power += [True, True]
    measure(modulus_bits=3072)  # other settings are other figures
    assert played == ["totals", "certified"] * 2
