"""Tables over enterprises of which another round publishes something, too; no sockets.

What one table withholds must not be published by another round of the same or the next period.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from protocols.atom_classes import TOTALS_ONLY
from protocols.atoms import Declared, declare
from protocols.contribution import build
from protocols.differencing import Decision
from protocols.paillier import encryptor_for
from protocols.plan import Level, Measure, Plan
from protocols.signing import SigningKey
from protocols.table import Table
from protocols.verification import verify_round
from tests.trustee.releases import Rounds
from tests.trustee.scene import Scene, member_key

OUTPUT = Measure("output", "yuan", 1_000_000, 1)
WATER = Measure("water", "m3", 1_000_000)
SECTORS = ("w", "b", "c")
HIDDEN, SMALLEST, LARGEST = range(1, 7), range(7, 12), range(12, 18)
"""The members of the sectors; one of the first is a giant."""

Values = Mapping[int, Mapping[str, int]]


class Tabled(Scene):
    """A round that publishes a table, or with no leaves the totals of its cohort alone."""

    def __init__(
        self,
        values: Values,
        leaves: Sequence[str] = SECTORS,
        *,
        round_id: str = "round-1",
        period: str = "2020",
        measures: tuple[Measure, ...] = (OUTPUT,),
    ) -> None:
        self.values, self.leaves, self.measures = values, tuple(leaves), measures
        super().__init__(round_id=round_id, period=period, numbers=tuple(values))

    def make_plan(self) -> Plan:
        table = Table("sector", self.leaves) if self.leaves else None
        level = Level.BAND if table else Level.COHORT
        measures = tuple(replace(measure, level=level) for measure in self.measures)
        made = super().make_plan()
        return replace(made, measures=measures, indicators=(), unrelated=(), table=table)

    def contribution(
        self, number: int, signer: SigningKey | None = None, *, version: int = 1
    ) -> bytes:
        own = {measure.name: self.values[number][measure.name] for measure in self.measures}
        return build(
            self.plan,
            self.layout,
            own,
            signer or member_key(number),
            encryptor_for(self.held.ceremony.key.public),
            category=self.leaf_of(number) if self.leaves else None,
            version=version,
        )

    def leaf_of(self, number: int) -> str:
        """The sector; where the table has two leaves, the border lies elsewhere."""
        if len(self.leaves) == 2:
            return self.leaves[number > LARGEST[0]]
        return self.leaves[(number in SMALLEST) + 2 * (number in LARGEST)]


def values(smallest: int = 17_000) -> dict[int, dict[str, int]]:
    """A giant among small ones in the first sector; ``smallest`` decides which goes beside it."""
    output = {number: 900 + number for number in HIDDEN} | {1: 500_000}
    output |= {number: smallest + number for number in SMALLEST}
    output |= {number: 100_000 + number for number in LARGEST}
    return {number: {"output": value, "water": 100 + number} for number, value in output.items()}


def cells(document: Mapping[str, Any]) -> dict[str, int | None]:
    """The published outputs by path; None where a cell is withheld."""
    return {
        cell["path"]: int(cell["measures"]["output"]["value"]) if cell["measures"] else None
        for cell in document["table"]
    }


def play(rounds: Rounds, scene: Scene) -> dict[str, Any]:
    assert rounds.play(scene) == "released"
    return rounds.document(scene)


def play_both(folder: Path, first: Scene, second: Scene) -> tuple[dict[str, Any], dict[str, Any]]:
    rounds = Rounds(folder, first, second)
    return play(rounds, first), play(rounds, second)


def total(own: Values) -> int:
    return sum(measures["output"] for measures in own.values())


def test_a_later_total_does_not_fill_in_a_withheld_one(tmp_path: Path) -> None:
    """The total fails for water. A round of more members, without water, publishes that of output:
    less a cell it would be the other cell, and the new members, of which the giant is found."""
    own = values() | {2: {"output": 902, "water": 900_000}}
    more = own | {number: {"output": 1_000 + number, "water": 1} for number in range(18, 24)}
    first = Tabled(own, measures=(OUTPUT, WATER))
    second = Tabled(more, (), round_id="round-2")
    rounds = Rounds(tmp_path, first, second)

    assert rounds.play(first) == "withheld"
    document = rounds.document(first)
    assert document["withheld"].startswith("even as one cell: one enterprise dominates water")
    assert (document["table"], document["measures"]) == ([], {})
    play(rounds, second)


def test_what_goes_beside_an_unsafe_cell_is_not_published_a_year_later(tmp_path: Path) -> None:
    """By itself the second year would withhold ``c`` beside ``w`` and publish ``b``."""
    own, later = values(), values(smallest=16_000)
    first, second = Tabled(own), Tabled(later, round_id="round-2", period="2021")
    rounds = Rounds(tmp_path, first, second)

    assert {path for path, value in cells(play(rounds, first)).items() if value} == {"", "c"}
    document = play(rounds, second)

    assert cells(document) == {"": total(later), "w": None, "b": None, "c": None}
    assert {cell["withheld"] for cell in document["table"]} == {None, TOTALS_ONLY}
    assert verify_round(
        second.round_id,
        second.held.ceremony.received,
        second.held.countersignatures,
        second.roster.to_bytes(),
        [(entry.kind, entry.payload) for entry in rounds.board.read(second.round_id, 0)],
        unsafe_small_modulus=True,
    ).accepted


def test_the_second_of_these_years_alone_would_publish_another_cell(tmp_path: Path) -> None:
    """So the test above is about the ledger, and not about the data."""
    alone = Tabled(values(smallest=16_000), round_id="round-2", period="2021")
    rounds = Rounds(tmp_path, alone)

    assert {path for path, value in cells(play(rounds, alone)).items() if value} == {"", "b"}


def test_a_table_with_other_leaves_is_not_laid_over_last_years(tmp_path: Path) -> None:
    """Cells of eleven and of twelve would differ by one enterprise."""
    even = {number: {"output": 40_000 + 7_001 * number} for number in range(1, 18)}
    first = Tabled(even, ("a", "b"))
    second = Tabled(even, ("x", "y"), round_id="round-2", period="2021")

    before, after = play_both(tmp_path, first, second)

    assert None not in cells(before).values()
    assert cells(after) == {"": total(even), "x": None, "y": None}


def test_a_table_after_a_years_bands_is_its_total(tmp_path: Path) -> None:
    first = Scene(numbers=tuple(values()))
    second = Tabled(values(), round_id="round-2", period="2021")

    before, after = play_both(tmp_path, first, second)

    assert len(before["bands"]) >= 2
    assert {path for path, value in cells(after).items() if value} == {""}


def test_bands_after_a_years_table_are_one(tmp_path: Path) -> None:
    first = Tabled(values())
    second = Scene(round_id="round-2", period="2021", numbers=tuple(values()))

    _, after = play_both(tmp_path, first, second)

    (band,) = after["bands"]
    assert band["n"] == len(values())


def test_after_a_year_of_totals_there_are_cells(tmp_path: Path) -> None:
    """Also after one that was to have a table, and had to keep to its total."""
    years = [
        Tabled(values(), () if number == 0 else SECTORS, round_id=f"r{number}", period=period)
        for number, period in enumerate(("2019", "2020", "2021", "2022"))
    ]
    rounds = Rounds(tmp_path, *years)

    plain, table, held, again = (play(rounds, year) for year in years)

    assert plain["table"] == []
    assert {path for path, value in cells(table).items() if value} == {"", "c"}
    assert {path for path, value in cells(held).items() if value} == {""}
    assert cells(again) == cells(table)


@pytest.mark.parametrize("first", [Tabled(values()), Scene(numbers=tuple(values()))])
def test_trustees_refuse_cells_that_their_ledgers_forbid(
    first: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The coordinator lets the second year publish its table."""
    second = Tabled(values(), round_id="round-2", period="2021")
    rounds = Rounds(tmp_path, first, second)
    play(rounds, first)

    def parted(decision: Decision) -> Declared:
        return replace(declare(decision), totals_only=False)

    monkeypatch.setattr("coordinator.clerk.declare", parted)

    assert rounds.play(second) == "closed"
    refusals = rounds.board.refusals(second.round_id)
    assert len(refusals) == 4
    assert all("totals only: round-1" in text for text in refusals.values())


def test_a_restarted_trustee_remembers_what_was_parted(tmp_path: Path) -> None:
    """From the ledger's lines alone: cells, bands or neither."""
    first = Tabled(values())
    rounds = Rounds(tmp_path, first)
    play(rounds, first)
    rounds.close()

    second = Tabled(values(), round_id="round-2", period="2021")
    again = Rounds(tmp_path, first, second)
    assert {path for path, value in cells(play(again, second)).items() if value} == {""}
    again.close()

    third = Tabled(values(), round_id="round-3", period="2022")
    last = Rounds(tmp_path, first, second, third)
    assert {path for path, value in cells(play(last, third)).items() if value} == {"", "c"}
    last.close()
