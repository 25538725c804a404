"""A mapping may state which period its records are of; no plan of another takes its figures."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from accounting.errors import MappingError
from enterprise_node.private.intake import period_reasons, read_own
from tests.enterprise_node.scene import MAPPING, RECORDS, make_scene

TITLE = 'title = "'


def mapping_with(folder: Path, line: str) -> Path:
    """The example's mapping with a line above its title."""
    text = MAPPING.read_text(encoding="utf-8")
    path = folder / "mapping.toml"
    path.write_text(text.replace(TITLE, f"{line}\n{TITLE}", 1), encoding="utf-8")
    return path


def test_the_period_of_the_mapping_comes_with_the_measures_and_is_kept(tmp_path: Path) -> None:
    stated = mapping_with(tmp_path, 'period = "2021"')
    own = read_own(RECORDS, stated, "A01")
    assert own.period == "2021"
    assert read_own(RECORDS, MAPPING, "A01").period is None
    store = make_scene(tmp_path).store
    store.save_import(own, RECORDS.read_bytes(), stated.read_bytes())
    assert store.own() == own


@pytest.mark.parametrize("line", ['period = ""', "period = 2021", f'period = "{"2" * 65}"'])
def test_a_period_is_text_as_a_plan_has_it(tmp_path: Path, line: str) -> None:
    with pytest.raises(MappingError, match="period"):
        read_own(RECORDS, mapping_with(tmp_path, line), "A01")


def test_only_a_plan_of_that_period_takes_the_figures() -> None:
    own = read_own(RECORDS, MAPPING, "A01")
    assert period_reasons(own, "2021") == []
    assert period_reasons(replace(own, period="2021"), "2021") == []
    (reason,) = period_reasons(replace(own, period="2021"), "2021-Q1")
    assert reason == (
        "the figures are those of '2021' by the mapping, and the plan is for '2021-Q1': import the "
        "records of that period, with period in the mapping"
    )
