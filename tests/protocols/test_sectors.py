"""Region A by sector beside its total: the known answer, and a whole encrypted round.

The oracle is pandas over the oracle's integers, and the exact p% rule on them.
"""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from protocols.ceremony import Ceremony
from protocols.encoding import size_class
from protocols.plan import Plan, Policy
from protocols.roster import Roster
from protocols.signing import open_signed
from protocols.suppression import Unit, choose, decide, units
from protocols.table import Table
from protocols.template import PlanTemplate
from protocols.verification import verify_round
from protocols.walkthrough import Played, hold_ceremony, run_round, verify
from protocols.wire import messages_pb2 as pb
from protocols.wire.codec import decode, encode
from tests.keys import test_primes
from tests.oracle import oracle
from tests.strategies import UNLIMITED, frame
from tests.tables import exact_rule

REGION_A = Path(__file__).parents[2] / "examples" / "region_a"
BOUND_BITS = 40
POLICY = Policy()

CHEMICALS = "chemical manufacturing"
FOOD = "agricultural product processing"
SMALLEST = "other manufacturing"
DOMINATED = "non-ferrous metals"


def region_a() -> pd.DataFrame:
    """One row an enterprise: its sector and its integers."""
    with (REGION_A / "region_a.csv").open(encoding="utf-8", newline="") as file:
        sectors = {row["enterprise_id"]: row["sector"] for row in csv.DictReader(file)}
    rows = [
        {"sector": sectors[enterprise], **integers}
        for enterprise, (_, integers, reason) in oracle.region_a_measures().items()
        if reason is None
    ]
    return pd.DataFrame(rows).astype(object)


def template() -> PlanTemplate:
    return PlanTemplate.load(REGION_A / "sectors.toml")


def decided_by(names: Sequence[str], table: Table) -> dict[str, tuple[int, str]]:
    """The decision over exact classes of some measures, by sector; the total under ``""``."""
    data = region_a()
    own = {leaf: data[data["sector"] == leaf] for leaf in table.leaves}
    counts = [len(own[leaf]) for leaf in table.leaves]

    def histogram(unit: Unit, name: str) -> tuple[int, ...]:
        sizes = [size_class(v) for leaf in unit for v in own[table.leaves[leaf]][name]]
        return tuple(sizes.count(size) for size in range(BOUND_BITS))

    opened = {
        unit: {name: histogram(unit, name) for name in names}
        for unit in units(table, counts, POLICY)
    }
    decided = decide(table, counts, opened, POLICY, UNLIMITED)
    pairs = zip(table.cells, decided, strict=True)
    return {cell.path: (one.members, one.withheld) for cell, one in pairs}


@pytest.fixture(scope="module")
def table() -> Table:
    found = template().instantiate(**frame(cohort="region-a")).table
    assert found is not None
    return found


def by_sector(table: Table, name: str) -> dict[str, list[int]]:
    data = region_a()
    return {leaf: list(data[data["sector"] == leaf][name]) for leaf in table.leaves}


def test_a_third_sector_has_to_go_by_the_exact_rule(table: Table) -> None:
    """Chemicals is one enterprise, food is dominated, and together these nine still are."""
    output = by_sector(table, "output")
    assert len(output[CHEMICALS]) == 1
    assert not exact_rule(output[FOOD], POLICY)
    assert len(output[FOOD] + output[CHEMICALS]) == 9
    assert not exact_rule(output[FOOD] + output[CHEMICALS], POLICY)

    def safe(chosen: frozenset[Unit]) -> bool:
        leaves = [table.leaves[leaf] for unit in chosen for leaf in unit]
        return exact_rule([value for leaf in leaves for value in output[leaf]], POLICY)

    every = [frozenset((leaf,)) for leaf in range(len(table.leaves))]
    counts = [len(output[leaf]) for leaf in table.leaves]
    published = {table.cells[p].path for p in choose(table, counts, every, safe)}
    assert published == {"", *table.leaves} - {CHEMICALS, FOOD, SMALLEST}


def test_no_other_third_sector_is_smaller(table: Table) -> None:
    """All sets of further sectors, by the exact rule: one is enough, and which is the smallest."""
    output = by_sector(table, "output")
    unsafe = {leaf for leaf in table.leaves if not exact_rule(output[leaf], POLICY)}
    assert unsafe == {CHEMICALS, FOOD}
    others = [leaf for leaf in table.leaves if leaf not in unsafe]
    choices = [
        (number, sum(len(output[leaf]) for leaf in more), more)
        for number in range(len(others) + 1)
        for more in combinations(others, number)
        if exact_rule([v for leaf in (*unsafe, *more) for v in output[leaf]], POLICY)
    ]
    assert min(choices) == (1, 6, (SMALLEST,))


