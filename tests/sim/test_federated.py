"""Federated rounds end to end, every process and socket, against plain integers and Paillier."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.oracle.oracle import region_a_measures
from tests.sim.shared import (
    EXAMPLES,
    PLANTS,
    cefed,
    check_against,
    frozen_primes,
    node_integers,
    read_json,
)

REGION_A = EXAMPLES / "region_a"
CERTIFIED = ("--backend", "federated")
TOTALS = ("--backend", "federated", "--mode", "totals")
PROOF = frozenset({"backend", "plan_hash", "dominance_controlled", "publicly_verifiable"})
"""Fields of a document that say how its sums were opened."""


def region_a(folder: Path, *options: object) -> Path:
    return simulate(
        folder,
        "--records", REGION_A / "region_a.csv",
        "--mapping", REGION_A / "mapping.toml",
        "--plan", REGION_A / "plan.toml",
        *options,
    )  # fmt: skip


def plants(folder: Path, *options: object) -> Path:
    return simulate(
        folder,
        "--records", PLANTS / "us_plants_2010_2019.csv",
        "--mapping", PLANTS / "mapping.toml",
        "--plan", PLANTS / "plan.toml",
        *options,
    )  # fmt: skip


def simulate(folder: Path, *options: object) -> Path:
    folder.mkdir()
    out = folder / "out"
    fixed = ("--out", out, "--unsafe-primes", frozen_primes(folder), "--modulus-bits", 2048)
    done = cefed("sim", "run", *options, *fixed)
    assert done.code == 0, done.stderr
    return out


def documents(out: Path) -> dict[str, dict[str, Any]]:
    return {d["cohort"]: d for d in read_json(out / "release.json")["cohorts"]}


def without_proof(document: dict[str, Any]) -> bytes:
    kept = {name: value for name, value in document.items() if name not in PROOF}
    return json.dumps(kept, sort_keys=True, ensure_ascii=False).encode()


def members(out: Path, names: list[str]) -> list[dict[str, int]]:
    return [node_integers(out, name)[0] for name in names]


def took_part(out: Path) -> list[str]:
    excluded = {item["enterprise"] for item in read_json(out / "run.json")["excluded"]}
    return [path.name for path in (out / "nodes").iterdir() if path.name not in excluded]


def check_totals(document: dict[str, Any], survivors: list[dict[str, int]]) -> None:
    """Cohort totals and indicators are those of the survivors, and there is nothing finer."""
    assert document["backend"] == "totals"
    assert document["dominance_controlled"] is False
    assert document["publicly_verifiable"] is False
    assert document["bands"] == document["table"] == document["curve"] == []
    assert document["n"] == len(survivors)
    for name, item in document["measures"].items():
        assert int(item["value"]) == sum(member[name] for member in survivors)
    assert document["measures"]


def test_totals_of_those_who_stayed(tmp_path: Path) -> None:
    """Region A with somebody struck by every fault: exact for the survivors."""
    faults = ["drop-before-masks=6", "drop-after-masks=2", "late=1", "corrupt=1", "stale-plan=1"]
    out = region_a(tmp_path / "run", *TOTALS, *(x for f in faults for x in ("--fault", f)))
    run = read_json(out / "run.json")
    (survivors,) = run["survivors"].values()
    struck = run["faults"]
    assert len(struck) == 11
    stayed = {name for name, what in struck.items() if what == "drop at agreement"}
    assert set(survivors) == region_a_measures().keys() - (struck.keys() - stayed)
    expected = region_a_measures()
    (document,) = documents(out).values()
    check_totals(document, [expected[name][1] for name in survivors])
    assert run["silent"]["region-a"] == {"keys": 1, "masking": 8, "agreement": 2, "unmasking": 2}
    assert not (out / "bundle").exists()
    assert "key_id" not in (out / "report.html").read_text(encoding="utf-8")


def test_a_certified_round_with_every_fault_that_it_outlives(tmp_path: Path) -> None:
    faults = ["drop-after-masks=2", "late=1", "corrupt=1", "duplicate=1", "stale-plan=1"]
    out = region_a(
        tmp_path / "run",
        *("--nodes", 16, *CERTIFIED, "--fault", "lying-trustee=1"),
        *(x for f in faults for x in ("--fault", f)),
    )
    (document,) = documents(out).values()
    counted = took_part(out)
    assert len(counted) == 13
    assert document["backend"] == "certified"
    assert document["dominance_controlled"] is document["publicly_verifiable"] is True
    check_against(document, members(out, counted))
    sources = read_json(out / "population.json")
    for name in counted:
        assert node_integers(out, name)[0] == region_a_measures()[sources[name]][1]
    assert cefed("verify", out / "bundle", "--release", out / "release.json").code == 0


@pytest.mark.slow
def test_a_certified_round_that_loses_a_member_before_masking_publishes_nothing(
    tmp_path: Path,
) -> None:
    out = region_a(tmp_path / "run", "--nodes", 12, *CERTIFIED, "--fault", "drop-before-masks=1")
    (document,) = documents(out).values()
    assert document["n"] is None
    assert document["measures"] == {}
    (abandoned,) = read_json(out / "run.json")["abandoned"]
    assert "1 of 12 members sent no masked vector" in abandoned["reason"]
    assert document["withheld"] == f"abandoned: {abandoned['reason']}"


@pytest.mark.slow
def test_region_a_is_the_same_under_every_backend(tmp_path: Path) -> None:
    (paillier,) = documents(region_a(tmp_path / "paillier")).values()
    lost = ("--fault", "drop-after-masks=7", "--fault", "lying-trustee=1")
    (certified,) = documents(region_a(tmp_path / "certified", *CERTIFIED, *lost)).values()
    (totals,) = documents(region_a(tmp_path / "totals", *TOTALS)).values()
    assert without_proof(paillier) == without_proof(certified)
    assert len(certified["bands"]) >= 9
    agree(totals, paillier)


@pytest.mark.slow
def test_sectors_of_the_real_plants_are_the_same_under_every_backend(tmp_path: Path) -> None:
    cut = ("--cohorts", "25,39,31")
    paillier = documents(plants(tmp_path / "paillier", *cut))
    lost = ("--fault", "drop-after-masks=10%")
    certified = documents(plants(tmp_path / "certified", *cut, *CERTIFIED, *lost))
    totals = documents(plants(tmp_path / "totals", *cut, *TOTALS))
    assert set(paillier) == set(certified) == set(totals) == {"25", "31", "39"}
    for cohort, document in paillier.items():
        assert without_proof(document) == without_proof(certified[cohort])
        if document["withheld"] is None:
            agree(totals[cohort], document)


def agree(totals: dict[str, Any], other: dict[str, Any]) -> None:
    """A totals document says what the other says, in every figure that both have.

    Trustees withhold what fails their policy, which totals know nothing of.
    """
    assert totals["n"] == other["n"]
    for name, item in other["measures"].items():
        assert totals["measures"][name] == item
    for name, item in other["indicators"].items():
        if item["value"] is not None:
            assert totals["indicators"][name]["value"] == item["value"]
