"""Region A by sector, end to end: every process and socket, against a plain computation."""

from __future__ import annotations

import csv
from collections import defaultdict
from pathlib import Path

import pytest

from tests.oracle.oracle import region_a_measures
from tests.sim.shared import EXAMPLES, Outcome, cefed, frozen_primes, read_json

REGION_A = EXAMPLES / "region_a"
WITHHELD = {
    "agricultural product processing",
    "chemical manufacturing",
    "non-ferrous metals",
    "other manufacturing",
}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Outcome]:
    folder = tmp_path_factory.mktemp("sectors")
    out = folder / "out"
    arguments = ["--records", REGION_A / "region_a.csv", "--mapping", REGION_A / "mapping.toml"]
    arguments += ["--plan", REGION_A / "sectors.toml", "--out", out]
    arguments += ["--unsafe-primes", frozen_primes(folder), "--modulus-bits", 2048]
    done = cefed("sim", "run", *arguments)
    assert done.code == 0, done.stderr
    return out, done


def test_published_cells_equal_the_oracle_and_the_others_are_withheld(
    run: tuple[Path, Outcome],
) -> None:
    out, _ = run
    with (REGION_A / "region_a.csv").open(encoding="utf-8", newline="") as file:
        sectors = {row["enterprise_id"]: row["sector"] for row in csv.DictReader(file)}
    sums: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for enterprise, (_, integers, _) in region_a_measures().items():
        for path in ("", sectors[enterprise]):
            sums[path]["n"] += 1
            for name in ("output", "emissions"):
                sums[path][name] += integers[name]
    (document,) = read_json(out / "release.json")["cohorts"]
    shown = {cell["path"]: cell for cell in document["table"]}
    assert {path for path, cell in shown.items() if cell["withheld"]} == WITHHELD
    for path, cell in shown.items():
        if path not in WITHHELD:
            values = {name: int(m["value"]) for name, m in cell["measures"].items()}
            assert {"n": cell["n"], **values} == sums[path]


def test_the_bundle_is_accepted(run: tuple[Path, Outcome]) -> None:
    out, _ = run
    done = cefed("verify", out / "bundle", "--release", out / "release.json")
    assert done.code == 0, done.stdout


def test_a_withheld_sector_is_not_summed_anywhere(run: tuple[Path, Outcome]) -> None:
    """Nor is the leaf of any enterprise: only its own node's file holds it."""
    out, _ = run
    chemicals = [
        row
        for row in csv.DictReader((REGION_A / "region_a.csv").open(encoding="utf-8"))
        if row["sector"] == "chemical manufacturing"
    ]
    assert len(chemicals) == 1
    figure = str(region_a_measures()[chemicals[0]["enterprise_id"]][1]["emissions"])
    for name in ("release.json", "report.html", "run.json"):
        assert figure not in (out / name).read_text(encoding="utf-8")
    own = read_json(out / "nodes" / "A01" / "measures.json")
    assert own["category"] == "rubber and plastics"


def test_a_node_sees_itself_beside_its_sector(run: tuple[Path, Outcome]) -> None:
    out, _ = run
    peers = read_json(out / "nodes" / "A01" / "position.json")["peers"]
    assert (peers["path"], peers["members"]) == ("rubber and plastics", 12)
