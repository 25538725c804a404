"""The deployment of examples/flower: SuperLink with TLS, six SuperNodes known by key, a release."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests import apart
from tests.sim.shared import ROOT, check_against, frozen_primes, node_integers, read_json

pytest.importorskip("flwr")

NODES = 6


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["paillier", "certified"])
def test_six_supernodes_bring_a_round_to_its_release(tmp_path: Path, backend: str) -> None:
    out, python = tmp_path / "out", tmp_path / "python"
    python.mkdir()
    command = [sys.executable, "examples/flower/run.py", "--out", str(out), "--backend", backend]
    command += ["--nodes", str(NODES), "--unsafe-primes", str(frozen_primes(tmp_path))]
    done = subprocess.run(
        [*apart.prefix(python), *command],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (document,) = read_json(out / "release.json")["cohorts"]
    folders = sorted(path.name for path in (out / "nodes").iterdir())
    assert len(folders) == NODES
    assert document["withheld"] is None
    assert document["measures"]
    assert document["bands"]
    check_against(document, [node_integers(out, name)[0] for name in folders])
