"""What a simulation refuses before it starts anything, and that it leaves nothing running."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.sim.shared import EXAMPLES, PLANTS, ROOT, Outcome, cefed, frozen_primes

REGION_A = EXAMPLES / "region_a"


def simulate(tmp_path: Path, **changes: object) -> Outcome:
    options: dict[str, object] = {
        "records": REGION_A / "region_a.csv",
        "mapping": REGION_A / "mapping.toml",
        "plan": REGION_A / "plan.toml",
        "out": tmp_path / "out",
    }
    options |= changes
    flat = [part for name, value in options.items() for part in (f"--{name}", value)]
    return cefed("sim", "run", *flat)


def one_line(outcome: Outcome, code: int) -> str:
    assert outcome.code == code, outcome.stderr
    assert "Traceback" not in outcome.stderr
    lines = [line for line in outcome.stderr.splitlines() if line.startswith("cefed:")]
    assert len(lines) == 1, outcome.stderr
    return lines[0]


def test_records_that_are_not_there(tmp_path: Path) -> None:
    line = one_line(simulate(tmp_path, records=tmp_path / "none.csv"), 3)
    assert "none.csv" in line


def test_a_mapping_with_an_unknown_unit(tmp_path: Path) -> None:
    mapping = tmp_path / "mapping.toml"
    mapping.write_text((REGION_A / "mapping.toml").read_text().replace('"MWh"', '"MWhh"'))
    assert "MWhh" in one_line(simulate(tmp_path, mapping=mapping), 3)


def test_a_plan_that_is_no_plan(tmp_path: Path) -> None:
    plan = tmp_path / "plan.toml"
    plan.write_text("schema = 1")
    assert "plan.toml" in one_line(simulate(tmp_path, plan=plan), 4)


def test_a_plan_of_another_record_set(tmp_path: Path) -> None:
    outcome = simulate(tmp_path, plan=PLANTS / "plan.toml")
    assert "no measure 'sales'" in one_line(outcome, 2)


def test_a_cohort_that_is_not_there(tmp_path: Path) -> None:
    assert "region-a" in one_line(simulate(tmp_path, cohorts="region-z"), 2)


def test_an_output_folder_with_content_is_left_alone(tmp_path: Path) -> None:
    kept = tmp_path / "out" / "kept.txt"
    kept.parent.mkdir()
    kept.write_text("mine")
    assert "not empty" in one_line(simulate(tmp_path), 8)
    assert kept.read_text() == "mine"


def test_counts_of_trustees_that_cannot_work(tmp_path: Path) -> None:
    outcome = simulate(tmp_path, trustees=4, threshold=3, quorum=3)
    assert "Raise the closing quorum" in one_line(outcome, 7)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes in /proc")
def test_a_terminated_simulation_leaves_no_process_behind(tmp_path: Path) -> None:
    out = tmp_path / "out"
    process = subprocess.Popen(
        [
            sys.executable, "-m", "cefed", "demo", "--out", str(out),
            "--unsafe-primes", str(frozen_primes(tmp_path)), "--modulus-bits", "2048",
        ],
        cwd=ROOT,
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    address = out / "work" / "coordinator" / "address"
    deadline = time.monotonic() + 60
    while not address.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    assert address.exists()
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 130
    assert processes_with(str(out)) == []


def processes_with(text: str) -> list[int]:
    """Processes whose command line holds ``text``."""
    found = []
    for name in os.listdir("/proc"):
        if re.fullmatch(r"\d+", name):
            try:
                command = Path("/proc", name, "cmdline").read_bytes()
            except OSError:
                continue
            if text.encode() in command and int(name) != os.getpid():
                found.append(int(name))
    return found
