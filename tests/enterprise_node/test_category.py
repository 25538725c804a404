"""The own category: kept, shown to its owner, needed by a plan with a table, told to nobody."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from enterprise_node.errors import PlanRefused, ReleaseRefused
from enterprise_node.private import checking, events
from enterprise_node.private.intake import category_reasons
from enterprise_node.private.participation import check_values, read_offer_terms
from enterprise_node.private.policy import Approver, NodePolicy
from enterprise_node.private.position import Peers, position
from enterprise_node.private.preview import preview
from enterprise_node.private.settings import Settings
from enterprise_node.private.store import NodeStore
from protocols.plan import Measure, Plan
from protocols.table import Table
from protocols.template import PlanTemplate
from tests.enterprise_node.scene import (
    COORDINATOR,
    MAPPING,
    RECORDS,
    REGION_A,
    make_scene,
    own_of,
)
from tests.strategies import frame

TABLE = Table("sector", ("rubber and plastics", "metals"))
SUMMED: dict[str, Any] = {
    "measures": (Measure("output", "yuan", 10**11, 1), Measure("emissions", "kgCO2", 10**10, 1)),
    "relations": (),
}


def plan() -> Plan:
    template = PlanTemplate.load(REGION_A / "sectors.toml")
    return template.instantiate(**frame(cohort="region-a"))


def test_the_category_comes_from_the_records_and_is_kept(tmp_path: Path) -> None:
    own = own_of("A01")
    assert own.category == "rubber and plastics"
    policy = NodePolicy(coordinator_key=COORDINATOR.public, approval=Approver.AUTOMATIC)
    store = NodeStore.create(tmp_path / "node", Settings("A01", "A01", "A01"), policy)
    store.save_import(own, RECORDS.read_bytes(), MAPPING.read_bytes())
    assert store.own() == own


def test_its_owner_sees_it_and_a_text_form_does_not_show_it() -> None:
    own = own_of("A01")
    assert "category rubber and plastics" in checking.lines(own)[0]
    assert checking.document(own)["category"] == "rubber and plastics"
    assert "rubber" not in repr(own)


def test_a_plan_with_a_table_needs_a_leaf_and_the_reason_does_not_name_the_category() -> None:
    own = own_of("A01")
    assert category_reasons(own, plan().table) == []
    check_values(plan(), own)
    for category in (None, "secret trade"):
        (reason,) = category_reasons(replace(own, category=category), plan().table)
        assert "sector" in reason
        assert "secret trade" not in reason
        with pytest.raises(PlanRefused, match="plan's table"):
            check_values(plan(), replace(own, category=category))


def test_a_round_with_a_table_takes_the_own_leaf_and_shows_it_to_its_owner_alone(
    tmp_path: Path,
) -> None:
    scene = make_scene(tmp_path, table=TABLE, indicators=(), **SUMMED)
    happened = scene.turn(2)
    assert any(event.kind == events.CONTRIBUTED for event in happened), happened
    terms = read_offer_terms(scene.offer(), scene.store.policy(), scene.plan.round_id)
    shown = preview(terms, scene.store.own(), scene.store.key())
    assert shown.own.bins == {"sector": "rubber and plastics"}
    assert shown.ciphertexts["counts by leaf of the table (NT)"] == 1
    assert not any("rubber" in event.text for event in happened)
    outside = [p for p in scene.exchange.folder.rglob("*") if p.is_file()]
    assert not any(b"rubber" in p.read_bytes() for p in outside)


def test_a_round_whose_table_lacks_the_own_leaf_is_refused(tmp_path: Path) -> None:
    other = Table("sector", ("food", "metals"))
    scene = make_scene(tmp_path, table=other, indicators=(), **SUMMED)
    happened = scene.turn(2)
    assert not any(event.kind == events.CONTRIBUTED for event in happened)
    refused = [event.text for event in happened if event.kind == events.REFUSED]
    assert any("no leaf of the plan's table" in text for text in refused), happened
    assert not any("rubber" in text for text in refused)


def test_a_plan_without_a_table_asks_for_none() -> None:
    assert category_reasons(replace(own_of("A01"), category=None), None) == []


def document(*cells: tuple[str, int | None]) -> dict[str, Any]:
    return {
        "cohort": "region-a",
        "n": 20,
        "withheld": None,
        "measures": {},
        "indicators": {},
        "ranking": None,
        "bands": [],
        "rankings": {},
        "table": [
            {
                "path": path,
                "n": n,
                "withheld": "because" if n is None else None,
                "measures": {},
                "indicators": {"cef": {"unit": "yuan/tCO2", "value": "5"}} if n else {},
            }
            for path, n in cells
        ],
    }


@pytest.mark.parametrize(
    ("cells", "found"),
    [
        ([("", 20), ("metals", 9), ("metals/steel", 5)], ("metals/steel", 5)),
        ([("", 20), ("metals", 9), ("metals/steel", None)], ("metals", 9)),
        ([("", 20), ("metals", None), ("metals/steel", None)], ("", 20)),
        ([("", None), ("metals", 9), ("metals/steel", None)], ("metals", 9)),
        ([("", 20), ("metals/stee", 9), ("metals/steel works", 9)], ("", 20)),
    ],
)
def test_the_position_names_the_smallest_published_cell_around_the_enterprise(
    cells: list[tuple[str, int | None]], found: tuple[str, int]
) -> None:
    own = replace(own_of("A01"), category="metals/steel")
    place = position(document(*cells), own, None)
    assert place.peers == Peers(*found, {"cef": "5 yuan/tCO2"})
    assert any(f"own cell {found[0] or 'all'} ({found[1]} members)" in x for x in place.lines())


def test_without_a_published_cell_or_a_category_there_are_no_peers() -> None:
    own = replace(own_of("A01"), category="metals/steel")
    assert position(document(("", None), ("food", 9)), own, None).peers is None
    assert position(document(("", 20)), replace(own, category=None), None).peers is None
    assert position(document(), own, None).peers is None


def test_a_malformed_table_is_refused() -> None:
    broken = document(("", 20))
    broken["table"][0]["n"] = "many"
    with pytest.raises(ReleaseRefused):
        position(broken, own_of("A01"), None)