def test_a_third_sector_has_to_go_by_size_classes_of_emissions(table: Table) -> None:
    decided = decided_by(["emissions"], table)
    withheld = {path: reason for path, (_, reason) in decided.items() if reason}
    assert set(withheld) == {CHEMICALS, FOOD, SMALLEST}
    assert withheld[CHEMICALS] == "fewer than 5 enterprises"
    assert "one enterprise dominates emissions" in withheld[FOOD]
    assert withheld[SMALLEST] == (
        f"withheld so that {FOOD!r} and {CHEMICALS!r} cannot be found by subtraction"
    )
    assert decided[""] == (72, "")


def test_with_output_too_size_classes_refuse_a_fourth(table: Table) -> None:
    """It is safe by a hair, 13 % instead of 10: classes of an octave cannot tell."""
    assert exact_rule(by_sector(table, "output")[DOMINATED], POLICY)
    decided = decided_by(["output", "emissions"], table)
    withheld = {path for path, (_, reason) in decided.items() if reason}
    assert withheld == {CHEMICALS, FOOD, DOMINATED, SMALLEST}
    assert "dominates output" in decided[DOMINATED][1]


def make_plan(roster: Roster, ceremony: Ceremony) -> Plan:
    return template().instantiate(
        round_id="sectors",
        cohort="region-a",
        participants=len(roster.members),
        roster_hash=roster.hash,
        key_id=ceremony.key_id,
        period=ceremony.period,
        opens_at=1_767_225_600,
        deadline=1_798_761_600,
    )


@pytest.fixture(scope="module")
def round_() -> tuple[Any, Played]:
    data = region_a()
    names = ["output", "emissions"]
    measures = [{n: int(row[n]) for n in names} for _, row in data.iterrows()]
    cast = hold_ceremony(test_primes(), len(measures))
    said: list[str] = []
    leaves = list(data["sector"])
    return cast, run_round(cast, measures, make_plan, said.append, categories=leaves)


def test_an_encrypted_round_publishes_what_pandas_computes(round_: tuple[Any, Played]) -> None:
    cast, played = round_
    assert verify(cast, played).accepted
    document = played.release.document
    data = region_a()
    shown = {cell["path"]: cell for cell in document["table"]}
    published = {path for path, cell in shown.items() if path and not cell["withheld"]}
    assert published == set(data["sector"]) - {CHEMICALS, FOOD, DOMINATED, SMALLEST}
    for name in ("output", "emissions"):
        sums = data.groupby("sector")[name].sum()
        for path in published:
            assert shown[path]["measures"][name]["value"] == str(sums[path])
            assert shown[path]["n"] == (data["sector"] == path).sum()
        assert document["measures"][name]["value"] == str(data[name].sum())
    assert document["n"] == len(data) == 72


def test_nothing_published_names_a_member_of_a_withheld_sector(
    round_: tuple[Any, Played],
) -> None:
    """The only sum that can be taken of the four is that of all of them."""
    _, played = round_
    atoms = [label for label in played.release.openings if label.startswith("V/")]
    data = region_a()
    sectors = list(played.plan.table.leaves) if played.plan.table else []
    held: dict[str, list[int]] = defaultdict(list)
    for label in atoms:
        for index in played.layout.factors(label):
            leaf = int(played.layout.labels[index].split("/")[1].split("#")[0])
            held[label] += list(data[data["sector"] == sectors[leaf]]["emissions"])
    assert all(exact_rule(values, POLICY) for values in held.values())
    assert sum(map(len, held.values())) == 72


def test_a_release_with_another_figure_in_a_cell_is_not_accepted(
    round_: tuple[Any, Played],
) -> None:
    cast, played = round_
    entries = []
    for entry in played.transcript.entries:
        payload = entry.payload
        if entry.kind == "release":
            message = decode(pb.Release, open_signed(payload, "release").payload)
            document = json.loads(message.document)
            cell = next(c for c in document["table"] if c["path"] == "metal products")
            cell["measures"]["output"]["value"] = "1"
            text = json.dumps(
                document, sort_keys=True, separators=(",", ":"), ensure_ascii=False
            ).encode()
            message.document = text
            payload = cast.coordinator.sign("release", encode(message))
        entries.append((entry.kind, payload))
    report = verify_round(
        played.plan.round_id,
        cast.ceremony.received,
        cast.countersignatures,
        played.roster.to_bytes(),
        entries,
    )
    assert "figures" in report.failed
