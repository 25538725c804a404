"""The engine: a run from start to end, and that a run which fails is told as one."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("ray")

from sim.errors import OptionError, ProcessFailed, SimulationError
from sim.flower import engine
from sim.flower.members import folder_of, write_members
from sim.progress import Reporter


@pytest.mark.slow
def test_empty_letters_go_round_and_everything_is_stopped(tmp_path: Path) -> None:
    run = engine.run_on_flower(
        "round", 10, {"task": "empty", "exchanges": 3}, tmp_path / "run", Reporter(quiet=True)
    )
    assert run.exchanges == 3
    assert [line["silent"] for line in run.lines("exchange")] == [0, 0, 0]
    assert run.peak_memory > 1 << 27
    port = (tmp_path / "run" / "home" / "config.toml").read_text().rpartition(":")[2]
    assert not engine.listens(int(port.partition('"')[0]))


@pytest.mark.slow
def test_an_app_that_raises_is_a_failed_run_with_its_reason(tmp_path: Path) -> None:
    with pytest.raises(ProcessFailed, match="task 'none'"):
        engine.run_on_flower("round", 2, {"task": "none"}, tmp_path / "r", Reporter(quiet=True))


def test_an_app_that_there_is_not_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="no Flower app"):
        engine.run_on_flower("other", 2, {}, tmp_path / "run", Reporter(quiet=True))


def test_nodes_find_their_folders_by_number(tmp_path: Path) -> None:
    folders = [tmp_path / "nodes" / name for name in ("b", "a")]
    write_members(tmp_path, folders)
    assert [folder_of(tmp_path, number) for number in (0, 1)] == folders
    with pytest.raises(SimulationError, match="has no node 2"):
        folder_of(tmp_path, 2)
    with pytest.raises(SimulationError, match="cannot number"):
        write_members(tmp_path, [Path("/elsewhere")])
