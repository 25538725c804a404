"""``make exact``: a finished run of all US plants against the plain oracle.

Not part of the default suite (the run takes many minutes): the Makefile runs the simulation and
then this file, with the run's output folder in ``CEFED_EXACT_OUT``. The comparison code is the
default suite's, and the oracle imports nothing of the product.
"""

from __future__ import annotations

import os
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from tests.oracle.oracle import us_plants_measures
from tests.sim.shared import cefed, check_against, node_integers, read_json

OUT = Path(os.environ.get("CEFED_EXACT_OUT", "out/exact"))
ENERGY_BOUND_MJ = 20_000_000_000
"""The plausibility limit that the example's plan names."""

pytestmark = pytest.mark.skipif(
    not (OUT / "release.json").exists(), reason=f"no finished run in {OUT}; use `make exact`"
)


def expected() -> tuple[dict[str, list[dict[str, int]]], dict[str, str]]:
    """Per sector the integers of those that take part, and who is excluded for which reason."""
    members: dict[str, list[dict[str, int]]] = defaultdict(list)
    excluded: dict[str, str] = {}
    for plant, (sector, integers, reason) in us_plants_measures().items():
        if reason is None and integers["energy"] > ENERGY_BOUND_MJ:
            reason = "energy over the plan's bound"
        if reason is None:
            members[sector].append(integers)
        else:
            excluded[plant] = reason
    return members, excluded


def documents() -> list[dict[str, Any]]:
    held: list[dict[str, Any]] = read_json(OUT / "release.json")["cohorts"]
    return held


def test_exactly_the_expected_plants_are_excluded_each_with_its_reason() -> None:
    _, excluded = expected()
    assert len(excluded) == 35
    for plant in us_plants_measures():
        _, reason = node_integers(OUT, plant)
        assert (reason is not None) == (plant in excluded), (plant, reason)


def test_every_node_integer_equals_the_oracle() -> None:
    for plant, (_, integers, reason) in us_plants_measures().items():
        if reason is None:
            assert node_integers(OUT, plant)[0] == integers, plant


@pytest.mark.parametrize(
    "document", documents() if (OUT / "release.json").exists() else [], ids=lambda d: d["cohort"]
)
def test_every_published_figure_equals_the_oracle(document: dict[str, Any]) -> None:
    members, _ = expected()
    if document["withheld"]:
        assert document["bands"] == []
        assert document["measures"] == {}
    else:
        check_against(document, members[document["cohort"]])


def test_bands_and_withheld_sectors() -> None:
    released = [d for d in documents() if not d["withheld"]]
    withheld = {d["cohort"]: d["withheld"] for d in documents() if d["withheld"]}
    assert len(documents()) == 20
    assert sum(len(d["bands"]) for d in released) >= 250
    assert all(withheld.values())
    assert "fewer than 5" in withheld["31"]
    large = {sector: len(m) for sector, m in expected()[0].items() if len(m) >= 30}
    inside = sum(d["n"] for d in released if d["cohort"] in large)
    assert inside >= 0.9 * sum(large.values())


def test_the_bundle_is_accepted() -> None:
    done = cefed("verify", OUT / "bundle", "--release", OUT / "release.json")
    assert done.code == 0, done.stdout[-2000:]
